//! Recordings into a file system made of memory, for tests of `logic::recording`.

mod cuts;
mod faults;
mod pace;
mod reports;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gststeady::logic::clock::{MILLISECOND, Nanos};
use gststeady::logic::recording::storage::{Directory, Errno};
use gststeady::logic::recording::{Durability, Failure, OnExists, Options, Recording, begin};

pub const THRESHOLD: u64 = 8192;
pub const UTC: u64 = 1_769_903_999;

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n.max(1) as u64) as usize
    }
}

pub fn options(durability: Durability, on_exists: OnExists) -> Options {
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
pub struct Accepted {
    pub bytes: Vec<u8>,
    pub patched: Vec<bool>,
}

impl Accepted {
    pub fn put(&mut self, at: usize, data: &[u8]) {
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
    pub fn check_prefix(&self, found: &[u8], least: usize, context: &str) {
        assert!(found.len() >= least, "{context}: {} bytes there, {least} expected", found.len());
        for (i, byte) in found.iter().enumerate().take(least) {
            assert!(*byte == self.bytes[i] || self.patched[i], "{context}: byte {i} differs");
        }
    }
}

/// How far a run of [`record`] got.
#[derive(Default, Clone)]
pub struct Run {
    pub begun: bool,
    pub accepted: Accepted,
    /// Appended bytes that a completed sync covers.
    pub synced: usize,
    /// Appended bytes that a completed flush has given to the kernel.
    pub flushed: usize,
    pub most_unsafe: u64,
    pub overwrites: u64,
    pub elapsed: Nanos,
    /// How often no byte was accepted because the disk was behind.
    pub waits: u64,
    pub error: Option<Failure>,
    pub finished: bool,
}

/// Records a few windows of data with patches in between, running the sync jobs as late as a slow disk would, and finishes.
pub fn record(directory: Arc<dyn Directory>, options: Options, seed: u64) -> Run {
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

pub fn drive(recording: &mut Recording, run: &mut Run, seed: u64) -> Result<(), Failure> {
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
                recording.job_done(taken, result)?;
                run.synced = run.synced.max(covered);
            }
            run.waits += u64::from(taken == 0);
            stuck = if taken == 0 { stuck + 1 } else { 0 };
            assert!(stuck < 4, "no room, and no job that would make some");
        }
        recording.tick(now)?;
        // As the thread does that comes by in between, whatever the window and the overwrites are at.
        if dice.below(4) == 0 {
            recording.hand_over()?;
        }
        run.flushed = run.flushed.max(recording.given_to_kernel() as usize);
        run.most_unsafe = run.most_unsafe.max(recording.counters().unsafe_bytes.load(Ordering::Relaxed));
    }
    if let Some(taken) = job.take() {
        let result = taken.run();
        recording.job_done(taken, result)?;
    }
    Ok(())
}

pub fn content(image: &BTreeMap<OsString, Vec<u8>>, name: &str) -> Option<Vec<u8>> {
    image.get(&OsString::from(name)).cloned()
}

/// A recording to `out.bin` in a directory.
pub fn recording(directory: Arc<dyn Directory>, options: Options) -> Recording {
    let open = |_: &Path| -> Result<Arc<dyn Directory>, Errno> { Ok(directory.clone()) };
    begin(Path::new("out.bin"), options, &open, 1, UTC).unwrap().recording
}

/// Writes all of it, doing what the background thread would.
pub fn write_all(recording: &mut Recording, data: &[u8]) {
    let mut done = 0;
    while done < data.len() {
        done += recording.write(&[data], done, 0).unwrap();
        if let Some(job) = recording.take_job() {
            let result = job.run();
            recording.job_done(job, result).unwrap();
        }
    }
}
