//! Limits and leases: what the machine, the caps, the user and the need make of them.

use std::sync::atomic::Ordering;

use gst::subclass::prelude::*;

use super::imp::{AdaptiveQueue, CAT};
use super::topology;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::memory::budget::Lease;
use crate::logic::memory::low::Supply;
use crate::logic::memory::machine::{Machine, Source};
use crate::logic::memory::{self, tiers};
use crate::logic::queue::capacity::{Content, Sizing, Thrift};
use crate::logic::queue::levels;
use crate::logic::queue::watermark;
use crate::logic::sync::lock;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Size {
    /// As read on the way to READY.
    machine: Option<Machine>,
    content: Content,
    sizing: Option<Sizing>,
    lease: Option<Lease>,
    thrift: Thrift,
    growths: u64,
    /// The last wish to grow was denied by the budget.
    denied: bool,
}

/// What the lease is like, for `stats` and reports.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holding {
    pub lease: u64,
    pub overcommit: u64,
    pub growths: u64,
    pub denied: bool,
}

/// The time by the clock of the whole process, and how the system is off.
fn supply() -> (Nanos, Supply) {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = now.tv_sec as u64 * SECOND + now.tv_nsec as u64;
    (now, memory::supply(now))
}

impl AdaptiveQueue {
    /// Reads the machine and says in one line what follows from it.
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
            let mut size = lock(&self.size);
            size.machine = Some(machine);
            size.content = Content::Other;
            size.growths = 0;
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
            let mut size = lock(&self.size);
            size.content = content;
            size.lease = None;
        }
        self.apply_limits();
        self.take_lease();
    }

    /// Sets the limits from scratch: growth and the lease start anew with the next data.
    pub(super) fn apply_limits(&self) {
        let mut size = lock(&self.size);
        let settings = *lock(&self.settings);
        let frame_bytes = match size.content {
            Content::Frames(bytes) => bytes,
            Content::Other => 0,
        };
        let (effective, available) = match &size.machine {
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
        let sizing = Sizing::new(size.content, tier.frames, self.budget_limit(&size));
        size.sizing = Some(sizing);
        self.grown.store(false, Ordering::Relaxed);
        self.size_stale.store(true, Ordering::Relaxed);
        let limits = sizing.limits(&settings.limits);
        drop(size);
        self.set_limits(limits);
    }

    /// The budget is asked for only once the element is on its way: creating one must not read the machine.
    fn budget_limit(&self, size: &Size) -> u64 {
        match size.machine {
            Some(_) => memory::process_budget().stats().limit,
            None => u64::MAX,
        }
    }

    fn set_limits(&self, limits: levels::Size) {
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
        let mut size = lock(&self.size);
        let user = lock(&self.settings).limits;
        self.size_stale.store(false, Ordering::Relaxed);
        let Some(mut sizing) = size.sizing else { return };
        let budget = memory::process_budget();
        let mut lease = size.lease.take().unwrap_or_else(|| Lease::empty(budget));
        sizing.units = sizing.base;
        let (wanted, undeniable) = sizing.lease(sizing.units, &user);
        if undeniable {
            lease.insist(wanted);
        } else if lease.resize(wanted).is_err() {
            sizing.units = sizing.affordable(lease.bytes() + lease.headroom());
            gst::warning!(
                CAT,
                imp = self,
                "the memory budget has no room for {} of {} buffers: holds {}",
                sizing.base - sizing.units,
                sizing.base,
                sizing.units
            );
            // The floor is never denied.
            lease.insist(sizing.lease(sizing.units, &user).0);
        }
        let limits = sizing.limits(&user);
        gst::debug!(CAT, imp = self, "limits {limits:?}, lease {lease:?}");
        size.lease = Some(lease);
        size.sizing = Some(sizing);
        drop(size);
        self.grown.store(false, Ordering::Relaxed);
        if limits != self.handoff.limits() {
            self.set_limits(limits);
        }
    }

    /// Gives the lease back; it is taken again with the next data.
    pub(super) fn release_lease(&self) {
        let mut size = lock(&self.size);
        size.lease = None;
        self.size_stale.store(true, Ordering::Relaxed);
    }

    /// Whether more room would let the producer go on: the queue is full, and no limit of the user's was reached.
    pub(super) fn growth_helps(&self) -> bool {
        let limits = self.handoff.limits();
        self.handoff.level().reaches(&limits) && self.fixed_limit().is_none()
    }

    /// The limit of the user's that was reached.
    pub(super) fn fixed_limit(&self) -> Option<&'static str> {
        let user = lock(&self.settings).limits;
        let set = [user.buffers.is_some(), user.bytes.is_some(), user.time.is_some()];
        let reached = self.handoff.level().reached(&self.handoff.limits());
        let names = ["max-size-buffers", "max-size-bytes", "max-size-time"];
        (0..3).find(|i| set[*i] && reached[*i]).map(|i| names[i])
    }

    /// One step of growth. False if the budget has no room for it.
    pub(super) fn grow(&self) -> bool {
        let mut size = lock(&self.size);
        let user = lock(&self.settings).limits;
        let Some(mut sizing) = size.sizing else { return false };
        let units = sizing.grown();
        let (bytes, undeniable) = sizing.lease(units, &user);
        // Looks whether memory is low, and with it what the budget can give.
        supply();
        let leased = match &mut size.lease {
            // A lease that the user's limit decides stays as it is.
            Some(lease) => undeniable || lease.resize(bytes).is_ok(),
            // Flushed meanwhile: there is nothing to grow for.
            None => return true,
        };
        size.denied = !leased;
        if !leased {
            return false;
        }
        sizing.units = units;
        size.sizing = Some(sizing);
        size.growths += 1;
        drop(size);
        self.grown.store(true, Ordering::Relaxed);
        let limits = sizing.limits(&user);
        gst::info!(CAT, imp = self, "grown to {limits:?}: the producer also feeds what downstream waits for");
        self.set_limits(limits);
        true
    }

    /// Called now and then while the queue is full: it holds less while memory is low, and as much as before after calm.
    pub(super) fn follow_supply(&self) {
        let (now, supply) = supply();
        let mut size = lock(&self.size);
        let user = lock(&self.settings).limits;
        let Some(sizing) = size.sizing else { return };
        let units = size.thrift.look(&sizing, supply, now);
        let held = self.handoff.level().bytes;
        let more = units > sizing.units;
        // A lease that was left longer for what was inside follows it down.
        let settled = units == sizing.units
            && size.lease.as_ref().is_none_or(|lease| lease.bytes() <= held.max(sizing.lease(units, &user).0));
        if settled {
            return;
        }
        drop(size);
        // The other input may come so much later that less would not do. The graph is not read with a lock held.
        if !more && topology::shares_its_source(&self.obj()) {
            return;
        }
        let mut size = lock(&self.size);
        let Some(now) = size.sizing.filter(|now| now.units == sizing.units) else { return };
        let sizing = Sizing { units, ..now };
        if let (Some(lease), (bytes, false)) = (size.lease.as_mut(), sizing.lease(units, &user)) {
            let bytes = if more { bytes } else { bytes.max(held).min(lease.bytes()) };
            if lease.resize(bytes).is_err() {
                return;
            }
        }
        size.sizing = Some(sizing);
        drop(size);
        let limits = sizing.limits(&user);
        if limits == self.handoff.limits() {
            return;
        }
        match more {
            true => gst::info!(CAT, imp = self, "memory is no longer low: holds {units} buffers from now on"),
            false => gst::warning!(CAT, imp = self, "memory is low: holds {units} buffers from now on"),
        }
        self.set_limits(limits);
    }

    /// Back to the first size, once what is held fits it well.
    pub(super) fn fall_back(&self, level: &levels::Size) {
        let mut size = lock(&self.size);
        let user = lock(&self.settings).limits;
        let Some(mut sizing) = size.sizing else { return };
        if !sizing.may_fall_back(level, &user) {
            return;
        }
        sizing.units = sizing.base;
        size.sizing = Some(sizing);
        let (bytes, undeniable) = sizing.lease(sizing.units, &user);
        if let Some(lease) = size.lease.as_mut().filter(|_| !undeniable) {
            // Less than before is never denied; a lease that began with overcommit keeps it.
            if bytes <= lease.bytes() {
                let _ = lease.resize(bytes);
            }
        }
        drop(size);
        self.grown.store(false, Ordering::Relaxed);
        gst::debug!(CAT, imp = self, "back to {} buffers", sizing.units);
        self.set_limits(sizing.limits(&user));
    }

    pub(super) fn holding(&self) -> Holding {
        let size = lock(&self.size);
        let lease = size.lease.as_ref();
        Holding {
            lease: lease.map_or(0, Lease::bytes),
            overcommit: lease.map_or(0, Lease::overcommit),
            growths: size.growths,
            denied: size.denied,
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
