//! The running times of the items that pass one side of the queue, by which its level in time is counted.

use super::item::QueueItem;

/// The segment in force on one side.
#[derive(Debug)]
pub(super) struct RunningTimes(gst::FormattedSegment<gst::ClockTime>);

impl Default for RunningTimes {
    fn default() -> Self {
        Self(gst::FormattedSegment::new())
    }
}

impl RunningTimes {
    /// Running time of a position, negative before the segment; whole nanoseconds of 292 years fit.
    fn running_time(&self, position: gst::ClockTime) -> Option<i64> {
        match self.0.to_running_time_full(position)? {
            gst::Signed::Positive(time) => i64::try_from(time.nseconds()).ok(),
            gst::Signed::Negative(time) => i64::try_from(time.nseconds()).ok().map(|t| -t),
        }
    }

    fn span(&self, begin: gst::ClockTime, end: gst::ClockTime) -> Option<(i64, i64)> {
        Some((self.running_time(begin)?, self.running_time(end)?))
    }

    /// Takes over a segment; one that is not in time counts as open-ended and starting at zero.
    pub fn set_segment(&mut self, event: &gst::event::Segment) {
        self.0 = event.segment().downcast_ref::<gst::ClockTime>().cloned().unwrap_or_default();
    }

    /// The running times at which an item begins and ends. Data without a timestamp has none: it is taken not to move
    /// time.
    pub fn of(&self, item: &QueueItem) -> Option<(i64, i64)> {
        match item {
            QueueItem::Buffer(buffer) => {
                let begin = buffer.dts_or_pts()?;
                self.span(begin, begin + buffer.duration().unwrap_or_default())
            }
            QueueItem::List(list) => {
                let (mut first, mut last) = (None, None);
                for buffer in list.iter() {
                    let begin = buffer.dts_or_pts();
                    first = first.or(begin);
                    last = begin.or(last);
                    last = last.map(|l: gst::ClockTime| l + buffer.duration().unwrap_or_default());
                }
                self.span(first?, last?)
            }
            QueueItem::Event(event) => match event.view() {
                gst::EventView::Gap(gap) => {
                    let (begin, duration) = gap.get();
                    self.span(begin, begin + duration.unwrap_or_default())
                }
                _ => None,
            },
            QueueItem::Query(_) => None,
        }
    }
}
