//! The thread that draws: audio in, pictures out, and everything else in its place between them.

use std::ops::ControlFlow;
use std::sync::Arc;

use gst::prelude::*;

use super::element::VisualScope;
use super::failure::Failure;
use super::output::Output;
use super::properties::Settings;
use super::qos::Lateness;
use super::queue::Entry;
use super::stretch::Stretch;
use crate::glue::painter::Painter;
use crate::glue::tags::TagCollector;
use crate::logic::audio::features::HopWindow;
use crate::logic::audio::tags::Tags;
use crate::logic::audio::timeline::Timeline;
use crate::logic::sync::lock;

mod audio;
mod frames;

/// The state of the thread, which nobody else touches.
pub(super) struct Worker {
    settings: Settings,
    /// The queue's epoch that the fields below belong to.
    epoch: u64,
    audio: Option<gst_audio::AudioInfo>,
    segment: gst::FormattedSegment<gst::ClockTime>,
    found: TagCollector,
    tags: Tags,
    timeline: Option<Arc<Timeline>>,
    output: Option<Output>,
    painter: Option<Painter>,
    stretch: Option<Stretch>,
    /// The next frame does not follow the last one.
    discont: bool,
    samples: Vec<f32>,
    window: HopWindow,
    records: Vec<u8>,
}

/// Why a round of work ends early.
pub(super) enum Stop {
    /// Downstream or a flush says so.
    Flow(gst::FlowError),
    /// It cannot go on; nobody has been told yet.
    Failed(Failure),
}

impl From<gst::FlowError> for Stop {
    fn from(flow: gst::FlowError) -> Self {
        Self::Flow(flow)
    }
}

impl<F: Into<Failure>> From<F> for Stop {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

impl Worker {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            epoch: 0,
            audio: None,
            segment: gst::FormattedSegment::new(),
            found: TagCollector::default(),
            tags: Tags::default(),
            timeline: None,
            output: None,
            painter: None,
            stretch: None,
            discont: true,
            samples: Vec::new(),
            window: HopWindow::default(),
            records: Vec::new(),
        }
    }

    /// Does what the next entry of the queue asks for.
    pub(super) fn round(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        let entry = scope.queue.pop()?;
        // The queue is only emptied while this thread rests, so that the epoch is that of the entry.
        if self.epoch != scope.queue.epoch() {
            self.epoch = scope.queue.epoch();
            self.restart(scope);
        }
        match entry {
            Entry::Buffer(buffer, _) => self.take_audio(scope, buffer),
            Entry::Event(event) => self.take_event(scope, event),
        }
    }

    /// Forgets the stream that was flushed. Its format and its tags still hold, whether or not they got here.
    fn restart(&mut self, scope: &VisualScope) {
        self.stretch = None;
        self.discont = true;
        self.segment = gst::FormattedSegment::new();
        let caps = scope.sinkpad.current_caps();
        self.audio = caps.and_then(|caps| gst_audio::AudioInfo::from_caps(&caps).ok());
        self.found = TagCollector::default();
        scope.sinkpad.sticky_events_foreach(|event| {
            if let gst::EventView::Tag(tag) = event.view() {
                self.found.add(&tag.tag_owned());
            }
            ControlFlow::Continue(gst::EventForeachAction::Keep)
        });
        self.set_tags();
    }

    fn take_event(&mut self, scope: &VisualScope, event: gst::Event) -> Result<(), Stop> {
        use gst::EventView;
        match event.view() {
            EventView::StreamStart(_) => {
                self.drain(scope)?;
                *lock(&scope.lateness) = Lateness::default();
                self.found = TagCollector::default();
                self.set_tags();
            }
            EventView::Caps(caps) => {
                self.drain(scope)?;
                self.audio = gst_audio::AudioInfo::from_caps(caps.caps()).ok();
                return self.negotiate(scope);
            }
            EventView::Segment(segment) => {
                let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() else {
                    return Err(Failure::Untimed(segment.segment().format()).into());
                };
                if *segment != self.segment {
                    self.drain(scope)?;
                    self.segment = segment.clone();
                    *lock(&scope.lateness) = Lateness::default();
                }
            }
            EventView::Tag(tag) => {
                self.found.add(&tag.tag_owned());
                self.set_tags();
            }
            EventView::Gap(gap) => {
                let (start, duration) = gap.get();
                // A gap that never ends says no more than one of unknown length.
                let end = duration.and_then(|duration| start.checked_add(duration));
                if let (Some(end), Some(audio)) = (end, self.audio.clone()) {
                    return self.take_gap(scope, &audio, start, end);
                }
            }
            EventView::Eos(_) | EventView::SegmentDone(_) => self.drain(scope)?,
            _ => {}
        }
        scope.srcpad.push_event(event);
        Ok(())
    }

    fn set_tags(&mut self) {
        let tags = self.found.tags();
        if tags != self.tags {
            (self.tags, self.painter) = (tags, None);
        }
    }
}
