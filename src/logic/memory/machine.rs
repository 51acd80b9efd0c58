//! The memory of the machine: RAM and every cgroup limit above the process, version 1 or 2.

use std::io;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;

/// Where the effective figure came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The RAM of the machine.
    Total,
    /// A cgroup limit below it; the file that says so.
    Cgroup(PathBuf),
    /// `STEADY_ASSUME_MEMORY` or a property.
    Override,
    /// Nothing could be read.
    Unknown,
}

/// Memory facts, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Bytes of RAM.
    pub total: Option<u64>,
    /// Bytes that can be had without swapping: of the machine, and of every cgroup above the process.
    pub available: Option<u64>,
    /// The smallest of RAM and all limits, or the override. None when nothing could be read.
    pub effective: Option<u64>,
    /// Where `effective` came from.
    pub source: Source,
}

impl Machine {
    /// Reads this machine and the environment.
    pub fn detect() -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let known = |bytes: u64| Some(bytes).filter(|b| *b > 0);
        let (total, available) = (known(system.total_memory()), known(system.available_memory()));
        // Hierarchies stay where they are mounted. Where that could not be read, it is tried again at the next look.
        static MOUNTS: OnceCell<Vec<Mount>> = OnceCell::new();
        let root = Path::new("/");
        let mounts = MOUNTS.get_or_try_init(|| mounts(root)).map_or(&[][..], Vec::as_slice);
        let machine = Self::with_limits(total, available, cgroup_limits(root, mounts));
        match bytes_variable("STEADY_ASSUME_MEMORY", |name| std::env::var(name).ok()) {
            Some(bytes) => machine.assuming(bytes),
            None => machine,
        }
    }

    /// The facts for RAM as given and the cgroups found under `root` (`/`, or a copy of the files for tests).
    pub fn new(total: Option<u64>, available: Option<u64>, root: &Path) -> Self {
        Self::with_limits(total, available, cgroup_limits(root, &mounts(root).unwrap_or_default()))
    }

    fn with_limits(total: Option<u64>, available: Option<u64>, limits: Vec<Limit>) -> Self {
        let mut machine = Self { total, available, effective: total, source: Source::Total };
        for limit in limits {
            if machine.effective.is_none_or(|e| limit.bytes < e) {
                machine.effective = Some(limit.bytes);
                machine.source = Source::Cgroup(limit.file);
            }
            if let Some(free) = limit.free {
                machine.available = Some(machine.available.map_or(free, |a| a.min(free)));
            }
        }
        if machine.effective.is_none() {
            machine.source = Source::Unknown;
        }
        machine
    }

    /// The same machine, taken to have `bytes` of memory.
    pub fn assuming(&self, bytes: u64) -> Self {
        Self {
            effective: Some(bytes),
            available: Some(self.available.map_or(bytes, |a| a.min(bytes))),
            source: Source::Override,
            ..self.clone()
        }
    }
}

/// Bytes of memory that this process has in RAM now.
pub fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// A number of bytes as people write it: digits and an optional K, M, G or T (powers of 1024), with or without B or iB.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let shift = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// The bytes in an environment variable; unset, empty, zero and nonsense are all "not given".
pub fn bytes_variable(name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<u64> {
    parse_bytes(&variable(name)?).filter(|bytes| *bytes > 0)
}

/// The variables of memory that are set to what is no number of bytes, each in a sentence for whoever set it.
pub fn misread_variables(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let misread = |name: &str| {
        let value = variable(name).filter(|value| !value.is_empty() && parse_bytes(value).is_none())?;
        Some(format!("{name}={value} is not a number of bytes, such as 8G, and is ignored"))
    };
    ["STEADY_ASSUME_MEMORY", "STEADY_MEMORY_LIMIT", "STEADY_MEMORY_RESERVE"].into_iter().filter_map(misread).collect()
}

/// One limit on the way from the process to the root of its hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    bytes: u64,
    /// Bytes below the limit that are not in use; page cache that can be dropped at once counts as free.
    free: Option<u64>,
    file: PathBuf,
}

/// Names that differ between the versions.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    /// `memory.high` does not kill, but throttles whoever passes it to a crawl, so it binds as well.
    limits: &'static [&'static str],
    usage: &'static str,
    inactive: &'static str,
}
static V1: Version =
    Version { limits: &["memory.limit_in_bytes"], usage: "memory.usage_in_bytes", inactive: "total_inactive_file " };
static V2: Version =
    Version { limits: &["memory.max", "memory.high"], usage: "memory.current", inactive: "inactive_file " };

/// Version 1 says "no limit" with the largest page-aligned number; anything of that order is no limit.
const SENTINEL: u64 = 1 << 60;

fn cgroup_limits(root: &Path, mounts: &[Mount]) -> Vec<Limit> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut limits = Vec::new();
    for line in groups.lines() {
        // hierarchy-ID:controllers:path; version 2 has no controllers here.
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let version = match controllers {
            "" => &V2,
            list if list.split(',').any(|c| c == "memory") => &V1,
            _ => continue,
        };
        let Some(mount) = mounts.iter().find(|mount| mount.version == version) else { continue };
        // A container may see only its own part of the tree: then the mount's root is a prefix of the path, or the
        // path cannot be reached and the mount point itself is the nearest group.
        let below = Path::new(path).strip_prefix(&mount.root).unwrap_or(Path::new(""));
        let stays_inside = below.components().all(|c| matches!(c, std::path::Component::Normal(_)));
        let below = if stays_inside { below } else { Path::new("") };
        for group in below.ancestors() {
            let folder = root.join(mount.point.trim_start_matches('/')).join(group);
            limits.extend(version.limits.iter().filter_map(|name| read_limit(folder.join(name), &folder, version)));
        }
    }
    limits
}

fn read_limit(file: PathBuf, folder: &Path, version: &Version) -> Option<Limit> {
    let number = |path: &Path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let bytes = number(&file).filter(|b| (1..SENTINEL).contains(b))?;
    let inactive = std::fs::read_to_string(folder.join("memory.stat"))
        .ok()
        .and_then(|stat| stat.lines().find_map(|line| line.strip_prefix(version.inactive)?.trim().parse::<u64>().ok()));
    let free = number(&folder.join(version.usage))
        .map(|usage| bytes.saturating_sub(usage.saturating_sub(inactive.unwrap_or(0))));
    Some(Limit { bytes, free, file })
}

/// A place where a hierarchy that accounts for memory is mounted.
#[derive(Debug)]
struct Mount {
    /// The group that is mounted.
    root: PathBuf,
    point: String,
    version: &'static Version,
}

/// All of them, as proc(5) describes them.
fn mounts(root: &Path) -> io::Result<Vec<Mount>> {
    Ok(std::fs::read_to_string(root.join("proc/self/mountinfo"))?.lines().filter_map(Mount::parse).collect())
}

impl Mount {
    /// None if a line of mountinfo is about something else.
    fn parse(line: &str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let (kind, _source, options) = (after.next()?, after.next()?, after.next().unwrap_or(""));
        let version = match kind {
            "cgroup2" => &V2,
            "cgroup" if options.split(',').any(|option| option == "memory") => &V1,
            _ => return None,
        };
        Some(Self { root: unescape(root).into(), point: unescape(point), version })
    }
}

/// Mountinfo writes blank, tab, newline and backslash as three octal digits.
fn unescape(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1_MOUNTS: &str = "33 24 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                             36 24 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";

    /// Writes a tree of files and reads a machine of 16 GiB with 10 GiB available from it.
    fn machine(files: &[(&str, &str)]) -> Machine {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Machine::new(Some(16 * GIB), Some(10 * GIB), root.path())
    }

    #[test]
    fn without_cgroups_the_ram_counts() {
        let m = machine(&[]);
        assert_eq!((m.effective, m.available, m.source), (Some(16 * GIB), Some(10 * GIB), Source::Total));
    }

    #[test]
    fn version_2_takes_the_smallest_limit_up_the_tree() {
        let m = machine(&[
            ("proc/self/cgroup", "0::/a/b/c\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/a/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/a/memory.current", "1610612736\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 536870912\nactive_file 7\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/c/memory.max", "4294967296\n"),
        ]);
        assert_eq!(m.effective, Some(2 * GIB));
        assert_eq!(m.available, Some(GIB), "limit 2 GiB, 1.5 in use, of which 0.5 is cache that can go");
        assert!(matches!(m.source, Source::Cgroup(file) if file.ends_with("sys/fs/cgroup/a/memory.max")));
    }

    #[test]
    fn memory_high_binds_like_a_limit() {
        let m = machine(&[
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/a/memory.max", "4294967296"),
            ("sys/fs/cgroup/a/memory.high", "3221225472"),
        ]);
        assert_eq!(m.effective, Some(3 * GIB));
    }

    #[test]
    fn version_1_takes_the_memory_hierarchy_and_ignores_the_sentinel() {
        let m = machine(&[
            ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n"),
            ("proc/self/mountinfo", V1_MOUNTS),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "268435456\n"),
        ]);
        assert_eq!((m.effective, m.available), (Some(GIB), Some(3 * GIB / 4)));
    }

    #[test]
    fn a_container_that_sees_only_its_own_part_of_the_tree() {
        let mount = "36 24 0:31 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        for path in ["/docker/abc", "/docker/abc/", "/other/namespace", "/../../elsewhere"] {
            let m = machine(&[
                ("proc/self/cgroup", &format!("4:memory:{path}\n")),
                ("proc/self/mountinfo", mount),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ]);
            assert_eq!(m.effective, Some(GIB / 2), "{path}");
        }
        let inner = machine(&[
            ("proc/self/cgroup", "4:memory:/docker/abc/job\n"),
            ("proc/self/mountinfo", mount),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "536870912\n"),
        ]);
        assert_eq!(inner.effective, Some(GIB / 2));
    }

    #[test]
    fn both_versions_mounted_at_once_both_bind() {
        let m = machine(&[
            ("proc/self/cgroup", "4:memory:/v1\n0::/v2\n"),
            ("proc/self/mountinfo", &format!("{V1_MOUNTS}{}", V2_MOUNT.replace("/sys/fs/cgroup", "/sys/fs/unified"))),
            ("sys/fs/cgroup/memory/v1/memory.limit_in_bytes", "4294967296"),
            ("sys/fs/unified/v2/memory.max", "1073741824"),
        ]);
        assert_eq!(m.effective, Some(GIB));
    }

    #[test]
    fn garbage_is_no_limit_and_no_panic() {
        for text in
            ["", "max", "-1", "0", "12 apples", "99999999999999999999999999", "\u{0}\u{1}", "9223372036854775807"]
        {
            let m = machine(&[
                ("proc/self/cgroup", "0::/a\n"),
                ("proc/self/mountinfo", V2_MOUNT),
                ("sys/fs/cgroup/a/memory.max", text),
                ("sys/fs/cgroup/a/memory.current", text),
                ("sys/fs/cgroup/a/memory.stat", text),
            ]);
            assert_eq!(m.effective, Some(16 * GIB), "{text:?}");
        }
        for text in ["::::", "0", "", "4:memory", "\u{0}", "0::/a\u{0}b", "x:memory:/a"] {
            assert_eq!(machine(&[("proc/self/cgroup", text), ("proc/self/mountinfo", " - - -")]).source, Source::Total);
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_no_limit() {
        // A folder where the file should be fails to read for every user, root too.
        let m = machine(&[
            ("proc/self/cgroup", "0::/a\n"),
            ("proc/self/mountinfo", V2_MOUNT),
            ("sys/fs/cgroup/a/memory.max/not-a-file", ""),
        ]);
        assert_eq!(m.effective, Some(16 * GIB));
        let nothing = Machine::new(None, None, Path::new("/nonexistent"));
        assert_eq!((nothing.effective, nothing.source), (None, Source::Unknown));
    }

    #[test]
    fn an_override_replaces_what_was_found() {
        let m = machine(&[]).assuming(4 * GIB);
        assert_eq!((m.effective, m.available, m.source), (Some(4 * GIB), Some(4 * GIB), Source::Override));
    }

    #[test]
    fn bytes_as_people_write_them() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("1K", 1024), ("2 MiB", 2 << 20), ("8G", 8 * GIB), ("1t", 1 << 40)]
        {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "G", "-1", "1X", "1.5G", "99999999999T"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        assert_eq!(bytes_variable("X", |_| Some("0".into())), None);
    }
    #[test]
    fn a_variable_that_says_nothing_is_named() {
        let set = |value: &'static str| move |name: &str| (name == "STEADY_MEMORY_LIMIT").then(|| value.to_owned());
        for fine in ["", "0", "8G", "123"] {
            assert_eq!(misread_variables(set(fine)), [""; 0]);
        }
        let told = misread_variables(set("plenty"));
        assert_eq!(told, ["STEADY_MEMORY_LIMIT=plenty is not a number of bytes, such as 8G, and is ignored"]);
    }
}
