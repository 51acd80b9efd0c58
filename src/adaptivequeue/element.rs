//! The object behind `adaptivequeue`: its parts and their locks.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{LazyLock, Mutex};

use super::backpressure::Backpressure;
use super::consumer::Head;
use super::flow;
use super::item::QueueItem;
use super::limits::Allowance;
use super::producer::Tail;
use super::queries::WaitingQuery;
use super::settings::{Hot, Settings};
use super::stall::Stall;
use super::stats::Stats;
use crate::logic::queue::capacity::OTHER_BUFFERS;
use crate::logic::queue::handoff::Handoff;
use crate::logic::queue::levels::Level;
use crate::logic::queue::need::Need;

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

/// The element. Lock order: `control`, `tail`, `head`, `allowance`, `settings`; each of the others is taken alone. None is
/// held while data, queries, messages, signals or notifications leave the element.
#[derive(Debug)]
pub struct AdaptiveQueue {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) hot: Hot,
    /// Boxed: its parts keep to cache lines of their own, and GObject aligns to 16 bytes only.
    pub(super) handoff: Box<Handoff<QueueItem>>,
    /// Keeps "the stream goes on and the task is started" and "it has ended and the task is paused" apart.
    pub(super) control: Mutex<()>,
    pub(super) tail: Mutex<Tail>,
    pub(super) head: Mutex<Head>,
    pub(super) allowance: Mutex<Allowance>,
    /// The lease was given back and is to be taken again with the next data.
    pub(super) lease_due: AtomicBool,
    /// The queue has grown for a join, so the consumer looks whether it may fall back.
    pub(super) grown: AtomicBool,
    /// Need of more room than there is.
    pub(super) need: Need,
    /// Buffers that would be held if half of what need has brought were given up; 0 = nothing to give up.
    pub(super) smaller: AtomicU32,
    /// EOS was queued: nothing more is accepted.
    pub(super) eos: AtomicBool,
    /// Downstream said EOS and there was nothing left to send: data is refused until a new segment.
    pub(super) unexpected: AtomicBool,
    /// Thresholds as set; those in force are dropped at EOS.
    pub(super) thresholds: Mutex<Level>,
    /// The query in the queue whose sender waits for the answer.
    pub(super) query: Mutex<Option<WaitingQuery>>,
    pub(super) stats: Stats,
    pub(super) backpressure: Backpressure,
    pub(super) stall: Stall,
}

impl AdaptiveQueue {
    pub(super) fn new(sinkpad: gst::Pad, srcpad: gst::Pad) -> Self {
        let handoff = Box::new(Handoff::new(RING, flow::code(Err(gst::FlowError::Flushing))));
        let tail = Tail::new(&handoff);
        let queue = Self {
            sinkpad,
            srcpad,
            settings: Mutex::default(),
            hot: Hot::default(),
            handoff,
            control: Mutex::default(),
            tail: Mutex::new(tail),
            head: Mutex::default(),
            allowance: Mutex::default(),
            lease_due: AtomicBool::new(true),
            grown: AtomicBool::new(false),
            need: Need::default(),
            smaller: AtomicU32::new(0),
            eos: AtomicBool::new(false),
            unexpected: AtomicBool::new(false),
            thresholds: Mutex::default(),
            query: Mutex::default(),
            stats: Stats::default(),
            backpressure: Backpressure::default(),
            stall: Stall::default(),
        };
        queue.apply_limits();
        queue
    }
}
