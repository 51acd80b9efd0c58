//! The properties: their types, values and specifications.

use std::path::PathBuf;
use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

use crate::logic::recording;

/// How safe written data is; the `durability` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCrashSafeSinkDurability")]
pub enum Durability {
    /// On the disk, with the file's name: survives a power cut.
    #[default]
    #[enum_value(name = "Sync: on the disk, survives a power cut", nick = "sync")]
    Sync,
    /// With the kernel: survives a kill, not a power cut.
    #[enum_value(name = "Flush: with the kernel, survives a kill but not a power cut", nick = "flush")]
    Flush,
}

/// What happens when the location exists already; the `on-exists` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCrashSafeSinkOnExists")]
pub enum OnExists {
    /// The element fails and leaves the file alone.
    #[default]
    #[enum_value(name = "Error: fail and leave the file alone", nick = "error")]
    Error,
    /// The finished recording replaces it atomically.
    #[enum_value(name = "Replace: replace it atomically once finished", nick = "replace")]
    Replace,
    /// The finished recording gets the first free one of `out-1.mp4`, `out-2.mp4`, …
    #[enum_value(name = "Number: use the first free of out-1.mp4, out-2.mp4, …", nick = "number")]
    Number,
}

/// How much of the file stays in the kernel's page cache; the `page-cache` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCrashSafeSinkPageCache")]
pub enum PageCache {
    /// About two windows of it; with [`Durability::Flush`] only while the disk keeps up, since no one waits for it then.
    #[default]
    #[enum_value(name = "Bounded: let go of what is on the disk", nick = "bounded")]
    Bounded,
    /// As much as the kernel likes.
    #[enum_value(name = "Keep: leave it to the kernel", nick = "keep")]
    Keep,
}

const DEFAULT_FLUSH_THRESHOLD: u64 = 4 * 1024 * 1024;
const DEFAULT_FLUSH_INTERVAL: gst::ClockTime = gst::ClockTime::from_seconds(2);
const DEFAULT_MIN_FREE_SPACE: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub location: Option<PathBuf>,
    pub flush_threshold: u64,
    pub flush_interval: gst::ClockTime,
    pub durability: Durability,
    pub on_exists: OnExists,
    pub min_free_space: u64,
    pub eos_on_low_space: bool,
    pub page_cache: PageCache,
    /// Milliseconds.
    pub max_transient_error_timeout: i32,
    pub finish_on_stop: bool,
    pub blake3: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            location: None,
            flush_threshold: DEFAULT_FLUSH_THRESHOLD,
            flush_interval: DEFAULT_FLUSH_INTERVAL,
            durability: Durability::default(),
            on_exists: OnExists::default(),
            min_free_space: DEFAULT_MIN_FREE_SPACE,
            eos_on_low_space: false,
            page_cache: PageCache::default(),
            max_transient_error_timeout: 0,
            finish_on_stop: false,
            blake3: false,
        }
    }
}

impl Settings {
    /// The part that the recording itself needs.
    pub fn options(&self) -> recording::Options {
        recording::Options {
            threshold: self.flush_threshold,
            interval: self.flush_interval.nseconds(),
            durability: match self.durability {
                Durability::Sync => recording::Durability::Sync,
                Durability::Flush => recording::Durability::Flush,
            },
            digest: self.blake3,
            bounded_cache: self.page_cache == PageCache::Bounded,
            on_exists: match self.on_exists {
                OnExists::Error => recording::OnExists::Error,
                OnExists::Replace => recording::OnExists::Replace,
                OnExists::Number => recording::OnExists::Number,
            },
        }
    }

    /// Sets the property called `name`, unless it is `location`, which has rules of its own.
    pub fn set(&mut self, name: &str, value: &glib::Value) {
        const TYPE: &str = "GObject has checked the type";
        match name {
            "flush-threshold" => self.flush_threshold = value.get().expect(TYPE),
            "flush-interval" => self.flush_interval = gst::ClockTime::from_nseconds(value.get().expect(TYPE)),
            "durability" => self.durability = value.get().expect(TYPE),
            "on-exists" => self.on_exists = value.get().expect(TYPE),
            "min-free-space" => self.min_free_space = value.get().expect(TYPE),
            "eos-on-low-space" => self.eos_on_low_space = value.get().expect(TYPE),
            "page-cache" => self.page_cache = value.get().expect(TYPE),
            "max-transient-error-timeout" => self.max_transient_error_timeout = value.get().expect(TYPE),
            "finish-on-stop" => self.finish_on_stop = value.get().expect(TYPE),
            "blake3" => self.blake3 = value.get().expect(TYPE),
            _ => unreachable!("no property {name}"),
        }
    }

    pub fn get(&self, name: &str) -> glib::Value {
        match name {
            "location" => self.location.to_value(),
            "flush-threshold" => self.flush_threshold.to_value(),
            "flush-interval" => self.flush_interval.nseconds().to_value(),
            "durability" => self.durability.to_value(),
            "on-exists" => self.on_exists.to_value(),
            "min-free-space" => self.min_free_space.to_value(),
            "eos-on-low-space" => self.eos_on_low_space.to_value(),
            "page-cache" => self.page_cache.to_value(),
            "max-transient-error-timeout" => self.max_transient_error_timeout.to_value(),
            "finish-on-stop" => self.finish_on_stop.to_value(),
            "blake3" => self.blake3.to_value(),
            _ => unreachable!("no property {name}"),
        }
    }
}

pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let defaults = Settings::default();
    vec![
        glib::ParamSpecString::builder("location")
            .nick("Location")
            .blurb("File to record to; while recording, its name has .recording before the extension")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("flush-threshold")
            .nick("Flush Threshold")
            .blurb("Bytes written as one window, and synced as one with durability=sync; at most two windows are then at risk")
            .minimum(4096)
            .maximum(1 << 40)
            .default_value(defaults.flush_threshold)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("flush-interval")
            .nick("Flush Interval")
            .blurb("Nanoseconds after which a window is written although it is not full (0 = only when full)")
            .maximum(u64::MAX - 1)
            .default_value(defaults.flush_interval.nseconds())
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("durability", defaults.durability)
            .nick("Durability")
            .blurb("What written data survives: a power cut, at the speed of the disk, or only the end of the process, at that of memory")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("on-exists", defaults.on_exists)
            .nick("On Exists")
            .blurb("What to do when the location exists already")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("min-free-space")
            .nick("Minimum Free Space")
            .blurb("Bytes free on the file system below which a warning and a message are posted (0 = never)")
            .default_value(defaults.min_free_space)
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("eos-on-low-space")
            .nick("EOS On Low Space")
            .blurb("Send EOS to the whole pipeline when free space falls below min-free-space, so that the index still fits")
            .default_value(defaults.eos_on_low_space)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("page-cache", defaults.page_cache)
            .nick("Page Cache")
            .blurb("Whether recorded data stays in the kernel's memory or is let go of; with durability=flush only as far as the disk keeps up")
            .mutable_ready()
            .build(),
        glib::ParamSpecInt::builder("max-transient-error-timeout")
            .nick("Max Transient Error Timeout")
            .blurb("Milliseconds to retry a write that fails with EACCES, as network file systems do when briefly away (0 = fail at once)")
            .minimum(0)
            .default_value(defaults.max_transient_error_timeout)
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("finish-on-stop")
            .nick("Finish On Stop")
            .blurb("Give the file its final name also when stopped without EOS; for streams that need no index")
            .default_value(defaults.finish_on_stop)
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("blake3")
            .nick("BLAKE3")
            .blurb(
                "Put the finished file's BLAKE3 digest into the message about it; a file whose beginning the muxer has \
                 overwritten is read back for that before EOS",
            )
            .default_value(defaults.blake3)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("temp-location")
            .nick("Temporary Location")
            .blurb("File being written now (NULL = none)")
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "state (idle, recording, finished, kept, failed) and path; while recording bytes accepted, writes, syncs, \
                 max-flush-age (ns), max-stall (ns), unsynced-bytes and held-bytes; afterwards the error, if there was one",
            )
            .read_only()
            .build(),
    ]
});
