//! The metrics that a process has once, and what the kernel says of the process.

use super::family::{Family, Kind, Present, Unit, Value};
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::memory::budget::BudgetStats;

/// What is known of the process at one moment.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// What the kernel says.
    pub kernel: Kernel,
    /// The account of frame memory.
    pub memory: BudgetStats,
    /// The frame caches of `visualrender`, if there were any.
    pub caches: Option<Caches>,
    /// The recordings of `crashsafesink`, if there were any.
    pub recordings: Option<Recordings>,
    /// Pages and datagrams made so far, and how long that took.
    pub exports: u64,
    /// As `exports`.
    pub exporting: Nanos,
}

/// What the kernel says of the process; what it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kernel {
    /// Bytes in memory.
    pub resident: Option<u64>,
    /// Bytes of address space.
    pub virtual_memory: Option<u64>,
    /// CPU time.
    pub cpu: Option<Nanos>,
    /// Seconds since 1970 when it started.
    pub started: Option<f64>,
    /// File descriptors in use.
    pub open_files: Option<u64>,
    /// How many it may use.
    pub max_files: Option<u64>,
}

/// All recordings of the process taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recordings {
    /// Being written.
    pub active: u64,
    /// Accepted and not safe yet.
    pub unsynced: u64,
    /// Overwrites that wait.
    pub held: u64,
    /// Time since the last flush of the one that has waited longest for one; 0 while no bytes wait.
    pub since_flush: Nanos,
    /// Unfinished recordings in their folders that nobody is writing, and the greatest age among them. Unknown until looked for.
    pub leftovers: Option<(u64, Nanos)>,
}

/// All frame caches of the process taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caches {
    /// Frames that are there.
    pub frames: u64,
    /// Bytes mapped for frames.
    pub bytes: u64,
    /// Frames that were there when they were asked for.
    pub hits: u64,
    /// Frames that had to be waited for.
    pub misses: u64,
    /// Frames that were rendered.
    pub rendered: u64,
    /// Jobs that were given up.
    pub skipped: u64,
    /// Frames that gave way to others.
    pub evicted: u64,
}

impl Caches {
    /// Both together.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            bytes: self.bytes + other.bytes,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            rendered: self.rendered + other.rendered,
            skipped: self.skipped + other.skipped,
            evicted: self.evicted + other.evicted,
        }
    }
}

type Of = for<'a> fn(&'a Process) -> Option<Value<'a>>;

const fn family(
    name: &'static str,
    (kind, unit): (Kind, Unit),
    present: Present,
    help: &'static str,
    value: Of,
) -> Family<Process> {
    Family { name, kind, unit, help, present, value }
}

const COUNT: (Kind, Unit) = (Kind::Counter, Unit::None);
const BYTES: (Kind, Unit) = (Kind::Gauge, Unit::Bytes);
const TIME: (Kind, Unit) = (Kind::Gauge, Unit::Seconds);
const NUMBER: (Kind, Unit) = (Kind::Gauge, Unit::None);

use Present::{Endpoint, Recorder, Renderer};

/// The table.
pub static PROCESS: &[Family<Process>] = &[
    family(
        "gst_steady_memory_limit_bytes",
        BYTES,
        Present::Process,
        "How much memory frames may use in this process.",
        |p| Some(Value::Whole(p.memory.limit)),
    ),
    family(
        "gst_steady_memory_charged_bytes",
        BYTES,
        Present::Process,
        "Memory of that which is allocated by these elements.",
        |p| Some(Value::Whole(p.memory.charged)),
    ),
    family("gst_steady_memory_leased_bytes", BYTES, Present::Process, "Memory of that which queues may fill.", |p| {
        Some(Value::Whole(p.memory.leased))
    }),
    family(
        "gst_steady_memory_overcommit_bytes",
        BYTES,
        Present::Process,
        "Memory promised beyond the limit because it could not be denied.",
        |p| Some(Value::Whole(p.memory.overcommit)),
    ),
    family("gst_steady_memory_denied", COUNT, Present::Process, "Requests for memory that did not fit.", |p| {
        Some(Value::Whole(p.memory.denied))
    }),
    family(
        "gst_steady_memory_reclaimed_bytes",
        (Kind::Counter, Unit::Bytes),
        Present::Process,
        "Memory that caches gave back for others.",
        |p| Some(Value::Whole(p.memory.reclaimed)),
    ),
    family("gst_steady_cache_frames", NUMBER, Renderer, "Frames that are ready to be shown.", |p| {
        Some(Value::Whole(p.caches?.frames))
    }),
    family("gst_steady_cache_bytes", BYTES, Renderer, "Memory mapped for frames.", |p| {
        Some(Value::Whole(p.caches?.bytes))
    }),
    family("gst_steady_cache_hits", COUNT, Renderer, "Frames that were ready when they were asked for.", |p| {
        Some(Value::Whole(p.caches?.hits))
    }),
    family("gst_steady_cache_misses", COUNT, Renderer, "Frames that had to be waited for.", |p| {
        Some(Value::Whole(p.caches?.misses))
    }),
    family("gst_steady_cache_rendered", COUNT, Renderer, "Frames that were rendered.", |p| {
        Some(Value::Whole(p.caches?.rendered))
    }),
    family(
        "gst_steady_cache_skipped",
        COUNT,
        Renderer,
        "Frames that were not rendered any more because playback had jumped.",
        |p| Some(Value::Whole(p.caches?.skipped)),
    ),
    family("gst_steady_cache_evicted", COUNT, Renderer, "Frames that gave way to others.", |p| {
        Some(Value::Whole(p.caches?.evicted))
    }),
    family("gst_steady_sink_recordings", NUMBER, Recorder, "Recordings being written by crashsafesink.", |p| {
        Some(Value::Whole(p.recordings?.active))
    }),
    family(
        "gst_steady_sink_unsynced_bytes",
        BYTES,
        Recorder,
        "Bytes that recordings have accepted and that are not safe yet.",
        |p| Some(Value::Whole(p.recordings?.unsynced)),
    ),
    family(
        "gst_steady_sink_held_bytes",
        BYTES,
        Recorder,
        "Overwrites that wait until what was appended after them is written.",
        |p| Some(Value::Whole(p.recordings?.held)),
    ),
    family(
        "gst_steady_sink_since_flush_seconds",
        TIME,
        Recorder,
        "Time since the last flush of the recording that has waited longest for one, 0 while no bytes wait.",
        |p| Some(Value::Time(p.recordings?.since_flush)),
    ),
    family(
        "gst_steady_sink_leftovers",
        NUMBER,
        Recorder,
        "Unfinished recordings in the folders recorded to that nobody is writing.",
        |p| Some(Value::Whole(p.recordings?.leftovers?.0)),
    ),
    family(
        "gst_steady_sink_leftover_age_seconds",
        TIME,
        Recorder,
        "Time since the oldest of them was written to, 0 if there are none.",
        |p| Some(Value::Time(p.recordings?.leftovers?.1)),
    ),
    family("gst_steady_exports", COUNT, Present::Process, "Pages and batches of datagrams made for monitoring.", |p| {
        Some(Value::Whole(p.exports))
    }),
    family(
        "gst_steady_export_seconds",
        (Kind::Counter, Unit::Seconds),
        Present::Process,
        "Time that making them took.",
        |p| Some(Value::Time(p.exporting)),
    ),
    family("process_resident_memory_bytes", BYTES, Endpoint, "Resident memory size in bytes.", |p| {
        p.kernel.resident.map(Value::Whole)
    }),
    family("process_virtual_memory_bytes", BYTES, Endpoint, "Virtual memory size in bytes.", |p| {
        p.kernel.virtual_memory.map(Value::Whole)
    }),
    family(
        "process_cpu_seconds",
        (Kind::Counter, Unit::Seconds),
        Endpoint,
        "Total user and system CPU time spent in seconds.",
        |p| p.kernel.cpu.map(Value::Time),
    ),
    family(
        "process_start_time_seconds",
        TIME,
        Endpoint,
        "Start time of the process since unix epoch in seconds.",
        |p| p.kernel.started.map(Value::Real),
    ),
    family("process_open_fds", NUMBER, Endpoint, "Number of open file descriptors.", |p| {
        p.kernel.open_files.map(Value::Whole)
    }),
    family("process_max_fds", NUMBER, Endpoint, "Maximum number of open file descriptors.", |p| {
        p.kernel.max_files.map(Value::Whole)
    }),
];

/// What the kernel's files say, of a machine with so many ticks a second.
impl Kernel {
    /// `stat` is `/proc/self/stat`, `boot` is `/proc/stat`.
    pub fn parse(stat: &str, boot: &str, ticks: u64, page: u64) -> Self {
        let ticks = ticks.max(1);
        // 4242 (any name, ") 1 (" too) S 1 …: what follows the last parenthesis is the third field.
        let fields: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
        // By the numbers of proc(5), which count from 1.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let booted = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
        let spent = field(14).zip(field(15)).map(|(user, system)| user.saturating_add(system));
        let nanos = |spent: u64| (u128::from(spent) * u128::from(SECOND) / u128::from(ticks)) as Nanos;
        Self {
            resident: field(24).map(|pages| pages.saturating_mul(page)),
            virtual_memory: field(23),
            cpu: spent.map(nanos),
            started: booted.zip(field(22)).map(|(boot, since)| boot as f64 + since as f64 / ticks as f64),
            open_files: None,
            max_files: None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_kernels_lines_are_read_whatever_the_process_is_called() {
        let stat =
            "42 (a) S 1 (b) R 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 1000 12345678 100 1844674407370 1 1 0";
        let kernel = Kernel::parse(stat, "cpu 1 2\nbtime 1700000000\nprocesses 5\n", 100, 4096);
        assert_eq!(kernel.cpu, Some(3 * SECOND));
        assert_eq!((kernel.virtual_memory, kernel.resident), (Some(12_345_678), Some(409_600)));
        assert_eq!(kernel.started, Some(1_700_000_010.0));
        assert_eq!(Kernel::parse("", "", 0, 0), Kernel::default());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(stat: String, boot: String, ticks: u64, page: u64) {
            let _ = Kernel::parse(&stat, &boot, ticks, page);
        }

        #[test]
        fn no_numbers_make_it_panic(numbers in prop::collection::vec(any::<u64>(), 0..60), ticks: u64, page: u64) {
            let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
            let _ = Kernel::parse(&format!("1 (x) S {}", numbers.join(" ")), "btime 9", ticks, page);
        }
    }
}
