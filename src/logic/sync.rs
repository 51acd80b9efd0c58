//! The standard library's locks and atomics, or loom's when the models are built (`--cfg loom`).
//!
//! Code whose interleavings are proved by models takes its primitives from here.

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(loom))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};

/// Locks, also after a panic elsewhere: every critical section here leaves plain values that are always valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Unwraps the result of a lock or a wait, also after a panic elsewhere; for the standard library's own types.
pub(crate) fn unpoisoned<T>(result: std::sync::LockResult<T>) -> T {
    result.unwrap_or_else(|poisoned| poisoned.into_inner())
}
