//! The promises of a recording when the process or the power ends after any operation.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gststeady::logic::clock::MILLISECOND;
use gststeady::logic::recording::storage::fake::FakeDirectory;
use gststeady::logic::recording::storage::faults::{Fault, Faults, FaultyDirectory};
use gststeady::logic::recording::storage::{Directory, Errno};
use gststeady::logic::recording::{Durability, OnExists, begin};

use crate::recording::{Dice, Run, THRESHOLD, UTC, content, options, record};

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
fn an_overwrite_never_survives_a_power_cut_without_what_was_appended_after_it() {
    for k in 0.. {
        let disk = FakeDirectory::default();
        let total = Arc::new(AtomicU64::new(0));
        let count = total.clone();
        let faults =
            Faults::new(move |_, _| (count.fetch_add(1, Ordering::SeqCst) >= k).then_some(Fault::Fail(Errno::IO)));
        let faulty: Arc<dyn Directory> = Arc::new(FaultyDirectory::new(Arc::new(disk.clone()), faults));
        let open = |_: &Path| Ok(faulty.clone());
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
fn an_overwrite_is_with_the_kernel_as_soon_as_the_muxer_has_gone_on() {
    // What follows it: two buffers in one go, or one after a pause.
    for (times, last) in [(&[0, 0][..], "two"), (&[20], "one")] {
        let disk = FakeDirectory::default();
        let mut recording =
            crate::recording::recording(Arc::new(disk.clone()), options(Durability::Sync, OnExists::Error));
        let first = || content(&disk.live(), "out.recording.bin").unwrap().first().copied();
        recording.write(&[&[b'o'; 3000]], 0, 0).unwrap();
        recording.seek(0);
        recording.write(&[b"N"], 0, 0).unwrap();
        recording.seek(3000);
        for (i, ms) in times.iter().enumerate() {
            assert_ne!(first(), Some(b'N'), "before {last} after it, number {i}");
            recording.write(&[&[b'i'; 100]], 0, ms * MILLISECOND).unwrap();
        }
        let live = content(&disk.live(), "out.recording.bin").unwrap();
        assert!(live[0] == b'N' && live[1..3000].iter().all(|b| *b == b'o'), "after {last}");
        // Behind it in the file, and before it on the way there.
        assert!(live[3000..].iter().all(|b| *b == b'i') && live.len() == 3000 + 100 * times.len());
        assert_eq!(recording.counters().syncs.load(Ordering::Relaxed), 0);
    }
}
