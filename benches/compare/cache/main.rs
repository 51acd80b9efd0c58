//! What the frame cache of `visualrender` is worth: how long a jump takes to the first picture, how much of a loop is rendered again, what a
//! second processor brings, and whether the memory is what the account says.
//!
//! `cargo bench --bench cache [-- OUT.json]` prints a table and a line of JSON. Jumps are compared with those of `videotestsrc`, in turns: what they
//! take is GStreamer's own work. Each part runs in a process of its own, since the memory limit is the process's.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the program where it stands")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gst::prelude::*;
use serde_json::{Value, json};

const FULL_HD: &str = "video/x-raw,format=RGBA,width=1920,height=1080,framerate=30/1";
const JUMPS: usize = 300;
const FLUSH: gst::SeekFlags = gst::SeekFlags::FLUSH.union(gst::SeekFlags::ACCURATE);

fn main() {
    gst::init().unwrap();
    gststeady::plugin_register_static().unwrap();
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let Some(part) = args.first().and_then(|arg| arg.strip_prefix("part=")) {
        println!("{}", run(part));
        return;
    }
    let part = |name: &str, limit: &str, processors: &str| {
        let mut command = Command::new("taskset");
        command.args(["-c", processors]).arg(std::env::current_exe().unwrap()).arg(format!("part={name}"));
        let output = command.env("STEADY_MEMORY_LIMIT", limit).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{name}");
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<Value>(text.lines().last().unwrap()).unwrap()
    };
    let all = format!("0-{}", std::thread::available_parallelism().unwrap().get() - 1);
    let jumps = part("jumps", "2G", &all);
    println!("A jump to the first picture at 1920×1080, ms:     p50      p99");
    for what in ["videotestsrc", "ready", "rendered"] {
        println!("{what:<46} {:>8.2} {:>8.2}", number(&jumps[what]["p50"]), number(&jumps[what]["p99"]));
    }
    println!("rendering of a frame {:>29.2}", number(&jumps["render"]));
    let mut loops = Vec::new();
    // Frames of 4K that take 33 MB: room for about half of the loop.
    for eviction in ["plan", "lru"] {
        let reused = part(&format!("loop-{eviction}"), "1100M", &all);
        println!(
            "A loop of 60 frames of 4K with room for {}, {eviction}: {:.1} % not rendered again",
            reused["room"],
            number(&reused["reused"])
        );
        loops.push(json!({ "eviction": eviction, "figures": reused }));
    }
    let mut speeds = Vec::new();
    for size in ["1280x720", "1920x1080"] {
        for format in ["RGBA", "I420"] {
            let name = format!("speed-{size}-{format}");
            // In turns; the best of each.
            let best =
                |processors: &str| (0..3).map(|_| number(&part(&name, "2G", processors)["fps"])).fold(0.0, f64::max);
            let (one, two) = (best("0"), best("0,1"));
            println!("{size} {format}: {one:.0} frames a second on one processor, {two:.0} on two: {:.2} ×", two / one);
            speeds.push(json!({ "size": size, "format": format, "one": one, "two": two }));
        }
    }
    let memory = part("memory", "600M", &all);
    println!("Memory: {} MB by the account, {} MB by the kernel", memory["account"], memory["kernel"]);
    let result = json!({ "jumps": jumps, "loops": loops, "speeds": speeds, "memory": memory }).to_string();
    println!("{result}");
    if let Some(out) = args.first() {
        std::fs::write(out, result).unwrap();
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn run(part: &str) -> Value {
    match part.split('-').collect::<Vec<_>>()[..] {
        ["jumps"] => jumps(),
        ["loop", eviction] => reuse(eviction),
        ["speed", size, format] => speed(size, format),
        ["memory"] => memory(),
        _ => panic!("{part}"),
    }
}

/// A pipeline that ends with its value.
struct Pipeline(gst::Pipeline);

impl Pipeline {
    fn new(line: &str) -> Self {
        Self(gst::parse::launch(line).unwrap().downcast().unwrap())
    }
}

impl std::ops::Deref for Pipeline {
    type Target = gst::Pipeline;
    fn deref(&self) -> &gst::Pipeline {
        &self.0
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.0.set_state(gst::State::Null).unwrap();
    }
}

/// A paused pipeline of `source`, and its sink.
fn paused(source: &str, caps: &str) -> (Pipeline, gst_app::AppSink) {
    let pipeline = Pipeline::new(&format!("{source} ! {caps} ! appsink name=sink sync=false max-buffers=1"));
    let sink = pipeline.by_name("sink").unwrap().downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(None).0.unwrap();
    (pipeline, sink)
}

fn jump(pipeline: &gst::Pipeline, sink: &gst_app::AppSink, n: u64) -> Duration {
    let began = Instant::now();
    let time = gst::ClockTime::from_nseconds((n * 1_000_000_000).div_ceil(30));
    pipeline.seek_simple(FLUSH, time).unwrap();
    sink.pull_preroll().unwrap();
    began.elapsed()
}

fn stat(pipeline: &gst::Pipeline, name: &str) -> u64 {
    let render = pipeline.by_name("render").unwrap();
    render.property::<gst::Structure>("memory-stats").get(name).unwrap()
}

fn settle(pipeline: &gst::Pipeline) {
    let mut before = u64::MAX;
    while before != stat(pipeline, "rendered") {
        before = stat(pipeline, "rendered");
        std::thread::sleep(Duration::from_millis(150));
    }
}

fn jumps() -> Value {
    let (peer, peer_sink) = paused("videotestsrc", FULL_HD);
    let (pipeline, sink) = paused("visualrender name=render num-buffers=100000", FULL_HD);
    let (none, none_sink) = paused("visualrender name=render num-buffers=100000 preload=none", FULL_HD);
    jump(&pipeline, &sink, 500);
    settle(&pipeline);
    let (mut peers, mut ready, mut rendered) = (Vec::new(), Vec::new(), Vec::new());
    let before = figures(&none);
    for i in 0..JUMPS as u64 {
        peers.push(jump(&peer, &peer_sink, 490 + i * 7 % 20));
        ready.push(jump(&pipeline, &sink, 490 + i * 7 % 20));
        rendered.push(jump(&none, &none_sink, 1000 + i * 50));
    }
    let after = figures(&none);
    let render = (after.0 - before.0) as f64 / (after.1 - before.1) as f64 / 1e6;
    let of = |mut times: Vec<Duration>| {
        times.sort_unstable();
        json!({ "p50": times[JUMPS / 2].as_secs_f64() * 1e3, "p99": times[JUMPS * 99 / 100].as_secs_f64() * 1e3 })
    };
    json!({ "videotestsrc": of(peers), "ready": of(ready), "rendered": of(rendered), "render": render })
}

/// Time spent rendering, and frames rendered.
fn figures(pipeline: &gst::Pipeline) -> (u64, u64) {
    let render = pipeline.by_name("render").unwrap();
    let stats: gst::Structure = render.property("stats");
    (stats.get("render-time").unwrap(), stat(pipeline, "rendered"))
}

fn reuse(eviction: &str) -> Value {
    let source = format!("visualrender name=render num-buffers=100000 eviction={eviction}");
    let (pipeline, sink) = paused(&source, "video/x-raw,format=RGBA,width=3840,height=2160,framerate=60/1");
    let bus = pipeline.bus().unwrap();
    let time = |n: u64| gst::ClockTime::from_nseconds(n * 1_000_000_000 / 60);
    let (set, segment) = (gst::SeekType::Set, gst::SeekFlags::SEGMENT);
    sink.set_property("drop", true);
    pipeline.seek(1.0, FLUSH | segment, set, time(100), set, time(160)).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut before = 0;
    let mut passes = 0;
    for pass in 0..12 {
        let types = [gst::MessageType::SegmentDone, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(None, &types).unwrap();
        assert_eq!(message.type_(), gst::MessageType::SegmentDone);
        // The first passes fill the room.
        if pass == 1 {
            before = stat(&pipeline, "rendered");
        } else if pass > 1 {
            passes += 1;
        }
        pipeline.seek(1.0, segment, set, time(100), set, time(160)).unwrap();
    }
    let rendered = stat(&pipeline, "rendered") - before;
    let room = stat(&pipeline, "limit") / stat(&pipeline, "frame-size");
    json!({ "room": room, "reused": 100.0 - 100.0 * rendered as f64 / (passes * 60) as f64 })
}

fn speed(size: &str, format: &str) -> Value {
    let (width, height) = size.split_once('x').unwrap();
    let pipeline = Pipeline::new(&format!(
        "visualrender num-buffers=1500 ! video/x-raw,format={format},width={width},height={height},framerate=30/1 ! fakesink name=sink sync=false"
    ));
    pipeline.set_state(gst::State::Paused).unwrap();
    pipeline.state(None).0.unwrap();
    let began = Instant::now();
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = pipeline.bus().unwrap().timed_pop_filtered(None, &[gst::MessageType::Eos, gst::MessageType::Error]);
    assert_eq!(message.unwrap().type_(), gst::MessageType::Eos);
    json!({ "fps": 1500.0 / began.elapsed().as_secs_f64() })
}

fn memory() -> Value {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    let caps = "video/x-raw,format=RGBA,width=3840,height=2160,framerate=60/1";
    let (pipeline, sink) = paused("visualrender name=render num-buffers=100000", caps);
    let (before, mapped) = (resident(), stat(&pipeline, "mapped"));
    jump(&pipeline, &sink, 1000);
    settle(&pipeline);
    let (kernel, account) = (resident() - before, stat(&pipeline, "mapped") - mapped);
    assert!(stat(&pipeline, "charged") <= stat(&pipeline, "limit"));
    json!({ "kernel": kernel / 1_000_000, "account": account / 1_000_000 })
}
