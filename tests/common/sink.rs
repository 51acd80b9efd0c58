//! Faults for recordings: small disks.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs of so many bytes, mounted on a directory until dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where mounting is not allowed.
    pub fn mount(at: &Path, bytes: u64) -> Option<Self> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "none"])
            .arg(at)
            .stderr(std::process::Stdio::null())
            .status();
        status.is_ok_and(|s| s.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
