//! Limits and leases: what the machine, the caps, the user and the need make of them.

use std::sync::atomic::Ordering;

use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT};
use crate::logic::memory::budget::Lease;
use crate::logic::memory::machine::{Machine, Source};
use crate::logic::memory::{self, tiers};
use crate::logic::queue::capacity::{Capacity, Content, Thrift};
use crate::logic::queue::levels::Level;
use crate::logic::queue::watermark;
use crate::logic::sync::lock;

/// How much the queue may hold, and why.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// As read on the way to READY.
    machine: Option<Machine>,
    content: Content,
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
        let (assume, role) = {
            let settings = lock(&self.settings);
            (settings.assume_memory, settings.role)
        };
        let mut machine = Machine::detect();
        if assume > 0 {
            machine = machine.assuming(assume);
        }
        let tier = tiers::tier(role.into(), machine.effective, machine.available, 0);
        let source = match &machine.source {
            Source::Total => "RAM".to_string(),
            Source::Cgroup(file) => format!("limit in {}", file.display()),
            Source::Override => "override".to_string(),
            Source::Unknown => "unknown".to_string(),
        };
        let line = format!(
            "memory {} MiB ({source}), budget for frames {} MiB: holds {} raw frames as {role:?}",
            machine.effective.unwrap_or(0) >> 20,
            memory::process_budget().stats().limit >> 20,
            tier.frames,
        );
        let low = machine.effective.is_some_and(|bytes| bytes < 2 << 30);
        match tier.guessed || low {
            true => gst::warning!(CAT, imp = self, "little or unknown memory: {line}"),
            false => gst::info!(CAT, imp = self, "{line}"),
        }
        {
            let mut allowance = lock(&self.allowance);
            allowance.machine = Some(machine);
            allowance.content = Content::Other;
            allowance.growths = 0;
        }
        self.apply_limits();
    }

    /// New caps: another size of frames, or none.
    pub(super) fn set_caps(&self, caps: &gst::CapsRef) {
        let video = caps.structure(0).is_some_and(|s| s.has_name("video/x-raw"));
        let content = match video {
            // Frames in graphics memory have no size that is known here.
            true => Content::Frames(gst_video::VideoInfo::from_caps(caps).map_or(0, |info| info.size() as u64)),
            false => Content::Other,
        };
        {
            let mut allowance = lock(&self.allowance);
            allowance.content = content;
            allowance.lease = None;
        }
        self.apply_limits();
        self.take_lease();
    }

    /// Sets the limits from scratch: growth and the lease start anew with the next data.
    pub(super) fn apply_limits(&self) {
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
        let capacity = Capacity::new(allowance.content, tier.frames, self.budget_limit(&allowance));
        allowance.capacity = Some(capacity);
        self.grown.store(false, Ordering::Relaxed);
        self.lease_due.store(true, Ordering::Relaxed);
        let limits = capacity.limits(&settings.limits);
        drop(allowance);
        self.set_limits(limits);
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
        let Some(mut capacity) = allowance.capacity else { return };
        let budget = memory::process_budget();
        let mut lease = allowance.lease.take().unwrap_or_else(|| Lease::empty(budget));
        capacity.units = capacity.base;
        let (wanted, undeniable) = capacity.lease(capacity.units, &user);
        if undeniable {
            lease.insist(wanted);
        } else if lease.resize(wanted).is_err() {
            capacity.units = capacity.affordable(lease.bytes() + lease.headroom());
            gst::warning!(
                CAT,
                imp = self,
                "the memory budget has no room for {} of {} buffers: holds {}",
                capacity.base - capacity.units,
                capacity.base,
                capacity.units
            );
            // The floor is never denied.
            lease.insist(capacity.lease(capacity.units, &user).0);
        }
        let limits = capacity.limits(&user);
        gst::debug!(CAT, imp = self, "limits {limits:?}, lease {lease:?}");
        allowance.lease = Some(lease);
        allowance.capacity = Some(capacity);
        drop(allowance);
        self.grown.store(false, Ordering::Relaxed);
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
    pub(super) fn set_fixed(&self, fixed: bool) {
        let limits = self.handoff.limits();
        {
            let mut settings = lock(&self.settings);
            let user = &mut settings.limits;
            if fixed {
                let clamp = |n: u64| n.min(u32::MAX.into()) as u32;
                user.buffers.get_or_insert(clamp(limits.buffers));
                user.bytes.get_or_insert(clamp(limits.bytes));
                user.time.get_or_insert(limits.time);
            } else {
                *user = Default::default();
            }
        }
        self.apply_limits();
    }
}
