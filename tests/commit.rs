//! The promises of a recording, broken on purpose in a file system made of memory: every call fails once, and the power goes
//! after every operation.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gststeady::logic::clock::{MILLISECOND, MonotonicClock, Nanos};
use gststeady::logic::commit::fake::{FakeDirectory, Limits};
use gststeady::logic::commit::faults::{Call, Fault, Faults, FaultyDirectory};
use gststeady::logic::commit::storage::{Directory, Errno};
use gststeady::logic::commit::{
    Durability, Failure, FailureKind, OnExists, Options, Recording, Session, WriteError, begin,
};

const THRESHOLD: u64 = 8192;
const UTC: u64 = 1_769_903_999;

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }
}

fn options(durability: Durability, on_exists: OnExists) -> Options {
    Options {
        threshold: THRESHOLD,
        interval: 50 * MILLISECOND,
        durability,
        bounded_cache: true,
        digest: false,
        on_exists,
    }
}

/// What was accepted, byte by byte; those that a muxer would go back to may show an earlier state.
#[derive(Default, Clone)]
struct Accepted {
    bytes: Vec<u8>,
    patched: Vec<bool>,
}

impl Accepted {
    fn put(&mut self, at: usize, data: &[u8]) {
        let end = at + data.len();
        self.patched.resize(self.patched.len().max(end), false);
        for flag in &mut self.patched[at..end.min(self.bytes.len()).max(at)] {
            *flag = true;
        }
        self.bytes.resize(self.bytes.len().max(end), 0);
        self.bytes[at..end].copy_from_slice(data);
    }

    /// Whether `found` is the beginning of what was accepted, as far as it goes and at least `least` bytes of it.
    #[track_caller]
    fn check_prefix(&self, found: &[u8], least: usize, context: &str) {
        assert!(found.len() >= least, "{context}: {} bytes there, {least} expected", found.len());
        for (i, byte) in found.iter().enumerate().take(least) {
            assert!(*byte == self.bytes[i] || self.patched[i], "{context}: byte {i} differs");
        }
    }
}

/// How far a run of [`record`] got.
#[derive(Default, Clone)]
struct Run {
    begun: bool,
    accepted: Accepted,
    /// Appended bytes that a completed sync covers.
    synced: usize,
    /// Appended bytes that a completed flush has given to the kernel.
    flushed: usize,
    most_unsafe: u64,
    overwrites: u64,
    elapsed: Nanos,
    error: Option<Failure>,
    finished: bool,
}

/// Records a few windows of data with patches in between, running the sync jobs as late as a slow disk would, and finishes.
fn record(directory: Arc<dyn Directory>, options: Options, seed: u64) -> Run {
    let mut run = Run::default();
    let open = |_: &Path| Ok(directory.clone());
    let begun = match begin(Path::new("out.bin"), options, &open, seed, UTC) {
        Ok(begun) => begun,
        Err(failure) => {
            run.error = Some(failure);
            return run;
        }
    };
    run.begun = true;
    let mut recording = begun.recording;
    let result = drive(&mut recording, &mut run, seed).and_then(|()| recording.finish(UTC, 0));
    match result {
        Ok(finished) => {
            assert_eq!(finished.bytes, run.accepted.bytes.len() as u64);
            run.finished = true;
        }
        Err(failure) => {
            run.error = Some(failure);
            // What this adds is no second error: the element posts one.
            let _ = recording.keep(false, UTC, 0);
        }
    }
    if let Err(failure) = recording.close() {
        run.error.get_or_insert(failure);
    }
    run
}

fn drive(recording: &mut Recording, run: &mut Run, seed: u64) -> Result<(), Failure> {
    let mut dice = Dice(seed);
    let mut now: Nanos = 0;
    let mut job = None;
    let mut stuck = 0;
    for _ in 0..40 {
        now += dice.below(20) as u64 * MILLISECOND;
        let end = run.accepted.bytes.len();
        let data: Vec<u8> = (0..dice.below(3000) + 1).map(|_| dice.below(256) as u8).collect();
        // With every other seed one in four goes back, as muxers do. The others end without a held overwrite, whose own sync
        // would make up for one that was forgotten.
        let (at, data) = if seed.is_multiple_of(2) && end > 400 && dice.below(4) == 0 {
            (dice.below(end - 200), &data[..data.len().min(64)])
        } else {
            (end, &data[..])
        };
        run.overwrites += u64::from(at < end);
        run.elapsed = now;
        recording.seek(at as u64);
        let mut done = 0;
        while done < data.len() {
            let taken = recording.write(&[data], done, now)?;
            run.accepted.put(at + done, &data[done..done + taken]);
            done += taken;
            if recording.has_job() && job.is_none() && (taken == 0 || dice.below(3) == 0) {
                job = recording.take_job();
            }
            if (taken == 0 || dice.below(2) == 0)
                && let Some(taken) = job.take()
            {
                let result = taken.run();
                let covered = taken.end() as usize;
                recording.job_done(taken, result, now)?;
                run.synced = run.synced.max(covered);
            }
            stuck = if taken == 0 { stuck + 1 } else { 0 };
            assert!(stuck < 4, "no room, and no job that would make some");
        }
        recording.tick(now)?;
        run.flushed = run.flushed.max(recording.given_to_kernel() as usize);
        run.most_unsafe = run.most_unsafe.max(recording.counters().unsafe_bytes.load(Ordering::Relaxed));
    }
    if let Some(taken) = job.take() {
        let result = taken.run();
        recording.job_done(taken, result, now)?;
    }
    Ok(())
}

fn content(image: &BTreeMap<OsString, Vec<u8>>, name: &str) -> Option<Vec<u8>> {
    image.get(&OsString::from(name)).cloned()
}

#[test]
fn undisturbed_every_byte_arrives_within_two_windows() {
    for seed in 0..50 {
        for durability in [Durability::Sync, Durability::Flush] {
            let disk = FakeDirectory::default();
            let faults = Faults::new(|_, _| None);
            let watched = FaultyDirectory::new(Arc::new(disk.clone()), faults.clone());
            let run = record(Arc::new(watched), options(durability, OnExists::Error), seed);
            assert_eq!(run.error, None);
            let windows = (run.accepted.bytes.len() as u64).div_ceil(THRESHOLD);
            let allowed = windows + run.elapsed / (50 * MILLISECOND) + run.overwrites + 2;
            let syncs = faults.count(Call::SyncData);
            assert!(
                syncs <= if durability == Durability::Sync { allowed } else { 0 },
                "{syncs} syncs, {allowed} allowed"
            );
            let live = disk.live();
            assert_eq!(live.keys().collect::<Vec<_>>(), ["out.bin"]);
            assert!(content(&live, "out.bin").unwrap() == run.accepted.bytes, "seed {seed}");
            if durability == Durability::Sync {
                assert!(run.most_unsafe <= 2 * THRESHOLD, "{} bytes at risk", run.most_unsafe);
            }
        }
    }
}

#[test]
fn any_failing_call_leaves_the_data_and_makes_one_error() {
    let errors = [Errno::IO, Errno::NOSPC, Errno::INTR, Errno::ACCESS, Errno::ROFS, Errno::DQUOT];
    for limits in [
        Limits::default(),
        Limits { no_rename_no_replace: true, ..Limits::default() },
        Limits { no_rename_no_replace: true, no_links: true },
    ] {
        for call in Call::ALL {
            for errno in errors {
                for nth in 1.. {
                    let disk = FakeDirectory::with_limits(limits);
                    disk.plant("out.recording.bin", b"somebody's leftover");
                    let faults = Faults::new(move |c, n| (c == call && n == nth).then_some(Fault::Fail(errno)));
                    let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults.clone());
                    let run = record(Arc::new(faulty), options(Durability::Sync, OnExists::Error), 7);
                    if faults.count(call) < nth {
                        assert!(run.finished);
                        break;
                    }
                    let context = format!("{call:?} number {nth} fails with {errno}, {limits:?}");
                    check_after_fault(&disk, &run, &faults, limits, &context, errno);
                }
            }
        }
    }
}

fn check_after_fault(disk: &FakeDirectory, run: &Run, faults: &Faults, limits: Limits, context: &str, errno: Errno) {
    let live = disk.live();
    assert!(live.values().any(|c| c == b"somebody's leftover"), "{context}: the leftover is gone");
    let ours: Vec<_> = live.iter().filter(|(_, c)| *c != b"somebody's leftover" && !c.is_empty()).collect();
    if errno == Errno::INTR {
        assert!(run.error.is_none() && run.finished, "{context}: an interruption is no failure: {:?}", run.error);
    }
    if let Some(done) = content(&live, "out.bin") {
        assert!(done == run.accepted.bytes, "{context}: the final name is there and incomplete");
    } else {
        assert!(run.error.is_some(), "{context}: no file and no error");
    }
    if let Some(failure) = &run.error {
        assert!(!failure.text.is_empty() && failure.text.ends_with('.'), "{context}: {}", failure.text);
        if matches!(errno, Errno::NOSPC | Errno::DQUOT) {
            assert_eq!(failure.kind, FailureKind::NoSpace, "{context}");
        }
    }
    if run.flushed > 0 {
        // Several names only after a link whose other name could not be taken away.
        let [(name, bytes), rest @ ..] = &ours[..] else { panic!("{context}: {:?}", live.keys()) };
        assert!(rest.iter().all(|(_, others)| others == bytes) && (rest.is_empty() || limits.no_rename_no_replace));
        run.accepted.check_prefix(bytes, run.flushed, &format!("{context}: {name:?}"));
        // Nobody holds it any more.
        disk.open(name).unwrap().lock().unwrap();
    }
    // A failed sync is the last one, and nothing is published after it.
    let log = faults.log();
    if let Some(failure) = run.error.as_ref().filter(|f| f.kind == FailureKind::Sync && f.errno == Some(errno)) {
        let last = log.iter().rposition(|c| matches!(c, Call::SyncData | Call::SyncDirectory)).unwrap();
        if log[last] == Call::SyncData {
            assert!(
                !log[last..].iter().any(|c| matches!(c, Call::Rename | Call::RenameNoReplace | Call::Link)),
                "{context}: published after {failure}"
            );
        }
    }
}

#[test]
fn a_failed_sync_is_never_repeated_and_nothing_is_published() {
    for nth in 1..=4 {
        let disk = FakeDirectory::default();
        let faults = Faults::new(move |c, n| (c == Call::SyncData && n == nth).then_some(Fault::Fail(Errno::IO)));
        let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults.clone());
        let run = record(Arc::new(faulty), options(Durability::Sync, OnExists::Error), 3);
        assert_eq!(run.error.unwrap().kind, FailureKind::Sync);
        assert_eq!(faults.count(Call::SyncData), nth, "synced again after a failure");
        assert_eq!(disk.live().keys().collect::<Vec<_>>(), ["out.recording.bin"]);
    }
}

#[test]
fn short_and_interrupted_writes_change_nothing() {
    for seed in 0..20 {
        let disk = FakeDirectory::default();
        let faults = Faults::new(move |call, n| match call {
            Call::Write if n % 3 == 0 => Some(Fault::Fail(Errno::INTR)),
            Call::Write => Some(Fault::Short((n * 2_654_435_761 % 700) as usize + 1)),
            _ => None,
        });
        let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults);
        let run = record(Arc::new(faulty), options(Durability::Sync, OnExists::Error), seed);
        assert_eq!(run.error, None);
        assert!(content(&disk.live(), "out.bin").unwrap() == run.accepted.bytes);
    }
}

/// Runs with everything failing from operation `k` on, which is what the end of the process or of the power looks like.
/// Returns the run and whether it got beyond that operation.
fn cut_after(disk: &FakeDirectory, durability: Durability, on_exists: OnExists, seed: u64, k: u64) -> (Run, bool) {
    let total = Arc::new(AtomicU64::new(0));
    let count = total.clone();
    let faults = Faults::new(move |_, _| (count.fetch_add(1, Ordering::SeqCst) >= k).then_some(Fault::Fail(Errno::IO)));
    let faulty = FaultyDirectory::new(Arc::new(disk.clone()), faults);
    let run = record(Arc::new(faulty), options(durability, on_exists), seed);
    (run, total.load(Ordering::SeqCst) > k)
}

fn power_cuts(seeds: std::ops::Range<u64>, subsets: u64) {
    for seed in seeds {
        for k in 0.. {
            let disk = FakeDirectory::default();
            disk.plant("innocent.bin", b"untouched");
            let (run, cut) = cut_after(&disk, Durability::Sync, OnExists::Error, seed, k);
            for subset in 0..subsets {
                let mut dice = Dice(seed * 1000 + k * 10 + subset);
                let image = disk.after_power_cut(&mut |n| dice.below(n));
                let context = format!("seed {seed}, cut after operation {k}, subset {subset}");
                assert_eq!(content(&image, "innocent.bin").unwrap(), b"untouched");
                let done = content(&image, "out.bin");
                if let Some(done) = &done {
                    assert!(*done == run.accepted.bytes, "{context}: the final name is there and incomplete");
                }
                if run.finished {
                    assert!(done.is_some(), "{context}: EOS came, and the file did not survive");
                } else if run.begun && done.is_none() {
                    let temp = content(&image, "out.recording.bin");
                    let temp = temp.unwrap_or_else(|| panic!("{context}: the temporary's name is lost"));
                    run.accepted.check_prefix(&temp, run.synced, &context);
                }
            }
            if !cut {
                assert!(run.finished);
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_after_any_operation_loses_nothing_that_was_synced() {
    power_cuts(0..4, 6);
}

#[cfg(feature = "full")]
#[test]
fn power_cuts_by_the_hundred_thousand() {
    power_cuts(4..60, 30);
}

fn kills(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        for durability in [Durability::Sync, Durability::Flush] {
            for k in 0.. {
                let disk = FakeDirectory::default();
                let (run, cut) = cut_after(&disk, durability, OnExists::Error, seed, k);
                let context = format!("seed {seed}, killed after operation {k}");
                let live = disk.live();
                if let Some(done) = content(&live, "out.bin") {
                    assert!(done == run.accepted.bytes, "{context}: the final name is there and incomplete");
                } else if run.begun {
                    let temp = content(&live, "out.recording.bin").unwrap();
                    run.accepted.check_prefix(&temp, run.flushed, &context);
                    let lost = run.accepted.bytes.len().saturating_sub(temp.len());
                    // The bytes of the write that was under way were not accepted yet.
                    assert!(lost as u64 <= THRESHOLD, "{context}: {lost} bytes lost");
                }
                if !cut {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_kill_after_any_operation_loses_at_most_one_window() {
    kills(0..6);
}

#[cfg(feature = "full")]
#[test]
fn kills_by_the_ten_thousand() {
    kills(6..120);
}

#[test]
fn an_existing_file_survives_power_cuts_unless_replaced_as_a_whole() {
    for on_exists in [OnExists::Number, OnExists::Replace] {
        for k in 0.. {
            let disk = FakeDirectory::default();
            disk.plant("out.bin", b"old");
            let (run, cut) = cut_after(&disk, Durability::Sync, on_exists, 1, k);
            for subset in 0..4 {
                let mut dice = Dice(k * 10 + subset);
                let image = disk.after_power_cut(&mut |n| dice.below(n));
                let there = content(&image, "out.bin").unwrap();
                match on_exists {
                    OnExists::Replace => assert!(there == b"old" || there == run.accepted.bytes),
                    _ => assert!(there == b"old"),
                }
                if on_exists == OnExists::Number
                    && let Some(numbered) = content(&image, "out-1.bin")
                {
                    assert!(numbered == run.accepted.bytes);
                }
            }
            if !cut {
                assert!(run.finished);
                break;
            }
        }
    }
}

#[test]
fn where_nothing_can_be_renamed_safely_a_warning_says_so_and_nothing_is_replaced() {
    let limits = Limits { no_rename_no_replace: true, no_links: true };
    let disk = FakeDirectory::with_limits(limits);
    let open = |_: &Path| -> Result<Arc<dyn Directory>, Errno> { Ok(Arc::new(disk.clone())) };
    let begun = begin(Path::new("out.bin"), options(Durability::Sync, OnExists::Error), &open, 1, UTC).unwrap();
    assert_eq!(begun.warnings.len(), 1);
    let mut recording = begun.recording;
    recording.write(&[b"data"], 0, 0).unwrap();
    disk.plant("out.bin", b"theirs");
    let failure = recording.finish(UTC, 0).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Close);
    assert!(failure.text.contains("out.bin") && failure.text.contains("out.recording.bin"), "{failure}");
    assert_eq!(content(&disk.live(), "out.bin").unwrap(), b"theirs");
    assert_eq!(content(&disk.live(), "out.recording.bin").unwrap(), b"data");
}

#[test]
fn overwrites_beyond_the_budget_keep_their_order() {
    let disk = FakeDirectory::default();
    let open = |_: &Path| -> Result<Arc<dyn Directory>, Errno> { Ok(Arc::new(disk.clone())) };
    let mut recording =
        begin(Path::new("out.bin"), options(Durability::Sync, OnExists::Error), &open, 1, UTC).unwrap().recording;
    let write = |recording: &mut Recording, data: &[u8]| {
        let mut done = 0;
        while done < data.len() {
            let taken = recording.write(&[data], done, 0).unwrap();
            done += taken;
            if let Some(job) = recording.take_job() {
                let result = job.run();
                recording.job_done(job, result, 0).unwrap();
            }
        }
    };
    let mut expected = vec![0; 200_000];
    write(&mut recording, &expected);
    // 3 of 30 000 bytes fill the budget; one of 100 000 does not fit at all; all overlap.
    for (n, (at, len)) in
        [(0, 30_000), (15_000, 30_000), (1000, 30_000), (500, 100_000), (700, 10)].into_iter().enumerate()
    {
        let data = vec![n as u8 + 1; len];
        recording.seek(at as u64);
        write(&mut recording, &data);
        expected[at..at + len].copy_from_slice(&data);
    }
    recording.finish(UTC, 0).unwrap();
    assert!(content(&disk.live(), "out.bin").unwrap() == expected);
}

/// A session on storage that keeps nothing and takes its time to sync, with its background thread.
fn slow_disk(sync_takes: Duration, options: Options, work: impl FnOnce(&Session)) -> (Duration, Arc<Session>) {
    let disk = FakeDirectory::discarding(sync_takes);
    let open = |_: &Path| -> Result<Arc<dyn Directory>, Errno> { Ok(Arc::new(disk.clone())) };
    let begun = begin(Path::new("out.bin"), options, &open, 1, UTC).unwrap();
    let session = Arc::new(Session::new(begun.recording, Arc::new(MonotonicClock::default()), 0));
    let background = session.clone();
    let thread = std::thread::spawn(move || background.run_background(&mut |_| {}));
    work(&session);
    let since = Instant::now();
    session.finish(UTC).unwrap();
    let took = since.elapsed();
    thread.join().unwrap();
    (took, session)
}

fn write_all(session: &Session, data: &[u8]) {
    session.write(&[data], &mut 0).unwrap();
}

const DEFAULTS: Options = Options {
    threshold: 4 << 20,
    interval: 2000 * MILLISECOND,
    durability: Durability::Sync,
    bounded_cache: true,
    digest: false,
    on_exists: OnExists::Error,
};

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

#[test]
fn slow_syncs_do_not_stop_the_writer_before_two_windows_are_waiting() {
    // 3 MB/s, with windows small enough that one of the many syncs of 200 ms is nearly always under way.
    let options = Options { threshold: 1 << 20, ..DEFAULTS };
    // A busy machine can only make a write look longer than it is, so the best of three counts.
    let mut longest = Duration::MAX;
    for _ in 0..3 {
        let mut here = Duration::ZERO;
        let (_, session) = slow_disk(Duration::from_millis(200), options, |session| {
            let start = Instant::now();
            for n in 0..200_u32 {
                let since = Instant::now();
                write_all(session, &[0; 30_000]);
                here = here.max(since.elapsed());
                std::thread::sleep((start + Duration::from_millis(10) * n).saturating_duration_since(Instant::now()));
            }
        });
        assert_eq!(session.max_stall(), 0, "waited for the disk");
        assert!(session.counters().syncs.load(Ordering::Relaxed) >= 5);
        longest = longest.min(here);
        if longest < Duration::from_millis(5) {
            return;
        }
    }
    panic!("{longest:?} in one write");
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
fn an_overwrite_never_survives_a_power_cut_without_what_was_appended_after_it() {
    for k in 0.. {
        let disk = FakeDirectory::default();
        let total = Arc::new(AtomicU64::new(0));
        let count = total.clone();
        let faults =
            Faults::new(move |_, _| (count.fetch_add(1, Ordering::SeqCst) >= k).then_some(Fault::Fail(Errno::IO)));
        let faulty: Arc<dyn Directory> = Arc::new(FaultyDirectory::new(Arc::new(disk.clone()), faults));
        let open = |_: &Path| -> Result<Arc<dyn Directory>, Errno> { Ok(faulty.clone()) };
        if let Ok(begun) = begin(Path::new("out.bin"), options(Durability::Sync, OnExists::Error), &open, 1, UTC) {
            let mut recording = begun.recording;
            // What a muxer does that finalises: spoil the old index, append the new one, end.
            let _ = recording.write(&[&[b'o'; 3000]], 0, 0).and_then(|_| {
                recording.seek(0);
                recording.write(&[b"N"], 0, 0)?;
                recording.seek(3000);
                recording.write(&[&[b'i'; 3000]], 0, 0)?;
                recording.finish(UTC, 0)
            });
        }
        for subset in 0..40 {
            let mut dice = Dice(k * 100 + subset);
            let image = disk.after_power_cut(&mut |n| dice.below(n));
            for content in image.values().filter(|c| c.first() == Some(&b'N')) {
                assert!(content.len() == 6000 && content[3000..].iter().all(|b| *b == b'i'), "cut after operation {k}");
            }
        }
        if total.load(Ordering::SeqCst) <= k {
            break;
        }
    }
}

#[test]
fn a_window_costs_one_sync() {
    let faults = Faults::new(|_, _| None);
    let faulty: Arc<dyn Directory> = Arc::new(FaultyDirectory::new(Arc::new(FakeDirectory::default()), faults.clone()));
    let open = |_: &Path| -> Result<Arc<dyn Directory>, Errno> { Ok(faulty.clone()) };
    let options = Options { interval: 0, ..options(Durability::Sync, OnExists::Error) };
    let mut recording = begin(Path::new("out.bin"), options, &open, 1, UTC).unwrap().recording;
    for _ in 0..1000 {
        let mut done = 0;
        while done < 1000 {
            done += recording.write(&[&[1; 1000]], done, 0).unwrap();
            if let Some(job) = recording.take_job() {
                let result = job.run();
                recording.job_done(job, result, 0).unwrap();
            }
        }
    }
    recording.finish(UTC, 0).unwrap();
    let (syncs, windows) = (faults.count(Call::SyncData), 1_000_000_u64.div_ceil(THRESHOLD));
    assert!((windows - 1..=windows + 2).contains(&syncs), "{syncs} syncs for {windows} windows");
}
