//! `visualrender`: the timeline as text, and beats that somebody else has found.

use std::path::Path;

use gst::prelude::*;

use crate::common::audio::{Fixtures, error_of, frames, pull, render};
use crate::common::{PATIENCE, TestPipeline};

const SMALL: &str = "format=RGBA,width=64,height=36,framerate=30/1";

fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_timeline_is_written_as_text_with_a_line_for_each_frame() {
    let files = Fixtures::new();
    let (wav, path) = (files.wav(44_100, 44_101), files.path("tune.jsonl"));
    let location = format!("scene=wave-line jsonl-location={}", path.display());
    let whole = frames(&wav, &location, SMALL);
    let lines = json_lines(&path);
    assert_eq!((lines.len(), &lines[0]["frames"]), (whole.len() + 2, &31.into()));
    assert_eq!((&lines[31]["frame"], &lines[31]["scene"]), (&30.into(), &"wave-line".into()));
    assert_eq!(lines[31]["t"], whole[30].pts as f64 / 1e9);

    std::fs::write(&path, "something of somebody's").unwrap();
    let (error, _) = error_of(&format!("visualrender audio-location={} {location} ! fakesink", wav.display()));
    assert!(error.matches(gst::ResourceError::OpenWrite), "{error:?}");
    let text = error.message().replace(&files.path("").display().to_string(), "/songs/");
    insta::assert_snapshot!(text, @"The timeline cannot be written to “/songs/tune.jsonl”: there is a file of another kind. Choose another name or folder.");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "something of somebody's");
}

#[test]
fn beats_of_the_users_take_the_place_of_those_that_are_found() {
    let files = Fixtures::new();
    let (wav, beats, json) = (files.wav(44_100, 44_100 * 3), files.path("beats.txt"), files.path("tune.jsonl"));
    std::fs::write(&beats, "0.4 2\n0.8 3\n1.2 1\n1.6 2\n2.0 3\n2.4 1\n2.8 2\n").unwrap();
    let told = |properties: &str| {
        let pipeline = render(&wav, &format!("{properties} jsonl-location={}", json.display()), SMALL);
        pipeline.set_state(gst::State::Playing).unwrap();
        let count = pull(&pipeline).len();
        let element = pipeline.element("render");
        let digest: String = element.property("timeline-digest");
        (count, element.property::<f64>("tempo"), digest, json_lines(&json))
    };
    let location = format!("beats-location={}", beats.display());
    let (count, tempo, digest, lines) = told(&location);
    assert_eq!((count, tempo), (90, 150.0));
    assert_eq!(lines[0]["beats"], serde_json::json!([0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8]));
    // Frame 60 is about 2.0167 s: 0.0167 s behind the fifth beat, two thirds into a bar of three.
    assert_eq!((&lines[61]["beat"], &lines[61]["bar"]), (&4.041.into(), &0.680.into()));
    assert_eq!(lines[20]["bar"], serde_json::Value::Null, "before the first bar");
    assert_ne!(told("").2, digest, "other beats are another timeline");
    // Read from a file, a timeline takes them just so.
    let timeline = format!("timeline-location={}", files.path("tune.steadytl").display());
    assert_eq!(told(&format!("{location} {timeline}")).2, digest, "made");
    assert_eq!(told(&format!("{location} {timeline}")).2, digest, "read");
    assert_eq!(told(&timeline).2, told("").2, "the file keeps what was found");
}

#[test]
fn beats_that_cannot_be_used_are_an_error_that_names_the_line() {
    let files = Fixtures::new();
    let (wav, beats) = (files.wav(8_000, 800), files.path("beats.txt"));
    let text = || {
        let render =
            format!("visualrender audio-location={} beats-location={} ! fakesink", wav.display(), beats.display());
        error_of(&render).0.message().replace(&files.path("").display().to_string(), "/songs/")
    };
    insta::assert_snapshot!(text(), @"The beats in “/songs/beats.txt” cannot be read: there is no such file. Check its name and its permissions.");
    std::fs::create_dir(&beats).unwrap();
    insta::assert_snapshot!(text(), @"The beats in “/songs/beats.txt” cannot be read: it is not a file. Check its name and its permissions.");
    std::fs::remove_dir(&beats).unwrap();
    std::fs::File::create(&beats).unwrap().set_len((64 << 20) + 1).unwrap();
    insta::assert_snapshot!(text(), @"The beats in “/songs/beats.txt” cannot be read: it is too large. Check its name and its permissions.");
    std::fs::write(&beats, "0.5\n1.0\nrefrain\n").unwrap();
    insta::assert_snapshot!(text(), @"“/songs/beats.txt” cannot be used as beats: line 3 does not begin with a time in seconds. Give a text with the time of each beat in seconds, one a line, in order.");
    std::fs::write(&beats, [0xff, 0xfe, 0, 1, 2]).unwrap();
    insta::assert_snapshot!(text(), @"“/songs/beats.txt” cannot be used as beats: line 1 does not begin with a time in seconds. Give a text with the time of each beat in seconds, one a line, in order.");
}

#[test]
fn the_pictures_of_a_file_are_the_same_with_every_gstreamer() {
    // AAC and Opus have other samples with other versions of their libraries.
    let digests: Vec<String> = ["ffmpeg.mp3", "lame.mp3", "untagged.mp3", "vorbis.ogg"]
        .iter()
        .map(|name| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/media").join(name);
            let pipeline = render(&file, "num-buffers=1", SMALL);
            pipeline.set_state(gst::State::Playing).unwrap();
            assert_eq!(pull(&pipeline).len(), 1);
            let render = pipeline.element("render");
            let decoder: String = render.property::<gst::Structure>("stats").get("decoder").unwrap();
            format!("{name} {decoder} {}", render.property::<String>("timeline-digest"))
        })
        .collect();
    insta::assert_snapshot!(digests.join("\n"));
}

/// The muxer waits for the first picture, and that for an analysis which takes many times as long as the queue beside it may stand still.
#[test]
fn an_analysis_that_takes_its_time_is_no_stall() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 8_000 * 400);
    let p = TestPipeline::parse(&format!(
        "visualrender audio-location={} stop-frame=10 ! video/x-raw,width=16,height=16 ! adaptivequeue on-timeout=error \
         push-timeout=150000000 ! matroskamux name=mux ! fakesink \
         audiotestsrc num-buffers=1000 ! adaptivequeue on-timeout=error push-timeout=150000000 ! mux.",
        wav.display()
    ));
    p.run(PATIENCE).expect_eos();
}
