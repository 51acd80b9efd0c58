//! Whether a buffer follows the one before it, and if not, why and how many are missing.

use super::counters::Count;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// A buffer, as far as it is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unit {
    /// Presentation timestamp.
    pub pts: Option<Nanos>,
    /// Decoding timestamp.
    pub dts: Option<Nanos>,
    /// Duration; zero counts as unknown.
    pub duration: Option<Nanos>,
    /// Size in bytes.
    pub bytes: u64,
    /// The buffer says that it does not follow the last one.
    pub discont: bool,
    /// It needs an earlier one to decode.
    pub delta: bool,
    /// It says that its data are damaged.
    pub corrupted: bool,
    /// Running time of its presentation. Needed only where arrivals are compared with a clock.
    pub running_time: Option<Nanos>,
}

/// Which timestamps tell the order of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Presentation timestamps follow each other.
    Presentation,
    /// Coded video with reordering: decoding timestamps do, where there are any.
    Decoding,
    /// None do (variable rate, sparse, reverse, unknown): only the buffer's own flag counts.
    #[default]
    Unordered,
}

/// How one buffer follows the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Finding {
    /// The first cause, one of the `Discont…` counts, if the buffer does not follow the last one.
    pub cause: Option<Count>,
    /// How many buffers are missing before it.
    pub missing: u64,
    /// The timestamp that orders it.
    pub timestamp: Option<Nanos>,
    /// Its duration, or else the nominal one.
    pub duration: Option<Nanos>,
    /// It does not follow, but a pause says why: that is no discontinuity.
    pub excused: bool,
}

/// How long a source may take to stop and to start again around a pause, in which it produces nothing.
const RESTART: Nanos = 500 * MILLISECOND;

/// What a pause leaves in the timestamps of a live stream: at most one trace of each kind. A source whose clock runs on leaves a hole
/// as long as the pause, one that stops with the pipeline loses the buffer that it was waiting to send, and what a driver has kept
/// since before the pause comes late, with timestamps that lie before it.
#[derive(Debug, Clone, Copy, Default)]
struct Halt {
    /// How long the pause was, while its traces may come; else 0.
    length: Nanos,
    hole: bool,
    step_back: bool,
    flag: bool,
}

impl Halt {
    /// Whether the pause explains that a timestamp is later or earlier than expected by `distance`, or that a buffer of `duration` is
    /// only flagged. Each is explained once.
    fn explains(&mut self, cause: Count, distance: Nanos, duration: Nanos) -> bool {
        if self.length == 0 {
            return false;
        }
        let seen = match cause {
            Count::DiscontGap => &mut self.hole,
            Count::DiscontBackwards | Count::DiscontOverlap => &mut self.step_back,
            _ => &mut self.flag,
        };
        let most = self.length.saturating_add(RESTART).saturating_add(duration.saturating_mul(2));
        distance <= most && !std::mem::replace(seen, true)
    }
}

/// Follows the timestamps of one stream.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    order: Order,
    /// In this segment timestamps do not follow each other.
    loose: bool,
    /// Duration of a buffer that has none, from the frame rate; 0 where that is unknown.
    nominal: Nanos,
    /// A reset that the next buffer will show: its first cause.
    pending: Option<Count>,
    /// Nothing has arrived yet, so nothing can be interrupted.
    started: bool,
    /// Where the next buffer is expected, and the timestamp of the one before it.
    expected: Option<Nanos>,
    last: Nanos,
    /// The last pause.
    halt: Halt,
}

impl Gaps {
    /// The format is known now. A change in mid-stream is a discontinuity, but the timestamps go on.
    pub fn format(&mut self, order: Order, nominal: Option<Nanos>) {
        if self.started {
            self.pending.get_or_insert(Count::DiscontCaps);
        }
        if order != self.order {
            self.forget();
        }
        (self.order, self.nominal) = (order, nominal.unwrap_or(0));
    }

    /// A new segment: what comes next need not follow. In some (reverse, skipping on purpose) nothing follows ever.
    pub fn segment(&mut self, follows: bool) {
        self.loose = !follows;
        self.interrupt(Count::DiscontSegment);
    }

    /// The stream was flushed: what follows need not follow.
    pub fn flush(&mut self) {
        self.interrupt(Count::DiscontFlush);
    }

    /// The stream was paused, and may show that once more.
    pub fn halted(&mut self) {
        self.halt = Halt::default();
    }

    /// How long the last pause was, as long as buffers may come that it delayed.
    pub fn excuse(&mut self, pause: Option<Nanos>) {
        self.halt.length = pause.unwrap_or(0);
    }

    /// The span from `start` on has no data and none is missing.
    pub fn gap(&mut self, start: Nanos, duration: Option<Nanos>) {
        self.forget();
        if let (Order::Presentation, Some(duration)) = (self.order, duration) {
            self.last = start;
            self.expected = Some(start.saturating_add(duration));
        }
    }

    /// Looks at the next buffer.
    #[inline]
    pub fn arrive(&mut self, unit: &Unit) -> Finding {
        let duration = [unit.duration.unwrap_or(0), self.nominal].into_iter().find(|&d| d > 0);
        let order = if self.loose { Order::Unordered } else { self.order };
        let timestamp = match order {
            Order::Presentation => unit.pts,
            Order::Decoding => unit.dts,
            Order::Unordered => None,
        };
        let mut finding = Finding { cause: None, missing: 0, timestamp, duration, excused: false };
        let mut distance = 0;
        let first = !self.started;
        self.started = true;

        if let (Some(at), Some(expected)) = (timestamp, self.expected) {
            let unit = duration.unwrap_or(0);
            let tolerance = MILLISECOND.max(unit / 2);
            distance = at.abs_diff(expected);
            if at > expected.saturating_add(tolerance) {
                finding.cause = Some(Count::DiscontGap);
                // No duration now, but one before: how many are missing cannot be told, at least one is.
                finding.missing = ((at - expected) + unit / 2).checked_div(unit).unwrap_or(1).max(1);
            } else if at.saturating_add(tolerance) < expected {
                finding.cause = Some(if at < self.last { Count::DiscontBackwards } else { Count::DiscontOverlap });
            }
        }
        // In reverse, and with frames skipped on purpose, a flag is as usual as a jump.
        let flagged = unit.discont && !self.loose;
        let found = finding.cause.or(flagged.then_some(Count::DiscontFlag));
        finding.excused = found.is_some_and(|cause| self.halt.explains(cause, distance, duration.unwrap_or(0)));
        if finding.excused {
            (finding.cause, finding.missing) = (None, 0);
        } else if flagged {
            finding.cause = Some(Count::DiscontFlag);
        }
        // The flag on the first buffer, or on the first one after a reset, says what is known already.
        if first {
            finding.cause = None;
        }
        finding.cause = self.pending.take().or(finding.cause);
        self.last = timestamp.unwrap_or(0);
        self.expected = match (timestamp, duration) {
            (Some(at), Some(duration)) => Some(at.saturating_add(duration)),
            _ => None,
        };
        finding
    }

    fn interrupt(&mut self, cause: Count) {
        self.forget();
        if self.started {
            self.pending.get_or_insert(cause);
        }
    }

    fn forget(&mut self) {
        self.expected = None;
    }
}

/// The duration of a frame at a rate of `numerator / denominator` per second; none for a variable rate (zero) or nonsense.
pub fn frame_duration(numerator: u64, denominator: u64) -> Option<Nanos> {
    let duration = (u128::from(SECOND) * u128::from(denominator)).checked_div(u128::from(numerator))?;
    Nanos::try_from(duration).ok().filter(|&d| d > 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Nanos = 33_333_333;

    fn frame(n: u64) -> Unit {
        Unit { pts: Some(n * SECOND / 30), duration: Some(FRAME), ..Unit::default() }
    }

    fn video() -> Gaps {
        let mut gaps = Gaps::default();
        gaps.format(Order::Presentation, Some(FRAME));
        gaps.segment(true);
        gaps
    }

    #[test]
    fn frames_in_a_row_are_continuous_at_awkward_rates() {
        for (numerator, denominator) in [(24, 1), (30000, 1001), (30, 1), (60, 1), (24000, 1001), (1, 10)] {
            let mut gaps = Gaps::default();
            gaps.format(Order::Presentation, None);
            for n in 0..5000u64 {
                let start = |n: u64| n * SECOND * denominator / numerator;
                let unit = Unit { pts: Some(start(n)), duration: Some(start(n + 1) - start(n)), ..Unit::default() };
                let finding = gaps.arrive(&unit);
                assert_eq!((finding.cause, finding.missing), (None, 0), "{numerator}/{denominator} frame {n}");
            }
        }
    }

    #[test]
    fn the_first_flag_of_a_stream_is_no_discontinuity_and_a_later_one_is() {
        let mut gaps = video();
        assert_eq!(gaps.arrive(&Unit { discont: true, ..frame(0) }).cause, None);
        assert_eq!(gaps.arrive(&frame(1)).cause, None);
        assert_eq!(gaps.arrive(&Unit { discont: true, ..frame(2) }).cause, Some(Count::DiscontFlag));
    }

    #[test]
    fn a_hole_counts_its_frames_and_the_flag_is_its_first_cause() {
        let mut gaps = video();
        gaps.arrive(&frame(0));
        let finding = gaps.arrive(&frame(4));
        assert_eq!((finding.cause, finding.missing), (Some(Count::DiscontGap), 3));
        let finding = gaps.arrive(&Unit { discont: true, ..frame(6) });
        assert_eq!((finding.cause, finding.missing), (Some(Count::DiscontFlag), 1));
    }

    #[test]
    fn backwards_and_overlap_are_told_apart_and_small_steps_are_neither() {
        let mut gaps = video();
        gaps.arrive(&frame(10));
        gaps.arrive(&frame(11));
        assert_eq!(gaps.arrive(&frame(5)).cause, Some(Count::DiscontBackwards));
        assert_eq!(gaps.arrive(&frame(5)).cause, Some(Count::DiscontOverlap));
        let shifted = |n: u64, by: i64| Unit { pts: frame(n).pts.map(|p| p.saturating_add_signed(by)), ..frame(n) };
        assert_eq!(gaps.arrive(&shifted(6, FRAME as i64 / 2 - 10)).cause, None);
        assert_eq!(gaps.arrive(&shifted(7, 0)).cause, None);
    }

    #[test]
    fn a_segment_a_flush_and_a_format_are_first_causes_and_leave_no_hole() {
        let mut gaps = video();
        gaps.arrive(&frame(0));
        gaps.segment(true);
        let finding = gaps.arrive(&Unit { discont: true, ..frame(900) });
        assert_eq!((finding.cause, finding.missing), (Some(Count::DiscontSegment), 0));
        gaps.flush();
        gaps.segment(true);
        assert_eq!(gaps.arrive(&frame(3)).cause, Some(Count::DiscontFlush));
        gaps.format(Order::Presentation, Some(FRAME));
        assert_eq!(gaps.arrive(&frame(4)).cause, Some(Count::DiscontCaps));
        gaps.format(Order::Presentation, Some(FRAME));
        assert_eq!(gaps.arrive(&frame(7)).missing, 2, "a format change does not excuse a hole");
    }

    #[test]
    fn a_gap_event_fills_the_time_it_covers() {
        let mut gaps = video();
        gaps.arrive(&frame(0));
        gaps.gap(FRAME, Some(9 * SECOND / 30));
        assert_eq!(gaps.arrive(&frame(10)).cause, None);
        gaps.gap(11 * SECOND / 30, None);
        assert_eq!(gaps.arrive(&frame(99)).cause, None, "who knows how long that was");
    }

    #[test]
    fn reordered_video_goes_by_decoding_time() {
        let mut gaps = Gaps::default();
        gaps.format(Order::Decoding, None);
        for (n, pts) in [(0, 2), (1, 5), (2, 3), (3, 4)] {
            assert_eq!(gaps.arrive(&Unit { dts: frame(n).pts, ..frame(pts) }).cause, None);
        }
        let lost = gaps.arrive(&Unit { dts: frame(6).pts, ..frame(8) });
        assert_eq!((lost.cause, lost.missing), (Some(Count::DiscontGap), 2));
        let mut undated = Gaps::default();
        undated.format(Order::Decoding, None);
        assert!([0, 3, 1, 2].iter().all(|&n| undated.arrive(&frame(n)).cause.is_none()));
    }

    #[test]
    fn without_an_order_only_the_flag_counts() {
        let mut gaps = Gaps::default();
        for n in [0, 9, 3, 77] {
            assert_eq!(gaps.arrive(&frame(n)).cause, None);
        }
        assert_eq!(gaps.arrive(&Unit { discont: true, ..frame(1) }).cause, Some(Count::DiscontFlag));
        let mut reverse = video();
        reverse.segment(false);
        reverse.arrive(&frame(10));
        assert!([9, 8, 7, 3].iter().all(|&n| reverse.arrive(&Unit { discont: true, ..frame(n) }).cause.is_none()));
    }

    #[test]
    fn frame_durations_of_rates() {
        assert_eq!(frame_duration(30, 1), Some(FRAME));
        assert_eq!(frame_duration(0, 1), None);
        assert_eq!(frame_duration(30, 0), None);
        assert_eq!(frame_duration(30000, 1001), Some(33_366_666));
        assert_eq!(frame_duration(1, u64::MAX), None);
    }

    proptest! {
        /// Any frames may go, at any rate: what is missing between the first and the last that came is counted exactly.
        #[test]
        fn the_missing_are_counted_exactly(
            rate in prop::sample::select(vec![(24u64, 1u64), (30000, 1001), (30, 1), (60, 1), (48000, 1024)]),
            lost in prop::collection::vec(any::<bool>(), 2..400),
            wobble in prop::collection::vec(-400_000i64..400_000, 400),
        ) {
            let mut gaps = Gaps::default();
            gaps.format(Order::Presentation, frame_duration(rate.0, rate.1));
            gaps.segment(true);
            let came: Vec<u64> = (0..).zip(&lost).filter(|(_, lost)| !**lost).map(|(n, _)| n).collect();
            let (mut missing, mut holes) = (0, 0);
            for &n in &came {
                let pts = (n * SECOND * rate.1 / rate.0).saturating_add_signed(wobble[n as usize]);
                let finding = gaps.arrive(&Unit { pts: Some(pts), ..Unit::default() });
                missing += finding.missing;
                holes += u64::from(finding.cause.is_some());
            }
            let expected: u64 = came.windows(2).map(|w| w[1] - w[0] - 1).sum();
            prop_assert_eq!(missing, expected);
            prop_assert_eq!(holes, came.windows(2).filter(|w| w[1] - w[0] > 1).count() as u64);
        }
    }
}
