//! The tracer in a pipeline that knows nothing of it: `GST_TRACERS=pipelinehealth gst-launch-1.0 …`.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{plugin_folder, wait_until};

/// What a pipeline has said on either output once it has said `word`, and when. It is ended then.
fn said(tracers: &str, pipeline: &str, word: &str) -> (String, Duration) {
    let (folder, registry) = (plugin_folder(), tempfile::tempdir().unwrap());
    let mut launched = Command::new("gst-launch-1.0")
        .args(pipeline.split_whitespace())
        .env("GST_PLUGIN_PATH", folder)
        .env("GST_REGISTRY", registry.path().join("registry"))
        .env("GST_TRACERS", tracers)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let text = std::sync::Arc::<std::sync::Mutex<Vec<u8>>>::default();
    let outputs: [Box<dyn Read + Send>; 2] =
        [Box::new(launched.stdout.take().unwrap()), Box::new(launched.stderr.take().unwrap())];
    let readers = outputs.map(|mut output| {
        let text = text.clone();
        std::thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(1..) = output.read(&mut some).inspect(|n| text.lock().unwrap().extend(&some[..*n])) {}
        })
    });
    let so_far = || String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
    wait_until(word, || so_far().contains(word));
    let at = began.elapsed();
    let _ = launched.kill();
    launched.wait().unwrap();
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    (so_far(), at)
}

#[test]
fn a_recording_that_hangs_is_told_of_with_queue_join_and_starved_input() {
    let hangs = "videotestsrc ! tee name=t t. ! queue name=frames max-size-buffers=8 ! jpegenc ! matroskamux name=mux ! fakesink \
                 t. ! x264enc ! queue ! mux.";
    let (text, at) = said("pipelinehealth", hangs, "has stalled");
    let line = text.lines().find(|line| line.contains("has stalled")).unwrap();
    for word in ["WARNING", "the queue frames", "mux holds its input video_0", "data comes to video_1"] {
        assert!(line.contains(word), "no {word}: {line}");
    }
    // The first frame takes a moment, and starting a process on a busy machine some more.
    assert!(at < Duration::from_millis(9_500) && at > Duration::from_secs(5), "after {at:?}");
}

#[test]
fn parameters_reach_it() {
    let hangs = "videotestsrc ! tee name=t t. ! fakesink t. ! queue ! fakesink name=dry";
    let (text, at) = said("pipelinehealth(stall-timeout=1000000000)", hangs, "stalled");
    assert!(at < Duration::from_secs(5) && text.contains("WARNING"), "after {at:?}: {text}");
}

#[test]
fn the_report_says_why_it_hung() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let hangs = "videotestsrc ! tee name=t t. ! fakesink t. ! queue name=frames ! fakesink name=dry";
    let tracers = format!("pipelinehealth(stall-timeout=1000000000,report={})", report.display());
    said(&tracers, hangs, "stalled");
    // It was killed: the page is from the moment of the halt.
    let page = std::fs::read_to_string(&report).unwrap();
    for word in ["Why it hung", "dry", "videotestsrc0", "gst-launch-1.0"] {
        assert!(page.contains(word), "no {word}");
    }
    // What is no report stays.
    let other = folder.path().join("other.html");
    std::fs::write(&other, "mine").unwrap();
    let tracers = format!("pipelinehealth(report={})", other.display());
    let (text, _) = said(&tracers, "videotestsrc is-live=true ! fakesink", "something else is there");
    assert!(text.contains("WARNING"), "{text}");
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
}
