//! `visualscope` where it cannot go on: one clear error each, in words.

use gst::prelude::*;

use crate::common::audio::Fixtures;
use crate::common::pads;
use crate::common::{self, PATIENCE, TestPipeline, wait_until};
use crate::scope::{self, Audio, SMALL};

#[test]
fn audio_that_is_not_timed_is_refused_in_words() {
    let audio = Audio::tune(44_100, 4410);
    let scope = scope::scope("", SMALL);
    let bus = gst::Bus::new();
    scope.element.set_bus(Some(&bus));
    assert!(scope.src.push_event(gst::event::StreamStart::new("test")));
    assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
    let segment = gst::FormattedSegment::<gst::format::Bytes>::new();
    assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
    let message = bus.timed_pop_filtered(gst::ClockTime::try_from(PATIENCE).unwrap(), &[gst::MessageType::Error]);
    let Some(gst::MessageView::Error(error)) = message.as_ref().map(|message| message.view()) else {
        panic!("no error")
    };
    assert!(error.error().message().contains("not timed"), "{error:?}");
    scope.element.set_bus(None);
}

fn error_of(properties: &str, audio: &Audio, video: &str) -> (gst::glib::Error, gst::FlowError) {
    let scope = scope::scope(properties, video);
    let bus = gst::Bus::new();
    scope.element.set_bus(Some(&bus));
    begin_anyway(&scope, audio);
    let mut flow = None;
    wait_until("the error reaches who brings audio", || {
        flow = audio.buffers(441, 0).into_iter().find_map(|buffer| scope.src.push(buffer).err());
        flow.is_some()
    });
    let errors: Vec<_> = std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Error])).collect();
    assert_eq!(errors.len(), 1, "one error: {errors:?}");
    let gst::MessageView::Error(error) = errors[0].view() else { unreachable!("errors were asked for") };
    assert!(scope.buffers().is_empty(), "nothing may come out");
    scope.element.set_bus(None);
    (error.error(), flow.unwrap())
}

fn begin_anyway(scope: &pads::Between, audio: &Audio) {
    scope.src.push_event(gst::event::StreamStart::new("test"));
    scope.src.push_event(gst::event::Caps::new(&audio.caps()));
    scope.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
}

#[test]
fn every_bad_setting_is_one_clear_error() {
    let files = Fixtures::new();
    let audio = Audio::tune(44_100, 4410);
    let foreign = files.path("foreign.steadytl");
    std::fs::write(
        &foreign,
        "This is no timeline, although it is longer than a header of one would have to be.".repeat(3),
    )
    .unwrap();
    let missing = files.path("missing.steadytl");
    let folder = files.path("");
    let folder = folder.to_str().unwrap();
    let cases = [
        ("scene=disco".to_owned(), SMALL),
        ("palette=mud".to_owned(), SMALL),
        (format!("timeline-location={}", foreign.display()), SMALL),
        (format!("timeline-location={}", missing.display()), SMALL),
    ];
    let texts = cases.map(|(properties, video)| {
        let (error, flow) = error_of(&properties, &audio, video);
        format!("{flow:?}: {}", error.message().replace(folder, "/folder/"))
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    Error: There is no scene “disco”; the scenes are: cover-pulse (0), bars-mirror (1), wave-line (2), podcast-bars (3), stem-dots (4), aurora (5), particles-burst (6), tunnel (7), terrain (8).
    Error: There is no palette “mud”; the palettes are: aurora, ember, neon, ice, mono, viridis, magma, inferno, cividis, turbo, cover, or one to 5 colours such as #ff5a00,#0040ff.
    Error: “/folder/foreign.steadytl” cannot be used as a timeline: it is not a timeline. Have visualrender make one with timeline-location, or unset it.
    Error: “/folder/missing.steadytl” cannot be used as a timeline: there is no such file. Have visualrender make one with timeline-location, or unset it.
    ");
}

#[test]
fn sizes_and_rates_that_cannot_be_drawn_are_refused_in_words() {
    for wanted in ["width=20000,height=20000", "width=8,height=8", "width=64,height=64,framerate=0/1"] {
        // Set when all is linked, so that it is the negotiation that fails.
        let pipeline = TestPipeline::parse("audiotestsrc ! visualscope ! capsfilter name=filter ! fakesink");
        pipeline.element("filter").set_property_from_str("caps", &format!("video/x-raw,{wanted}"));
        let (error, debug) = pipeline.run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::CoreError::Negotiation), "{wanted}: {error:?} ({debug})");
        assert!(error.message().contains("16 to 16384"), "{}", error.message());
    }
}

#[test]
fn a_corrupt_timeline_is_refused_wherever_it_is_damaged() {
    let files = Fixtures::new();
    let (wav, timeline) = (files.wav(44_100, 44_100), files.path("a.steadytl"));
    let location = format!("timeline-location={}", timeline.display());
    common::audio::frames(&wav, &location, "width=16,height=16");
    let good = std::fs::read(&timeline).unwrap();
    let audio = Audio::tune(44_100, 4410);
    for at in [20, 500, good.len() - 10] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        std::fs::write(&timeline, bytes).unwrap();
        let (error, _) = error_of(&location, &audio, SMALL);
        assert!(error.matches(gst::StreamError::WrongType) && error.message().contains("damaged"), "{at}: {error}");
    }
    std::fs::write(&timeline, &good[..good.len() / 2]).unwrap();
    assert!(error_of(&location, &audio, SMALL).0.message().contains("cut off"));
}
