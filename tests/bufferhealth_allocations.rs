//! The streaming thread allocates nothing in bufferhealth. A binary of its own, since it counts what the allocator does.
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the test where it stands")]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gst::prelude::*;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: both functions pass their arguments on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_buffer_passes_without_an_allocation() {
    common::init();
    // Both ends of a pair do all that a probe does, and more.
    let [start, h] = ["start", "end"].map(|role| {
        let probe =
            gst::ElementFactory::make("bufferhealth").property("interval", 0u64).property("pair-id", "allocations");
        probe.property_from_str("pair-role", role).build().unwrap()
    });
    let sink = gst::Pad::builder(gst::PadDirection::Sink).chain_function(|_, _, _| Ok(gst::FlowSuccess::Ok)).build();
    start.static_pad("src").unwrap().link(&h.static_pad("sink").unwrap()).unwrap();
    h.static_pad("src").unwrap().link(&sink).unwrap();
    sink.set_active(true).unwrap();
    for probe in [&h, &start] {
        probe.set_state(gst::State::Playing).unwrap();
    }
    let entry = start.static_pad("sink").unwrap();
    entry.send_event(gst::event::StreamStart::new("test"));
    entry.send_event(gst::event::Caps::new(&gst::Caps::builder("audio/x-raw").build()));
    entry.send_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    let buffers: Vec<_> = (0..1001u64)
        .map(|n| {
            let mut buffer = gst::Buffer::new();
            let b = buffer.get_mut().unwrap();
            // Every seventh is followed by a hole.
            b.set_pts(gst::ClockTime::from_mseconds(10 * (n + n / 7)));
            b.set_duration(gst::ClockTime::from_mseconds(10));
            buffer
        })
        .collect();
    let mut allocated = 0;
    for (n, buffer) in buffers.into_iter().enumerate() {
        let before = ALLOCATIONS.get();
        entry.chain(buffer).unwrap();
        // The first may set up what lasts as long as the stream.
        allocated += if n > 0 { ALLOCATIONS.get() - before } else { 0 };
    }
    let stats: gst::Structure = h.property("stats");
    for probe in [start, h] {
        probe.set_state(gst::State::Null).unwrap();
    }
    assert_eq!(stats.get::<u64>("buffers-out").unwrap(), 1001);
    assert!(stats.get::<u64>("holes").unwrap() > 100);
    assert_eq!(stats.get::<u64>("pair-matched").unwrap(), 1001);
    assert!(ALLOCATIONS.get() > 10, "the counting works");
    assert_eq!(allocated, 0);
}
