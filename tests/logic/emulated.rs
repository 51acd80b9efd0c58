//! Older CPUs, as far as a program can tell: qemu runs it and answers `cpuid` for them.

use std::process::Command;

use crate::common::process::name_of;

/// CPUs by qemu's names, with the best of the instructions that kernels are compiled for.
const CPUS: [(&str, &str); 2] = [("qemu64", "baseline"), ("Haswell", "avx2")];

/// What kernels are dispatched to on this CPU.
fn level() -> &'static str {
    match () {
        #[cfg(target_arch = "x86_64")]
        () if std::arch::is_x86_feature_detected!("avx512f") => "avx512f",
        #[cfg(target_arch = "x86_64")]
        () if std::arch::is_x86_feature_detected!("avx2") => "avx2",
        () => "baseline",
    }
}

/// Run on an emulated CPU, it tells whether the emulation works.
#[test]
fn the_level_of_this_cpu() {
    println!("level: {}", level());
    assert!(CPUS.iter().any(|(_, emulated)| *emulated == level()) || level() == "avx512f");
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
        let output = run(test);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{test} on {cpu}: {text}");
    }
}
