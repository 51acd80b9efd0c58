//! The element's data and its place among GStreamer's types.

/**
 * element-adaptivequeue:
 *
 * Like `queue`, with limits that follow the memory of the machine and the need of the graph, and with an error that
 * names the cause when the pipeline has come to a halt.
 *
 * ```console
 * gst-launch-1.0 videotestsrc num-buffers=100 ! tee name=t \
 *   t. ! adaptivequeue ! jpegenc ! matroskamux name=m ! filesink location=out.mkv \
 *   t. ! x264enc ! adaptivequeue role=encoder ! m.
 * ```
 */
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::item::{Item, Waker};
use super::limits::Size;
use super::running_time::Times;
use super::settings::{Hot, Settings};
use super::stall::Stall;
use super::stats::{Pressure, Stats};
use super::watchdog;
use crate::logic::clock::{Clock, MonotonicClock, Nanos};
use crate::logic::queue::capacity::OTHER_BUFFERS;
use crate::logic::queue::handoff::{Handoff, OPEN, Seen};
use crate::logic::queue::levels;
use crate::logic::sync::lock;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("adaptivequeue", gst::DebugColorFlags::empty(), Some("Queue sized by memory and need"))
});
pub(super) static DATAFLOW: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "adaptivequeue_dataflow",
        gst::DebugColorFlags::empty(),
        Some("Every item of adaptivequeue"),
    )
});

/// Items that cross without a lock: what a queue of non-video holds, and as many events as come with it.
const RING: usize = OTHER_BUFFERS as usize * 5 / 4;

/// What the producing side alone uses.
#[derive(Debug)]
pub(super) struct Tail {
    pub times: Times,
    pub needs_discont: bool,
    /// The consumer's counters as last seen, so that they need not be fetched from the other core for every buffer.
    pub seen: Seen,
    /// Buffers until `seen` is fetched again.
    pub fresh: u32,
    pub peak: levels::Size,
}

/// What the consuming side alone uses; a leak downstream is done by the producer, with this lock.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub times: Times,
    pub needs_discont: bool,
    /// The segment at the tail was taken over while the queue was empty: it need not be again when it comes out.
    pub segment_applied: bool,
    /// Sticky events of items that were dropped in front of what is still to come. The consumer sends them, so that
    /// none overtakes an older one that is on its way out.
    pub kept: VecDeque<gst::Event>,
    pub last_taken: Nanos,
}

/// A serialized query in the queue and the way to its sender.
#[derive(Debug)]
pub(super) struct Asking {
    pub kind: gst::QueryType,
    pub waker: Waker,
}

/// The element. Lock order: `control`, `tail`, `head`, `size`, `settings`; each of the others is taken alone. None is
/// held while data, queries, messages, signals or notifications leave the element.
#[derive(Debug)]
pub struct AdaptiveQueue {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) hot: Hot,
    /// Boxed: its parts keep to cache lines of their own, and GObject aligns to 16 bytes only.
    pub(super) handoff: Box<Handoff<Item>>,
    /// Makes "the stream goes on and the task is started" and "it has ended and the task is paused" exclude each other.
    pub(super) control: Mutex<()>,
    pub(super) tail: Mutex<Tail>,
    pub(super) head: Mutex<Head>,
    pub(super) size: Mutex<Size>,
    /// The lease was given back and is to be taken again with the next data.
    pub(super) size_stale: AtomicBool,
    /// The queue has grown, so the consumer looks whether it may fall back.
    pub(super) grown: AtomicBool,
    /// EOS was queued: nothing more is accepted.
    pub(super) eos: AtomicBool,
    /// Downstream said EOS and there was nothing left to send: data is refused until a new segment.
    pub(super) unexpected: AtomicBool,
    /// Thresholds as set; those in force are dropped at EOS.
    pub(super) thresholds: Mutex<levels::Size>,
    /// The query that a sender waits in.
    pub(super) query: Mutex<Option<Asking>>,
    pub(super) stats: Stats,
    pub(super) pressure: Pressure,
    pub(super) stall: Stall,
    pub(super) clock: MonotonicClock,
}

impl AdaptiveQueue {
    pub(super) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Changes to FLUSHING, an error or OK, and ends every wait that this concerns.
    pub(super) fn set_flow(&self, flow: Result<gst::FlowSuccess, gst::FlowError>) {
        self.handoff.set_gate(code(flow));
        self.wake_query();
    }

    /// As [`set_flow`](Self::set_flow), if the flow is OK. Returns the flow in force.
    pub(super) fn fail_flow(&self, error: gst::FlowError) -> gst::FlowError {
        let now = self.handoff.change_gate(code(Ok(gst::FlowSuccess::Ok)), code(Err(error)));
        self.wake_query();
        flow(now).err().unwrap_or(error)
    }

    pub(super) fn flow(&self) -> Result<gst::FlowSuccess, gst::FlowError> {
        flow(self.handoff.gate())
    }

    pub(super) fn wake_query(&self) {
        if let Some(asking) = lock(&self.query).as_ref() {
            asking.waker.wake();
        }
    }

    pub(super) fn emit(&self, signal: &'static str) {
        if self.hot.silent.load(Ordering::Relaxed) {
            return;
        }
        // Emitting to nobody costs ten times what asking does.
        let obj = self.obj();
        let id = super::properties::signal_id(signal);
        if glib::signal::signal_has_handler_pending(&*obj, id, None, false) {
            obj.emit::<()>(id, &[]);
        }
    }

    pub(super) fn notify_levels(&self, before: levels::Size) {
        let now = self.handoff.level();
        let obj = self.obj();
        for (changed, name) in [
            (before.buffers != now.buffers, "current-level-buffers"),
            (before.bytes != now.bytes, "current-level-bytes"),
            (before.time != now.time, "current-level-time"),
        ] {
            if changed {
                obj.notify(name);
            }
        }
    }

    fn sink_activate_mode(&self, pad: &gst::Pad, mode: gst::PadMode, active: bool) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "only push mode works here"));
        }
        if active {
            self.reopen();
        } else {
            self.set_flow(Err(gst::FlowError::Flushing));
            // Whoever is in the pad leaves before the queue is emptied.
            let _stream = pad.stream_lock();
            self.flush(true);
        }
        Ok(())
    }

    fn src_activate_mode(&self, pad: &gst::Pad, mode: gst::PadMode, active: bool) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "only push mode works here"));
        }
        let done = if active {
            self.reopen();
            let _control = lock(&self.control);
            self.start_task(pad)
        } else {
            self.set_flow(Err(gst::FlowError::Flushing));
            let stopped = pad.stop_task();
            self.flush(false);
            stopped
        };
        done.map_err(|error| gst::loggable_error!(CAT, "the pad's task: {error}"))
    }

    /// Forgets the end of the last stream and lets data in.
    pub(super) fn reopen(&self) {
        self.eos.store(false, Ordering::Release);
        self.unexpected.store(false, Ordering::Release);
        self.stall.clear();
        self.set_flow(Ok(gst::FlowSuccess::Ok));
    }
}

/// The gate's code for a flow.
fn code(flow: Result<gst::FlowSuccess, gst::FlowError>) -> i32 {
    use gst::glib::translate::IntoGlib;
    match flow {
        // Special kinds of success are for whoever asked for them and nobody asks a queue.
        Ok(_) => OPEN,
        Err(error) => gst::FlowReturn::from(error).into_glib(),
    }
}

fn flow(code: i32) -> Result<gst::FlowSuccess, gst::FlowError> {
    use gst::FlowError::*;
    if code == OPEN {
        return Ok(gst::FlowSuccess::Ok);
    }
    let errors = [NotLinked, Flushing, Eos, NotNegotiated, NotSupported, CustomError, CustomError1, CustomError2];
    Err(errors.into_iter().find(|error| self::code(Err(*error)) == code).unwrap_or(Error))
}

#[glib::object_subclass]
impl ObjectSubclass for AdaptiveQueue {
    const NAME: &'static str = "GstAdaptiveQueue";
    type Type = super::AdaptiveQueue;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let template = |name| class.pad_template(name).expect("both templates are in pad_templates()");
        let sinkpad = gst::Pad::builder_from_template(&template("sink"))
            .activatemode_function(|pad, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic in activation")),
                    |queue| queue.sink_activate_mode(pad, mode, active),
                )
            })
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |queue| queue.chain(Item::Buffer(buffer)),
                )
            })
            .chain_list_function(|_, parent, list| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |queue| queue.chain(Item::List(list)),
                )
            })
            .event_full_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), |queue| queue.sink_event(event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |queue| queue.sink_query(pad, query))
            })
            .flags(gst::PadFlags::PROXY_CAPS)
            .build();
        let srcpad = gst::Pad::builder_from_template(&template("src"))
            .activatemode_function(|pad, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic in activation")),
                    |queue| queue.src_activate_mode(pad, mode, active),
                )
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |queue| queue.src_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |queue| queue.src_query(pad, query))
            })
            .flags(gst::PadFlags::PROXY_CAPS)
            .build();

        let handoff = Box::new(Handoff::new(RING, code(Err(gst::FlowError::Flushing))));
        let tail = Tail {
            times: Times::default(),
            needs_discont: false,
            seen: handoff.see_head(),
            fresh: 0,
            peak: levels::Size::default(),
        };
        let queue = Self {
            sinkpad,
            srcpad,
            settings: Mutex::default(),
            hot: Hot::default(),
            handoff,
            control: Mutex::default(),
            tail: Mutex::new(tail),
            head: Mutex::default(),
            size: Mutex::default(),
            size_stale: AtomicBool::new(true),
            grown: AtomicBool::new(false),
            eos: AtomicBool::new(false),
            unexpected: AtomicBool::new(false),
            thresholds: Mutex::default(),
            query: Mutex::default(),
            stats: Stats::default(),
            pressure: Pressure::default(),
            stall: Stall::default(),
            clock: MonotonicClock::default(),
        };
        queue.apply_limits();
        queue
    }
}

impl ObjectImpl for AdaptiveQueue {
    fn properties() -> &'static [glib::ParamSpec] {
        super::properties::properties()
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        super::properties::signals()
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.add_pad(&self.sinkpad).expect("a new element has no pads");
        obj.add_pad(&self.srcpad).expect("a new element has one pad of another name");
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.set(pspec.name(), value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.get(pspec.name())
    }
}

impl GstObjectImpl for AdaptiveQueue {}

impl ElementImpl for AdaptiveQueue {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Adaptive queue",
                "Generic",
                "Queue sized by memory and need that says why a pipeline has come to a halt",
                "The gst-plugin-steady developers",
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]
                .map(|(name, direction)| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &gst::Caps::new_any())
                        .expect("name and caps are valid")
                })
                .into()
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::NullToReady => self.read_machine(),
            gst::StateChange::ReadyToPaused => {
                self.stats.reset(&self.handoff);
                watchdog::register(&self.obj());
            }
            _ => (),
        }
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            watchdog::unregister(&self.obj());
            self.release_lease();
        }
        Ok(success)
    }
}
