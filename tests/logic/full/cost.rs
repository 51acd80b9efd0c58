//! What the analysis costs: time, memory and disk.

use std::ops::ControlFlow;
use std::time::Duration;

use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::options::{Analysis, Normalize, Options};
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline_file::NewFile;

use crate::common::memory;
use crate::common::process::alone;

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn stereo_is_analysed_sixty_times_faster_than_it_plays_in_32_mib_and_40_kb_a_second() {
    alone!();
    const SECONDS: usize = 240;
    const RATE: usize = 48_000;
    let mut noise = 1u32;
    let second: Vec<f32> = (0..RATE * 2)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / (1 << 23) as f32 - 1.0;
            if i % RATE < RATE / 8 { 0.5 * hiss } else { 0.1 * hiss }
        })
        .collect();
    for analysis in [Analysis::Full, Analysis::Causal] {
        let options = Options { analysis, normalize: Normalize::Track };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.steadytl");
        let (before, since) = (memory::kib("VmHWM"), cpu_time());
        let mut analyzer = Analyzer::new(RATE as u32, 2, scratch::unlinked().unwrap()).unwrap().with(options);
        (0..SECONDS).for_each(|_| analyzer.push(&second).unwrap());
        let timeline = analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap();
        let took = cpu_time() - since;
        let grown = memory::kib("VmHWM") - before;
        NewFile::beside(&path).unwrap().save(&timeline).unwrap();
        let bytes = std::fs::metadata(&path).unwrap().len() / SECONDS as u64;
        let speed = SECONDS as f64 / took.as_secs_f64();
        println!("{analysis:?}: {speed:.0} times real time, {grown} KiB more at its peak, {bytes} bytes a second");
        assert!(grown <= 32 * 1024, "{analysis:?}: {grown} KiB");
        assert!(bytes <= 40_000, "{analysis:?}: {bytes} bytes a second");
        assert!(speed >= 60.0, "{analysis:?}: {speed:.0} times real time");
    }
}
