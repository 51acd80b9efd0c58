//! What the kernel says of this process's memory.

/// A line of `/proc/self/status` in KiB: `VmRSS` is what is resident, `VmHWM` the most that ever was.
pub fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
