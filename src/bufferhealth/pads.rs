//! The pads, and the work of the streaming threads.

use std::iter;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{BufferHealth, CAT};
use crate::glue::health::stream::flow;

/// Both pads. Events and queries pass unless a function below says otherwise.
pub(super) fn make(klass: &<BufferHealth as glib::subclass::types::ObjectSubclass>::Class) -> (gst::Pad, gst::Pad) {
    let flags = gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION;
    let template = |name| klass.pad_template(name).expect("declared by the class");
    let sink = gst::Pad::builder_from_template(&template("sink"))
        .chain_function(|_, parent, mut buffer| {
            BufferHealth::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| {
                    // What others have as well is not copied for a mark, nor what is in a list.
                    if this.meter.marks()
                        && let Some(buffer) = buffer.get_mut()
                    {
                        this.meter.mark(buffer);
                    }
                    this.meter.arrive(iter::once(buffer.as_ref()));
                    this.depart(this.srcpad.push(buffer))
                },
            )
        })
        .chain_list_function(|_, parent, list| {
            BufferHealth::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| {
                    this.meter.arrive(list.iter());
                    this.depart(this.srcpad.push_list(list))
                },
            )
        })
        .event_function(|pad, parent, event| {
            BufferHealth::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
        })
        .flags(flags)
        .build();
    let src = gst::Pad::builder_from_template(&template("src"))
        .event_function(|pad, parent, event| {
            BufferHealth::catch_panic_pad_function(parent, || false, |this| this.src_event(pad, event))
        })
        .query_function(|pad, parent, query| {
            BufferHealth::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
        })
        .flags(flags)
        .build();
    (sink, src)
}

impl BufferHealth {
    #[inline]
    fn depart(&self, result: Result<gst::FlowSuccess, gst::FlowError>) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.meter.depart(flow(&result));
        result
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        if self.meter.downstream_event(self.obj().upcast_ref(), &event) {
            // Before the event goes on, so that whoever sees the end on the bus finds the last verdict before it.
            self.conclude();
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        self.meter.upstream_event(&event);
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let answered = gst::Pad::query_default(pad, Some(&*self.obj()), query);
        if answered && let gst::QueryView::Latency(latency) = query.view() {
            self.meter.set_live(latency.result().0);
        }
        answered
    }
}
