//! `visualscope`: the pictures of the export, in time, whatever the stream does.

use gst::prelude::*;

use crate::common::audio::{Fixtures, check_frame_law, tune};
use crate::common::pads::{self, Out};
use crate::common::{self, PATIENCE, TestPipeline};
use crate::scope::{self, Audio, SMALL, TITLED, begin, delivered, end, frames, push, titled};

const CAUSAL: &str = "analysis=causal normalize=fixed";

#[test]
fn the_causal_pictures_are_byte_for_byte_those_of_visualrender() {
    let files = Fixtures::new();
    for (rate, samples) in [(44_100, 52_001), (22_050, 30_000)] {
        let wav = files.wav(rate, samples);
        let audio = Audio::tune(rate, samples);
        for scene in [
            "cover-pulse",
            "bars-mirror",
            "wave-line",
            "podcast-bars",
            "stem-dots",
            "aurora",
            "particles-burst",
            "tunnel",
            "terrain",
        ] {
            let properties = format!("{CAUSAL} scene={scene} seed=5");
            let from_file = common::audio::frames(&wav, &properties, SMALL.strip_prefix("video/x-raw,").unwrap());
            let live = frames(&properties, SMALL, &audio, 1000);
            assert!(live == from_file, "{scene} at {rate} Hz");
            let different: std::collections::BTreeSet<_> = live.iter().map(|frame| &frame.digest).collect();
            assert!(different.len() > live.len() / 2, "{scene} hardly moves: {} of {}", different.len(), live.len());
        }
    }
}

#[test]
fn in_yuv_they_are_those_of_visualrender_as_well() {
    let files = Fixtures::new();
    let (wav, audio) = (files.wav(44_100, 30_000), Audio::tune(44_100, 30_000));
    for format in ["I420", "NV12"] {
        let caps = format!("format={format},width=65,height=37,framerate=30/1");
        let from_file = common::audio::frames(&wav, CAUSAL, &caps);
        assert!(frames(CAUSAL, &format!("video/x-raw,{caps}"), &audio, 1000) == from_file, "{format}");
    }
}

#[test]
fn it_gives_rgba_where_that_is_taken_and_yuv_only_where_no_rgb_is() {
    let audio = Audio::tune(8_000, 800);
    for (properties, wanted, format) in [
        ("", "format={I420,NV12,RGBA}", "RGBA"),
        ("", "format={RGB,NV12,I420}", "NV12"),
        ("", "format={Y444,I420}", "I420"),
        ("background=transparent", "format={I420,RGBx,ARGB}", "ARGB"),
    ] {
        let scope = scope::scope(properties, &format!("video/x-raw,{wanted},width=64,height=36"));
        begin(&scope, &audio);
        scope.wait_for("a segment", |out| {
            out.iter().any(|o| matches!(o, Out::Event(e) if e.type_() == gst::EventType::Segment))
        });
        let caps = scope.sink().current_caps().unwrap();
        let said = caps.structure(0).unwrap();
        assert_eq!(said.get::<&str>("format").unwrap(), format, "{properties} {wanted}");
        let sited = said.get_optional::<&str>("chroma-site").unwrap();
        assert_eq!(sited, ["I420", "NV12"].contains(&format).then_some("mpeg2"), "{caps}");
        let offered = scope.sink().peer_query_caps(None);
        assert_eq!(offered.to_string().contains("I420"), properties.is_empty(), "{offered}");
    }
    let pipeline =
        TestPipeline::parse("audiotestsrc ! visualscope background=transparent ! capsfilter name=f ! fakesink");
    pipeline.element("f").set_property_from_str("caps", "video/x-raw,format=I420");
    let (error, _) = pipeline.run(PATIENCE).unwrap_error();
    assert!(error.message().contains("alone can be transparent"), "{error}");
}

#[test]
fn a_timeline_gives_the_pictures_of_the_export_from_wherever_the_stream_begins() {
    let files = Fixtures::new();
    let (wav, timeline) = (files.wav(44_100, 66_000), files.path("a.steadytl"));
    let location = format!("timeline-location={}", timeline.display());
    let caps = SMALL.strip_prefix("video/x-raw,").unwrap();
    let export = common::audio::frames(&wav, &location, caps);
    let audio = Audio::tune(44_100, 66_000);
    assert!(frames(&location, SMALL, &audio, 441) == export);

    let scope = scope::scope(&location, SMALL);
    begin(&scope, &audio);
    // From 0.5 s on, as after a seek or where it was put in while playing.
    push(&scope, audio.buffers(735, 0).into_iter().skip(30));
    end(&scope);
    assert!(delivered(&scope) == export[15..]);
}

#[test]
fn samples_and_seconds_at_a_time_give_the_same_pictures() {
    for audio in [Audio::tune(8_000, 12_001), Audio::tune(44_100, 22_050)] {
        let seconds = frames("", SMALL, &audio, 44_100);
        assert!(frames("", SMALL, &audio, 1) == seconds);
        assert!(frames("", SMALL, &audio, 441) == seconds);
    }
}

#[test]
fn floats_and_integers_of_the_same_sound_give_the_same_pictures() {
    let integers = tune(44_100, 22_050);
    let floats = integers.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
    let (integers, floats) = (Audio::s16(44_100, 2, integers), Audio::f32(44_100, 2, floats));
    assert!(frames("", SMALL, &integers, 1000) == frames("", SMALL, &floats, 777));
}

#[test]
fn every_rate_obeys_the_frame_law_and_the_last_frames_come_before_the_end() {
    for (rate, samples, (fps_n, fps_d)) in [
        (22_050, 22_051, (24_000, 1001)),
        (44_100, 44_101, (30, 1)),
        (44_100, 1, (25, 1)),
        (48_000, 48_001, (60, 1)),
        (96_000, 95_999, (30_000, 1001)),
        (44_100, 20_000, (120, 1)),
    ] {
        let video = format!("video/x-raw,width=32,height=32,framerate={fps_n}/{fps_d}");
        let frames = frames("", &video, &Audio::tune(rate, samples), 1024);
        check_frame_law(&frames, rate, samples as u64, fps_n, fps_d);
    }
}

#[test]
fn unusual_audio_gives_correct_frames() {
    let square = |i: usize| if (i / 50).is_multiple_of(2) { 1.0 } else { -1.0 };
    let odd = |i: usize| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -0.0][i % 5];
    let cases = [
        ("silence", Audio::s16(44_100, 2, vec![0; 44_100])),
        ("one sample", Audio::s16(44_100, 1, vec![1000])),
        ("constant", Audio::f32(8_000, 1, vec![0.7; 4_000])),
        ("square", Audio::f32(44_100, 1, (0..22_050).map(square).collect())),
        ("eight channels", Audio::s16(48_000, 8, (0..8 * 24_000).map(|i| (i * 37 % 9_000) as i16).collect())),
        ("192 kHz", Audio::tune(192_000, 48_000)),
        ("8 kHz", Audio::tune(8_000, 4_000)),
        ("not numbers", Audio::f32(44_100, 2, (0..44_100).map(odd).collect())),
    ];
    for (name, audio) in cases {
        let frames = frames("", SMALL, &audio, 1000);
        check_frame_law(&frames, audio.rate, audio.len(), 30, 1);
        assert!(!frames.is_empty(), "{name}");
    }
    // What is no number is silence, and silence is drawn.
    let silence = Audio::f32(44_100, 1, vec![0.0; 22_050]);
    let nothing = Audio::f32(44_100, 1, (0..22_050).map(|i| [f32::NAN, f32::INFINITY][i % 2]).collect());
    assert!(frames("", SMALL, &nothing, 500) == frames("", SMALL, &silence, 500));
}

#[test]
fn an_offset_shows_the_same_pictures_later() {
    let audio = Audio::tune(44_100, 44_100);
    let digests = |offset: i64| frames(&format!("visual-offset={offset}"), SMALL, &audio, 4410);
    let (plain, later) = (digests(0), digests(100_000_000));
    assert_eq!(plain.len(), later.len());
    let same = (10..30).filter(|&n| plain[n - 3].digest == later[n].digest).count();
    assert_eq!(same, 20);
    assert_ne!(plain[20].digest, later[20].digest);
}

#[test]
fn pictures_are_what_downstream_asks_for_or_720p_at_30_fps() {
    let audio = Audio::tune(8_000, 800);
    for (wanted, size, fps) in [
        ("video/x-raw", (1280, 720), (30, 1)),
        ("video/x-raw,width=17,height=333,framerate=7/3", (17, 333), (7, 3)),
        ("video/x-raw,format=BGRA,width=[100,200],height=50", (200, 50), (30, 1)),
    ] {
        let scope = scope::scope("", wanted);
        begin(&scope, &audio);
        scope.wait_for("a segment", |out| {
            out.iter().any(|o| matches!(o, Out::Event(e) if e.type_() == gst::EventType::Segment))
        });
        let info = gst_video::VideoInfo::from_caps(&scope.sink().current_caps().unwrap()).unwrap();
        assert_eq!(((info.width(), info.height()), info.fps()), (size, gst::Fraction::new(fps.0, fps.1)));
        use gst::EventType::{Caps, Segment, StreamStart};
        assert_eq!(scope.events(), [StreamStart, Caps, Segment]);
    }
}

#[test]
fn tags_in_the_stream_are_drawn_as_those_of_a_file_are() {
    let audio = Audio::tune(44_100, 22_050);
    let plain = frames("", TITLED, &audio, 4410);
    assert_ne!(titled("", &audio)[9].digest, plain[9].digest);
    assert!(titled("tags=false", &audio) == plain);
}

#[test]
fn pictures_that_nobody_takes_are_not_made_and_nobody_waits() {
    let audio = Audio::tune(44_100, 44_100);
    let scope = pads::Between::new("visualscope");
    scope.set_state(gst::State::Playing);
    begin(&scope, &audio);
    let flow = audio.buffers(441, 0).into_iter().find_map(|buffer| scope.src.push(buffer).err());
    assert_eq!(flow, Some(gst::FlowError::NotLinked));
    // Linked later, it goes on, as where a player builds its output while it plays.
    scope.link_sink_of(&SMALL.parse().unwrap(), |_| false);
    scope.sink().push_event(gst::event::Reconfigure::new());
    push(&scope, audio.buffers(441, 44_100));
    end(&scope);
    assert!(delivered(&scope).len() >= 28, "{}", delivered(&scope).len());
}

#[test]
fn another_size_and_rate_are_taken_up_while_playing() {
    let audio = Audio::tune(44_100, 88_200);
    let pipeline = TestPipeline::parse(
        "appsrc name=src format=time ! visualscope ! capsfilter name=filter ! appsink name=sink sync=false",
    );
    let src: gst_app::AppSrc = pipeline.element("src").downcast().unwrap();
    src.set_caps(Some(&audio.caps()));
    pipeline.element("filter").set_property_from_str("caps", "video/x-raw,width=64,height=36,framerate=30/1");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = common::audio::sink(&pipeline);
    let mut buffers = audio.buffers(4410, 0).into_iter();
    buffers.by_ref().take(10).for_each(|buffer| assert_eq!(src.push_buffer(buffer).unwrap(), gst::FlowSuccess::Ok));
    let first = sink.try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()).unwrap();
    pipeline.element("filter").set_property_from_str("caps", "video/x-raw,width=48,height=48,framerate=60/1");
    buffers.for_each(|buffer| assert_eq!(src.push_buffer(buffer).unwrap(), gst::FlowSuccess::Ok));
    src.end_of_stream().unwrap();
    let mut samples = vec![first];
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()) {
        samples.push(sample);
    }
    let width = |sample: &gst::Sample| sample.caps().unwrap().structure(0).unwrap().get::<i32>("width").unwrap();
    assert_eq!((width(&samples[0]), width(samples.last().unwrap())), (64, 48));
    let times: Vec<_> = samples.iter().map(|sample| sample.buffer().unwrap().pts().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let last = samples.last().unwrap().buffer().unwrap();
    assert_eq!((last.offset(), last.pts().unwrap().nseconds()), (119, 1_983_333_333));
    assert!(samples.len() > 70 && samples.len() < 121, "{}", samples.len());
}

#[test]
fn its_statistics_are_those_that_are_documented() {
    common::init();
    let element = gst::ElementFactory::make("visualscope").build().unwrap();
    let stats: gst::Structure = element.property("stats");
    let text = include_str!("../../docs/messages.md");
    let section = text.split("\n## ").find(|section| section.starts_with("visualscope\n")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let documented: Vec<_> = rows.map(|(name, rest)| (name, rest.split('|').next().unwrap().trim())).collect();
    let fields: Vec<_> = stats.iter().map(|(name, value)| (name.as_str(), value.type_().name())).collect();
    assert_eq!(fields, documented);
}
