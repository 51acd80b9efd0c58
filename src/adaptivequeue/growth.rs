//! Room for need and for joins, thrift while memory is low, and the way back from each.

use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT};
use super::{Leaky, topology};
use crate::logic::clock::monotonic;
use crate::logic::memory;
use crate::logic::memory::budget::PAGE;
use crate::logic::memory::low::Supply;
use crate::logic::queue::capacity::Capacity;
use crate::logic::queue::levels::Level;
use crate::logic::sync::lock;

impl AdaptiveQueue {
    /// Whether more room would let the producer go on: the queue is full, and it is not a limit of the user's that was reached.
    pub(super) fn growth_helps(&self) -> bool {
        let limits = self.handoff.limits();
        self.handoff.level().reaches(&limits) && self.fixed_limit().is_none()
    }

    /// One step of growth. False if the budget has no room for it.
    pub(super) fn grow(&self) -> bool {
        let mut allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        let Some(mut capacity) = allowance.capacity else { return false };
        let units = capacity.grown();
        let (bytes, undeniable) = capacity.lease(units, &user);
        // Looks whether memory is low, and with it what the budget can give.
        memory::supply(monotonic());
        let leased = match &mut allowance.lease {
            // A lease that the user's limit decides stays as it is.
            Some(lease) => undeniable || lease.resize(bytes).is_ok(),
            // Flushed meanwhile: there is nothing to grow for.
            None => return true,
        };
        allowance.denied = !leased;
        if !leased {
            return false;
        }
        capacity.units = units;
        self.adopt(&mut allowance, capacity, &user);
        allowance.growths += 1;
        drop(allowance);
        let limits = capacity.limits(&user);
        gst::info!(CAT, imp = self, "grown to {limits:?}: the producer also feeds what downstream waits for");
        self.set_limits(limits);
        true
    }

    /// Doubles the room up to the tier: the consumer found nothing shortly after the producer had been blocked. False if that
    /// is as far as the queue and the budget go, or memory is low.
    #[cold]
    pub(super) fn double(&self) -> bool {
        let supply = memory::supply(monotonic());
        let mut allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        let Some(capacity) = allowance.capacity.and_then(|capacity| capacity.doubled(&user)) else { return false };
        let (bytes, undeniable) = capacity.lease(capacity.units, &user);
        // Without a lease there is no data, and nothing to make room for.
        let Some(lease) = allowance.lease.as_mut().filter(|_| supply == Supply::Plenty) else { return false };
        if !undeniable && lease.resize(bytes).is_err() {
            gst::debug!(CAT, imp = self, "the memory budget has no room for {} buffers", capacity.units);
            return false;
        }
        self.adopt(&mut allowance, capacity, &user);
        drop(allowance);
        gst::debug!(CAT, imp = self, "holds {} buffers, since room was needed", capacity.units);
        self.set_limits(capacity.limits(&user));
        true
    }

    /// Gives up half of the room that need has brought: what happened lately would have fitted.
    #[cold]
    pub(super) fn halve(&self) {
        let mut allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        let Some(capacity) = allowance.capacity else { return };
        let Some(half) = capacity.halved() else { return };
        // Room that a join has needed stays until the queue drains.
        let units = if capacity.units == capacity.needed { half } else { capacity.units };
        let capacity = Capacity { needed: half, units, ..capacity };
        let (limits, level) = (capacity.limits(&user), self.handoff.level());
        if self.hot.leaky() != Leaky::No && level.reaches(&limits) {
            // Data would be dropped for it.
            return;
        }
        if let (Some(lease), (bytes, false)) = (allowance.lease.as_mut(), capacity.lease(units, &user)) {
            // What is inside stays leased until it has left. Less than before is never denied.
            let _ = lease.resize(bytes.max(level.bytes).min(lease.bytes()));
        }
        self.adopt(&mut allowance, capacity, &user);
        drop(allowance);
        gst::debug!(CAT, imp = self, "holds {units} buffers, since no more was needed lately");
        self.set_limits(limits);
    }

    /// Called now and then while the queue is full: it holds less while memory is low, and after calm as much as before.
    pub(super) fn follow_supply(&self) {
        let now = monotonic();
        let supply = memory::supply(now);
        let mut allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        let Some(capacity) = allowance.capacity else { return };
        let units = allowance.thrift.update(&capacity, supply, now);
        let held = self.handoff.level().bytes;
        let more = units > capacity.units;
        // A lease that was left longer for what was inside follows it down. Leases are of whole pages.
        let wanted = held.max(capacity.lease(units, &user).0).next_multiple_of(PAGE);
        let settled = units == capacity.units && allowance.lease.as_ref().is_none_or(|lease| lease.bytes() <= wanted);
        if settled {
            return;
        }
        drop(allowance);
        // The other input may come so much later that less would not do. The graph is not read with a lock held.
        if !more && topology::shares_its_source(&self.obj()) {
            return;
        }
        let mut allowance = lock(&self.allowance);
        let Some(now) = allowance.capacity.filter(|now| now.units == capacity.units) else { return };
        let capacity = Capacity { units, ..now };
        if let (Some(lease), (bytes, false)) = (allowance.lease.as_mut(), capacity.lease(units, &user)) {
            let bytes = if more { bytes } else { bytes.max(held).min(lease.bytes()) };
            if lease.resize(bytes).is_err() {
                return;
            }
        }
        self.adopt(&mut allowance, capacity, &user);
        drop(allowance);
        let limits = capacity.limits(&user);
        if limits == self.handoff.limits() {
            return;
        }
        match more {
            true => gst::info!(CAT, imp = self, "memory is no longer low: holds {units} buffers from now on"),
            false => gst::warning!(CAT, imp = self, "memory is low: holds {units} buffers from now on"),
        }
        self.set_limits(limits);
    }

    /// Back from growth for a join to what need has shown, once what is held fits it well.
    pub(super) fn fall_back(&self, level: &Level) {
        let mut allowance = lock(&self.allowance);
        let user = lock(&self.settings).limits;
        let Some(capacity) = allowance.capacity.filter(|capacity| capacity.may_fall_back(level, &user)) else { return };
        let capacity = capacity.as_needed();
        self.adopt(&mut allowance, capacity, &user);
        let (bytes, undeniable) = capacity.lease(capacity.units, &user);
        if let Some(lease) = allowance.lease.as_mut().filter(|_| !undeniable) {
            // Less than before is never denied; a lease that began with overcommit keeps it.
            if bytes <= lease.bytes() {
                let _ = lease.resize(bytes);
            }
        }
        drop(allowance);
        gst::debug!(CAT, imp = self, "back to {} buffers", capacity.units);
        self.set_limits(capacity.limits(&user));
    }
}
