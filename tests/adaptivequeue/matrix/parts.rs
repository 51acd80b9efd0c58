//! What happens around pipelines: callbacks that take their time, readers that do not read, files to play.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::scene::{Kit, Scene};
use crate::common::TestPipeline;
use crate::common::gate::Gate;

/// What a callback does that does not return at once.
#[derive(Clone)]
pub enum Wait {
    /// It sleeps: the kernel wakes it.
    Sleep(Duration),
    /// It waits without a limit, for somebody who comes after this time.
    Untimed(Duration),
    /// It computes.
    Work(Duration, Arc<AtomicBool>),
    /// It waits until the scene is over.
    Gate(Gate),
}

impl Wait {
    fn pass(&self) {
        match self {
            Wait::Sleep(time) => thread::sleep(*time),
            Wait::Untimed(time) => {
                let (time, gate) = (*time, Gate::default());
                let opener = gate.clone();
                thread::spawn(move || {
                    thread::sleep(time);
                    opener.open();
                });
                gate.pass();
            }
            Wait::Work(time, stop) => {
                let began = Instant::now();
                while began.elapsed() < *time && !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            }
            Wait::Gate(gate) => gate.pass(),
        }
    }
}

/// Counts what passes and lets a wait begin at the n-th.
#[derive(Clone)]
pub struct Nth {
    wait: Wait,
    left: Arc<AtomicU64>,
}

impl Nth {
    pub fn new(n: u64, wait: Wait) -> Self {
        Self { wait, left: Arc::new(AtomicU64::new(n)) }
    }

    /// Waits if this is the one. Every later one waits too at a gate.
    pub fn pass(&self) {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1)));
        match (before, &self.wait) {
            (Ok(1), wait) | (Ok(0), wait @ Wait::Gate(_)) => wait.pass(),
            _ => (),
        }
    }

    /// Whether the wait has begun.
    pub fn begun(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Scene {
    /// The handoff of an element waits at its n-th buffer.
    pub fn handoff_waits(self, element: &str, nth: &Nth) -> Self {
        let (element, nth) = (self.element(element), nth.clone());
        element.set_property("signal-handoffs", true);
        element.connect("handoff", false, move |_| {
            nth.pass();
            None
        });
        self
    }

    /// A probe's callback on a sink pad waits at its n-th buffer.
    pub fn probe_waits(self, element: &str, nth: &Nth) -> Self {
        let nth = nth.clone();
        self.pad(element, "sink").add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            nth.pass();
            gst::PadProbeReturn::Ok
        });
        self
    }

    /// A gate behind which everything after the n-th buffer waits until the scene is over.
    pub fn gate(self, n: u64) -> (Self, Nth) {
        let gate = Gate::default();
        let nth = Nth::new(n, Wait::Gate(gate.clone()));
        (self.release(move || gate.open()), nth)
    }

    /// As `handoff_waits`, from the n-th buffer until the scene is over.
    pub fn handoff_never_returns(self, element: &str, n: u64) -> Self {
        let (scene, nth) = self.gate(n);
        scene.handoff_waits(element, &nth)
    }

    /// As `probe_waits`, from the n-th buffer until the scene is over.
    pub fn probe_never_returns(self, element: &str, n: u64) -> Self {
        let (scene, nth) = self.gate(n);
        scene.probe_waits(element, &nth)
    }

    /// A pad is blocked until the scene is over.
    pub fn blocked(self, pad: &gst::Pad) -> Self {
        let probe = pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok).unwrap();
        let pad = pad.clone();
        self.release(move || pad.remove_probe(probe))
    }

    /// Does something again and again, from the time the pipeline is set to its state until the scene is over.
    pub fn every(self, interval: Duration, mut what: impl FnMut(&gst::Pipeline) + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        self.act(move |pipeline| {
            let pipeline = pipeline.0.clone();
            thread::spawn(move || {
                while stopped.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
                    what(&pipeline);
                }
            });
        })
        .release(move || drop(stop))
    }
}

/// A bin from a description, with ghost pads where something in it is left unlinked.
pub fn bin(kit: &Kit, description: &str) -> gst::Bin {
    gst::parse::bin_from_description(&kit.words(description), true).unwrap()
}

/// A pipeline of these, in a row.
pub fn chain(elements: &[&gst::Element]) -> TestPipeline {
    crate::common::init();
    let pipeline = gst::Pipeline::new();
    pipeline.add_many(elements).unwrap();
    gst::Element::link_many(elements).unwrap();
    TestPipeline(pipeline)
}

/// A folder that outlives the scene.
pub fn folder() -> PathBuf {
    crate::common::folder_on_disk().keep()
}

/// A file that a pipeline without the queue has written. `FILE` in the description is its name.
pub fn file(kit: &Kit, name: &str, description: &str) -> PathBuf {
    let file = folder().join(name);
    let description = kit.words(description).replace("FILE", &file.display().to_string());
    TestPipeline::parse(&description).run(crate::common::PATIENCE).expect_eos();
    file
}

/// Removes the folder of a file when the scene is over.
pub fn remove(scene: Scene, file: &Path) -> Scene {
    let folder = file.parent().unwrap().to_owned();
    scene.release(move || _ = std::fs::remove_dir_all(folder))
}

/// A reader that begins to read when the scene is over.
pub fn read_at_last(scene: Scene, mut from: impl std::io::Read + Send + 'static) -> Scene {
    scene.release(move || {
        thread::spawn(move || std::io::copy(&mut from, &mut std::io::sink()));
    })
}

/// The writing end of a pipe for `fdsink`, which stays open as long as the process, and the reading end.
pub fn pipe() -> (i32, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let fd = writer.as_raw_fd();
    std::mem::forget(writer);
    (fd, reader)
}

/// A FIFO and its reader. That it may also write lets it open the FIFO before there is a writer.
pub fn fifo() -> (PathBuf, std::fs::File) {
    let path = folder().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let reader = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    (path, reader)
}

/// A buffer of the application's, for an `appsrc` whose format is bytes or time.
pub fn push(appsrc: &gst::Element, size: usize, time: Duration, duration: Duration) {
    let mut buffer = gst::Buffer::from_mut_slice(vec![0u8; size]);
    let fields = buffer.get_mut().unwrap();
    fields.set_pts(gst::ClockTime::try_from(time).unwrap());
    fields.set_duration(gst::ClockTime::try_from(duration).unwrap());
    let _ = appsrc.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]);
}
