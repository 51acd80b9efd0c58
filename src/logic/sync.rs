//! The standard library's locks and atomics, or loom's when the models are built (`--cfg loom`).
//!
//! Code whose interleavings are proved by models takes its primitives from here.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

/// Locks, also after a panic elsewhere: every critical section here leaves plain values that are always valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// What a lock or a wait gives, also after a panic elsewhere, as [`lock`].
pub(crate) fn unpoisoned<T>(result: std::sync::LockResult<T>) -> T {
    result.unwrap_or_else(|poisoned| poisoned.into_inner())
}
