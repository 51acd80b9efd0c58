//! Limits and leases: what the machine, the caps, the user and the need make of them.

use std::sync::atomic::Ordering;

use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT};
use super::settings::QueueSizing;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::memory::budget::Lease;
use crate::logic::memory::machine::{Machine, Source, misread_variables};
use crate::logic::memory::{self, tiers};
use crate::logic::queue::capacity::{Capacity, Content, OTHER_TIME, Thrift, UserLimits};
use crate::logic::queue::levels::Level;
use crate::logic::queue::watermark;
use crate::logic::sync::lock;

/// How much the queue may hold, and why.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// As read on the way to READY.
    machine: Option<Machine>,
    content: Content,
    /// How long a raw frame lasts, or a buffer of anything else is taken to last, by the caps.
    unit_time: Option<Nanos>,
    /// Upstream said in answer to a LATENCY query that it is live.
    live: bool,
    pub capacity: Option<Capacity>,
    pub lease: Option<Lease>,
    pub thrift: Thrift,
    pub growths: u64,
    /// The last wish to grow was denied by the budget.
    pub denied: bool,
}

/// The numbers in it, for `stats` and reports.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AllowanceStats {
    pub lease: u64,
    pub overcommit: u64,
    pub growths: u64,
    pub denied: bool,
}

impl AdaptiveQueue {
    /// Reads the machine and logs in one line what follows from it.
    pub(super) fn read_machine(&self) {
        let settings = *lock(&self.settings);
        let (assume, role) = (settings.assume_memory, settings.role);
        let mut machine = Machine::detect();
        if assume > 0 {
            machine = machine.assuming(assume);
        }
        for text in misread_variables(|name| std::env::var(name).ok()) {
            gst::warning!(CAT, imp = self, "{text}");
        }
        let tier = tiers::tier(role.into(), machine.effective, machine.available, 0);
        let source = match &machine.source {
            Source::Total => "RAM".to_string(),
            Source::Cgroup(file) => format!("limit in {}", file.display()),
            Source::Override => "override".to_string(),
            Source::Unknown => "unknown".to_string(),
        };
        let line = format!(
            "memory {} MiB ({source}), budget for frames {} MiB: holds up to {} raw frames as {role:?}",
            machine.effective.unwrap_or(0) >> 20,
            memory::process_budget().stats().limit >> 20,
            tier.frames,
        );
        match tier.guessed || tiers::is_small(machine.effective) {
            true => gst::warning!(CAT, imp = self, "little or unknown memory: {line}"),
            false => gst::info!(CAT, imp = self, "{line}"),
        }
        {
            let mut allowance = lock(&self.allowance);
            allowance.machine = Some(machine);
            allowance.growths = 0;
        }
        self.begin_anew();
    }

    /// A stream begins of which nothing is known yet.
    pub(super) fn begin_anew(&self) {
        {
            let mut allowance = lock(&self.allowance);
            (allowance.content, allowance.unit_time) = (Content::Other, None);
            allowance.live = false;
        }
        self.apply_limits();
    }

    /// New caps: another size of frames, or none.
    pub(super) fn set_caps(&self, caps: &gst::CapsRef) {
        let video = caps.structure(0).filter(|s| s.has_name("video/x-raw"));
        let (content, unit_time) = match video {
            // Frames in graphics memory have no size that is known here.
            Some(video) => (
                Content::Frames(gst_video::VideoInfo::from_caps(caps).map_or(0, |info| info.size() as u64)),
                video.get("framerate").ok().and_then(frame_time),
            ),
            None => (Content::Other, Some(OTHER_TIME)),
        };
        let same = {
            let mut allowance = lock(&self.allowance);
            let same = allowance.content == content;
            (allowance.content, allowance.unit_time) = (content, unit_time);
            if !same {
                allowance.lease = None;
            }
            same
        };
        // What need has shown holds for frames of the same size.
        if !same {
            self.apply_limits();
        }
        self.take_lease();
    }

    /// Sets the limits from scratch: growth and the lease start anew with the next data.
    pub(super) fn apply_limits(&self) {
        // Whoever wants data held back wants room for it.
        let holds_back = *lock(&self.thresholds) != Level::default();
        let mut allowance = lock(&self.allowance);
        let settings = *lock(&self.settings);
        let frame_bytes = match allowance.content {
            Content::Frames(bytes) => bytes,
            Content::Other => 0,
        };
        let (effective, available) = match &allowance.machine {
            Some(machine) => (machine.effective, machine.available),
            None => (None, None),
        };
        let tier = tiers::tier(settings.role.into(), effective, available, frame_bytes);
        if tier.reduced {
            gst::warning!(
                CAT,
                imp = self,
                "too little memory is free for this machine's usual queue: holds {} frames",
                tier.frames
            );
        }
        let start = match allowance.live || settings.from_tier || holds_back {
            true => tier.frames,
            false => tiers::start(settings.role.into()),
        };
        let capacity = Capacity::new(allowance.content, start, tier.frames, self.budget_limit(&allowance));
        self.adopt(&mut allowance, capacity, &settings.limits);
        self.lease_due.store(true, Ordering::Relaxed);
        let limits = capacity.limits(&settings.limits);
        drop(allowance);
        self.set_limits(limits);
    }

    /// Makes a capacity the one in force, all but its limits, which are set when the lock has gone.
    pub(super) fn adopt(&self, allowance: &mut Allowance, capacity: Capacity, user: &UserLimits) {
        allowance.capacity = Some(capacity);
        self.grown.store(capacity.units > capacity.needed, Ordering::Relaxed);
        self.smaller.store(capacity.halved().unwrap_or(0), Ordering::Relaxed);
        self.need.ask(capacity.doubled(user).is_some());
    }

    /// Upstream is live: what it brings cannot wait until the queue has found out what it needs.
    pub(super) fn begin_live(&self) {
        {
            let mut allowance = lock(&self.allowance);
            let Some(capacity) = allowance.capacity.filter(|_| !allowance.live) else { return };
            allowance.live = true;
            let user = lock(&self.settings).limits;
            let capacity = Capacity { start: capacity.tier, needed: capacity.tier, ..capacity };
            self.adopt(&mut allowance, capacity, &user);
        }
        // As far as the budget has room; without a lease the next data takes it for the tier.
        while self.double() {}
    }

    /// The most time that the queue may hold before it grows for a join; None where that is not known, or not limited.
    pub(super) fn most_time(&self) -> Option<Nanos> {
        let allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        let counted = user.buffers.is_some() || user.bytes.is_some();
        match user.time {
            Some(time) => Some(time).filter(|time| *time > 0),
            // As in `queue`, where limits in buffers and bytes say nothing of time.
            None if counted && allowance.content != Content::Other => None,
            None => Some(allowance.unit_time? * u64::from(allowance.capacity?.tier)),
        }
    }

    /// The budget is asked for only once the element is on its way: creating one must not read the machine.
    fn budget_limit(&self, allowance: &Allowance) -> u64 {
        match allowance.machine {
            Some(_) => memory::process_budget().stats().limit,
            None => u64::MAX,
        }
    }

    pub(super) fn set_limits(&self, limits: Level) {
        self.handoff.set_limits(limits);
        self.set_marks();
        if self.hot.leaky() == super::Leaky::Downstream {
            self.leak_downstream();
        }
    }

    /// Recomputes the levels that turn back-pressure on.
    pub(super) fn set_marks(&self) {
        self.handoff.set_marks(watermark::marks(&self.handoff.limits(), self.hot.marks().0));
    }

    /// Leases what the limits allow to be held, or lowers the limits to what can be leased.
    pub(super) fn take_lease(&self) {
        let mut allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        self.lease_due.store(false, Ordering::Relaxed);
        let Some(capacity) = allowance.capacity else { return };
        let budget = memory::process_budget();
        let mut lease = allowance.lease.take().unwrap_or_else(|| Lease::empty(budget));
        let mut capacity = capacity.as_needed();
        let (wanted, undeniable) = capacity.lease(capacity.units, &user);
        if undeniable {
            lease.insist(wanted);
        } else if lease.resize(wanted).is_err() {
            capacity.units = capacity.affordable(lease.bytes() + lease.headroom());
            gst::warning!(
                CAT,
                imp = self,
                "the memory budget has no room for {} of {} buffers: holds {}",
                capacity.needed - capacity.units,
                capacity.needed,
                capacity.units
            );
            // The floor is never denied.
            lease.insist(capacity.lease(capacity.units, &user).0);
        }
        let limits = capacity.limits(&user);
        gst::debug!(CAT, imp = self, "limits {limits:?}, lease {lease:?}");
        allowance.lease = Some(lease);
        self.adopt(&mut allowance, capacity, &user);
        drop(allowance);
        if limits != self.handoff.limits() {
            self.set_limits(limits);
        }
    }

    /// Gives the lease back; it is taken again with the next data.
    pub(super) fn release_lease(&self) {
        let mut allowance = lock(&self.allowance);
        allowance.lease = None;
        self.lease_due.store(true, Ordering::Relaxed);
    }

    /// The limit that was reached, if the user set it.
    pub(super) fn fixed_limit(&self) -> Option<&'static str> {
        let user = lock(&self.settings).limits;
        let set = [user.buffers.is_some(), user.bytes.is_some(), user.time.is_some()];
        let reached = self.handoff.level().reached(&self.handoff.limits());
        let names = ["max-size-buffers", "max-size-bytes", "max-size-time"];
        (0..3).find(|i| set[*i] && reached[*i]).map(|i| names[i])
    }

    pub(super) fn allowance_stats(&self) -> AllowanceStats {
        let allowance = lock(&self.allowance);
        let lease = allowance.lease.as_ref();
        AllowanceStats {
            lease: lease.map_or(0, Lease::bytes),
            overcommit: lease.map_or(0, Lease::overcommit),
            growths: allowance.growths,
            denied: allowance.denied,
        }
    }

    /// Makes the limits in force those of the user, or gives all of them back.
    pub(super) fn set_sizing(&self, sizing: QueueSizing) {
        let limits = self.handoff.limits();
        {
            let mut settings = lock(&self.settings);
            let user = &mut settings.limits;
            if sizing == QueueSizing::Fixed {
                let clamp = |n: u64| n.min(u32::MAX.into()) as u32;
                user.buffers.get_or_insert(clamp(limits.buffers));
                user.bytes.get_or_insert(clamp(limits.bytes));
                user.time.get_or_insert(limits.time);
            } else {
                *user = Default::default();
                settings.from_tier = sizing == QueueSizing::Tier;
            }
        }
        self.apply_limits();
    }
}

/// How long a frame lasts at a rate; None at a variable one.
fn frame_time(rate: gst::Fraction) -> Option<Nanos> {
    let (numerator, denominator) = (u64::try_from(rate.numer()).ok()?, u64::try_from(rate.denom()).ok()?);
    (SECOND * denominator).checked_div(numerator).filter(|time| *time > 0)
}
