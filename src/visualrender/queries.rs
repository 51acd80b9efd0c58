//! Answers to queries, in time and in frames.

use gst_base::subclass::prelude::*;

use super::element::VisualRender;

impl VisualRender {
    /// Answers what is asked about the video, and leaves the rest to the base class.
    pub(super) fn answer(&self, query: &mut gst::QueryRef) -> bool {
        use gst::QueryViewMut;
        match query.view_mut() {
            QueryViewMut::Duration(duration) => {
                let known = { self.playback().frame_count() };
                let Some(count) = known else { return false };
                let frames = gst::format::Default::from_u64(count).into();
                let Some(value) = self.convert(frames, duration.format()) else { return false };
                duration.set(value);
                true
            }
            QueryViewMut::Convert(convert) => {
                let (from, to) = convert.get();
                let Some(value) = self.convert(from, to) else { return false };
                convert.set(from, value);
                true
            }
            QueryViewMut::Seeking(seeking) if matches!(seeking.format(), gst::Format::Time | gst::Format::Default) => {
                let format = seeking.format();
                let known = { self.playback().frame_count() };
                let end = known.map(gst::format::Default::from_u64).and_then(|end| self.convert(end.into(), format));
                match (format, end) {
                    (_, Some(gst::GenericFormattedValue::Time(end))) => {
                        seeking.set(true, gst::ClockTime::ZERO, end);
                    }
                    (_, Some(gst::GenericFormattedValue::Default(end))) => {
                        seeking.set(true, gst::format::Default::ZERO, end);
                    }
                    (gst::Format::Time, _) => seeking.set(true, gst::ClockTime::ZERO, None::<gst::ClockTime>),
                    _ => seeking.set(true, gst::format::Default::ZERO, None::<gst::format::Default>),
                }
                true
            }
            QueryViewMut::Buffering(buffering) => self.answer_buffering(buffering),
            _ => BaseSrcImplExt::parent_query(self, query),
        }
    }

    fn convert(&self, from: gst::GenericFormattedValue, to: gst::Format) -> Option<gst::GenericFormattedValue> {
        use gst::GenericFormattedValue as Value;
        let grid = self.playback().grid()?;
        match (from, to) {
            (value, to) if value.format() == to => Some(value),
            (Value::Time(time), gst::Format::Default) => {
                let frame = time.map(|time| gst::format::Default::from_u64(grid.frame_at(time.nseconds())));
                Some(frame.into())
            }
            (Value::Default(frame), gst::Format::Time) => {
                Some(frame.map(|frame| gst::ClockTime::from_nseconds(grid.pts(*frame))).into())
            }
            _ => None,
        }
    }
}
