//! `filesink` and `crashsafesink` in turns, in one process, on one file system: throughput, CPU time, time in a push, memory,
//! as ratios to the `filesink` run beside them. `benches/compare/sink/run` starts it.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be set up should end where it stands")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gst::prelude::*;

/// Factory and properties; the first one is what the others are compared with. It ends with its bytes in memory, and so does
/// "flush, keep". The rest end with them on the disk, for which the second one is the measure.
const SINKS: [(&str, &str, &str); 5] = [
    ("filesink", "filesink", ""),
    (SYNCED, "filesink", ""),
    ("flush, keep", "crashsafesink", "durability=flush page-cache=keep"),
    ("flush", "crashsafesink", "durability=flush"),
    ("sync", "crashsafesink", "durability=sync"),
];
/// `filesink`, and then what makes its bytes durable, as part of its time.
const SYNCED: &str = "filesink, fsync";
/// Size of a buffer and how many bytes in all.
const LOADS: [(usize, u64); 3] = [(188, 96 << 20), (64 << 10, 512 << 20), (8 << 20, 1 << 30)];

/// What one run costs.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Seconds from the first push until EOS has been handled.
    wall: f64,
    /// Seconds of CPU of the whole process.
    cpu: f64,
    /// 99th percentile of the time in one push, in microseconds.
    p99: f64,
    /// Milliseconds for EOS alone.
    eos: f64,
    /// Growth of the greatest resident set, in MiB.
    rss: f64,
    /// Syncs of the file before EOS.
    syncs: f64,
    /// MiB of the file in the page cache at the end.
    cached: f64,
}

fn cpu() -> f64 {
    // SAFETY: getrusage fills the structure it is given.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// A figure of /proc/self/status in MiB.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn cached(file: &Path) -> f64 {
    let output = std::process::Command::new("fincore").args(["-b", "-n", "-o", "RES"]).arg(file).output();
    output.map_or(f64::NAN, |o| String::from_utf8_lossy(&o.stdout).trim().parse().unwrap_or(0.0) / f64::from(1 << 20))
}

/// Gives every run the same start: the page cache without the last run's file, and as many free pages as this run may want,
/// touched a moment ago. In a virtual machine the first touch of a page may cost more than all that is done with it then, and
/// the sink whose turn comes after a page-cache-hungry one would be spared it.
fn warm_up(file: &Path, total: u64) {
    let _ = std::fs::remove_file(file);
    rustix::fs::sync();
    let mut scratch = std::fs::File::create(file).unwrap();
    let chunk = vec![0xAA; 1 << 20];
    for _ in 0..total >> 20 {
        scratch.write_all(&chunk).unwrap();
    }
    drop(scratch);
    std::fs::remove_file(file).unwrap();
}

fn run((name, factory, properties): (&str, &str, &str), size: usize, total: u64, dir: &Path) -> Cost {
    let file = dir.join("out.bin");
    warm_up(&file, total);
    let pipeline = gst::parse::launch(&format!("{factory} name=sink async=false {properties}")).unwrap();
    let (pipeline, sink) = match pipeline.downcast::<gst::Pipeline>() {
        Ok(pipeline) => (pipeline.clone(), pipeline.by_name("sink").unwrap()),
        Err(sink) => {
            let pipeline = gst::Pipeline::new();
            pipeline.add(&sink).unwrap();
            (pipeline, sink)
        }
    };
    sink.set_property("location", file.to_str().unwrap());
    pipeline.set_state(gst::State::Playing).unwrap();
    let pad = sink.static_pad("sink").unwrap();
    assert!(pad.send_event(gst::event::StreamStart::new("bench")));
    assert!(pad.send_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::format::Bytes>::new())));
    // Several, since filesink maps all those it gathers at once and one memory can be mapped 255 times only.
    let buffers: Vec<_> = (0..(1 << 20) / size + 1).map(|_| gst::Buffer::from_slice(vec![0x55_u8; size])).collect();
    // 5 resets the high-water mark: proc_pid_clear_refs(5).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (rss, cpu_before) = (memory("VmRSS"), cpu());
    let pushes = total / size as u64;
    let mut times = Vec::with_capacity(pushes as usize);
    let start = Instant::now();
    for n in 0..pushes as usize {
        let buffer = buffers[n % buffers.len()].copy();
        let since = Instant::now();
        pad.chain(buffer).unwrap();
        times.push(since.elapsed());
    }
    let syncs = if factory == "crashsafesink" {
        sink.property::<gst::Structure>("stats")
            .get::<u64>("syncs")
            .unwrap_or_else(|e| panic!("{e}: {}", sink.property::<gst::Structure>("stats")))
    } else {
        0
    };
    let before_eos = Instant::now();
    assert!(pad.send_event(gst::event::Eos::new()));
    if name == SYNCED {
        std::fs::File::open(&file).unwrap().sync_all().unwrap();
    }
    let (wall, eos) = (start.elapsed(), before_eos.elapsed());
    let (cpu, rss) = (cpu() - cpu_before, memory("VmHWM") - rss);
    pipeline.set_state(gst::State::Null).unwrap();
    let cached = cached(&file);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), pushes * size as u64);
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    let micros = |d: Duration| d.as_secs_f64() * 1e6;
    // The times themselves are memory too.
    let rss = (rss - (pushes * 16) as f64 / f64::from(1 << 20)).max(0.0);
    Cost { wall: wall.as_secs_f64(), cpu, p99: micros(p99), eos: micros(eos) / 1e3, rss, syncs: syncs as f64, cached }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut rounds, mut json) = (5, None);
    let mut sizes: Vec<usize> = LOADS.iter().map(|(size, _)| *size).collect();
    let mut sinks: Vec<usize> = (0..SINKS.len()).collect();
    let mut dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target");
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().unwrap().parse().unwrap(),
            "--json" => json = arguments.next(),
            "--dir" => dir = arguments.next().unwrap().into(),
            "--size" => sizes = arguments.next().unwrap().split(',').map(|n| n.parse().unwrap()).collect(),
            "--sinks" => sinks = arguments.next().unwrap().split(',').map(|n| n.parse().unwrap()).collect(),
            _ => {} // cargo bench adds --bench
        }
    }
    gst::init().unwrap();
    gststeady::plugin_register_static().unwrap();
    let dir = tempfile::tempdir_in(dir).unwrap();
    let mut report = serde_json::Map::new();
    println!(
        "Medians of {rounds} rounds in turns; ratios to filesink, and of throughput to filesink with fsync. CPU includes the driver's.\n"
    );
    println!(
        "{:>9} {:15} {:>9} {:>11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7} {:>10}",
        "buffer", "sink", "MB/s", "throughput", "to fsync", "CPU", "p99", "EOS ms", "RSS MiB", "syncs", "cached MiB"
    );
    for (size, total) in LOADS.into_iter().filter(|(size, _)| sizes.contains(size)) {
        let mut costs: BTreeMap<usize, Vec<Cost>> = BTreeMap::new();
        for round in 0..rounds {
            for turn in 0..sinks.len() {
                let which = sinks[(turn + round) % sinks.len()];
                costs.entry(which).or_default().push(run(SINKS[which], size, total, dir.path()));
            }
        }
        // Ratios within a round, then their median: the disk's mood changes from round to round.
        for (which, (name, ..)) in SINKS.iter().enumerate().filter(|(which, _)| sinks.contains(which)) {
            let pick = |f: fn(&Cost) -> f64| median(costs[&which].iter().map(f).collect());
            let ratio = |f: fn(&Cost) -> f64| {
                median(costs[&which].iter().zip(&costs[&sinks[0]]).map(|(ours, theirs)| f(ours) / f(theirs)).collect())
            };
            let durable = costs.get(&1).map_or(f64::NAN, |synced| {
                median(costs[&which].iter().zip(synced).map(|(ours, theirs)| theirs.wall / ours.wall).collect())
            });
            let (throughput, cpu, p99) = (1.0 / ratio(|c| c.wall), ratio(|c| c.cpu), ratio(|c| c.p99));
            let speed = total as f64 / 1e6 / pick(|c| c.wall);
            let (eos, rss, syncs, cached) = (pick(|c| c.eos), pick(|c| c.rss), pick(|c| c.syncs), pick(|c| c.cached));
            println!(
                "{size:>9} {name:15} {speed:>9.0} {throughput:>11.2} {durable:>9.2} {cpu:>9.2} {p99:>9.2} {eos:>9.1} {rss:>9.1} {syncs:>7} {cached:>10.1}"
            );
            report.insert(format!("{size} {name}"), serde_json::json!({
                "throughput_ratio": throughput, "throughput_to_fsync_ratio": durable, "cpu_ratio": cpu, "p99_push_ratio": p99, "megabytes_per_second": speed,
                "eos_ms": eos, "rss_mib": rss, "syncs": syncs, "cached_mib": cached,
            }));
        }
    }
    if let Some(path) = json {
        std::fs::write(path, format!("{:#}\n", serde_json::Value::Object(report))).unwrap();
    }
}
