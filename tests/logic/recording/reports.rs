//! What a session's background thread reports, and what becomes of a session whose thread has died.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use gststeady::logic::clock::{FakeClock, Nanos, SECOND};
use gststeady::logic::recording::storage::Directory;
use gststeady::logic::recording::storage::fake::FakeDirectory;
use gststeady::logic::recording::storage::faults::{Call, Faults, FaultyDirectory};
use gststeady::logic::recording::{Durability, Notice, OnExists, Session, WriteError};

use crate::recording::{self, THRESHOLD, UTC, options};

const PATIENCE: Duration = Duration::from_secs(30);

/// Records windows one after the other, each once the one before it has been reported, with `before` called ahead of each;
/// returns what else was reported, with the number of the window.
fn reports(
    directory: Arc<dyn Directory>,
    clock: Arc<FakeClock>,
    min_free: u64,
    windows: usize,
    mut before: impl FnMut(usize),
) -> Vec<(usize, Notice)> {
    let recording = recording::recording(directory, options(Durability::Sync, OnExists::Error));
    let session = Arc::new(Session::new(recording, clock, min_free));
    let (report, reported) = mpsc::channel();
    let background = session.clone();
    let thread = std::thread::spawn(move || background.run_background(&mut |r| report.send(r).unwrap()));
    let mut others = Vec::new();
    for window in 0..windows {
        before(window);
        session.write(&[&[1; THRESHOLD as usize]], &mut 0).unwrap();
        loop {
            match reported.recv_timeout(PATIENCE).expect("the window's report") {
                Notice::Flushed { bytes, .. } => {
                    assert_eq!(bytes, THRESHOLD);
                    break;
                }
                other => others.push((window, other)),
            }
        }
    }
    session.finish(UTC).unwrap();
    thread.join().unwrap();
    assert_eq!(reported.try_iter().count(), 0);
    others
}

#[test]
fn a_disk_that_takes_more_than_ten_seconds_is_reported_once() {
    for (takes, times) in [(9 * SECOND, 0), (11 * SECOND, 1)] {
        let clock = Arc::new(FakeClock::default());
        let passes = clock.clone();
        let faults = Faults::new(move |call, _| {
            if call == Call::SyncData {
                passes.advance(takes);
            }
            None
        });
        let disk = FaultyDirectory::new(Arc::new(FakeDirectory::default()), faults);
        let others = reports(Arc::new(disk), clock, 0, 5, |_| {});
        let slow = |age: Nanos| (0, Notice::Slow { age });
        assert_eq!(others, vec![slow(takes); times]);
    }
}

#[test]
fn low_space_is_reported_once_until_twice_as_much_was_free() {
    let disk = FakeDirectory::default();
    let free = [200, 100, 99, 50, 150, 199, 40, 200, 30, 30];
    let filled = disk.clone();
    let others = reports(Arc::new(disk), Arc::default(), 100, free.len(), |n| filled.set_free_space(free[n]));
    let low = |available| Notice::LowSpace { available };
    assert_eq!(others, [(2, low(99)), (8, low(30))]);
}

#[test]
fn a_writer_behind_a_dead_background_thread_fails_and_the_data_is_kept() {
    let disk = FakeDirectory::default();
    let recording = recording::recording(Arc::new(disk.clone()), options(Durability::Sync, OnExists::Error));
    let session = Session::new(recording, Arc::<FakeClock>::default(), 0);
    std::thread::scope(|scope| {
        // Three windows: it has to wait for the first one, which nobody syncs.
        let writer = scope.spawn(|| session.write(&[&[1; 3 * THRESHOLD as usize]], &mut 0));
        while session.counters().position.load(std::sync::atomic::Ordering::Relaxed) < 2 * THRESHOLD {
            std::thread::yield_now();
        }
        session.abandon();
        assert_eq!(writer.join().unwrap(), Err(WriteError::Failed(None)));
    });
    let (kept, failure) = session.keep(false, UTC);
    assert_eq!((kept.unwrap().bytes, failure), (2 * THRESHOLD, None));
    assert_eq!(disk.live().keys().collect::<Vec<_>>(), ["out.recording.bin"]);
}
