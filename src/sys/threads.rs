//! What the kernel and the C library know of this process's threads. Nothing here waits for any of them.

use std::ffi::c_void;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::logic::clock::{Nanos, SECOND};
use crate::logic::stall::thread_state::{self, Calls, Doing};
use crate::logic::stall::work::Sample;

/// The calling thread's id.
pub(crate) fn own() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

const CALLS: Calls = Calls {
    futex: libc::SYS_futex,
    // Without those that open: a FIFO waits there for its other end.
    files: &[
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        libc::SYS_sync_file_range,
        libc::SYS_syncfs,
        libc::SYS_fallocate,
        libc::SYS_ftruncate,
        libc::SYS_renameat2,
        libc::SYS_unlinkat,
        libc::SYS_linkat,
        libc::SYS_mkdirat,
        libc::SYS_copy_file_range,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_renameat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link,
    ],
    descriptors: &[
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_pwrite64,
        libc::SYS_pwritev,
        libc::SYS_pwritev2,
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_preadv,
        libc::SYS_close,
        libc::SYS_sendfile,
    ],
};

/// What the thread is doing now; unknown where the kernel does not say.
pub(crate) fn doing(thread: u32) -> Doing {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    // Uninterruptible sleep: for a disk, or for what stands for one.
    if thread_state::stat(&stat).is_some_and(|(state, _)| state == 'D') {
        return Doing::File;
    }
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).unwrap_or_default();
    thread_state::doing(&text, &CALLS, |descriptor| {
        std::fs::metadata(format!("/proc/self/fd/{descriptor}")).is_ok_and(|data| data.is_file())
    })
}

/// The name of a thread, of which the kernel keeps 15 bytes. A new thread inherits that of the one that starts it.
pub(crate) fn name(thread: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/comm")).ok()?;
    Some(text.trim_end_matches('\n').into())
}

/// All threads but the calling one. Empty where they cannot be read.
pub(crate) fn all() -> Vec<Sample> {
    static TICK: LazyLock<Nanos> = LazyLock::new(|| SECOND / rustix::param::clock_ticks_per_second().max(1));
    let own = own();
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let ids = threads.flatten().filter_map(|thread| thread.file_name().to_str()?.parse().ok());
    ids.filter(|thread| *thread != own)
        .filter_map(|thread| {
            let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok()?;
            let (state, ticks) = thread_state::stat(&text)?;
            Some(Sample { thread, running: state == 'R', cpu: ticks.saturating_mul(*TICK) })
        })
        .collect()
}

/// A recursive lock of GLib's: a pointer to the C library's own, which is made when it is first taken.
#[repr(C)]
struct RecursiveLock {
    pthread: AtomicPtr<PthreadMutex>,
}

/// The beginning of a `pthread_mutex_t` of the GNU C library on Linux: lock word, depth, and the thread that holds it.
#[repr(C)]
struct PthreadMutex {
    word: AtomicI32,
    depth: AtomicI32,
    owner: AtomicI32,
}

/// The thread that holds one of GLib's recursive locks. None if nobody does, or if this C library keeps that elsewhere.
///
/// # Safety
///
/// `lock` points to a `GRecMutex` that lives for the length of the call.
pub(crate) unsafe fn holder(lock: *const c_void) -> Option<u32> {
    // SAFETY: as the caller promises.
    HOLDERS_ARE_KNOWN.then(|| unsafe { raw_holder(lock) }).flatten()
}

/// # Safety
///
/// As for [`holder`], and what the pointer in the lock points to, if to anything, is as long as three words of 32 bits.
unsafe fn raw_holder(lock: *const c_void) -> Option<u32> {
    // SAFETY: a `GRecMutex` begins with a pointer (gthread.h), which GLib itself reads atomically; the lock is alive.
    let pthread = unsafe { &(*lock.cast::<RecursiveLock>()).pthread }.load(Ordering::Acquire);
    if pthread.is_null() {
        return None;
    }
    // SAFETY: what the pointer points to lives as long as the lock does. Other threads change the word, which is read atomically.
    let owner = unsafe { &(*pthread).owner }.load(Ordering::Relaxed);
    u32::try_from(owner).ok().filter(|owner| *owner != 0)
}

/// Whether the layout above is that of this process: tried once, on a lock of our own.
static HOLDERS_ARE_KNOWN: LazyLock<bool> = LazyLock::new(|| {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return false;
    }
    let mut lock = gst::glib::ffi::GRecMutex { p: std::ptr::null_mut(), i: [0; 2] };
    let lock = &raw mut lock;
    // SAFETY: the lock outlives all uses, is initialised before and cleared after them, and is given back as often as it is taken. A
    // pthread_mutex_t is at least 24 bytes long on Linux.
    unsafe {
        gst::glib::ffi::g_rec_mutex_init(lock);
        let before = raw_holder(lock.cast());
        gst::glib::ffi::g_rec_mutex_lock(lock);
        gst::glib::ffi::g_rec_mutex_lock(lock);
        let held = raw_holder(lock.cast());
        gst::glib::ffi::g_rec_mutex_unlock(lock);
        let still_held = raw_holder(lock.cast());
        gst::glib::ffi::g_rec_mutex_unlock(lock);
        let after = raw_holder(lock.cast());
        gst::glib::ffi::g_rec_mutex_clear(lock);
        let own = Some(own());
        (before, held, still_held, after) == (None, own, own, None)
    }
});

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::mpsc;

    use super::*;
    use crate::logic::stall::thread_state::Doing;

    #[test]
    fn the_holder_of_a_lock_is_known() {
        gst::init().expect("GStreamer");
        let pad = gst::Pad::builder(gst::PadDirection::Sink).build();
        let lock = || {
            // SAFETY: the pad is alive.
            unsafe { holder((&raw const (*pad.as_ptr()).stream_rec_lock).cast()) }
        };
        use gst::prelude::*;
        assert_eq!(lock(), None);
        let held = pad.stream_lock();
        assert_eq!(lock(), Some(own()));
        drop(held);
        let (tell, told) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let pad = &pad;
            scope.spawn(move || {
                let _held = pad.stream_lock();
                tell.send(own()).expect("the test waits");
                let _ = released.recv();
            });
            let other = told.recv().expect("the thread runs");
            assert_eq!(lock(), Some(other));
            while doing(other) != Doing::Waiting {
                std::thread::yield_now();
            }
            drop(release);
        });
        assert_eq!(lock(), None);
    }

    #[test]
    fn threads_say_what_they_do() {
        let (tell, told) = mpsc::channel();
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                tell.send(own()).expect("the test waits");
                let _ = reader.read(&mut [0u8; 1]);
            });
            let thread = told.recv().expect("the thread runs");
            while doing(thread) != Doing::Outside {
                std::thread::yield_now();
            }
            assert!(all().iter().any(|sample| sample.thread == thread));
            assert!(name(thread).is_some());
            drop(writer);
        });
    }
}
