//! What the tests of bufferhealth look at, and what they feed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::{PATIENCE, TestPipeline};

pub const FRAME: u64 = 20_000_000;
pub const CAPS: &str = "video/x-raw,format=GRAY8,width=8,height=8,framerate=50/1";

pub fn stats(element: &gst::Element) -> gst::Structure {
    element.property("stats")
}

pub fn count(element: &gst::Element, field: &str) -> u64 {
    stats(element).get(field).unwrap_or_else(|e| panic!("{field}: {e}"))
}

pub fn reasons(structure: &gst::StructureRef) -> Vec<String> {
    let array = structure.get::<gst::Array>("reasons").unwrap();
    array.iter().map(|reason| reason.get().unwrap()).collect()
}

pub fn frame(n: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::with_size(64).unwrap();
    let b = buffer.get_mut().unwrap();
    b.set_pts(gst::ClockTime::from_nseconds(n * FRAME));
    b.set_duration(gst::ClockTime::from_nseconds(FRAME));
    buffer
}

/// appsrc ! bufferhealth ! fakesink, playing.
pub fn fed() -> (TestPipeline, gst_app::AppSrc, gst::Element) {
    let p = TestPipeline::parse(&format!(
        "appsrc name=src format=time caps={CAPS} ! bufferhealth name=h ! fakesink async=false"
    ));
    let (src, h) = (p.element("src").downcast().unwrap(), p.element("h"));
    p.set_state(gst::State::Playing).unwrap();
    (p, src, h)
}

pub fn feed(src: &gst_app::AppSrc, frames: std::ops::Range<u64>) {
    for n in frames {
        src.push_buffer(frame(n)).unwrap();
    }
}

/// Old state, new state, reasons.
pub type Told = Arc<Mutex<Vec<(String, String, Vec<String>)>>>;

/// All verdicts told of so far, in order.
pub fn told(p: &TestPipeline) -> Told {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    p.bus().unwrap().set_sync_handler(move |_, message| {
        if let Some(s) = message.structure().filter(|s| s.name() == "bufferhealth-state") {
            // A test that fails while it looks must not take the bus down with it.
            let mut sink = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sink.push((s.get("old").unwrap(), s.get("new").unwrap(), reasons(s)));
        }
        gst::BusSyncReply::Pass
    });
    told
}

/// The first verdict that is `state`, and how long it took from now.
#[track_caller]
pub fn wait_for_state(p: &TestPipeline, state: &str) -> (Vec<String>, Duration) {
    let began = Instant::now();
    loop {
        let message = p.next_message("bufferhealth-state", PATIENCE).unwrap_or_else(|| panic!("never {state}"));
        let s = message.structure().unwrap();
        if s.get::<&str>("new").unwrap() == state {
            return (reasons(s), began.elapsed());
        }
    }
}

/// Counts the time that other programs take away from this process, by oversleeping: where there is much, being late is no wonder.
pub struct Machine {
    stolen: Arc<AtomicU64>,
    _guard: Arc<()>,
}

impl Machine {
    pub fn new() -> Self {
        let (stolen, guard) = (Arc::new(AtomicU64::new(0)), Arc::new(()));
        let (sum, alive) = (stolen.clone(), Arc::downgrade(&guard));
        const NAP: Duration = Duration::from_millis(5);
        std::thread::spawn(move || {
            while alive.strong_count() > 0 {
                let began = Instant::now();
                std::thread::sleep(NAP);
                let over = began.elapsed().saturating_sub(NAP + Duration::from_millis(1));
                sum.fetch_add(over.as_nanos() as u64, Ordering::Relaxed);
            }
        });
        Self { stolen, _guard: guard }
    }

    /// How much so far.
    pub fn stolen(&self) -> Duration {
        Duration::from_nanos(self.stolen.load(Ordering::Relaxed))
    }
}

/// The text of the next warning on the bus.
pub fn next_warning(p: &TestPipeline) -> String {
    let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
    let message = p.bus().unwrap().timed_pop_filtered(patience, &[gst::MessageType::Warning]).expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else { unreachable!() };
    warning.error().message().to_owned()
}
