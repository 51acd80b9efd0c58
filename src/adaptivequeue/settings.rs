//! The values that the user sets, and copies of those that are read for every buffer.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use gst::glib;

use crate::logic::clock::{Nanos, SECOND};
use crate::logic::memory::tiers::Role;
use crate::logic::queue::capacity::UserLimits;
use crate::logic::queue::watermark;

pub(super) const DEFAULT_PUSH_TIMEOUT: Nanos = 5 * SECOND;

/// Where a full queue leaks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstAdaptiveQueueLeaky")]
pub enum Leaky {
    /// Nowhere: it blocks.
    #[default]
    #[enum_value(name = "Not Leaky", nick = "no")]
    No = 0,
    /// New buffers are dropped.
    #[enum_value(name = "Leaky on upstream (new buffers)", nick = "upstream")]
    Upstream = 1,
    /// Old buffers are dropped.
    #[enum_value(name = "Leaky on downstream (old buffers)", nick = "downstream")]
    Downstream = 2,
}

/// What to do when nothing moves.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstAdaptiveQueueOnTimeout")]
pub enum OnTimeout {
    /// An error where it is proved that nothing can move again, else a warning.
    #[default]
    #[enum_value(name = "Post an error if nothing can ever move again, else a warning", nick = "auto")]
    Auto = 0,
    /// Post an error and stop.
    #[enum_value(name = "Post an error and stop the stream", nick = "error")]
    Error = 1,
    /// Post a warning and wait on.
    #[enum_value(name = "Post a warning and go on waiting", nick = "warning")]
    Warning = 2,
    /// Drop old buffers until downstream moves again.
    #[enum_value(name = "Drop old buffers until downstream takes some again", nick = "leak")]
    Leak = 3,
}

/// The place of the queue in an export, which decides its tier.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstAdaptiveQueueRole")]
pub enum QueueRole {
    /// See [`Role::Rendered`].
    #[default]
    #[enum_value(name = "Frames on their way to an encoder", nick = "rendered")]
    Rendered = 0,
    /// See [`Role::Encoder`].
    #[enum_value(name = "Around an encoder", nick = "encoder")]
    Encoder = 1,
    /// See [`Role::Animation`].
    #[enum_value(name = "Frames of a short animation", nick = "animation")]
    Animation = 2,
}

impl From<QueueRole> for Role {
    fn from(role: QueueRole) -> Self {
        match role {
            QueueRole::Rendered => Role::Rendered,
            QueueRole::Encoder => Role::Encoder,
            QueueRole::Animation => Role::Animation,
        }
    }
}

/// Who decides on the limits.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[repr(i32)]
#[enum_type(name = "GstAdaptiveQueueSizing")]
pub enum QueueSizing {
    /// The queue, in every dimension.
    #[default]
    #[enum_value(name = "Limits follow memory and need", nick = "adaptive")]
    Adaptive = 0,
    /// The user, in one dimension at least.
    #[enum_value(name = "At least one limit was set and stays", nick = "fixed")]
    Fixed = 1,
    /// The queue, with all the room from the start that need could bring.
    #[enum_value(name = "Limits follow memory, and need beyond that", nick = "tier")]
    Tier = 2,
}

/// Property values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub limits: UserLimits,
    /// To begin at the tier.
    pub from_tier: bool,
    pub role: QueueRole,
    pub push_timeout: Nanos,
    pub on_timeout: OnTimeout,
    pub assume_memory: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: UserLimits::default(),
            from_tier: false,
            role: QueueRole::default(),
            push_timeout: DEFAULT_PUSH_TIMEOUT,
            on_timeout: OnTimeout::default(),
            assume_memory: 0,
        }
    }
}

/// Values that are read per buffer, without a lock.
#[derive(Debug)]
pub(super) struct Hot {
    pub silent: AtomicBool,
    pub notify_levels: AtomicBool,
    pub flush_on_eos: AtomicBool,
    leaky: AtomicI32,
    high: AtomicU64,
    low: AtomicU64,
}

impl Default for Hot {
    fn default() -> Self {
        Self {
            silent: AtomicBool::new(false),
            notify_levels: AtomicBool::new(false),
            flush_on_eos: AtomicBool::new(false),
            leaky: AtomicI32::new(Leaky::No as i32),
            high: AtomicU64::new(watermark::HIGH.to_bits()),
            low: AtomicU64::new(watermark::LOW.to_bits()),
        }
    }
}

impl Hot {
    pub fn leaky(&self) -> Leaky {
        match self.leaky.load(Ordering::Relaxed) {
            1 => Leaky::Upstream,
            2 => Leaky::Downstream,
            _ => Leaky::No,
        }
    }
    pub fn set_leaky(&self, leaky: Leaky) {
        self.leaky.store(leaky as i32, Ordering::Relaxed);
    }
    pub fn marks(&self) -> (f64, f64) {
        let [high, low] = [&self.high, &self.low].map(|m| f64::from_bits(m.load(Ordering::Relaxed)));
        (high, low)
    }
    pub fn set_high(&self, mark: f64) {
        self.high.store(mark.to_bits(), Ordering::Relaxed);
    }
    pub fn set_low(&self, mark: f64) {
        self.low.store(mark.to_bits(), Ordering::Relaxed);
    }
}
