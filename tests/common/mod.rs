//! What the test binaries share. The pure logic's needs no GStreamer.
#![allow(dead_code, reason = "each test binary uses a part of it")]

#[cfg(feature = "plugin")]
pub mod audio;
pub mod gate;
pub mod media;
pub mod memory;
#[cfg(feature = "plugin")]
pub mod pads;
#[cfg(feature = "plugin")]
mod pipeline;
pub mod process;
pub mod sink;

use std::time::{Duration, Instant};

#[cfg(feature = "plugin")]
pub use pipeline::{Outcome, TestPipeline, init};

/// How long a test waits for something that should come at once. Long, because shared machines stall; never reached when healthy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls `condition` until it holds; panics with `what` after [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A new folder where files go to a disk: not in /tmp, which may be in memory.
pub fn folder_on_disk() -> tempfile::TempDir {
    let tests = env!("CARGO_TARGET_TMPDIR");
    std::fs::create_dir_all(tests).unwrap();
    tempfile::tempdir_in(tests).unwrap()
}

/// A folder with nothing but the plugin as built for this test, for `GST_PLUGIN_PATH`. The command looks there first.
pub fn plugin_folder() -> std::path::PathBuf {
    // Tests lie in target/PROFILE/deps, and so does the plugin that cargo built with them.
    let test = std::env::current_exe().unwrap();
    let deps = test.parent().unwrap();
    let folder = deps.parent().unwrap().join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    let unique = folder.join(format!("{}.tmp", std::process::id()));
    std::fs::copy(deps.join("libgststeady.so"), &unique).unwrap();
    std::fs::rename(&unique, folder.join("libgststeady.so")).unwrap();
    folder
}
