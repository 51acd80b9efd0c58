//! The element's figures.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::BufferHealth;
use crate::glue::health::{figures, queues};
use crate::glue::topology::top_level;
use crate::logic::health::reading::{Fill, Reading};
use crate::logic::health::verdict::Health;

impl BufferHealth {
    /// All figures as of now.
    pub(super) fn reading(&self) -> Reading {
        let obj = self.obj();
        let label = self.settings().label.clone().filter(|label| !label.is_empty());
        let mut reading = self.meter.reading(self.around());
        reading.place.pipeline = top_level(&*obj).name().into();
        reading.place.element = label.unwrap_or_else(|| obj.name().into());
        reading.place.pad = "src".into();
        reading.place.media = figures::media(&self.srcpad).into();
        let (queue, runs) = {
            let neighbours = self.neighbours();
            (neighbours.queue(), neighbours.runs.clone())
        };
        if reading.state == Health::Stalled {
            reading.paused_task = queues::paused_task_upstream(&self.sinkpad);
        }
        reading.fill = queue.map(|queue| Fill {
            queue: queue.name().into(),
            held: queues::level_of(&queue),
            runs: Some((runs.over.load(Ordering::Relaxed), runs.under.load(Ordering::Relaxed))),
            ..reading.fill.take().unwrap_or_default()
        });
        reading
    }

    /// The same as a structure.
    pub(super) fn stats(&self) -> gst::Structure {
        figures::structure("bufferhealth/v1", &self.reading(), self.meter.probe().samples())
    }
}
