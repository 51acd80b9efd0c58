//! The promises of a recording when calls fail: every call once, each in every way.

use std::path::Path;
use std::sync::Arc;

use gststeady::logic::clock::MILLISECOND;
use gststeady::logic::recording::storage::fake::{FakeDirectory, Limits};
use gststeady::logic::recording::storage::faults::{Call, Fault, Faults, FaultyDirectory};
use gststeady::logic::recording::storage::{Directory, Errno};
use gststeady::logic::recording::{Durability, FailureKind, OnExists, Options, begin};

use crate::recording::{self, Dice, Run, THRESHOLD, UTC, content, options, record, write_all};

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
            match durability {
                Durability::Sync => assert!(run.most_unsafe <= 2 * THRESHOLD, "{} bytes at risk", run.most_unsafe),
                Durability::Flush => assert_eq!(run.waits, 0, "seed {seed}: waited for the disk"),
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
    let mut recording = recording::recording(Arc::new(disk.clone()), options(Durability::Sync, OnExists::Error));
    let mut expected = vec![0; 200_000];
    write_all(&mut recording, &expected);
    // 3 of 30 000 bytes fill the budget; one of 100 000 does not fit at all; all overlap.
    for (n, (at, len)) in
        [(0, 30_000), (15_000, 30_000), (1000, 30_000), (500, 100_000), (700, 10)].into_iter().enumerate()
    {
        let data = vec![n as u8 + 1; len];
        recording.seek(at as u64);
        write_all(&mut recording, &data);
        expected[at..at + len].copy_from_slice(&data);
    }
    recording.finish(UTC, 0).unwrap();
    assert!(content(&disk.live(), "out.bin").unwrap() == expected);
}

#[test]
fn copies_lent_buffers_and_writes_arrive_in_order_whatever_their_mix() {
    for seed in 0..20 {
        let disk = FakeDirectory::default();
        let options = Options { threshold: 1 << 20, digest: true, ..options(Durability::Flush, OnExists::Error) };
        let mut recording = recording::recording(Arc::new(disk.clone()), options);
        let (mut dice, mut expected, mut lent) = (Dice(seed), Vec::new(), 0);
        for n in 0..300_u64 {
            let len = [1 + dice.below(2000), 60_000 + dice.below(80_000), 65_536][dice.below(3)];
            let data = vec![n as u8; len];
            let copy = data.clone();
            if recording.borrow(len, 0, || Some(Box::new(copy))) {
                lent += 1;
            } else if !recording.gather(&data) {
                write_all(&mut recording, &data);
            }
            expected.extend(data);
            if dice.below(20) == 0 {
                let at = dice.below(expected.len() - 1);
                expected[at] = 255;
                recording.seek(at as u64);
                write_all(&mut recording, &[255]);
                recording.seek(expected.len() as u64);
            }
        }
        let finished = recording.finish(UTC, 0).unwrap();
        assert!(content(&disk.live(), "out.bin").unwrap() == expected, "seed {seed}");
        assert_eq!(finished.blake3.unwrap(), blake3::hash(&expected).to_hex().to_string());
        assert!(lent > 30, "only {lent} were lent");
    }
}
