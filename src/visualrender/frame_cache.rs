//! The frames of the video that are there, and the threads that render them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use super::drawing::{Drawing, Hand};
use super::element::CAT;
use crate::glue::painter::FrameFailure;
use crate::logic::cache::extent::{Circumstances, Extent};
use crate::logic::cache::frames::{Counters, Eviction, Frames, Job};
use crate::logic::cache::playhead::{Playhead, Preload};
use crate::logic::cache::store::Store;
use crate::logic::memory::budget::{Class, Denied, Reclaim};
use crate::logic::memory::process_budget;
use crate::logic::memory::slabs::Slabs;
use crate::logic::metrics::process::Caches;
use crate::logic::sync::lock;
use crate::metrics::caches;

/// Frames without which nothing can be shown: the one that is drawn, the one that is shown and the one between.
const FLOOR: u64 = 3;

/// Why there is no frame.
#[derive(Debug, Clone)]
pub(super) enum Missing {
    /// It cannot be drawn.
    Failure(FrameFailure),
    /// It could be, elsewhere: there is no memory for it here.
    NoMemory,
}

/// What frames are drawn from and into.
pub(super) struct Easel {
    pub(super) drawing: Drawing,
    pub(super) slabs: Arc<Slabs>,
    /// Frames in the video.
    pub(super) count: u64,
}

impl Easel {
    /// # Errors
    ///
    /// When the least that is needed does not fit into the memory limit.
    pub(super) fn new(drawing: Drawing, count: u64) -> Result<Arc<Self>, Denied> {
        let slabs = Slabs::new(process_budget(), drawing.size(), FLOOR)?;
        Ok(Arc::new(Self { drawing, slabs, count }))
    }

    /// The same in the middle of a stream, where buffers with the pictures before may still be held downstream: then fewer frames will do until
    /// those come back.
    ///
    /// # Errors
    ///
    /// When the least that is needed does not fit into the memory limit, whatever else there is.
    pub(super) fn next(drawing: Drawing, count: u64) -> Result<Arc<Self>, Denied> {
        let (size, (_, limit)) = (drawing.size(), process_budget().used_and_limit());
        let mut pools = (0..=FLOOR).rev().map(|floor| Slabs::new(process_budget(), size, floor));
        let fits = FLOOR.saturating_mul(size as u64) <= limit;
        let slabs = if fits { pools.find_map(Result::ok) } else { None };
        let slabs = slabs.ok_or_else(|| Denied { needed: FLOOR * size as u64, free: process_budget().free() })?;
        Ok(Arc::new(Self { drawing, slabs, count }))
    }
}

/// What the threads share. Locks: that of the store and that of `easel`, one at a time, for moments.
struct Shared {
    store: Arc<Store<gst::Memory, Missing>>,
    easel: Mutex<Arc<Easel>>,
    /// What a frame takes on one thread, in ns, of late.
    cost: AtomicU64,
    /// What all of them took.
    render_ns: AtomicU64,
    threads: u64,
}

/// See the [module](self).
pub(super) struct FrameCache {
    shared: Arc<Shared>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl FrameCache {
    /// Starts `threads` threads that render.
    pub(super) fn start(
        easel: Arc<Easel>,
        threads: u64,
        eviction: Eviction,
        playhead: Playhead,
    ) -> std::io::Result<Arc<Self>> {
        let mut frames = Frames::new(1, eviction, threads as usize);
        frames.jump(|start| *start = playhead);
        let shared = Arc::new(Shared {
            store: Store::new(frames),
            easel: Mutex::new(easel),
            cost: AtomicU64::new(0),
            render_ns: AtomicU64::new(0),
            threads,
        });
        let reclaimer: Weak<dyn Reclaim> = Arc::<Shared>::downgrade(&shared);
        process_budget().add_reclaimer(reclaimer);
        caches::show(&shared);
        let cache = Arc::new(Self { shared, workers: Mutex::default() });
        cache.fit();
        for n in 0..threads {
            let shared = cache.shared.clone();
            let worker = std::thread::Builder::new().name(format!("steady-render{n}")).spawn(move || shared.work());
            match worker {
                Ok(worker) => lock(&cache.workers).push(worker),
                // Those that there are do the work.
                Err(error) if n > 0 => {
                    gst::warning!(CAT, "{n} threads render and not {threads}: {error}");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(cache)
    }

    pub(super) fn easel(&self) -> Arc<Easel> {
        self.shared.easel()
    }

    pub(super) fn store(&self) -> &Store<gst::Memory, Missing> {
        &self.shared.store
    }

    /// Goes on with other pictures.
    pub(super) fn renew(&self, easel: Arc<Easel>, playhead: Playhead) {
        // Before the new generation, so that no job of that is drawn on the old one.
        let old = std::mem::replace(&mut *lock(&self.shared.easel), easel);
        let most = self.extent(playhead.jumped).most;
        self.shared.store.change(|frames| {
            let mut gone = frames.renew(most);
            gone.extend(frames.jump(|current| *current = playhead));
            gone
        });
        old.slabs.close();
        self.store().resume();
        self.fit();
    }

    /// Playback goes on elsewhere or otherwise.
    pub(super) fn jump(&self, playhead: Playhead) {
        let extent = self.extent(playhead.jumped);
        self.shared.store.change(|frames| {
            // Room first: what is there may be what is wanted now.
            let mut gone = frames.jump(|current| *current = Playhead { ahead: extent.ahead, ..playhead });
            gone.extend(frames.adjust(extent.most, |_| ()));
            gone
        });
    }

    /// Other frames are rendered ahead from now on.
    pub(super) fn set_preload(&self, preload: Preload) {
        let most = self.store().read(|frames| frames.extent().most);
        self.shared.store.change(|frames| frames.adjust(most, |playhead| playhead.preload = preload));
    }

    /// Time stands still from now on, or goes on.
    pub(super) fn pause(&self, paused: bool) {
        let extent = self.extent(self.store().read(|frames| frames.playhead().jumped));
        self.shared.store.change(|frames| frames.adjust(extent.most, |playhead| playhead.paused = paused));
    }

    /// Has as many frames as are worth it now. There may be memory again that there was not.
    pub(super) fn fit(&self) {
        let extent = self.extent(self.store().read(|frames| frames.playhead().jumped));
        self.shared.store.change(|frames| frames.adjust(extent.most, |playhead| playhead.ahead = extent.ahead));
    }

    fn extent(&self, jumped: bool) -> Extent {
        let easel = self.easel();
        let (used, limit) = process_budget().used_and_limit();
        let ours = easel.slabs.stats().mapped;
        let room = limit.saturating_sub(used.saturating_sub(ours)) / easel.slabs.size() as u64;
        Extent::new(Circumstances {
            threads: self.shared.threads,
            jumped,
            cost: self.shared.cost.load(Ordering::Relaxed),
            duration: easel.drawing.grid().duration(0),
            size: easel.slabs.size() as u64,
            room,
        })
    }

    /// Gives all memory back, for pictures of another kind: nothing is rendered until [`renew`](Self::renew). Waits for what is being rendered;
    /// whether it has come to that before a flush.
    pub(super) fn rest(&self) -> bool {
        let rested = self.store().rest();
        self.clear();
        self.easel().slabs.close();
        rested
    }

    /// Forgets all frames and gives their memory back.
    pub(super) fn clear(&self) {
        self.shared.store.change(Frames::clear);
        self.easel().slabs.trim(u64::MAX);
    }

    /// What rendering took so far, in ns, on all threads together.
    pub(super) fn render_ns(&self) -> u64 {
        self.shared.render_ns.load(Ordering::Relaxed)
    }

    /// Ends the threads, each after the frame that it is drawing, and gives the memory back.
    pub(super) fn end(&self) {
        self.store().end();
        let workers = std::mem::take(&mut *lock(&self.workers));
        if workers.is_empty() {
            // It has ended already.
            return;
        }
        for worker in workers {
            if worker.join().is_err() {
                gst::error!(CAT, "A thread that renders panicked.");
            }
        }
        self.shared.store.change(Frames::clear);
        self.easel().slabs.close();
        caches::end(&self.shared);
    }
}

impl Drop for FrameCache {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn easel(&self) -> Arc<Easel> {
        lock(&self.easel).clone()
    }

    fn work(&self) {
        let mut hand = Hand::default();
        while let Some(job) = self.store.next_job() {
            self.render(&job, &mut hand);
        }
    }

    fn render(&self, job: &Job, hand: &mut Hand) {
        let easel = self.easel();
        let class = if job.awaited { Class::MustHave } else { Class::Evictable };
        let slab = loop {
            match easel.slabs.take(class) {
                Ok(slab) => break Some(slab),
                Err(_) if self.store.make_room(job) => {}
                Err(denied) => {
                    gst::debug!(CAT, "frame {}: {denied}", job.frame);
                    break None;
                }
            }
        };
        let Some(mut slab) = slab else {
            self.store.give_up(job, Missing::NoMemory);
            return;
        };
        let (wanted, epoch) = self.store.is_wanted(job);
        if !wanted {
            gst::debug!(CAT, "frame {} of epoch {} is not wanted in epoch {epoch}", job.frame, job.epoch);
            return;
        }
        let began = cpu_time();
        let drawn = catch_unwind(AssertUnwindSafe(|| easel.drawing.draw(job.frame, hand, slab.bytes_mut())));
        self.note(cpu_time().saturating_sub(began));
        let result = match drawn {
            // Read-only: whoever wants to write into it gets a copy.
            Ok(Ok(())) => Ok(gst::Memory::from_slice(slab)),
            Ok(Err(failure)) => Err(Missing::Failure(failure)),
            Err(panic) => {
                *hand = Hand::default();
                Err(Missing::Failure(FrameFailure { n: job.frame, what: "drawing", why: said(&*panic) }))
            }
        };
        self.store.finish(job, result);
    }

    /// Keeps what a frame takes of late, an eighth of it new.
    fn note(&self, took: u64) {
        self.render_ns.fetch_add(took, Ordering::Relaxed);
        let before = self.cost.load(Ordering::Relaxed);
        // Another thread's figure may get lost, which does no harm.
        self.cost.store(if before == 0 { took } else { before - before / 8 + took / 8 }, Ordering::Relaxed);
    }
}

impl caches::Cache for Shared {
    fn figures(&self) -> Caches {
        let (frames, counters) = self.store.read(|frames| (frames.len() as u64, frames.counters()));
        let Counters { hits, misses, rendered, skipped, evicted } = counters;
        Caches { frames, bytes: self.easel().slabs.stats().mapped, hits, misses, rendered, skipped, evicted }
    }
}

impl Reclaim for Shared {
    fn trim(&self, bytes: u64) -> u64 {
        self.easel().slabs.trim(bytes)
    }

    fn reclaim(&self, bytes: u64) -> u64 {
        let slabs = self.easel().slabs.clone();
        let mut freed = slabs.trim(bytes);
        // What others still hold is not free when it is evicted: more may have to go.
        while freed < bytes {
            let count = (bytes - freed).div_ceil(slabs.size() as u64);
            if self.store.change(|frames| frames.reclaim(count as usize)) == 0 {
                break;
            }
            freed += slabs.trim(bytes - freed);
        }
        freed
    }
}

/// The time that this thread has worked: what else the machine does has no part in what a frame costs.
fn cpu_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "for an unknown reason".into())
}
