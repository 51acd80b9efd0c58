//! How frames are kept and rendered ahead, as the properties say it.

use gst::glib;
use gst::prelude::*;

use crate::logic::cache::{frames, playhead};
use crate::logic::memory;
use crate::logic::memory::policy::{FRACTIONS, Policy, RESERVES};

/// Which frames are rendered before they are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualRenderPreload")]
pub(super) enum Preload {
    #[default]
    #[enum_value(name = "Auto: forward while playing, spiral while paused", nick = "auto")]
    Auto,
    #[enum_value(name = "Forward: those that are shown next, also around a loop", nick = "forward")]
    Forward,
    #[enum_value(name = "Spiral: the nearest on both sides", nick = "spiral")]
    Spiral,
    #[enum_value(name = "None: only what is asked for", nick = "none")]
    None,
}

impl From<Preload> for playhead::Preload {
    fn from(preload: Preload) -> Self {
        match preload {
            Preload::Auto => Self::Auto,
            Preload::Forward => Self::Forward,
            Preload::Spiral => Self::Spiral,
            Preload::None => Self::None,
        }
    }
}

/// Which frames give way to others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualRenderEviction")]
pub(super) enum Eviction {
    #[default]
    #[enum_value(name = "Plan: those that are shown again last", nick = "plan")]
    Plan,
    #[enum_value(name = "LRU: those that were shown longest ago", nick = "lru")]
    Lru,
}

impl From<Eviction> for frames::Eviction {
    fn from(eviction: Eviction) -> Self {
        match eviction {
            Eviction::Plan => Self::Plan,
            Eviction::Lru => Self::Lru,
        }
    }
}

/// The property values.
#[derive(Debug, Clone, Default)]
pub(super) struct Caching {
    pub(super) preload: Preload,
    pub(super) eviction: Eviction,
    /// 0 for one for each processor.
    threads: u32,
}

/// The largest number that can be asked for.
const MOST_THREADS: u32 = 64;

impl Caching {
    /// How many threads render. More than there are processors would wait for each other, and whoever ends them for all of them.
    pub(super) fn threads(&self) -> u64 {
        let asked = if self.threads == 0 { MOST_THREADS } else { self.threads };
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        processors.min(asked.into())
    }

    /// Sets the property called `name`, if it is one of these.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) -> bool {
        match name {
            "preload" => self.preload = value.get().unwrap_or_default(),
            "eviction" => self.eviction = value.get().unwrap_or_default(),
            "render-threads" => self.threads = value.get().unwrap_or_default(),
            _ => return false,
        }
        true
    }

    /// The value of the property called `name`, if it is one of these.
    pub(super) fn get(&self, name: &str) -> Option<glib::Value> {
        Some(match name {
            "preload" => self.preload.to_value(),
            "eviction" => self.eviction.to_value(),
            "render-threads" => self.threads.to_value(),
            _ => return None,
        })
    }

    pub(super) fn properties() -> Vec<glib::ParamSpec> {
        let policy = Policy::default();
        vec![
            glib::ParamSpecEnum::builder::<Preload>("preload")
                .nick("Preload")
                .blurb("Which frames are rendered before they are asked for")
                .mutable_playing()
                .build(),
            glib::ParamSpecEnum::builder::<Eviction>("eviction")
                .nick("Eviction")
                .blurb("Which frames give way to others when there is no more room")
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt::builder("render-threads")
                .nick("Render Threads")
                .blurb("Threads that render, each a whole frame, as far as there are processors (0 = one for each processor)")
                .maximum(MOST_THREADS)
                .mutable_ready()
                .build(),
            glib::ParamSpecDouble::builder("memory-fraction")
                .nick("Memory Fraction")
                .blurb("Part of the machine's memory that frames may use, in the whole process; STEADY_MEMORY_LIMIT in the environment stands above it")
                .minimum(*FRACTIONS.start())
                .maximum(*FRACTIONS.end())
                .default_value(policy.fraction)
                .mutable_playing()
                .build(),
            glib::ParamSpecUInt64::builder("memory-reserve")
                .nick("Memory Reserve")
                .blurb("Bytes of memory that are left to the system, at most a quarter of it, in the whole process")
                .minimum(*RESERVES.start())
                .maximum(*RESERVES.end())
                .default_value(policy.reserve)
                .mutable_playing()
                .build(),
            glib::ParamSpecBoxed::builder::<gst::Structure>("memory-stats")
                .nick("Memory Statistics")
                .blurb("The memory that frames may use and use in this process, and what the cache of this element has done with its part")
                .read_only()
                .build(),
            glib::ParamSpecString::builder("cache-status")
                .nick("Cache Status")
                .blurb("Which frames are there, in runs: 12l1w187h are 12 loaded, 1 being worked on and 187 of which only the header is known; p are placeholders, e errors (empty = the length is not known yet)")
                .read_only()
                .build(),
        ]
    }
}

/// Sets what is of the whole process, if the property called `name` is. In force at once.
pub(super) fn set_memory(name: &str, value: &glib::Value) -> bool {
    let before = || memory::policy();
    let policy = match name {
        "memory-fraction" => value.get().map(|fraction| Policy { fraction, ..before() }),
        "memory-reserve" => value.get().map(|reserve| Policy { reserve, ..before() }),
        _ => return false,
    };
    if let Ok(policy) = policy {
        memory::set_policy(policy);
    }
    true
}

/// The value of what is of the whole process.
pub(super) fn memory_property(name: &str) -> Option<glib::Value> {
    match name {
        "memory-fraction" => Some(memory::policy().fraction.to_value()),
        "memory-reserve" => Some(memory::policy().reserve.to_value()),
        _ => None,
    }
}
