//! Neither side of adaptivequeue allocates anything for an item. A binary of its own, since it counts what the allocator does.
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the test where it stands")]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

/// Of all threads: the queue's consumer is one of its own.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: both functions pass their arguments on to the system's allocator unchanged; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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

/// What was allocated while so many buffers passed, after some that may set up what lasts as long as the stream. Buffers come
/// from a pool, whose own few allocations are those of a run without a queue.
fn allocated(queue: Option<&str>, limit: u32) -> u64 {
    const BUFFERS: u64 = 20_000;
    let passed: Arc<AtomicU64> = Arc::default();
    let counted = Arc::clone(&passed);
    let sink = gst::Pad::builder(gst::PadDirection::Sink)
        .name("sink")
        .chain_function(move |_, _, _| {
            counted.fetch_add(1, Ordering::Release);
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    let src = gst::Pad::builder(gst::PadDirection::Src).name("src").build();
    sink.set_active(true).unwrap();
    src.set_active(true).unwrap();
    let element =
        queue.map(|name| gst::ElementFactory::make(name).property("max-size-buffers", limit).build().unwrap());
    match &element {
        None => _ = src.link(&sink).unwrap(),
        Some(element) => {
            src.link(&element.static_pad("sink").unwrap()).unwrap();
            element.static_pad("src").unwrap().link(&sink).unwrap();
            element.set_state(gst::State::Playing).unwrap();
        }
    }
    src.push_event(gst::event::StreamStart::new("test"));
    src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    let pool = gst::BufferPool::new();
    let mut config = pool.config();
    config.set_params(None, 64, limit + 8, limit + 8);
    pool.set_config(config).unwrap();
    pool.set_active(true).unwrap();
    let push = |buffers: u64| {
        let target = passed.load(Ordering::Acquire) + buffers;
        for n in 0..buffers {
            let mut buffer = pool.acquire_buffer(None).unwrap();
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(n));
            src.push(buffer).unwrap();
        }
        common::wait_until("all passed", || passed.load(Ordering::Acquire) == target);
    };
    push(2000);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    push(BUFFERS);
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    if let Some(element) = element {
        element.set_state(gst::State::Null).unwrap();
    }
    pool.set_active(false).unwrap();
    allocated
}

#[test]
fn an_item_passes_without_an_allocation() {
    common::init();
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > 10, "the counting works");
    // At 1 and 7 both sides sleep and wake all the time; 200 fit the ring, and 1000 go through the list behind it.
    for limit in [1, 7, 200, 1000] {
        let bare = allocated(None, limit);
        let ours = allocated(Some("adaptivequeue"), limit);
        // What is told of now and then, such as back-pressure, is not counted by items.
        assert!(ours <= bare + 200, "{ours} allocations for 20000 buffers at {limit}, {bare} without a queue");
    }
}
