//! The recordings of the process, for those who show figures. Recordings write atomics; nothing here takes their locks.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::SystemTime;

use crate::logic::clock::{Nanos, SECOND, monotonic};
use crate::logic::metrics::process::Recordings;
use crate::logic::recording::{Session, recover};
use crate::logic::sync::lock;

/// How many folders are remembered, those recorded to last.
const FOLDERS: usize = 16;
/// How often folders are looked into, while somebody asks.
const LOOK_PERIOD: Nanos = 30 * SECOND;

struct Known {
    sessions: Vec<Weak<Session>>,
    folders: VecDeque<PathBuf>,
    leftovers: Option<(u64, Nanos)>,
    looked: Option<Nanos>,
}

// Held for a look at the table, never while a folder is looked into.
static KNOWN: Mutex<Known> =
    Mutex::new(Known { sessions: Vec::new(), folders: VecDeque::new(), leftovers: None, looked: None });
/// A thread looks into the folders. A disk that does not answer keeps one, and no more.
static LOOKING: AtomicBool = AtomicBool::new(false);

fn known() -> MutexGuard<'static, Known> {
    lock(&KNOWN)
}

/// Shows a recording for as long as it lives.
pub(crate) fn show(session: &Arc<Session>) {
    let folder = session.temporary_path().parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let mut known = known();
    known.sessions.retain(|session| session.strong_count() > 0);
    known.sessions.push(Arc::downgrade(session));
    known.folders.retain(|other| *other != folder);
    known.folders.push_back(folder);
    if known.folders.len() > FOLDERS {
        known.folders.pop_front();
    }
}

/// All recordings taken together; none if there never was one.
pub(super) fn read() -> Option<Recordings> {
    let (sessions, leftovers) = {
        let known = known();
        if known.folders.is_empty() {
            return None;
        }
        (known.sessions.clone(), known.leftovers)
    };
    look_now_and_then();
    let mut all = Recordings { leftovers, ..Recordings::default() };
    for session in sessions.iter().filter_map(Weak::upgrade) {
        let counters = session.counters();
        all.active += 1;
        all.unsynced += counters.unsafe_bytes.load(Ordering::Relaxed);
        all.held += counters.held_bytes.load(Ordering::Relaxed);
        all.since_flush = all.since_flush.max(session.since_flush());
    }
    Some(all)
}

/// Looks for leftovers if the last look is too long ago, in a thread of its own: whoever shows figures must not wait for a disk.
fn look_now_and_then() {
    let now = monotonic();
    let due = known().looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK_PERIOD);
    if !due || LOOKING.swap(true, Ordering::AcqRel) {
        return;
    }
    let spawned = thread::Builder::new().name("steady-leftover".into()).spawn(|| {
        let folders = known().folders.clone();
        let found = look(folders.iter());
        let mut known = known();
        (known.leftovers, known.looked) = (Some(found), Some(monotonic()));
        drop(known);
        LOOKING.store(false, Ordering::Release);
    });
    if spawned.is_err() {
        LOOKING.store(false, Ordering::Release);
    }
}

/// How many unfinished recordings that nobody is writing are in the folders, and the greatest age.
fn look<'a>(folders: impl Iterator<Item = &'a PathBuf>) -> (u64, Nanos) {
    let now = SystemTime::now();
    let found = folders.filter_map(|folder| recover::find(folder, now).ok());
    let left = found.flat_map(|found| found.unfinished).filter(|unfinished| !unfinished.locked);
    left.fold((0, 0), |(count, oldest), unfinished| (count + 1, oldest.max(unfinished.age.as_nanos() as Nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn leftovers_are_those_that_nobody_writes() {
        use rustix::fs::{FlockOperation, flock};
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, age: u64| {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            file
        };
        let folders = [folder.path().to_owned(), folder.path().join("gone")];
        assert_eq!(look(folders.iter()), (0, 0));
        let written = make("now.recording.mkv", 9000);
        flock(&written, FlockOperation::LockExclusive).unwrap();
        make("a.recording.mkv", 7200);
        make("b.recording-20260131T235959Z.mkv", 100);
        make("finished.mkv", 90_000);
        let (count, oldest) = look(folders.iter());
        assert_eq!(count, 2);
        assert!((7200 * SECOND..7300 * SECOND).contains(&oldest), "{oldest}");
    }
}
