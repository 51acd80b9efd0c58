//! Takes samples of a run and keeps what a picture of it needs.

use super::moments::{Moment, Moments};
use super::slots::{Merge, SLOTS, Slots};
use super::track::{Around, PROBES, Track};
use crate::logic::clock::{MILLISECOND, Nanos};
use crate::logic::health::reading::{Place, Reading};

/// The shortest span: samples do not come more often.
const SHORTEST: Nanos = 100 * MILLISECOND;

/// How many reports of a standstill are kept.
pub const STALLS: usize = 20;

/// The process at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process {
    /// Bytes of memory that it uses.
    pub memory: Option<u64>,
    /// Bytes that it may use: the least of all limits.
    pub limit: Option<u64>,
}

/// The memory of the process in one span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The least and the most.
    pub used: Option<(u64, u64)>,
    /// The lowest limit.
    pub limit: Option<u64>,
}

impl Merge for Memory {
    fn merge(&mut self, later: &Self) {
        self.used = match (self.used, later.used) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        self.limit = self.limit.into_iter().chain(later.limit).min();
    }
}

/// Why a pipeline hung.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stall {
    /// When it was told, after the start of recording.
    pub at: Nanos,
    /// The whole story, for people.
    pub text: String,
    /// `deadlock`, `outside` or `unexplained`.
    pub class: String,
}

/// A run so far. Takes the same memory however long it lasts.
#[derive(Debug, Clone)]
pub struct Recorder {
    started: Nanos,
    /// When the last sample was taken, after the start.
    last: Nanos,
    /// How long a span is.
    width: Nanos,
    tracks: Vec<Track>,
    /// Measuring points beyond [`PROBES`], which are not recorded, whatever their number.
    pub(super) crowded: bool,
    memory: Slots<Memory>,
    moments: Moments,
    stalls: Vec<Stall>,
    unheard_stalls: u64,
}

impl Recorder {
    /// Begins to record at `now`, with a sample every `period` or so.
    pub fn new(now: Nanos, period: Nanos) -> Self {
        Self {
            started: now,
            last: 0,
            width: period.max(SHORTEST),
            tracks: Vec::new(),
            crowded: false,
            memory: Slots::default(),
            moments: Moments::default(),
            stalls: Vec::new(),
            unheard_stalls: 0,
        }
    }

    /// Takes in the figures as of `now`, the measuring points in the order of the stream as far as there is one. A measuring
    /// point is known by its place; one that is not among them has not moved. A time that is not after the last one says nothing.
    pub fn sample(&mut self, now: Nanos, process: &Process, readings: &[Reading]) {
        let span = (self.last, now.saturating_sub(self.started));
        if span.1 <= span.0 {
            return;
        }
        self.last = span.1;
        while span.1 > self.width.saturating_mul(SLOTS as Nanos) {
            self.fold();
        }
        let spans = span.0 / self.width..=(span.1 - 1) / self.width;
        let used = process.memory.map(|used| (used, used));
        let memory = Memory { used, limit: process.limit };
        spans.clone().for_each(|at| self.memory.add(at as usize, &memory));
        for reading in readings {
            let Some(probe) = self.probe(&reading.place) else { continue };
            let track = &mut self.tracks[probe];
            let (slot, moment) = track.read(probe, span, reading);
            // A sample tells of the time since the last one, which may reach over several spans.
            let took = span.1 - span.0;
            for at in spans.clone() {
                let begin = (at * self.width).max(span.0);
                let end = ((at + 1).saturating_mul(self.width)).min(span.1);
                track.slots.add(at as usize, &slot.part(begin - span.0, end - span.0, took));
            }
            self.moments.add(moment);
        }
    }

    fn fold(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.memory.fold();
        self.tracks.iter_mut().for_each(|track| track.slots.fold());
    }

    /// The number of a measuring point, which gets one now if it has none and there is one left.
    fn probe(&mut self, place: &Place) -> Option<usize> {
        let known = self.tracks.iter().position(|track| track.is_at(place));
        if known.is_none() {
            self.crowded |= self.tracks.len() >= PROBES;
            if self.tracks.len() >= PROBES {
                return None;
            }
            self.tracks.push(Track::new(place.clone(), self.last));
        }
        known.or(Some(self.tracks.len() - 1))
    }

    /// Tells what lies around a measuring point. Does nothing for one that no sample had.
    pub fn describe(&mut self, place: &Place, around: Around) {
        if let Some(track) = self.tracks.iter_mut().find(|track| track.is_at(place)) {
            track.around = around;
        }
    }

    /// Adds why the pipeline hung, as of `now`. The same text again is the same standstill.
    pub fn stall(&mut self, now: Nanos, text: &str, class: &str) {
        if self.stalls.iter().any(|stall| stall.text == text) {
            return;
        }
        if self.stalls.len() >= STALLS {
            self.unheard_stalls += 1;
            return;
        }
        let at = now.saturating_sub(self.started);
        self.stalls.push(Stall { at, text: text.into(), class: class.into() });
    }

    /// How long it has recorded.
    pub fn elapsed(&self) -> Nanos {
        self.last
    }

    /// The measuring points, in the order in which they were first seen.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The worst moments, the worst first.
    pub fn moments(&self) -> Vec<Moment> {
        self.moments.worst()
    }

    /// Why it hung, and how many more such reports there were.
    pub fn stalls(&self) -> (&[Stall], u64) {
        (&self.stalls, self.unheard_stalls)
    }

    /// How long a span is, and how many there are by now.
    pub(super) fn axis(&self) -> (Nanos, usize) {
        (self.width, (self.last.div_ceil(self.width) as usize).min(SLOTS))
    }

    pub(super) fn memory(&self) -> &Slots<Memory> {
        &self.memory
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::slot::{Slot, Sum};
    use super::super::testing::{Stream, total_of};
    use super::*;
    use crate::logic::clock::SECOND;
    use crate::logic::health::verdict::{Health, Reason};
    use proptest::prelude::*;

    fn sums(slots: &[Slot]) -> Vec<u64> {
        Sum::ALL.iter().map(|&sum| slots.iter().map(|slot| slot.sum(sum)).sum()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn totals_are_the_same_however_often_spans_merge(
            spans in prop::collection::vec((1u64..200 * SECOND, 0u64..200, 0u64..5, 0u64..4), 1..60),
        ) {
            let mut stream = Stream::new("a");
            let mut recorder = Recorder::new(17, SECOND / 10);
            let mut now = 17;
            for (span, buffers, missing, late) in spans {
                now += span;
                stream.flow(span, buffers, missing, late);
                recorder.sample(now, &Process { memory: Some(now), limit: Some(1 << 40) }, &[stream.reading()]);
            }
            let track = &recorder.tracks()[0];
            prop_assert_eq!(sums(track.slots.all()), sums(std::slice::from_ref(track.total())));
            prop_assert_eq!(track.total().sum(Sum::Covered), now - 17);
            prop_assert_eq!(track.total().sum(Sum::Buffers), total_of(&stream.reading()));
            let pushes: u64 = track.slots.all().iter().map(|slot| slot.push.count()).sum();
            prop_assert_eq!(pushes, stream.pushes());
            prop_assert_eq!(track.push.count(), stream.pushes());
            let (width, used) = recorder.axis();
            prop_assert!(track.slots.all().len() == used && used <= SLOTS);
            prop_assert!(used as u64 * width >= recorder.elapsed());
            let high = recorder.memory().all().iter().filter_map(|m| m.used).map(|(_, high)| high).max();
            prop_assert_eq!(high, Some(now));
        }
    }

    #[test]
    fn spans_begin_short_and_double_when_there_are_1024() {
        let mut recorder = Recorder::new(0, 0);
        let mut stream = Stream::new("a");
        for n in 1..=3000u64 {
            stream.flow(SECOND / 10, 3, 0, 0);
            recorder.sample(n * SECOND / 10, &Process::default(), &[stream.reading()]);
            let (width, used) = recorder.axis();
            let want = match n {
                0..=1024 => 1,
                1025..=2048 => 2,
                _ => 4,
            };
            assert_eq!((width, used as u64), (want * SECOND / 10, n.div_ceil(want)));
            // Every span but the last, which is under way, is whole.
            let slots = recorder.tracks()[0].slots.all();
            assert!(slots[..used - 1].iter().all(|slot| slot.sum(Sum::Buffers) == 3 * want));
        }
    }

    #[test]
    fn a_stream_that_starts_anew_counts_on() {
        let mut recorder = Recorder::new(0, 0);
        let mut stream = Stream::new("a");
        stream.flow(SECOND, 10, 0, 0);
        recorder.sample(SECOND, &Process::default(), &[stream.reading()]);
        // Fewer than before, and then more than before: either way they are all new.
        for buffers in [4, 20] {
            stream = Stream::new("a");
            stream.flow(SECOND / 2, buffers, 0, 0);
            recorder.sample(recorder.elapsed() + SECOND, &Process::default(), &[stream.reading()]);
            stream.flow(SECOND / 4, 1, 0, 0);
            recorder.sample(recorder.elapsed() + SECOND, &Process::default(), &[stream.reading()]);
        }
        assert_eq!(recorder.tracks()[0].total().sum(Sum::Buffers), 10 + 5 + 21);
    }

    #[test]
    fn a_measuring_point_stays_the_same_when_it_is_known_what_flows() {
        let mut recorder = Recorder::new(0, 0);
        let mut stream = Stream::new("a");
        for (s, media) in (1u64..).zip(["other", "video"]) {
            stream.place.media = media.into();
            recorder.sample(s * SECOND, &Process::default(), &[stream.reading()]);
        }
        let media: Vec<_> = recorder.tracks().iter().map(|track| track.place().media.as_str()).collect();
        assert_eq!(media, ["video"]);
    }

    #[test]
    fn behind_a_muxer_holes_and_jumps_mean_nothing() {
        let mut recorder = Recorder::new(0, 0);
        let mut stream = Stream::new("a");
        stream.state = Health::Unhealthy;
        stream.reasons = [Reason::Dropping, Reason::Discontinuous].into_iter().collect();
        let around = |interleaved| Around { interleaved, ..Around::default() };
        for s in 1..=3 {
            stream.flow(SECOND, 25, 3, 0);
            recorder.sample(s * SECOND, &Process::default(), &[stream.reading()]);
            recorder.describe(&stream.place, around(s == 2));
        }
        let track = &recorder.tracks()[0];
        assert_eq!(track.total().sum(Sum::Missing), 6);
        assert_eq!((track.time_in(Health::Unhealthy), track.time_for(Reason::Dropping)), (2 * SECOND, 2 * SECOND));
        assert_eq!(track.time_in(Health::Healthy), SECOND);
    }

    #[test]
    fn a_crowd_of_measuring_points_is_cut_off() {
        let mut recorder = Recorder::new(0, 0);
        let streams: Vec<_> = (0..PROBES + 3).map(|n| Stream::new(&n.to_string()).reading()).collect();
        for s in 1..3 {
            recorder.sample(s * SECOND, &Process::default(), &streams);
        }
        assert_eq!((recorder.tracks().len(), recorder.crowded), (PROBES, true));
    }

    #[test]
    fn a_slot_has_the_size_that_is_told() {
        assert!(size_of::<Slot>() <= 360, "{}", size_of::<Slot>());
    }
}
