//! Older CPUs, as far as a program can tell: qemu runs it and answers `cpuid` for them.

use std::process::Command;

use crate::common::process::name_of;

/// CPUs by qemu's names, one for each level below AVX-512, which qemu does not know. That one is tested where a machine has it,
/// by the same tests without an emulator.
const CPUS: [(&str, &str); 3] = [("qemu64", "x86-64"), ("Nehalem", "x86-64-v2"), ("Haswell", "x86-64-v3")];

/// The level that kernels are dispatched to on this CPU, by what they are compiled with.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    macro_rules! has {
        ($($feature:tt)*) => { true $(&& std::arch::is_x86_feature_detected!($feature))* };
    }
    match () {
        #[cfg(target_arch = "x86_64")]
        () if has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl") => "x86-64-v4",
        #[cfg(target_arch = "x86_64")]
        () if has!("avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe" "xsave") => "x86-64-v3",
        #[cfg(target_arch = "x86_64")]
        () if has!("sse4.2" "ssse3" "popcnt" "cmpxchg16b") => "x86-64-v2",
        () => "x86-64",
    }
}

/// Run on an emulated CPU, it tells whether the emulation works.
#[test]
fn the_level_of_this_cpu() {
    println!("level: {}", level());
    assert!(CPUS.iter().any(|(_, emulated)| *emulated == level()) || level() == "x86-64-v4");
}

/// Runs `test` of this program on every emulated CPU.
#[track_caller]
pub fn passes_on_every_cpu(test: &str) {
    for (cpu, level) in CPUS {
        let run = |test: &str| {
            Command::new("qemu-x86_64")
                .args(["-cpu", cpu])
                .arg(std::env::current_exe().expect("the path of this test"))
                .args(["--exact", "--nocapture", test])
                .env("INSTA_UPDATE", "no")
                .output()
                .expect("the slow tests need qemu-x86_64, in the package qemu-user")
        };
        let text = String::from_utf8_lossy(&run(name_of(the_level_of_this_cpu)).stdout).into_owned();
        assert!(text.contains(&format!("level: {level}\n")), "{cpu} is not what it should be: {text}");
        let started = std::time::Instant::now();
        let output = run(test);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{test} on {cpu}: {text}");
        println!("{level}: passed in {:.0} s", started.elapsed().as_secs_f64());
    }
}
