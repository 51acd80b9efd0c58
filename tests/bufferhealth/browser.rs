//! The report in a browser: nothing is cut, nothing lies on anything else, all can be read, on a screen and on a phone, by day and
//! by night. What it looked like is left in `target/tmp/report`, for people.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use gst::prelude::*;
use gststeady::health;
use gststeady::logic::clock::{MILLISECOND, SECOND, monotonic};
use gststeady::logic::memory::machine::resident;
use gststeady::logic::report::testing::Stream;
use gststeady::logic::report::{Around, Environment, Outcome, Process, Recorder, page};

use crate::common::{PATIENCE, TestPipeline};

/// Looks at a page within a frame of a given width and scheme of colours. Browsers' own windows have a least width.
const LOOK: &str = include_str!("browser.html");

const WIDTHS: [u32; 4] = [1600, 1400, 375, 360];
const SCHEMES: [&str; 2] = ["light", "dark"];

fn chromium(folder: &Path, options: &[String], page: &Path) -> Output {
    Command::new("timeout")
        .args(["120", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ])
        // So that the page around may look into the one within.
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(options)
        .arg(format!("file://{}", page.display()))
        .env("HOME", folder)
        .env_remove("G_DEBUG")
        .output()
        .unwrap_or_else(|e| panic!("the slow tests need chromium, Debian's package of that name: {e}"))
}

/// What the browser tells of a page.
fn look(folder: &Path, name: &str, width: u32, scheme: &str) -> serde_json::Value {
    let inside = |height: u32| {
        let page = LOOK.replace("REPORT", &format!("{name}.html")).replace("WIDTH", &width.to_string());
        let page = page.replace("HEIGHT", &height.to_string()).replace("SCHEME", scheme);
        let file = folder.join("look.html");
        std::fs::write(&file, page).unwrap();
        file
    };
    let window = |height: u32| format!("--window-size={},{height}", width + 16);
    let output = chromium(folder, &["--dump-dom".into(), window(900)], &inside(900));
    let log = String::from_utf8_lossy(&output.stderr);
    let console: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{name}: {console:?}");
    let dom = String::from_utf8(output.stdout).unwrap();
    let told = dom.split_once("<pre id=\"told\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (told, _) = told.unwrap_or_else(|| panic!("{name}: the browser says nothing: {dom}\n{log}"));
    let told = told.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap_or_else(|e| panic!("{name}: {e}: {told} {log}"));
    let height = told["height"].as_u64().unwrap() as u32;
    let picture = folder.join(format!("{name}-{width}-{scheme}.png"));
    let height = height.min(12_000);
    let options = [format!("--screenshot={}", picture.display()), window(height)];
    chromium(folder, &options, &inside(height));
    assert!(picture.exists(), "{name}: no picture was taken");
    told
}

/// A long run with all that there can be: loss, lateness, back-pressure, a standstill, names that are too long.
fn troubled() -> String {
    let mut recorder = Recorder::new(0, SECOND / 10);
    let names = [
        "camera",
        "encode",
        "a-very-long-name-of-an-element-that-somebody-gave-it-for-a-reason-nobody-remembers",
        "file",
    ];
    let mut streams = names.map(Stream::new);
    streams[2].place.media = "audio".into();
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    for s in 1..=5400u64 {
        let hard = (1800..2700).contains(&s) || s > 4800;
        for (n, stream) in streams.iter_mut().enumerate() {
            stream.each_push = if n == 0 && hard { 38 * MILLISECOND } else { (40 + random(900)) * 1000 };
            let (missing, late) = if n == 1 && hard { (random(40) / 39, random(9) / 7) } else { (0, 0) };
            if s > 5380 && n == 3 { stream.stand(SECOND) } else { stream.flow(SECOND, 25, missing, late) }
        }
        let level = if hard { 0.85 + random(15) as f64 / 100.0 } else { random(45) as f64 / 100.0 };
        streams[1].fill_up(level.min(1.0), SECOND);
        let process = Process { memory: Some(400_000_000 + s * 20_000 + random(30_000_000)), limit: Some(800_000_000) };
        recorder.sample(s * SECOND, &process, &streams.each_ref().map(Stream::reading));
    }
    let places = streams.each_ref().map(|stream| stream.place.clone());
    for (at, next, after) in [(0, Some(1), "x264enc"), (1, Some(3), "mp4mux"), (2, Some(3), "mp4mux")] {
        let next = next.map(|next: usize| places[next].clone());
        recorder.describe(
            &places[at],
            Around { after: vec!["videoconvert".into(), after.into()], next, ..Around::default() },
        );
    }
    recorder.stall(
        5386 * SECOND,
        "The pipeline has stalled: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.1 s because mux holds its input \
         video_0 until data comes to video_1, which the same source feeds, and that source is blocked here.",
        "deadlock",
    );
    let environment = Environment {
        title: "Export of a-film-with-quite-a-long-name-that-has-no-blanks-in-it-and-goes-on-and-on-for-long.mp4"
            .into(),
        made: "2026-03-01 12:00:00 +0000".into(),
        outcome: Outcome::Failed("The pipeline has stalled; what was written so far is kept".into()),
        command: format!("gst-steady export {} out.mp4 --report out.html", "long/".repeat(60)),
        facts: vec![("GStreamer".into(), "1.22.0".into()), ("Path".into(), "x".repeat(150))],
        graphs: vec!["/tmp/graphs/0.00.01-gst-steady-export.dot".into()],
    };
    page(&recorder, &environment)
}

/// A minute in which nothing happens.
fn clean() -> String {
    let mut recorder = Recorder::new(0, SECOND / 10);
    let mut streams = ["camera", "screen"].map(Stream::new);
    streams[0].live = true;
    streams[1].synced = true;
    for n in 1..=600u64 {
        for (at, stream) in streams.iter_mut().enumerate() {
            stream.each_push = if at == 0 { (20 + n % 7) * 1000 } else { 38 * MILLISECOND + n % 5 * 300_000 };
            stream.flow(SECOND / 10, 2 + n % 2, 0, 0);
            stream.fill_up(0.2 + (n % 11) as f64 / 40.0, SECOND / 10);
        }
        let process = Process { memory: Some(60_000_000 + n * 1000), limit: Some(8_000_000_000) };
        recorder.sample(n * SECOND / 10, &process, &streams.each_ref().map(Stream::reading));
    }
    let next = Some(streams[1].place.clone());
    recorder.describe(&streams[0].place, Around { next, ..Around::default() });
    page(
        &recorder,
        &Environment { title: "A quiet minute".into(), outcome: Outcome::Complete, ..Environment::default() },
    )
}

/// An encoder that takes its time.
fn encoder() -> String {
    let p = TestPipeline::parse(
        "videotestsrc pattern=snow num-buffers=150 ! video/x-raw,width=480,height=270,framerate=30/1 ! \
         bufferhealth label=camera name=a ! queue max-size-buffers=4 ! x264enc speed-preset=veryslow ! \
         bufferhealth label=encode name=b ! fakesink",
    );
    let elements = ["a", "b"].map(|name| p.by_name(name).unwrap());
    let mut recorder = Recorder::new(monotonic(), 100 * MILLISECOND);
    let mut sample = || {
        let process = Process { memory: resident(), limit: Some(2_000_000_000) };
        recorder.sample(monotonic(), &process, &elements.each_ref().map(|element| health::read(element).unwrap()));
    };
    p.set_state(gst::State::Playing).unwrap();
    let bus = p.bus().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        sample();
        match bus.timed_pop(gst::ClockTime::from_mseconds(50)).as_ref().map(|message| message.type_()) {
            Some(gst::MessageType::Eos) => break,
            Some(gst::MessageType::Error) => panic!("an error"),
            _ => assert!(Instant::now() < deadline, "it does not end"),
        }
    }
    sample();
    let places = recorder.tracks().iter().map(|track| track.place().clone()).collect::<Vec<_>>();
    let after = vec!["x264enc".into()];
    recorder.describe(&places[0], Around { after, next: Some(places[1].clone()), ..Around::default() });
    let title = "An encoder that takes its time".into();
    let page = page(&recorder, &Environment { title, outcome: Outcome::Complete, ..Environment::default() });
    assert!(page.contains("The slowest part is <b>x264enc</b>"));
    page
}

/// A page with one of each fault, so that it is known that they would be found.
const FAULTY: &str = r#"<!DOCTYPE html><html><body style="margin:0;background:#fff;font:15px sans-serif"><main>
<div class="card" style="width:200px"><p style="color:#999">pale</p><p style="font-size:9px">small</p>
<p style="width:20px;overflow-wrap:anywhere">135000</p>
<p style="white-space:nowrap">so long that it reaches out of the card that it is in</p><p style="margin-top:-30px">over it</p></div>
<div style="width:2000px">wide</div><div style="width:60px;overflow:hidden;white-space:nowrap">cut somewhere here</div>
<svg class="pic" width="10" height="10"></svg></main></body></html>"#;

#[test]
fn the_look_finds_what_a_person_would_complain_about() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("faulty.html"), FAULTY).unwrap();
    let told = look(folder.path(), "faulty", 1400, "light")["complaints"].to_string();
    for fault in [
        "scrolls sideways",
        "contrast 2.8",
        "text of 9 px",
        "broken in two",
        "reaches out of its card",
        "lies on",
        "cuts what is in it",
        "a picture of 10×10",
        "a picture that says nothing",
    ] {
        assert!(told.contains(fault), "{fault:?} is not among {told}");
    }
}

#[test]
fn a_browser_shows_all_of_a_report_readably_on_a_screen_and_on_a_phone_by_day_and_by_night() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    let empty = page(&Recorder::new(0, 0), &Environment::default());
    for (name, page, pictures) in
        [("troubled", troubled(), 14), ("encoder", encoder(), 8), ("clean", clean(), 9), ("empty", empty, 0)]
    {
        std::fs::write(folder.join(format!("{name}.html")), page).unwrap();
        for width in WIDTHS {
            let [light, dark] = SCHEMES.map(|scheme| look(&folder, name, width, scheme));
            for told in [&light, &dark] {
                assert_eq!(told["complaints"], serde_json::json!([]), "{name} at {width}: {told}");
                assert_eq!(told["width"], width, "{name}");
                assert_eq!(told["pictures"], pictures, "{name} at {width}");
                assert!(told["texts"].as_u64() > Some(20), "{name} at {width}: {told}");
            }
            assert_ne!(light["background"], dark["background"], "{name}: the night looks like the day");
        }
    }
}
