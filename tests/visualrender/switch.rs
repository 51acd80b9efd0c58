//! `visualrender` cuts between scenes: where, what is seen of it and what is told of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use gst::prelude::*;

use crate::common::TestPipeline;
use crate::common::audio::{Delivered, Fixtures, error_of, frames, pull, render, write_wav};

const SMALL: &str = "width=64,height=36,framerate=10/1";
const TUNE: (u32, usize) = (22_050, 22_050 * 9);

fn start(audio: &Path, properties: &str, caps: &str) -> TestPipeline {
    let pipeline = render(audio, properties, caps);
    pipeline.set_state(gst::State::Playing).unwrap();
    pipeline
}

/// The cuts that have been told of since the last time: frame and scene.
fn told(pipeline: &TestPipeline) -> Vec<(u64, String)> {
    let bus = pipeline.bus().unwrap();
    let messages = std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Element]));
    let structures = messages.filter_map(|message| message.structure().map(|structure| structure.to_owned()));
    let cuts = structures.filter(|structure| structure.name() == "visualrender-scene");
    cuts.map(|cut| (cut.get("frame").unwrap(), cut.get("scene").unwrap())).collect()
}

fn seek(pipeline: &TestPipeline, rate: f64, to: u64) {
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
    let to = gst::ClockTime::from_mseconds(to);
    pipeline.seek(rate, flags, gst::SeekType::Set, to, gst::SeekType::None, gst::ClockTime::NONE).unwrap();
}

/// The frames of a video that shows `first` and then, from each cut on, another scene; each drawn by that scene alone.
fn alone(audio: &Path, first: &str, cuts: &[(u64, String)], caps: &str) -> Vec<Delivered> {
    let mut videos = BTreeMap::new();
    let mut video = |scene: &str| -> Vec<Delivered> {
        let made = || frames(audio, &format!("scene={scene} seed=3"), caps);
        videos.entry(scene.to_owned()).or_insert_with(made).clone()
    };
    let mut whole = video(first);
    for (frame, scene) in cuts {
        let from = *frame as usize;
        whole.splice(from.., video(scene).split_off(from));
    }
    whole
}

#[test]
fn each_frame_is_that_of_its_scene_alone_forwards_backwards_after_seeks_and_in_any_order_of_bytes() {
    let files = Fixtures::new();
    let wav = files.wav(TUNE.0, TUNE.1);
    let switch = "switch=beat switch-every=4 scenes=stem-dots,1,wave-line,stem-dots,cover-pulse seed=3";
    for format in ["RGBA", "BGRA", "ARGB"] {
        let caps = format!("{SMALL},format={format}");
        let pipeline = start(&wav, switch, &caps);
        let whole = pull(&pipeline);
        let cuts = told(&pipeline);
        let names: Vec<_> = cuts.iter().map(|(_, scene)| scene.as_str()).collect();
        assert_eq!(names[..3], ["bars-mirror", "wave-line", "stem-dots"], "{cuts:?}");
        assert!(whole == alone(&wav, "stem-dots", &cuts, &caps), "{format}: {cuts:?}");

        let at = cuts[1].0;
        for frame in [at, at - 1, 5, 85] {
            seek(&pipeline, 1.0, frame * 100);
            assert!(pull(&pipeline) == whole[frame as usize..], "{format}, from frame {frame}");
        }
        told(&pipeline);
        seek(&pipeline, -1.0, 0);
        let backwards = pull(&pipeline);
        assert!(backwards.iter().rev().eq(&whole), "{format}, backwards");
        // Told in reverse: the last frame of the scene that is gone back to.
        let last: Vec<_> = told(&pipeline).into_iter().rev().map(|(frame, _)| frame + 1).collect();
        assert!(last.iter().eq(cuts.iter().map(|(frame, _)| frame)), "{last:?} {cuts:?}");

        let part = frames(&wav, &format!("{switch} start-frame={} stop-frame=80", at - 3), &caps);
        assert!(part == whole[at as usize - 3..80], "{format}, a part");
    }
}

/// Where cuts belong: the first frame whose middle is not before each of these moments in seconds.
fn frames_at(moments: &[f64]) -> Vec<u64> {
    moments.iter().map(|moment| (0..).find(|&n| (n as f64 + 0.5) / 10.0 >= moment - 1e-9).unwrap()).collect()
}

#[test]
fn cuts_are_where_the_beats_are_and_the_text_says_which_scene_each_frame_shows() {
    let files = Fixtures::new();
    let (wav, path, tapped) = (files.wav(TUNE.0, TUNE.1), files.path("tune.jsonl"), files.path("beats.txt"));
    // Bars begin at 1.1 s, 3.1 s and so on, with two beats before the first.
    let place = |i: u32| format!("{} {}\n", 0.1 + 0.5 * f64::from(i), (i + 2) % 4 + 1);
    std::fs::write(&tapped, (0..18).map(place).collect::<String>()).unwrap();
    let given = format!("beats-location={}", tapped.display());
    for (properties, moments) in
        [("switch=beat switch-every=4", None), (&*format!("switch=bar switch-every=1 {given}"), Some([3.1, 5.1, 7.1]))]
    {
        let properties = format!("{properties} scenes=wave-line,bars-mirror jsonl-location={}", path.display());
        let pipeline = start(&wav, &properties, SMALL);
        assert_eq!(pull(&pipeline).len(), 90);
        let cuts = told(&pipeline);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let beats: Vec<f64> = lines[0]["beats"].as_array().unwrap().iter().map(|beat| beat.as_f64().unwrap()).collect();
        assert!(beats.windows(2).all(|pair| (pair[1] - pair[0] - 0.5).abs() < 0.05), "{beats:?}");
        let found = || beats.iter().copied().skip(4).step_by(4).collect();
        let wanted = frames_at(&moments.map_or_else(found, Vec::from));
        assert!(wanted.len() >= 3, "{wanted:?}");
        let frames: Vec<u64> = cuts.iter().map(|(frame, _)| *frame).collect();
        // The last one may be too near to the end.
        assert!(frames == wanted || frames == wanted[..wanted.len() - 1], "{frames:?} {wanted:?}");
        for n in 0..90u64 {
            let shown = cuts.iter().rev().find(|(frame, _)| *frame <= n).map_or("wave-line", |(_, scene)| scene);
            assert_eq!(lines[n as usize + 1]["scene"], shown, "frame {n}");
        }
    }
}

#[test]
fn in_silence_every_mode_cuts_by_the_clock_and_manual_never() {
    let files = Fixtures::new();
    let path = files.path("silence.wav");
    write_wav(&path, 8_000, 1, &[0; 8_000 * 25]);
    let cuts = |properties: &str| {
        let pipeline = start(&path, properties, SMALL);
        assert_eq!(pull(&pipeline).len(), 250);
        told(&pipeline)
    };
    let cut = |frame: u64, scene: &str| (frame, scene.to_owned());
    for switch in ["beat", "bar", "energy", "time"] {
        let properties = format!("switch={switch} scene=bars-mirror");
        assert_eq!(cuts(&properties), [cut(100, "wave-line"), cut(200, "podcast-bars")], "{switch}");
    }
    assert_eq!(cuts("switch=time switch-every=12 scenes=4,0"), [cut(120, "cover-pulse"), cut(240, "stem-dots")]);
    assert!(cuts("scenes=4,0").is_empty());
    assert!(cuts("switch=time scenes=4").is_empty());
    assert_eq!(cuts("switch=time num-buffers=250 scenes=wave-line,wave-line,0"), [cut(200, "cover-pulse")]);
}

#[test]
fn a_scene_that_does_not_exist_is_one_clear_error_wherever_it_stands() {
    let files = Fixtures::new();
    let wav = files.wav(8_000, 800);
    for switch in ["manual", "bar"] {
        let line =
            format!("visualrender audio-location={} switch={switch} scenes=wave-line,disco ! fakesink", wav.display());
        let (error, _) = error_of(&line);
        assert!(error.matches(gst::LibraryError::Settings), "{error:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(error.message(), @"There is no scene “disco”; the scenes are: cover-pulse (0), bars-mirror (1), wave-line (2), podcast-bars (3), stem-dots (4), aurora (5), particles-burst (6), tunnel (7), terrain (8).");
        }
    }
}

/// The rows of the tables of `visualrender` in the documentation: names and types.
fn documented() -> Vec<(String, String)> {
    let text = include_str!("../../docs/messages.md");
    let section = text.split("\n## ").find(|section| section.starts_with("visualrender\n")).unwrap();
    // The tables of the cache have a test of their own.
    let section = section.split("When frames have come or gone").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, rest)| (name.to_owned(), rest.split('|').next().unwrap().trim().to_owned())).collect()
}

fn fields(structure: &gst::StructureRef) -> Vec<(String, String)> {
    let shown = |value: &gst::glib::Value| value.type_().name().replace("gchararray", "string");
    structure.iter().map(|(name, value)| (name.to_string(), shown(value))).collect()
}

#[test]
fn a_cut_is_told_as_documented_by_the_streaming_thread_without_a_lock() {
    let files = Fixtures::new();
    let pipeline = render(&files.flac(&files.wav(8_000, 8_000 * 4)), "switch=time switch-every=2 scenes=0,2", SMALL);
    let element = pipeline.element("render");
    let streaming = Arc::new(Mutex::new(None));
    let seen = streaming.clone();
    element.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        *seen.lock().unwrap() = Some(std::thread::current().id());
        gst::PadProbeReturn::Ok
    });
    let messages = Arc::new(Mutex::new(Vec::new()));
    let kept = messages.clone();
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if let Some(cut) = message.structure().filter(|structure| structure.name() == "visualrender-scene") {
            // Either would wait forever for a lock that is held.
            let stats: gst::Structure = element.property("stats");
            element.set_property("title", "another");
            kept.lock().unwrap().push((cut.to_owned(), stats, std::thread::current().id()));
        }
        gst::BusSyncReply::Pass
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(pull(&pipeline).len(), 40);
    let messages = messages.lock().unwrap();
    let [(cut, stats, thread)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(Some(*thread), *streaming.lock().unwrap());
    assert_eq!((cut.get("frame"), cut.get("timestamp")), (Ok(20u64), Ok(gst::ClockTime::from_seconds(2))));
    assert_eq!(cut.get::<&str>("scene"), Ok("wave-line"));
    let whole = [fields(stats), fields(cut)].concat();
    assert_eq!(whole, documented());
}
