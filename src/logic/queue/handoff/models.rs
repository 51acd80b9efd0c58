//! Models of the hand-off for loom, which tries all orders in which two threads can take their steps.

use super::*;
use crate::logic::sync::lock;
use std::sync::Arc;

const BUFFER: Weight = Weight { buffers: 1, bytes: 1 };

fn open(limit: u64) -> Arc<Handoff<u32>> {
    let handoff = Handoff::new(2, OPEN);
    handoff.limits.set(Level { buffers: limit, ..Level::default() });
    Arc::new(handoff)
}

fn produce(h: &Handoff<u32>, items: u32) -> u32 {
    for i in 0..items {
        while h.is_full() {
            if h.wait_for_room(None) == Waited::Closed {
                return i;
            }
        }
        h.push(i, BUFFER, None);
    }
    items
}

/// Takes until `items` have come or the gate closed; loom reports a deadlock if a wake-up is lost.
fn consume(h: &Handoff<u32>, items: u32) -> Vec<u32> {
    let mut seen = Vec::new();
    while seen.len() < items as usize {
        while !h.is_ready() {
            if h.wait_for_data() == Waited::Closed {
                return seen;
            }
        }
        seen.extend(h.pop(|_| None).map(|(i, _)| i));
        h.popped(|| false);
    }
    seen
}

fn no_wake_up_is_lost(limit: u64, items: u32) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let h = open(limit);
        let producer = {
            let h = Arc::clone(&h);
            loom::thread::spawn(move || produce(&h, items))
        };
        let seen = consume(&h, items);
        assert_eq!(seen, (0..items).collect::<Vec<_>>());
        assert_eq!(producer.join().unwrap(), items);
    });
}

#[test]
fn loom_no_wake_up_is_lost_at_capacity_one() {
    no_wake_up_is_lost(1, 3);
}

#[test]
fn loom_no_wake_up_is_lost_at_capacity_two() {
    no_wake_up_is_lost(2, 3);
}

#[test]
fn loom_a_flush_ends_both_waits() {
    for limit in [1, 2] {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(move || {
            let h = open(limit);
            let producer = {
                let h = Arc::clone(&h);
                loom::thread::spawn(move || produce(&h, 3))
            };
            let consumer = {
                let h = Arc::clone(&h);
                loom::thread::spawn(move || consume(&h, 4))
            };
            h.set_gate(-2);
            let (pushed, seen) = (producer.join().unwrap(), consumer.join().unwrap());
            let left: Vec<u32> = std::iter::from_fn(|| h.pop(|_| None).map(|(i, _)| i)).collect();
            let all: Vec<u32> = seen.into_iter().chain(left).collect();
            assert_eq!(all, (0..pushed).collect::<Vec<_>>(), "nothing is lost, doubled or reordered");
            assert_eq!(h.level(), Level::default());
        });
    }
}

#[test]
fn loom_a_leak_from_the_producing_side_loses_only_what_it_takes() {
    for limit in [1, 2] {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(move || {
            let h = open(limit);
            // Who pops holds the head lock, as in the element.
            let head = Arc::new(Mutex::new(()));
            let producer = {
                let (h, head) = (Arc::clone(&h), Arc::clone(&head));
                loom::thread::spawn(move || {
                    let mut leaked = 0;
                    for i in 0..3 {
                        while h.is_full() {
                            let _guard = lock(&head);
                            leaked += u32::from(h.is_full() && h.pop(|_| None).is_some());
                        }
                        h.push(i, BUFFER, None);
                    }
                    h.push(9, Weight::default(), None);
                    leaked
                })
            };
            let mut seen = Vec::new();
            while seen.last() != Some(&9) {
                while !h.is_ready() {
                    assert_eq!(h.wait_for_data(), Waited::Ready);
                }
                let _guard = lock(&head);
                seen.extend(h.pop(|_| None).map(|(i, _)| i));
                h.popped(|| false);
            }
            let leaked = producer.join().unwrap();
            assert_eq!(seen.len() as u32 + leaked, 4);
            assert!(seen.is_sorted());
        });
    }
}
