//! What every page must be, and what those about known runs must say.

use proptest::prelude::*;

use super::super::environment::Outcome;
use super::super::recorder::Process;
use super::super::testing::Stream;
use super::super::track::Around;
use super::*;
use crate::logic::clock::{MILLISECOND, SECOND};

/// Reads a page as XML would be read, and gives the text of it. Panics where it is not well-formed.
#[track_caller]
fn text_of(page: &str) -> String {
    const ENTITIES: [(&str, &str); 5] = [("amp;", "&"), ("lt;", "<"), ("gt;", ">"), ("quot;", "\""), ("#39;", "'")];
    let decode = |text: &str| {
        let mut parts = text.split('&');
        let mut decoded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let known = ENTITIES.iter().find_map(|(entity, c)| Some((*c, part.strip_prefix(entity)?)));
            let (c, rest) = known.unwrap_or_else(|| panic!("a bare & before {part:.20}"));
            decoded += c;
            decoded += rest;
        }
        decoded
    };
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("a doctype");
    let (mut open, mut text): (Vec<&str>, String) = Default::default();
    while let Some((before, tag)) = rest.split_once('<') {
        assert!(!before.contains('>'), "a bare > in {before:.40}");
        if !open.contains(&"style") {
            text += &decode(before);
        }
        let end = tag.find('>').unwrap_or_else(|| panic!("an open tag: {tag:.40}"));
        let inside = &tag[..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{inside} closes something else, before {rest:.80}");
            continue;
        }
        let (inside, alone) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let name = inside.split(' ').next().unwrap_or_default();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "a tag called {name:?}");
        let mut attributes = &inside[name.len()..];
        let mut seen = Vec::new();
        while let Some(attribute) = attributes.strip_prefix(' ') {
            let (key, value) = attribute.split_once("=\"").unwrap_or_else(|| panic!("no value: {attribute:.40}"));
            assert!(
                key.chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-' || key == "viewBox" || key == "preserveAspectRatio"),
                "{key}"
            );
            assert!(!seen.contains(&key) && !key.starts_with("on"), "{key} in {inside:.80}");
            seen.push(key);
            let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("no end: {attribute:.40}"));
            text += &decode(value);
            text.push('\n');
            attributes = after;
        }
        assert!(attributes.is_empty(), "{attributes:.40} in a tag");
        if !alone {
            open.push(name);
        }
        text.push('\n');
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} are open at the end");
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

fn environment() -> Environment {
    Environment { title: "a run".into(), outcome: Outcome::Complete, ..Environment::default() }
}

/// Three measuring points in a row for so many seconds.
fn run(seconds: u64, mut each: impl FnMut(u64, &mut [Stream; 3])) -> Recorder {
    let mut recorder = Recorder::new(0, SECOND);
    let mut streams = ["render", "encode", "file"].map(Stream::new);
    for s in 1..=seconds {
        each(s, &mut streams);
        let process = Process { memory: Some(100_000_000 + s * 1000), limit: Some(4_000_000_000) };
        recorder.sample(s * SECOND, &process, &streams.each_ref().map(Stream::reading));
    }
    let places = streams.map(|stream| stream.place);
    for (at, parts) in [(0, vec!["x264enc".to_owned()]), (1, vec!["mp4mux".to_owned()])] {
        let next = Some(places[at + 1].clone());
        recorder.describe(&places[at], Around { after: parts, next, ..Around::default() });
    }
    recorder
}

/// Noise that is the same each time.
fn noise(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *seed >> 33
}

#[test]
fn a_clean_run_is_healthy_and_says_so() {
    let recorder = run(60, |_, streams| streams.iter_mut().for_each(|stream| stream.flow(SECOND, 25, 0, 0)));
    let text = text_of(&page(&recorder, &environment()));
    for said in
        ["Healthy: nothing was lost, late or refused", "0:01:00.0 recorded", "25.0/s", "There was none", "100 MB"]
    {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
    assert!(!text.contains('✕') && !text.contains("Why it hung"));
}

#[test]
fn the_slow_one_is_named_with_how_slow_and_since_when() {
    let recorder = run(120, |s, streams| {
        let slow = s > 40;
        for (stream, ms) in streams.iter_mut().zip([if slow { 95 } else { 1 }, 1, 1]) {
            stream.each_push = ms * MILLISECOND;
            stream.flow(SECOND, 10, 0, 0);
        }
    });
    let text = text_of(&page(&recorder, &environment()));
    let sentence = "The slowest part is \nx264enc: it takes 100 ms a buffer";
    assert!(text.contains(sentence), "{text}");
    assert!(text.contains("since 0:00:40.0") && text.contains("10.0 buffers a second pass, 0.40× real time"), "{text}");
    assert!(text.contains("slowest: \nx264enc"), "{text}");
}

#[test]
fn loss_lateness_and_standstill_are_told_with_their_time() {
    let recorder = run(100, |s, streams| {
        streams[0].flow(SECOND, 25, if s == 31 { 7 } else { 0 }, 0);
        streams[1].flow(SECOND, 25, 0, if s == 62 { 10 } else { 0 });
        if s > 90 { streams[2].stand(SECOND) } else { streams[2].flow(SECOND, 25, 0, 0) }
    });
    let text = text_of(&page(&recorder, &environment()));
    for said in [
        "The pipeline stood still",
        "nothing moved for 10.0 s, from 0:01:30.0 on",
        "7 of 2507 buffers are missing (0.28 %), at 0:00:30.0",
        "10 of 2500 were late (0.40 %), by up to 50 ms, at 0:01:01.0",
        "7 buffers missing",
        "10 buffers late by up to 50 ms",
        "nothing moved for 10.0 s",
    ] {
        assert!(text.contains(said), "{said:?} is not in {text}");
    }
    // Media time: after 30 seconds with 25 buffers of 40 ms each.
    assert!(text.contains("0:00:30.0 – 0:00:31.0"), "{text}");
}

#[test]
fn why_it_hung_comes_before_everything_else() {
    let mut recorder = run(10, |_, streams| streams.iter_mut().for_each(|stream| stream.flow(SECOND, 25, 0, 0)));
    for _ in 0..3 {
        recorder.stall(7 * SECOND, "the queue <frames> has been full because mux waits", "deadlock");
    }
    let environment = Environment { outcome: Outcome::Failed("it hung".into()), ..environment() };
    let text = text_of(&page(&recorder, &environment));
    assert_eq!(text.matches("the queue <frames> has been full").count(), 2, "once to read, once in the raw figures");
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what} in {text}"));
    assert!(at("The pipeline hung") < at("Why it hung") && at("Why it hung") < at("Checks"));
    assert!(text.contains("At 0:00:07.0") && text.contains("deadlock") && text.contains("it hung"));
}

#[test]
fn ten_hours_of_twelve_measuring_points_fit_whatever_they_did() {
    let mut recorder = Recorder::new(0, SECOND / 10);
    let mut seed = 1;
    let mut streams: Vec<_> = (0..12).map(|n| Stream::new(&format!("measuring-point-number-{n}"))).collect();
    // Every span has many samples, so that coarser ones would show no more.
    for n in 1..=4096u64 {
        let now = n * 36_000 * SECOND / 4096;
        for stream in &mut streams {
            for _ in 0..3 {
                stream.each_push = 1 << (10 + noise(&mut seed) % 24);
                stream.flow(SECOND, noise(&mut seed) % 30, noise(&mut seed) % 2, noise(&mut seed) % 3);
            }
            stream.fill_up((noise(&mut seed) % 101) as f64 / 100.0, SECOND);
        }
        let memory = 100_000_000 + noise(&mut seed) % 50_000_000;
        let readings: Vec<_> = streams.iter().map(Stream::reading).collect();
        recorder.sample(now, &Process { memory: Some(memory), limit: Some(160_000_000) }, &readings);
    }
    let page = page(&recorder, &environment());
    text_of(&page);
    println!("{} bytes", page.len());
    assert!(page.len() <= PAGE_LIMIT, "{} bytes", page.len());
    assert_eq!(page.matches("<b>Latency</b>").count(), 12, "all have their pictures");
}

#[test]
fn a_crowd_has_a_page_too() {
    let mut recorder = Recorder::new(0, SECOND / 10);
    let mut streams: Vec<_> = (0..80).map(|n| Stream::new(&format!("element-with-a-name-{n}"))).collect();
    for s in 1..=300 {
        streams.iter_mut().for_each(|stream| stream.flow(SECOND, 25, 0, 0));
        let readings: Vec<_> = streams.iter().map(Stream::reading).collect();
        recorder.sample(s * SECOND, &Process::default(), &readings);
    }
    let page = page(&recorder, &environment());
    let text = text_of(&page);
    assert!(page.len() <= PAGE_LIMIT, "{} bytes", page.len());
    assert!(text.contains("more measuring points") && text.contains("more measuring points than can be recorded"));
}

#[test]
fn the_raw_figures_are_json_with_the_same_totals() {
    let recorder = run(30, |s, streams| {
        streams.iter_mut().for_each(|stream| stream.flow(SECOND, 25, u64::from(s == 9), 0));
    });
    let environment = environment();
    let view = View::new(&recorder, &environment, 512, 12);
    let read: serde_json::Value = serde_json::from_str(&view.figures().to_string()).expect("JSON");
    assert_eq!(read["probes"][0]["total"]["buffers"], 750);
    assert_eq!(read["probes"][2]["total"]["missing"], 1);
    assert_eq!(read["probes"][1]["push"]["count"], 750);
    let series = &read["probes"][0]["series"];
    let sum: u64 = series["buffers"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(sum, 750);
    assert!(text_of(&page(&recorder, &environment)).contains(&view.figures().to_string()));
}

#[test]
fn there_is_nothing_to_load_and_nothing_to_run() {
    let recorder = run(5, |_, streams| streams.iter_mut().for_each(|stream| stream.flow(SECOND, 25, 1, 1)));
    let page = page(&recorder, &environment());
    for foreign in ["<script", "http:", "https:", "url(", "@import", "src=", "<link", "<iframe", "javascript"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_run_in_which_nothing_was_measured_has_a_page() {
    let text = text_of(&page(&Recorder::new(0, 0), &Environment::default()));
    assert!(text.contains("Nothing arrived") && text.contains("Nothing in the pipeline was measured"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_name_breaks_out_of_the_markup(
        names in prop::collection::vec("(.{0,40}|[<>&\"' /=a-z\\]\\[!-]{0,30}|</style><script>alert\\(1\\)</script>)", 12),
    ) {
        let mut recorder = Recorder::new(0, SECOND / 10);
        let mut stream = Stream::new(&names[0]);
        stream.place.pad = names[1].clone();
        stream.place.media = names[2].clone();
        stream.place.pipeline = names[3].clone();
        stream.fill_up(0.95, SECOND);
        if let Some(fill) = &mut stream.fill {
            fill.queue = names[4].clone();
        }
        let mut other = Stream::new(&names[0]);
        other.place.pad = names[5].clone();
        for s in 1..9 {
            stream.flow(SECOND, 25, 1, 2);
            other.flow(SECOND, 25, 0, 0);
            recorder.sample(s * SECOND, &Process::default(), &[stream.reading(), other.reading()]);
        }
        let around = Around { before: vec![names[6].clone()], after: names[7..9].to_vec(), ..Around::default() };
        recorder.describe(&stream.place, around.clone());
        recorder.describe(&other.place, around);
        recorder.stall(SECOND, &names[9], &names[10]);
        let environment = Environment {
            title: names[11].clone(),
            made: names[1].clone(),
            outcome: Outcome::Failed(names[2].clone()),
            command: names[3].clone(),
            facts: vec![(names[4].clone(), names[5].clone())],
            graphs: vec![names[6].clone()],
        };
        let page = page(&recorder, &environment);
        text_of(&page);
        prop_assert!(!page.contains("<script"));
    }

    #[test]
    fn no_run_makes_it_panic(
        spans in prop::collection::vec((1u64..5000 * SECOND, 0u64..100, 0u64..5, 0u64..9, 0.0f64..1.2, 0u64..20 * SECOND), 0..20),
    ) {
        let mut recorder = Recorder::new(5, SECOND / 10);
        let mut stream = Stream::new("a");
        let mut now = 5;
        for (span, buffers, missing, late, fill, push) in spans {
            now += span;
            stream.each_push = push;
            if buffers == 0 { stream.stand(span) } else { stream.flow(span, buffers, missing, late) }
            stream.fill_up(fill, span);
            recorder.sample(now, &Process { memory: Some(push), limit: Some(span) }, &[stream.reading()]);
        }
        text_of(&page(&recorder, &environment()));
    }
}
