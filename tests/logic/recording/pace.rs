//! A recording and its disk at different speeds: who waits for whom, and what is in the page cache meanwhile.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gststeady::logic::clock::{Clock, MILLISECOND, MonotonicClock, Nanos};
use gststeady::logic::recording::storage::Directory;
use gststeady::logic::recording::storage::fake::FakeDirectory;
use gststeady::logic::recording::storage::faults::{Call, Faults, FaultyDirectory};
use gststeady::logic::recording::{Durability, Notice, OnExists, Options, Recording, Session, SyncJob, WriteError};

use crate::common::gate::{Gate, Opener};
use crate::common::wait_until;
use crate::recording::{self, THRESHOLD, UTC, options};

const DEFAULTS: Options = Options {
    threshold: 4 << 20,
    interval: 2000 * MILLISECOND,
    durability: Durability::Sync,
    bounded_cache: true,
    digest: false,
    on_exists: OnExists::Error,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A session with its background thread while `work` writes, then its end and how long that took.
fn session(
    directory: Arc<dyn Directory>,
    options: Options,
    clock: Arc<dyn Clock>,
    work: impl FnOnce(&Session),
) -> (Duration, Arc<Session>) {
    let recording = recording::recording(directory, options);
    let session = Arc::new(Session::new(recording, clock, 0));
    let background = session.clone();
    let thread = std::thread::spawn(move || background.run_background(&mut |_| {}));
    work(&session);
    let since = Instant::now();
    session.finish(UTC).unwrap();
    let took = since.elapsed();
    thread.join().unwrap();
    (took, session)
}

/// The same on storage that keeps nothing and takes its time to sync.
fn slow_disk(sync_takes: Duration, options: Options, work: impl FnOnce(&Session)) -> (Duration, Arc<Session>) {
    let directory = Arc::new(FakeDirectory::discarding(sync_takes));
    session(directory, options, Arc::new(MonotonicClock::default()), work)
}

fn write_all(session: &Session, data: &[u8]) {
    session.write(&[data], &mut 0).unwrap();
}

#[test]
fn the_end_of_two_gibibytes_comes_within_a_tenth_of_a_second() {
    let data = vec![0; 1 << 20];
    let (took, session) = slow_disk(Duration::from_millis(5), DEFAULTS, |session| {
        for _ in 0..2048 {
            write_all(session, &data);
        }
    });
    assert!(took < Duration::from_millis(100), "{took:?}");
    let syncs = session.counters().syncs.load(Ordering::Relaxed);
    assert!(syncs <= 512 + 2, "{syncs} syncs for 512 windows");
}

#[test]
fn a_recording_can_end_while_a_window_is_on_its_way_and_another_one_waits() {
    for durability in [Durability::Sync, Durability::Flush] {
        for late in 0..20 {
            let options = Options { threshold: 4096, durability, ..DEFAULTS };
            let (took, _) = slow_disk(Duration::from_micros(300), options, |session| {
                write_all(session, &[0; 3 * 4096]);
                std::thread::sleep(Duration::from_micros(50 * late));
            });
            assert!(took < Duration::from_secs(10), "{took:?}");
        }
    }
}

/// Ten milliseconds pass from look to look: slow enough that no stream outruns a disk.
#[derive(Debug, Default)]
struct Leisurely(AtomicU64);

impl Clock for Leisurely {
    fn now(&self) -> Nanos {
        self.0.fetch_add(10 * MILLISECOND, Ordering::Relaxed)
    }
}

/// A session whose syncs and write-backs all stand still at a gate, which opens when `work` is done.
fn stopped_disk(options: Options, work: impl FnOnce(&Session) + Send) -> Arc<Session> {
    let gate = Opener(Gate::default());
    let before = gate.0.clone();
    let faults = Faults::new(move |call, _| {
        if matches!(call, Call::SyncData | Call::WriteBack) {
            before.pass();
        }
        None
    });
    let disk = FaultyDirectory::new(Arc::new(FakeDirectory::discarding(Duration::ZERO)), faults.clone());
    let (_, session) = session(Arc::new(disk), options, Arc::new(Leisurely::default()), |session| {
        let (done, is_done) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                work(session);
                done.send(()).unwrap();
            });
            // With the gate still closed: whoever waits for the disk waits for ever.
            let result = is_done.recv_timeout(PATIENCE);
            let deadline = Instant::now() + PATIENCE;
            while faults.count(Call::SyncData) + faults.count(Call::WriteBack) == 0 && Instant::now() < deadline {
                std::thread::yield_now();
            }
            assert!(Instant::now() < deadline, "the disk was never asked");
            gate.open();
            result.expect("the writer waits for the disk");
        });
    });
    session
}

#[test]
fn the_writer_goes_on_beside_a_sync_that_never_ends_until_two_windows_are_waiting() {
    let session = stopped_disk(DEFAULTS, |session| {
        for _ in 0..(8 << 20) / 32_768 {
            write_all(session, &[0; 32_768]);
        }
    });
    assert_eq!(session.max_stall(), 0);
}

#[test]
fn with_flush_the_writer_never_waits_for_a_disk_that_stands_still() {
    for size in [188, 65_536, 9 << 20] {
        let options = Options { durability: Durability::Flush, ..DEFAULTS };
        let session = stopped_disk(options, |session| {
            let data = vec![0; size];
            for _ in 0..(64 << 20) / size {
                if !session.gather(&data) {
                    write_all(session, &data);
                }
            }
        });
        assert_eq!(session.max_stall(), 0);
    }
}

#[test]
fn bytes_reach_the_kernel_beside_a_sync_that_never_ends_without_a_sync_of_their_own() {
    let gate = Opener(Gate::default());
    let before = gate.0.clone();
    let faults = Faults::new(move |call, _| {
        if call == Call::SyncData {
            before.pass();
        }
        None
    });
    let disk = FakeDirectory::default();
    let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults.clone());
    // Large enough windows and no interval: nothing else would write a byte.
    let options = Options { threshold: 65_536, interval: 0, ..DEFAULTS };
    let recording = recording::recording(Arc::new(faulty), options);
    let session = Arc::new(Session::new(recording, Arc::new(MonotonicClock::default()), 0));
    let start = |work: fn(&Session, &mut dyn FnMut(Notice))| {
        let session = session.clone();
        std::thread::spawn(move || work(&session, &mut |_| {}))
    };
    let threads = [start(Session::run_background), start(Session::run_hand_over)];
    let written = || recording::content(&disk.live(), "out.recording.bin").unwrap().len();
    let mut expected = 0;
    let mut bring = |size: usize| {
        expected += size;
        if !session.gather(&vec![1; size]) {
            write_all(&session, &vec![1; size]);
        }
        wait_until("the kernel has it", || written() == expected);
    };
    // Before the first window is full, and, with a silence between any two, after its sync has begun.
    bring(100);
    bring(200);
    assert_eq!(faults.count(Call::SyncData), 0);
    bring(65_536 - 300);
    wait_until("the sync has begun", || faults.count(Call::SyncData) == 1);
    for size in [1, 188, 1000] {
        bring(size);
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(faults.count(Call::SyncData), 1);
    gate.open();
    session.finish(UTC).unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// A recording that only the kernel must have, of so many windows in each of which 100 ms pass; `disk` gets the job of each.
fn windows(recording: &mut Recording, now: &mut Nanos, windows: usize, mut disk: impl FnMut(&mut Recording, Nanos)) {
    for _ in 0..windows {
        *now += 100 * MILLISECOND;
        assert_eq!(recording.write(&[&[1; THRESHOLD as usize]], 0, *now), Ok(THRESHOLD as usize));
        disk(recording, *now);
    }
}

fn run(recording: &mut Recording, job: SyncJob) {
    let result = job.run();
    recording.job_done(job, result).unwrap();
}

#[test]
fn with_flush_pages_go_while_the_disk_keeps_up_also_when_it_lags_by_a_window() {
    for lag in 0..=1 {
        let disk = FakeDirectory::default();
        let mut recording = recording::recording(Arc::new(disk.clone()), options(Durability::Flush, OnExists::Error));
        let (mut now, mut under_way) = (0, VecDeque::new());
        windows(&mut recording, &mut now, 100, |recording, now| {
            under_way.extend(recording.take_job());
            if now > lag as u64 * 100 * MILLISECOND {
                run(recording, under_way.pop_front().unwrap());
            }
            if lag > 0 {
                under_way.extend(recording.take_job());
            }
            let cached = disk.cached("out.recording.bin");
            assert!(cached <= (lag as u64 + 1) * THRESHOLD, "{cached} bytes in the page cache with a lag of {lag}");
        });
        drop(under_way);
        recording.finish(UTC, now).unwrap();
        assert!(disk.cached("out.bin") <= 2 * THRESHOLD);
    }
}

#[test]
fn with_flush_a_disk_that_is_behind_is_left_in_peace_for_a_second_and_tried_again() {
    let (disk, faults) = (FakeDirectory::default(), Faults::new(|_, _| None));
    let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults.clone());
    let mut recording = recording::recording(Arc::new(faulty), options(Durability::Flush, OnExists::Error));
    let cached = || disk.cached("out.recording.bin") / THRESHOLD;
    let mut now = 0;
    windows(&mut recording, &mut now, 1, |_, _| {});
    let stuck = recording.take_job().unwrap();
    windows(&mut recording, &mut now, 2, |recording, _| assert!(recording.take_job().is_none(), "one at a time"));
    assert!(!recording.jobs_use_the_disk(), "two windows were waiting when the third came");
    // The job of the first window ends when the second is over, for the pages of that window alone.
    windows(&mut recording, &mut now, 9, |recording, _| assert!(recording.take_job().is_none()));
    assert_eq!((cached(), faults.count(Call::WriteBack)), (12, 0));
    windows(&mut recording, &mut now, 1, |_, _| {});
    run(&mut recording, stuck);
    assert_eq!((cached(), faults.count(Call::WriteBack)), (12, 1));
    // Those that were left stay, and from here on all go.
    windows(&mut recording, &mut now, 50, |recording, _| {
        let job = recording.take_job().expect("something to let go of");
        run(recording, job);
    });
    assert_eq!((cached(), faults.count(Call::WriteBack)), (11, 51));
}

#[test]
fn with_flush_pages_of_what_outruns_any_disk_are_left_to_the_kernel_without_a_try() {
    // Tenths of a nanosecond for each byte: faster and slower than a gigabyte a second.
    for (numerator, tried) in [(9, 0), (12, 20)] {
        let (disk, faults) = (FakeDirectory::default(), Faults::new(|_, _| None));
        let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults.clone());
        let mut recording = recording::recording(Arc::new(faulty), options(Durability::Flush, OnExists::Error));
        for window in 0..20 {
            for piece in 0..8 {
                let now = (window * THRESHOLD + piece * THRESHOLD / 8) * numerator / 10;
                assert_eq!(recording.write(&[&[1; THRESHOLD as usize / 8]], 0, now), Ok(THRESHOLD as usize / 8));
            }
            let now = (window + 1) * THRESHOLD * numerator / 10;
            recording.flush(now).unwrap();
            if recording.jobs_use_the_disk() {
                let job = recording.take_job().unwrap();
                run(&mut recording, job);
            }
        }
        assert_eq!(faults.count(Call::WriteBack), tried, "{numerator}/10");
    }
}

#[test]
fn the_page_that_the_next_bytes_go_to_is_not_let_go() {
    for durability in [Durability::Sync, Durability::Flush] {
        let disk = FakeDirectory::default();
        let mut recording = recording::recording(Arc::new(disk.clone()), options(durability, OnExists::Error));
        recording.write(&[&[1; 5000]], 0, 0).unwrap();
        recording.flush(0).unwrap();
        let job = recording.take_job().unwrap();
        run(&mut recording, job);
        assert_eq!(disk.cached("out.recording.bin"), 4096, "{durability:?}");
    }
}

#[test]
fn with_flush_a_window_within_one_page_asks_nothing_of_the_disk() {
    let faults = Faults::new(|_, _| None);
    let faulty = FaultyDirectory::new(Arc::new(FakeDirectory::default()), faults.clone());
    let mut recording = recording::recording(Arc::new(faulty), options(Durability::Flush, OnExists::Error));
    for second in 1..=3 {
        recording.write(&[&[1; 100]], 0, second * 1000 * MILLISECOND).unwrap();
        recording.flush(second * 1000 * MILLISECOND).unwrap();
        let job = recording.take_job().unwrap();
        run(&mut recording, job);
    }
    // A range of no bytes would mean all of the file to the kernel.
    assert_eq!(faults.count(Call::WriteBack), 0);
}

#[test]
fn the_writer_waits_once_two_windows_are_not_safe_and_an_interrupt_ends_the_wait() {
    let (_, session) = slow_disk(Duration::from_millis(300), DEFAULTS, |session| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let unsafe_bytes = || session.counters().unsafe_bytes.load(Ordering::Relaxed);
                while unsafe_bytes() < 8 << 20 {
                    std::thread::yield_now();
                }
                session.interrupt(true);
            });
            let mut done = 0;
            let data = vec![0; 32 << 20];
            assert_eq!(session.write(&[&data], &mut done), Err(WriteError::Interrupted));
            assert!((8 << 20..32 << 20).contains(&done), "{done}");
            session.interrupt(false);
            session.write(&[&data], &mut done).unwrap();
            assert_eq!(done, 32 << 20);
        });
    });
    assert!(session.max_stall() > 100 * MILLISECOND);
}

#[test]
fn a_window_costs_one_sync() {
    let faults = Faults::new(|_, _| None);
    let faulty = FaultyDirectory::new(Arc::new(FakeDirectory::default()), faults.clone());
    let options = Options { interval: 0, ..options(Durability::Sync, OnExists::Error) };
    let mut recording = recording::recording(Arc::new(faulty), options);
    for _ in 0..1000 {
        recording::write_all(&mut recording, &[1; 1000]);
    }
    recording.finish(UTC, 0).unwrap();
    let (syncs, windows) = (faults.count(Call::SyncData), 1_000_000_u64.div_ceil(THRESHOLD));
    assert!((windows - 1..=windows + 2).contains(&syncs), "{syncs} syncs for {windows} windows");
}
