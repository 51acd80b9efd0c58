//! The properties: how they are declared, set and read.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;

use super::element::AdaptiveQueue;
use super::settings::{DEFAULT_PUSH_TIMEOUT, Leaky, OnTimeout, QueueRole, QueueSizing};
use crate::logic::queue::capacity::UserLimits;
use crate::logic::queue::levels::Level;
use crate::logic::queue::watermark;
use crate::logic::sync::lock;

pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let uint = |name, nick, blurb| glib::ParamSpecUInt::builder(name).nick(nick).blurb(blurb);
    let uint64 = |name, nick, blurb| glib::ParamSpecUInt64::builder(name).nick(nick).blurb(blurb);
    let flag = |name, nick, blurb| glib::ParamSpecBoolean::builder(name).nick(nick).blurb(blurb);
    let mark = |name, nick, blurb, default| {
        glib::ParamSpecDouble::builder(name).nick(nick).blurb(blurb).minimum(0.01).maximum(1.0).default_value(default)
    };
    vec![
        uint("current-level-buffers", "Current Level Buffers", "Buffers in the queue").read_only().build(),
        uint("current-level-bytes", "Current Level Bytes", "Bytes in the queue").read_only().build(),
        uint64("current-level-time", "Current Level Time", "Running time in the queue (ns)").read_only().build(),
        uint("max-size-buffers", "Max Size Buffers", "Most buffers in the queue (0 = no limit; unset it adapts)")
            .mutable_playing()
            .build(),
        uint("max-size-bytes", "Max Size Bytes", "Most bytes in the queue (0 = no limit; unset it adapts)")
            .mutable_playing()
            .build(),
        uint64("max-size-time", "Max Size Time", "Most running time in the queue (ns, 0 = no limit; unset it adapts)")
            .mutable_playing()
            .build(),
        uint("min-threshold-buffers", "Min Threshold Buffers", "Buffers needed before any leaves (0 = none)")
            .mutable_playing()
            .build(),
        uint("min-threshold-bytes", "Min Threshold Bytes", "Bytes needed before any leaves (0 = none)")
            .mutable_playing()
            .build(),
        uint64("min-threshold-time", "Min Threshold Time", "Running time needed before any leaves (ns, 0 = none)")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder::<Leaky>("leaky")
            .nick("Leaky")
            .blurb("Where the queue leaks when it is full")
            .mutable_playing()
            .build(),
        flag("silent", "Silent", "Do not emit overrun, underrun, running and pushing").mutable_playing().build(),
        flag("flush-on-eos", "Flush on EOS", "Drop everything in the queue when EOS arrives").mutable_playing().build(),
        flag("notify-levels", "Notify Levels", "Notify of every change of the current-level properties")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder::<QueueRole>("role")
            .nick("Role")
            .blurb("What flows through, which decides how many raw frames the queue holds on this machine")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<QueueSizing>("sizing")
            .nick("Sizing")
            .blurb(
                "adaptive, tier: no limit is set by the user (setting it unsets them), and raw video begins with few frames \
                 or with all that memory allows; fixed: the limits in force stay",
            )
            .mutable_playing()
            .build(),
        uint64("assume-memory", "Assume Memory", "Memory to size the queue for (bytes, 0 = detect)")
            .mutable_ready()
            .build(),
        uint64(
            "push-timeout",
            "Push Timeout",
            "How long the queue may stand still before that is spoken of (ns, 0 = forever)",
        )
        .default_value(DEFAULT_PUSH_TIMEOUT)
        .mutable_playing()
        .build(),
        glib::ParamSpecEnum::builder::<OnTimeout>("on-timeout")
            .nick("On Timeout")
            .blurb("What to do when nothing has moved for push-timeout")
            .mutable_playing()
            .build(),
        mark(
            "high-watermark",
            "High Watermark",
            "Fill at which back-pressure begins (fraction of the limit, 0.0 to 1.0)",
            watermark::HIGH,
        )
        .mutable_playing()
        .build(),
        mark(
            "low-watermark",
            "Low Watermark",
            "Fill at which back-pressure ends (fraction of the limit, 0.0 to 1.0)",
            watermark::LOW,
        )
        .mutable_playing()
        .build(),
        flag("backpressure", "Backpressure", "Whether the queue is so full that its producer should slow down")
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("Counters since the start: buffers, bytes, waits (ns), growth, limits, memory")
            .read_only()
            .build(),
    ]
});

fn clamp(n: u64) -> u32 {
    n.min(u32::MAX.into()) as u32
}

impl AdaptiveQueue {
    pub(super) fn set(&self, name: &str, value: &glib::Value) {
        const TYPED: &str = "GObject checks the type";
        let uint = || value.get::<u32>().expect(TYPED);
        let uint64 = || value.get::<u64>().expect(TYPED);
        let flag = || value.get::<bool>().expect(TYPED);
        match name {
            "max-size-buffers" => self.set_user_limit(|user| user.buffers = Some(uint())),
            "max-size-bytes" => self.set_user_limit(|user| user.bytes = Some(uint())),
            "max-size-time" => self.set_user_limit(|user| user.time = Some(uint64())),
            "min-threshold-buffers" => self.set_threshold(|threshold| threshold.buffers = uint().into()),
            "min-threshold-bytes" => self.set_threshold(|threshold| threshold.bytes = uint().into()),
            "min-threshold-time" => self.set_threshold(|threshold| threshold.time = uint64()),
            "leaky" => self.hot.set_leaky(value.get().expect(TYPED)),
            "silent" => self.hot.silent.store(flag(), Ordering::Relaxed),
            "flush-on-eos" => self.hot.flush_on_eos.store(flag(), Ordering::Relaxed),
            "notify-levels" => self.hot.notify_levels.store(flag(), Ordering::Relaxed),
            "role" => {
                lock(&self.settings).role = value.get().expect(TYPED);
                self.apply_limits();
            }
            "sizing" => self.set_sizing(value.get().expect(TYPED)),
            "assume-memory" => lock(&self.settings).assume_memory = uint64(),
            "push-timeout" => lock(&self.settings).push_timeout = uint64(),
            "on-timeout" => lock(&self.settings).on_timeout = value.get().expect(TYPED),
            "high-watermark" => {
                self.hot.set_high(value.get().expect(TYPED));
                self.set_marks();
            }
            "low-watermark" => self.hot.set_low(value.get().expect(TYPED)),
            _ => unreachable!("no such writable property: {name}"),
        }
    }

    pub(super) fn get(&self, name: &str) -> glib::Value {
        let settings = *lock(&self.settings);
        match name {
            "current-level-buffers" => clamp(self.handoff.level().buffers).to_value(),
            "current-level-bytes" => clamp(self.handoff.level().bytes).to_value(),
            "current-level-time" => self.handoff.level().time.to_value(),
            "max-size-buffers" => clamp(self.handoff.limits().buffers).to_value(),
            "max-size-bytes" => clamp(self.handoff.limits().bytes).to_value(),
            "max-size-time" => self.handoff.limits().time.to_value(),
            // Those in force, as in `queue`: 0 after EOS.
            "min-threshold-buffers" => clamp(self.handoff.thresholds().buffers).to_value(),
            "min-threshold-bytes" => clamp(self.handoff.thresholds().bytes).to_value(),
            "min-threshold-time" => self.handoff.thresholds().time.to_value(),
            "leaky" => self.hot.leaky().to_value(),
            "silent" => self.hot.silent.load(Ordering::Relaxed).to_value(),
            "flush-on-eos" => self.hot.flush_on_eos.load(Ordering::Relaxed).to_value(),
            "notify-levels" => self.hot.notify_levels.load(Ordering::Relaxed).to_value(),
            "role" => settings.role.to_value(),
            "sizing" => match (settings.limits.is_none(), settings.from_tier) {
                (false, _) => QueueSizing::Fixed.to_value(),
                (true, true) => QueueSizing::Tier.to_value(),
                (true, false) => QueueSizing::Adaptive.to_value(),
            },
            "assume-memory" => settings.assume_memory.to_value(),
            "push-timeout" => settings.push_timeout.to_value(),
            "on-timeout" => settings.on_timeout.to_value(),
            "high-watermark" => self.hot.marks().0.to_value(),
            "low-watermark" => self.hot.marks().1.to_value(),
            "backpressure" => self.backpressure.active().to_value(),
            "stats" => self.stats().to_value(),
            _ => unreachable!("no such property: {name}"),
        }
    }

    fn set_user_limit(&self, set: impl FnOnce(&mut UserLimits)) {
        set(&mut lock(&self.settings).limits);
        self.apply_limits();
    }

    fn set_threshold(&self, set: impl Fn(&mut Level)) {
        let (before, after) = {
            let mut thresholds = lock(&self.thresholds);
            let before = *thresholds;
            set(&mut thresholds);
            (before, *thresholds)
        };
        // Also after EOS, as in `queue`; the other dimensions stay as they are in force then. EOS itself is never held back.
        let mut in_force = self.handoff.thresholds();
        set(&mut in_force);
        self.handoff.set_thresholds(in_force);
        // To hold data back takes room.
        if (before == Level::default()) != (after == Level::default()) {
            self.apply_limits();
        }
    }
}
