//! A random mix of buffers, lists, events and queries, with random delays on both sides.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;

use crate::common::pads::buffer;

/// Linear congruential numbers (Knuth's MMIX); the upper bits are good.
fn next(x: &mut u64) -> u64 {
    *x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    *x
}

/// What came out: how many items, the hash of all of them, and the first ones as text.
#[derive(Default)]
struct Seen {
    items: u64,
    hash: DefaultHasher,
    first: Vec<String>,
    ended: bool,
}

impl Seen {
    fn add(&mut self, text: String) {
        self.items += 1;
        text.hash(&mut self.hash);
        if self.first.len() < 100_000 {
            self.first.push(text);
        }
    }
}

fn run(factory: &str, seed: u64, items: u64) -> (u64, u64, Vec<String>) {
    crate::common::init();
    let element = gst::ElementFactory::make(factory).build().unwrap();
    element.set_property("max-size-buffers", 7u32);
    element.set_property("max-size-bytes", 0u32);
    element.set_property("max-size-time", 0u64);
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let delays = Mutex::new(seed ^ 0x9e37_79b9);
    let (buffers, lists, events) = (Arc::clone(&seen), Arc::clone(&seen), Arc::clone(&seen));
    let text = |b: &gst::BufferRef| format!("{:?} {:?} {:?}", b.pts(), b.duration(), b.flags());
    let sink = gst::Pad::builder(gst::PadDirection::Sink)
        .name("sink")
        .chain_function(move |_, _, b| {
            buffers.lock().unwrap().add(text(&b));
            let x = next(&mut delays.lock().unwrap());
            if x >> 54 == 0 {
                std::thread::sleep(Duration::from_micros(x >> 40 & 255));
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .chain_list_function(move |_, _, list| {
            list.iter().for_each(|b| lists.lock().unwrap().add(text(b)));
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            let mut seen = events.lock().unwrap();
            seen.add(event.type_().to_string());
            seen.ended |= event.type_() == gst::EventType::Eos;
            true
        })
        .query_function(|pad, parent, query| match query.is_serialized() {
            true => true,
            false => gst::Pad::query_default(pad, parent, query),
        })
        .build();
    let src = gst::Pad::builder(gst::PadDirection::Src).name("src").build();
    sink.set_active(true).unwrap();
    src.set_active(true).unwrap();
    src.link(&element.static_pad("sink").unwrap()).unwrap();
    element.static_pad("src").unwrap().link(&sink).unwrap();
    element.set_state(gst::State::Playing).unwrap();
    src.push_event(gst::event::StreamStart::new("mix"));
    src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    let mut x = seed;
    for i in 0..items {
        match next(&mut x) >> 59 {
            0..=24 => _ = src.push(buffer(Some(i), (x >> 40 & 1 == 0).then_some(1))),
            25..=27 => {
                let list: gst::BufferList = (0..x >> 40 & 3).map(|_| buffer(Some(i), None)).collect();
                _ = src.push_list(list);
            }
            28 => _ = src.push_event(gst::event::Gap::builder(gst::ClockTime::from_mseconds(i)).build()),
            29 => _ = src.push_event(gst::event::CustomDownstream::new(gst::Structure::new_empty("mark"))),
            30 => {
                let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
                segment.set_base(gst::ClockTime::from_mseconds(i));
                src.push_event(gst::event::Segment::new(&segment));
            }
            _ if x >> 48 & 15 == 0 => assert!(src.peer_query(&mut gst::query::Drain::new())),
            _ => (),
        }
        if x >> 46 & 1023 == 0 {
            std::thread::sleep(Duration::from_micros(x >> 36 & 255));
        }
    }
    src.push_event(gst::event::Eos::new());
    crate::common::wait_until("EOS", || seen.lock().unwrap().ended);
    element.set_state(gst::State::Null).unwrap();
    let mut seen = seen.lock().unwrap();
    (seen.items, seen.hash.finish(), std::mem::take(&mut seen.first))
}

/// The same mix comes out of `queue` and of ours, item by item.
pub fn comes_out_as_from_queue(seed: u64, items: u64) {
    let (theirs, ours) = (run("queue", seed, items), run("adaptivequeue", seed, items));
    if let Some(i) = (0..ours.2.len().min(theirs.2.len())).find(|i| theirs.2[*i] != ours.2[*i]) {
        panic!("seed {seed}: item {i} is {} and should be {}", ours.2[i], theirs.2[i]);
    }
    assert_eq!((ours.0, ours.1), (theirs.0, theirs.1), "seed {seed}: number and hash of all items");
}
