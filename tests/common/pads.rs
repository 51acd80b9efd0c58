//! An element between two pads that the test owns: it pushes by hand and sees all that comes out.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

/// What came out, in order.
#[derive(Debug, Clone)]
pub enum Out {
    /// A buffer, or one of a list.
    Buffer(gst::Buffer),
    /// An event.
    Event(gst::Event),
}

#[derive(Default)]
struct Shared {
    out: Mutex<Vec<Out>>,
    changed: Condvar,
}

/// See the [module](self).
pub struct Between {
    /// The element.
    pub element: gst::Element,
    /// Pushes into it.
    pub src: gst::Pad,
    sink: Mutex<Option<gst::Pad>>,
    shared: Arc<Shared>,
}

impl Between {
    /// The element, linked to the test's source pad only.
    pub fn new(factory: &str) -> Self {
        crate::common::init();
        let element = gst::ElementFactory::make(factory).build().unwrap();
        let src = gst::Pad::builder(gst::PadDirection::Src).name("src").build();
        src.set_active(true).unwrap();
        src.link(&element.static_pad("sink").unwrap()).unwrap();
        Self { element, src, sink: Mutex::default(), shared: Arc::default() }
    }

    /// Links the element's source pad to one that keeps what comes; `query` answers serialized queries.
    pub fn link_sink_with(&self, query: impl Fn(&mut gst::QueryRef) -> bool + Send + Sync + 'static) {
        self.link_sink_of(&gst::Caps::new_any(), query);
    }

    /// As [`link_sink_with`](Self::link_sink_with), for what has those caps.
    pub fn link_sink_of(&self, caps: &gst::Caps, query: impl Fn(&mut gst::QueryRef) -> bool + Send + Sync + 'static) {
        let (chain, events) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let lists = Arc::clone(&self.shared);
        // Without a template a pad accepts what it has already, and nothing else.
        let template = gst::PadTemplate::new("sink", gst::PadDirection::Sink, gst::PadPresence::Always, caps);
        let sink = gst::Pad::builder_from_template(&template.unwrap())
            .name("sink")
            .chain_function(move |_, _, buffer| {
                chain.out.lock().unwrap().push(Out::Buffer(buffer));
                chain.changed.notify_all();
                Ok(gst::FlowSuccess::Ok)
            })
            .chain_list_function(move |_, _, list| {
                lists.out.lock().unwrap().extend(list.iter_owned().map(Out::Buffer));
                lists.changed.notify_all();
                Ok(gst::FlowSuccess::Ok)
            })
            .event_function(move |_, _, event| {
                events.out.lock().unwrap().push(Out::Event(event));
                events.changed.notify_all();
                true
            })
            .query_function(move |pad, parent, q| match q.is_serialized() {
                true => query(q),
                false => gst::Pad::query_default(pad, parent, q),
            })
            .build();
        sink.set_active(true).unwrap();
        self.element.static_pad("src").unwrap().link(&sink).unwrap();
        *self.sink.lock().unwrap() = Some(sink);
    }

    /// As [`link_sink_with`](Self::link_sink_with), answering no query.
    pub fn link_sink(&self) {
        self.link_sink_with(|_| false);
    }

    /// The pad that keeps what comes.
    pub fn sink(&self) -> gst::Pad {
        self.sink.lock().unwrap().clone().unwrap()
    }

    /// Sets the element's state and asserts that this works at once.
    #[track_caller]
    pub fn set_state(&self, state: gst::State) {
        assert_eq!(self.element.set_state(state), Ok(gst::StateChangeSuccess::Success), "to {state:?}");
    }

    /// Stream start and a segment.
    #[track_caller]
    pub fn begin(&self, format: gst::Format) {
        assert!(self.src.push_event(gst::event::StreamStart::new("test")));
        let segment = gst::Segment::new_from(format);
        assert!(self.src.push_event(gst::event::Segment::new(&segment)));
    }

    /// Everything that came out.
    pub fn out(&self) -> Vec<Out> {
        self.shared.out.lock().unwrap().clone()
    }

    /// The buffers that came out.
    pub fn buffers(&self) -> Vec<gst::Buffer> {
        self.out().into_iter().filter_map(|out| if let Out::Buffer(b) = out { Some(b) } else { None }).collect()
    }

    /// The types of the events that came out.
    pub fn events(&self) -> Vec<gst::EventType> {
        self.out().into_iter().filter_map(|out| if let Out::Event(e) = out { Some(e.type_()) } else { None }).collect()
    }

    /// Forgets what came out.
    pub fn clear(&self) {
        self.shared.out.lock().unwrap().clear();
    }

    /// Waits until `done` holds of what came out.
    #[track_caller]
    pub fn wait_for(&self, what: &str, done: impl Fn(&[Out]) -> bool) {
        let deadline = Instant::now() + crate::common::PATIENCE;
        let mut out = self.shared.out.lock().unwrap();
        while !done(&out) {
            assert!(Instant::now() < deadline, "waited in vain: {what}: {out:?}");
            out = self.shared.changed.wait_timeout(out, Duration::from_millis(100)).unwrap().0;
        }
    }

    /// Waits until `n` buffers came out.
    #[track_caller]
    pub fn wait_for_buffers(&self, n: usize) {
        self.wait_for(&format!("{n} buffers"), |out| out.iter().filter(|o| matches!(o, Out::Buffer(_))).count() >= n);
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.lock().unwrap().as_ref() {
            let _ = sink.set_active(false);
        }
        let _ = self.element.set_state(gst::State::Null);
        let _ = self.src.set_active(false);
    }
}

/// A segment of a format, made by number.
pub trait SegmentFrom {
    fn new_from(format: gst::Format) -> gst::Segment;
}

impl SegmentFrom for gst::Segment {
    fn new_from(format: gst::Format) -> gst::Segment {
        let mut segment = gst::Segment::new();
        segment.set_format(format);
        segment
    }
}

/// A buffer of 4 bytes with a timestamp and duration in ms, where given.
pub fn buffer(pts: Option<u64>, duration: Option<u64>) -> gst::Buffer {
    let mut buffer = gst::Buffer::with_size(4).unwrap();
    {
        let buffer = buffer.get_mut().unwrap();
        buffer.set_pts(pts.map(gst::ClockTime::from_mseconds));
        buffer.set_duration(duration.map(gst::ClockTime::from_mseconds));
    }
    buffer
}

/// Blocks the source pad of an element for data and events; dropped, it lets them go.
pub struct Blocked(gst::Pad, Option<gst::PadProbeId>);

impl Blocked {
    /// Blocks from now on.
    pub fn new(element: &gst::Element) -> Self {
        let pad = element.static_pad("src").unwrap();
        let id = pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
        Self(pad, id)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(id) = self.1.take() {
            self.0.remove_probe(id);
        }
    }
}

/// Counts emissions of a signal.
pub fn count(element: &gst::Element, signal: &str) -> Arc<std::sync::atomic::AtomicU32> {
    let counter: Arc<std::sync::atomic::AtomicU32> = Arc::default();
    let counted = Arc::clone(&counter);
    element.connect(signal, false, move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        None
    });
    counter
}
