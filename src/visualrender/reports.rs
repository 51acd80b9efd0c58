//! What is said of the cache: properties, a message when it has changed, and the answer to who asks what is buffered.

use std::any::Any;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{CAT, VisualRender};
use super::frame_cache::FrameCache;
use crate::glue::scheduler::{self, Job, JobGuard};
use crate::logic::cache::frames::Status;
use crate::logic::cache::status;
use crate::logic::clock::{MILLISECOND, Nanos, monotonic};
use crate::logic::memory;
use crate::logic::memory::low::Supply;
use crate::logic::sync::lock;

/// How often it is looked whether something has changed: so often at most is anything said.
const PERIOD: Nanos = 250 * MILLISECOND;

/// What is behind the reports of an element. Locks: one at a time, none while anything is posted.
#[derive(Default)]
pub struct Reports {
    job: Mutex<Option<JobGuard>>,
    said: Mutex<Vec<Range<u64>>>,
    /// The last message: as long as somebody else has it, it is unread. Refers to the element, so it must not stay.
    last: Mutex<Option<gst::Message>>,
}

struct Looks(glib::WeakRef<super::VisualRender>);

impl Job for Looks {
    fn run(&self) -> Option<Nanos> {
        self.0.upgrade()?.imp().look();
        Some(monotonic() + PERIOD)
    }

    fn panicked(&self, panic: Box<dyn Any + Send>) {
        if let Some(element) = self.0.upgrade() {
            gst::subclass::post_panic_error_message(element.upcast_ref(), element.upcast_ref(), Some(panic));
        }
    }
}

impl VisualRender {
    pub(super) fn start_reports(&self) {
        match scheduler::start(Arc::new(Looks(self.obj().downgrade()))) {
            Ok(guard) => *lock(&self.reports.job) = Some(guard),
            Err(error) => gst::warning!(CAT, imp = self, "No thread watches the memory that is left: {error}"),
        }
    }

    pub(super) fn stop_reports(&self) {
        let guard = lock(&self.reports.job).take();
        let last = lock(&self.reports.last).take();
        drop((guard, last));
        lock(&self.reports.said).clear();
    }

    /// Follows the memory that is left, and tells what has changed.
    fn look(&self) {
        let Some(cache) = self.cache() else { return };
        cache.store().hold(memory::supply(monotonic()) != Supply::Plenty);
        cache.fit();
        let runs: Vec<_> = cache.store().read(|frames| frames.loaded().iter().collect());
        let unread = lock(&self.reports.last).as_mut().is_some_and(|last| last.get_mut().is_none());
        if unread || *lock(&self.reports.said) == runs {
            return;
        }
        let obj = self.obj();
        let message = gst::message::Element::builder(changes(&cache, &runs)).src(&*obj).build();
        *lock(&self.reports.last) = Some(message.clone());
        *lock(&self.reports.said) = runs;
        let _ = obj.post_message(message);
    }

    /// Which frames are there, in runs.
    pub(super) fn cache_status(&self) -> String {
        let count = { self.playback().frame_count() };
        let runs = match (count, self.cache()) {
            (Some(count), Some(cache)) => cache.store().read(|frames| frames.statuses(count)),
            (Some(count), None) => vec![(count, Status::Placeholder)],
            (None, _) => Vec::new(),
        };
        status::run_lengths(&runs)
    }

    /// The account of the process, and this element's part in it.
    pub(super) fn memory_stats(&self) -> gst::Structure {
        let budget = memory::process_budget().stats();
        let mut stats = gst::Structure::builder("visualrender-memory")
            .field("limit", budget.limit)
            .field("charged", budget.charged)
            .field("leased", budget.leased)
            .field("overcommit", budget.overcommit)
            .field("denied", budget.denied)
            .field("reclaimed", budget.reclaimed)
            .build();
        let Some(cache) = self.cache() else { return stats };
        let slabs = cache.easel().slabs.stats();
        let (frames, extent, counters) =
            cache.store().read(|frames| (frames.len() as u64, frames.extent(), frames.counters()));
        let pinned = slabs.mapped.saturating_sub(slabs.free).saturating_sub(frames * slabs.size);
        for (name, value) in [
            ("frame-size", slabs.size),
            ("mapped", slabs.mapped),
            ("free", slabs.free),
            ("pinned", pinned),
            ("pool-hits", slabs.hits),
            ("pool-misses", slabs.misses),
            ("frames", frames),
            ("most-frames", extent.most as u64),
            ("ahead", extent.ahead),
            ("hits", counters.hits),
            ("misses", counters.misses),
            ("rendered", counters.rendered),
            ("skipped", counters.skipped),
            ("evicted", counters.evicted),
        ] {
            stats.set(name, value);
        }
        stats
    }

    /// Answers which parts of the video are there, in percent, time or frames.
    pub(super) fn answer_buffering(&self, query: &mut gst::query::Buffering) -> bool {
        let known = {
            let playback = self.playback();
            playback.frame_count().zip(playback.grid())
        };
        let (Some((count, grid)), Some(cache)) = (known, self.cache()) else { return false };
        let runs: Vec<_> = cache.store().read(|frames| frames.loaded().iter().collect());
        let there: u64 = runs.iter().map(|run| run.end - run.start).sum();
        query.set_percent(false, (there * 100 / count.max(1)) as i32);
        query.set_stats(gst::BufferingMode::Stream, -1, -1, 0);
        match query.format() {
            gst::Format::Percent => {
                let part = |part: u64| Some(gst::format::Percent::from_ppm(part as u32));
                query.set_range(part(0), part(status::PERCENT_MAX), -1);
                let ranges = runs.iter().filter_map(|run| status::percent(run, count));
                query.add_buffering_ranges(ranges.map(|run| (part(run.start), part(run.end))));
            }
            gst::Format::Time => {
                let at = gst::ClockTime::from_nseconds;
                query.set_range(at(0), at(grid.pts(count)), -1);
                let ranges = runs.iter().map(|run| status::time(run, grid));
                query.add_buffering_ranges(ranges.map(|run| (at(run.start), at(run.end))));
            }
            gst::Format::Default => {
                let frame = gst::format::Default::from_u64;
                query.set_range(frame(0), frame(count), -1);
                query.add_buffering_ranges(runs.iter().map(|run| (frame(run.start), frame(run.end))));
            }
            _ => return false,
        }
        true
    }
}

/// Which frames are there now, and what that takes.
fn changes(cache: &FrameCache, runs: &[Range<u64>]) -> gst::Structure {
    let (used, limit) = memory::process_budget().used_and_limit();
    let counters = cache.store().read(|frames| frames.counters());
    let asked = counters.hits + counters.misses;
    let ranges = runs.iter().map(|run| gst::Array::new([run.start, run.end]));
    gst::Structure::builder("visualrender-cache")
        .field("ranges", gst::Array::new(ranges))
        .field("frames", runs.iter().map(|run| run.end - run.start).sum::<u64>())
        .field("frame-count", cache.easel().count)
        .field("used", used)
        .field("limit", limit)
        .field("hit-rate", if asked == 0 { 0.0 } else { counters.hits as f64 / asked as f64 })
        .build()
}
