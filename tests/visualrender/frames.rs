//! `visualrender`: the frame law, seeks, purity and what it says about bad input.

use gst::prelude::*;

use crate::common::audio::{
    Delivered, Fixtures, check_frame_law, error_of, frames, pull, render, sink, tune, write_wav,
};
use crate::common::{self, PATIENCE, TestPipeline};

const SMALL: &str = "format=RGBA,width=64,height=36";

fn at(fps: &str) -> String {
    format!("{SMALL},framerate={fps}")
}

#[test]
fn every_cell_of_the_matrix_obeys_the_frame_law() {
    let files = Fixtures::new();
    let cells = [
        (22_050, 22_051, "wav", (24_000, 1001)),
        (22_050, 11_025, "flac", (24, 1)),
        (44_100, 44_101, "wav", (30, 1)),
        (44_100, 44_101, "flac", (30_000, 1001)),
        (44_100, 44_100, "wav", (25, 1)),
        (44_100, 30_000, "flac", (60, 1)),
        (48_000, 48_001, "wav", (50, 1)),
        (48_000, 47_999, "flac", (120, 1)),
        (48_000, 24_000, "wav", (24_000, 1001)),
        (96_000, 96_001, "flac", (30, 1)),
        (96_000, 50_000, "wav", (30_000, 1001)),
        (96_000, 95_999, "flac", (24, 1)),
    ];
    for (rate, samples, container, (fps_n, fps_d)) in cells {
        let wav = files.wav(rate, samples);
        let audio = if container == "flac" { files.flac(&wav) } else { wav };
        let frames = frames(&audio, "", &at(&format!("{fps_n}/{fps_d}")));
        check_frame_law(&frames, rate, samples as u64, fps_n, fps_d);
    }
}

#[test]
fn wav_and_flac_of_the_same_samples_give_the_same_video() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 44_101);
    let from_wav = frames(&wav, "", &at("30/1"));
    assert_eq!(from_wav, frames(&files.flac(&wav), "", &at("30/1")));
    // The pictures move, or equality would say nothing.
    let different: std::collections::BTreeSet<_> = from_wav.iter().map(|frame| &frame.digest).collect();
    assert!(different.len() > from_wav.len() / 2, "{} of {}", different.len(), from_wav.len());
}

#[test]
fn lossy_audio_is_as_long_as_what_was_encoded() {
    let files = Fixtures::new();
    // The last two lie a sample on either side of a frame more, and 22.05 kHz has MP3 frames of another size.
    for (rate, samples) in [(44_100, 44_100), (44_100, 44_101), (48_000, 47_999), (22_050, 22_050)] {
        let wav = files.wav(rate, samples);
        check_frame_law(&frames(&files.ogg(&wav), "", &at("30/1")), rate, samples as u64, 30, 1);
        check_frame_law(&frames(&files.mp3(&wav), "", &at("30/1")), rate, samples as u64, 30, 1);
    }
}

#[test]
fn the_music_of_an_mp3_is_where_it_was_in_the_original() {
    let files = Fixtures::new();
    let wav = files.path("clicks.wav");
    let clicks = (0..44_100).map(|i| if i % 11_025 >= 11_000 { 20_000 } else { 0 });
    write_wav(&wav, 44_100, 1, &clicks.collect::<Vec<_>>());
    let brightest = |audio: &std::path::Path| {
        let pipeline = render(audio, "scene=bars-mirror", &at("120/1"));
        pipeline.set_state(gst::State::Playing).unwrap();
        let sink = sink(&pipeline);
        let light = std::iter::from_fn(|| sink.pull_sample().ok()).map(|sample| {
            let map = sample.buffer().unwrap().map_readable().unwrap();
            map.iter().map(|&byte| u64::from(byte)).sum::<u64>()
        });
        let light: Vec<_> = light.collect();
        (0..60).max_by_key(|&n| (light[n], std::cmp::Reverse(n))).unwrap()
    };
    let (original, mp3) = (brightest(&wav), brightest(&files.mp3(&wav)));
    // 1105 samples of delay would be three frames.
    assert!(original.abs_diff(mp3) <= 1, "frame {original} in the original, {mp3} in the MP3");
}

#[test]
fn an_mp3_without_a_delay_tag_is_as_long_as_it_decodes() {
    let files = Fixtures::new();
    let mp3 = files.encoded(&files.wav(44_100, 44_100), "lamemp3enc", "mp3");
    let frames = frames(&mp3, "", &at("30/1"));
    // 40 MP3 frames of 1152 samples.
    check_frame_law(&frames, 44_100, 40 * 1152, 30, 1);
}

fn seek(pipeline: &TestPipeline, rate: f64, start: impl gst::format::FormattedValue) {
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    let format = start.format();
    let none = gst::GenericFormattedValue::new(format, -1);
    let seek =
        gst::event::Seek::builder(rate, flags, gst::SeekType::Set, start.into(), gst::SeekType::None, none).build();
    assert!(pipeline.send_event(seek), "the seek was refused");
}

fn preroll(pipeline: &TestPipeline) {
    pipeline.set_state(gst::State::Paused).unwrap();
    let (result, ..) = pipeline.state(gst::ClockTime::try_from(PATIENCE).unwrap());
    result.unwrap();
}

#[test]
fn after_a_seek_the_same_frames_come_as_without() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 88_200);
    let whole = frames(&wav, "", &at("30000/1001"));
    let pipeline = render(&wav, "", &at("30000/1001"));
    preroll(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    for n in [31usize, 3, 58, 0] {
        let inside = whole[n].pts + whole[n].duration / 2;
        for time in [whole[n].pts, inside, whole[n].pts + whole[n].duration - 1] {
            seek(&pipeline, 1.0, gst::ClockTime::from_nseconds(time));
            assert_eq!(pull(&pipeline), whole[n..], "after a seek to {time} ns");
        }
        seek(&pipeline, 1.0, gst::format::Default::from_usize(n));
        assert_eq!(pull(&pipeline), whole[n..], "after a seek to frame {n}");
    }
}

#[test]
fn playing_backwards_gives_the_same_frames_in_reverse() {
    let files = Fixtures::new();
    let wav = files.wav(22_050, 22_050);
    let mut whole = frames(&wav, "", &at("25/1"));
    whole.reverse();
    let pipeline = render(&wav, "", &at("25/1"));
    preroll(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    seek(&pipeline, -1.0, gst::ClockTime::ZERO);
    assert_eq!(pull(&pipeline), whole);
    // A part: from 800 ms back to 400 ms.
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    let ms = gst::ClockTime::from_mseconds;
    pipeline.seek(-1.0, flags, gst::SeekType::Set, ms(400), gst::SeekType::Set, ms(800)).unwrap();
    assert_eq!(pull(&pipeline), whole[5..15]);
}

#[test]
fn a_segment_seek_ends_with_segment_done_at_its_stop() {
    let files = Fixtures::new();
    let wav = files.wav(22_050, 22_050);
    let whole = frames(&wav, "", &at("25/1"));
    let pipeline = render(&wav, "", &at("25/1"));
    preroll(&pipeline);
    let ms = gst::ClockTime::from_mseconds;
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE | gst::SeekFlags::SEGMENT;
    pipeline.seek(1.0, flags, gst::SeekType::Set, ms(200), gst::SeekType::Set, ms(600)).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let done = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::try_from(PATIENCE).unwrap(),
        &[gst::MessageType::SegmentDone, gst::MessageType::Error],
    );
    assert_eq!(done.map(|message| message.type_()), Some(gst::MessageType::SegmentDone));
    let sink = sink(&pipeline);
    let frames: Vec<_> = std::iter::from_fn(|| sink.try_pull_sample(gst::ClockTime::ZERO)).collect();
    let frames: Vec<_> = frames.iter().map(|sample| Delivered::of(sample.buffer().unwrap())).collect();
    assert_eq!(frames, whole[5..15]);
}

#[test]
fn duration_and_position_are_known_in_time_and_in_frames() {
    let files = Fixtures::new();
    let pipeline = render(&files.wav(44_100, 44_101), "", &at("30/1"));
    let element = pipeline.element("render");
    assert_eq!(element.property::<u64>("frame-count"), 0);
    assert_eq!(element.property::<Option<String>>("timeline-digest"), None);
    preroll(&pipeline);
    assert_eq!(element.property::<u64>("frame-count"), 31);
    assert_eq!(element.property::<Option<String>>("timeline-digest").unwrap().len(), 64);
    let pad = element.static_pad("src").unwrap();
    assert_eq!(pad.query_duration(), Some(gst::ClockTime::from_nseconds(1_033_333_333)));
    assert_eq!(pad.query_duration(), Some(gst::format::Default::from_u64(31)));
    pipeline.set_state(gst::State::Playing).unwrap();
    pull(&pipeline);
    assert_eq!(pad.query_position(), Some(gst::format::Default::from_u64(31)));
    let stats: gst::Structure = element.property("stats");
    assert_eq!((stats.get::<u64>("frames"), stats.get::<u64>("samples")), (Ok(31), Ok(44_101)));
    assert!(stats.get::<f64>("loudness").unwrap() < 0.0);
}

#[test]
fn the_analysis_is_told_of_and_the_duration_changes() {
    let files = Fixtures::new();
    let pipeline = render(&files.wav(8_000, 8_000 * 25), "num-buffers=1", &at("25/1"));
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(pull(&pipeline).len(), 1);
    let (mut kinds, mut changed) = (Vec::new(), 0);
    let bus = pipeline.bus().unwrap();
    for message in bus.iter_timed(gst::ClockTime::try_from(PATIENCE).unwrap()) {
        match message.view() {
            gst::MessageView::Progress(progress) => kinds.push(progress.get().0),
            gst::MessageView::DurationChanged(_) => changed += 1,
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    use gst::ProgressType::{Complete, Continue, Start};
    assert_eq!((kinds, changed), (vec![Start, Continue, Continue, Complete], 1));
}

#[test]
fn stopping_during_the_analysis_takes_no_longer_than_a_block() {
    let files = Fixtures::new();
    // Half an hour: far more than is analysed before the state changes back.
    let path = files.path("long.wav");
    write_wav(&path, 48_000, 2, &vec![1000; 48_000 * 2 * 1800]);
    let pipeline = render(&path, "", &at("25/1"));
    pipeline.set_state(gst::State::Paused).unwrap();
    let bus = pipeline.bus().unwrap();
    let begun = bus.timed_pop_filtered(gst::ClockTime::try_from(PATIENCE).unwrap(), &[gst::MessageType::Progress]);
    assert!(begun.is_some());
    let before = std::time::Instant::now();
    // A flush must neither hang nor lose the work that is on.
    assert!(pipeline.element("render").send_event(gst::event::FlushStart::new()));
    assert!(pipeline.element("render").send_event(gst::event::FlushStop::new(true)));
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(before.elapsed() < std::time::Duration::from_secs(5), "{:?}", before.elapsed());
}

#[test]
fn it_can_be_started_again_after_null() {
    let files = Fixtures::new();
    let pipeline = render(&files.wav(8_000, 4_000), "", &at("25/1"));
    pipeline.set_state(gst::State::Playing).unwrap();
    let first = pull(&pipeline);
    pipeline.set_state(gst::State::Null).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(pull(&pipeline), first);
}

#[test]
fn a_video_starts_with_what_was_asked_for_or_720p_at_30_fps() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    let caps_of = |wanted: &str| {
        let pipeline = render(&wav, "", wanted);
        preroll(&pipeline);
        pipeline.element("render").static_pad("src").unwrap().current_caps().unwrap()
    };
    let info = gst_video::VideoInfo::from_caps(&caps_of("format=RGBA")).unwrap();
    assert_eq!((info.width(), info.height(), info.fps()), (1280, 720, gst::Fraction::new(30, 1)));
    assert_eq!(info.interlace_mode(), gst_video::VideoInterlaceMode::Progressive);
    let odd = gst_video::VideoInfo::from_caps(&caps_of("width=17,height=333,framerate=7/3")).unwrap();
    assert_eq!((odd.width(), odd.height(), odd.fps()), (17, 333, gst::Fraction::new(7, 3)));
}

#[test]
fn unusual_audio_gives_correct_frames() {
    let files = Fixtures::new();
    let cases: [(&str, u32, u16, Vec<i16>); 6] = [
        ("silence", 44_100, 2, vec![0; 44_100]),
        ("one sample", 44_100, 1, vec![1000]),
        ("constant", 8_000, 1, vec![20_000; 4_000]),
        ("square", 44_100, 1, (0..22_050).map(|i| if i / 50 % 2 == 0 { i16::MAX } else { i16::MIN }).collect()),
        ("eight channels", 48_000, 8, (0..8 * 24_000).map(|i| (i * 37 % 9_000) as i16).collect()),
        ("192 kHz", 192_000, 2, tune(192_000, 48_000)),
    ];
    for (name, rate, channels, samples) in cases {
        let path = files.path("unusual.wav");
        write_wav(&path, rate, channels, &samples);
        let frames = frames(&path, "", &at("30/1"));
        check_frame_law(&frames, rate, samples.len() as u64 / u64::from(channels), 30, 1);
        assert!(!frames.is_empty(), "{name}");
    }
}

/// Every kind of bad input: what kind of error it is and what it says.
#[test]
fn every_bad_input_is_one_clear_error() {
    let files = Fixtures::new();
    let path = |name: &str, content: &[u8]| {
        let path = files.path(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let wav = files.wav(8_000, 80).display().to_string();
    let (empty, text) = (path("empty.wav", b""), path("notes.txt", b"This is no music at all.\n"));
    let noise: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 3) as u8 | 1).collect();
    let junk = path("junk.mp3", &noise);
    write_wav(&files.path("nothing.wav"), 8_000, 1, &[]);
    let nothing = files.path("nothing.wav").display().to_string();
    let folder = files.path("").display().to_string();
    let missing = files.path("missing.wav").display().to_string();
    let render = |location: &str| format!("visualrender audio-location=\"{location}\" ! fakesink");
    let cases = [
        "visualrender ! fakesink".to_owned(),
        render(&missing),
        render(&folder),
        render(&empty),
        render(&text),
        render(&junk),
        render(&nothing),
        format!("visualrender audio-location={wav} scene=disco ! fakesink"),
        format!("visualrender audio-location={wav} palette=mud ! fakesink"),
    ];
    let errors = cases.map(|description| {
        let (error, _) = error_of(&description);
        format!("{}: {}", kind_of(&error), error.message()).replace(&folder, "/songs/")
    });
    insta::assert_snapshot!(errors.join("\n"));
}

/// The name of the enumeration value that stands for the kind of error.
fn kind_of(error: &gst::glib::Error) -> String {
    let kinds = [
        error.kind::<gst::ResourceError>().map(|kind| format!("Resource::{kind:?}")),
        error.kind::<gst::StreamError>().map(|kind| format!("Stream::{kind:?}")),
        error.kind::<gst::LibraryError>().map(|kind| format!("Library::{kind:?}")),
        error.kind::<gst::CoreError>().map(|kind| format!("Core::{kind:?}")),
    ];
    kinds.into_iter().flatten().next().unwrap_or_else(|| format!("{error:?}"))
}

#[test]
fn sizes_and_rates_that_cannot_be_drawn_are_refused_in_words() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 80);
    for wanted in ["width=20000,height=20000", "width=8,height=8", "width=64,height=64,framerate=0/1"] {
        // Set when all is linked, so that it is the negotiation that fails.
        let pipeline = TestPipeline::parse("visualrender name=render ! capsfilter name=filter ! fakesink");
        pipeline.element("render").set_property("audio-location", wav.to_str().unwrap());
        pipeline.element("filter").set_property_from_str("caps", &format!("video/x-raw,{wanted}"));
        let (error, debug) = pipeline.run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::CoreError::Negotiation), "{wanted}: {error:?} ({debug})");
        assert!(error.message().contains("16 to 16384"), "{}", error.message());
    }
}

#[test]
fn of_a_video_the_sound_is_drawn_and_one_without_sound_is_refused() {
    let files = Fixtures::new();
    let (wav, film, mute) = (files.wav(44_100, 44_100), files.path("film.mkv"), files.path("mute.mkv"));
    let picture = "videotestsrc num-buffers=10 ! video/x-raw,width=32,height=32,framerate=10/1 ! jpegenc";
    let (from, to) = (wav.display(), film.display());
    TestPipeline::parse(&format!(
        "{picture} ! queue ! matroskamux name=mux ! filesink location={to} \
         filesrc location={from} ! wavparse ! queue ! flacenc ! queue ! mux."
    ))
    .run(PATIENCE)
    .expect_eos();
    assert_eq!(frames(&film, "", &at("30/1")), frames(&wav, "", &at("30/1")));
    let to = mute.display();
    TestPipeline::parse(&format!("{picture} ! matroskamux ! filesink location={to}")).run(PATIENCE).expect_eos();
    let (error, _) = error_of(&format!("visualrender audio-location={to} ! fakesink"));
    assert!(error.message().contains("no audio stream"), "{error}");
}

#[test]
fn a_timeline_is_written_once_and_drawn_from_afterwards() {
    let files = Fixtures::new();
    let (wav, path) = (files.wav(44_100, 22_050), files.path("tune.steadytl"));
    let location = format!("timeline-location={}", path.display());
    let whole = frames(&wav, "", &at("30/1"));
    assert_eq!(frames(&wav, &location, &at("30/1")), whole);
    let written = std::fs::read(&path).unwrap();
    std::fs::remove_file(&wav).unwrap();
    assert_eq!(frames(&wav, &location, &at("30/1")), whole, "without the audio");
    assert_eq!(std::fs::read(&path).unwrap(), written);

    let render = |path: &std::path::Path| format!("visualrender timeline-location={} ! fakesink", path.display());
    std::fs::write(&path, &written[..written.len() / 2]).unwrap();
    assert!(error_of(&render(&path)).0.message().contains("cut off"));
    std::fs::write(&path, b"something else, long enough to be a header of a timeline, were it one").unwrap();
    assert!(error_of(&render(&path)).0.message().contains("not a timeline"));
    let (error, _) = error_of(&render(&files.path("nowhere.steadytl")));
    assert!(error.matches(gst::ResourceError::NotFound) && error.message().contains("no such file"), "{error}");
    let wav = files.wav(44_100, 22_050);
    let unwritable = format!("visualrender audio-location={} timeline-location=/nowhere/a ! fakesink", wav.display());
    let (error, _) = error_of(&unwritable);
    assert!(error.matches(gst::ResourceError::OpenWrite), "{error:?}");
}

#[test]
fn a_timeline_of_another_version_is_refused_and_kept() {
    let files = Fixtures::new();
    let (wav, path) = (files.wav(44_100, 4410), files.path("tune.steadytl"));
    let location = format!("timeline-location={}", path.display());
    frames(&wav, &location, &at("30/1"));
    let written = std::fs::read(&path).unwrap();
    // The version of the layout, then that of the analysis.
    for at in [8, 12] {
        let mut older = written.clone();
        older[at] -= 1;
        std::fs::write(&path, &older).unwrap();
        let line = format!("visualrender audio-location={} {location} ! fakesink", wav.display());
        let (error, _) = error_of(&line);
        assert!(error.matches(gst::StreamError::WrongType), "{error:?}");
        let text = error.message().replace(&files.path("").display().to_string(), "/songs/");
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @"“/songs/tune.steadytl” cannot be used as a timeline: another version of this plugin made it. Remove it and set audio-location to have it made anew.");
        }
        assert_eq!(std::fs::read(&path).unwrap(), older);
    }
}

#[test]
fn a_uri_gives_the_same_video_as_the_path() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 4_000);
    let whole = frames(&wav, "", &at("25/1"));
    let uri = gst::glib::filename_to_uri(&wav, None).unwrap();
    let pipeline = render(&wav, "", &at("25/1"));
    pipeline.element("render").set_property("audio-uri", uri.as_str());
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(pull(&pipeline), whole);
    let (error, _) = error_of("visualrender audio-uri=nowhere://at/all ! fakesink");
    assert!(error.message().contains("nowhere://at/all"), "{error}");
}

#[test]
fn a_file_that_is_cut_off_plays_as_far_as_it_goes() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 44_100);
    let packed = [files.flac(&wav), files.ogg(&wav), files.mp3(&wav)];
    let cut = |path: &std::path::Path, len: usize| {
        let whole = std::fs::read(path).unwrap();
        std::fs::write(path, &whole[..len.min(whole.len() * 2 / 3)]).unwrap();
    };
    cut(&wav, 44 + 4 * 22_050);
    check_frame_law(&frames(&wav, "", &at("30/1")), 44_100, 22_050, 30, 1);
    // In the middle of a sample: what is left of that one does not count.
    cut(&wav, 44 + 4 * 11_025 + 3);
    check_frame_law(&frames(&wav, "", &at("30/1")), 44_100, 11_025, 30, 1);
    for path in packed {
        cut(&path, usize::MAX);
        let frames = frames(&path, "", &at("30/1"));
        assert!((12..=22).contains(&frames.len()), "{}: {}", path.display(), frames.len());
    }
}

#[test]
fn properties_are_read_back_and_location_and_uri_exclude_each_other() {
    common::init();
    let element = gst::ElementFactory::make("visualrender").build().unwrap();
    element.set_property("seed", u64::MAX);
    element.set_property("audio-location", "a.wav");
    element.set_property("scene", "0");
    assert_eq!(element.property::<u64>("seed"), u64::MAX);
    element.set_property("audio-uri", "file:///b.wav");
    assert_eq!(element.property::<Option<String>>("audio-location"), None);
    assert_eq!(element.property::<String>("audio-uri"), "file:///b.wav");
    assert_eq!(element.property::<String>("scene"), "0");
    let factory = element.factory().unwrap();
    assert_eq!(factory.metadata("klass"), Some("Source/Video"));
}

#[test]
fn beats_are_claimed_of_music_and_not_of_speech() {
    let files = Fixtures::new();
    let tempo = |audio: &std::path::Path| {
        let pipeline = render(audio, "num-buffers=1", &at("25/1"));
        pipeline.set_state(gst::State::Playing).unwrap();
        pull(&pipeline);
        pipeline.element("render").property::<f64>("tempo")
    };
    let speech = files.path("speech.wav");
    let text = "Beats are where the foot taps. A voice has a rhythm of its own, but nobody taps a foot to the news. \
                So whoever looks for beats must find none here, however long this goes on, and it goes on for a while: \
                the weather tomorrow will be fair in the south, with rain coming in from the west by the evening.";
    let spoken = std::process::Command::new("espeak-ng").arg("-w").arg(&speech).arg(text).status();
    assert!(spoken.expect("the tests need espeak-ng").success());
    assert_eq!(tempo(&speech), 0.0);
    // `tune` has a beat every half second.
    let found = tempo(&files.wav(44_100, 15 * 44_100));
    assert!((found - 120.0).abs() < 1.0, "{found} beats a minute");
}
