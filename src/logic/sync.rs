//! The standard library's locks and atomics, or loom's when the models are built (`--cfg loom`).
//!
//! Code whose interleavings are proved by models takes its primitives from here.

use std::time::Duration;

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

use super::clock::Nanos;
use atomic::{AtomicU64, Ordering};

/// Locks, also after a panic elsewhere: every critical section here leaves plain values that are always valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Unwraps the result of a lock or a wait, also after a panic elsewhere; for the standard library's own types.
pub(crate) fn unpoisoned<T>(result: std::sync::LockResult<T>) -> T {
    result.unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Waits for a signal, also after a panic elsewhere. It may come without a reason.
pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// As [`wait`], for `timeout` at most. Returns whether that was over.
pub(crate) fn wait_timeout<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let (guard, result) = condition.wait_timeout(guard, timeout).unwrap_or_else(|poisoned| poisoned.into_inner());
    (guard, result.timed_out())
}

/// A point in time, or none, that threads share.
#[derive(Debug)]
pub(crate) struct AtomicTime(AtomicU64);

impl AtomicTime {
    /// Beyond any time of a clock.
    const NONE: Nanos = Nanos::MAX;

    pub fn get(&self) -> Option<Nanos> {
        Some(self.0.load(Ordering::Acquire)).filter(|time| *time != Self::NONE)
    }

    pub fn set(&self, time: Option<Nanos>) {
        self.0.store(time.unwrap_or(Self::NONE), Ordering::Release);
    }
}

impl Default for AtomicTime {
    fn default() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }
}
