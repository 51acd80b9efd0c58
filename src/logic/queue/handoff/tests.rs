use super::*;
use std::sync::atomic::AtomicU64 as Counter;
use std::time::Duration;

const CLOSED: i32 = -2;
const BUFFER: Weight = Weight { buffers: 1, bytes: 10 };

fn open(limit: u64) -> Handoff<u64> {
    let handoff = Handoff::new(8, CLOSED);
    handoff.set_limits(Level { buffers: limit, ..Level::default() });
    handoff.set_gate(OPEN);
    handoff
}

#[test]
fn levels_are_the_difference_of_the_sides() {
    let h = open(4);
    h.push(1, BUFFER, Some((100, 150)));
    assert_eq!(h.level(), Level { buffers: 1, bytes: 10, time: 50 }, "counted from the start of the first data");
    h.push(2, BUFFER, Some((150, 200)));
    h.push(3, Weight::default(), None);
    assert_eq!((h.items(), h.level().time), (3, 100));
    assert_eq!(h.pop(|_| Some(150)).map(|(i, _)| i), Some(1));
    assert_eq!(h.level(), Level { buffers: 1, bytes: 10, time: 50 });
    h.pop(|_| Some(200));
    assert_eq!((h.level(), h.items()), (Level::default(), 1));
}

#[test]
fn thresholds_hold_back_data_but_neither_events_nor_a_full_queue() {
    let h = open(3);
    h.set_thresholds(Level { buffers: 5, ..Level::default() });
    h.push(1, BUFFER, None);
    assert!(!h.is_ready());
    h.push(2, Weight::default(), None);
    assert!(h.is_ready(), "an event at the end lets everything out");
    h.push(3, BUFFER, None);
    assert!(!h.is_ready());
    h.push(4, BUFFER, None);
    assert!(h.is_full() && h.is_ready(), "full before the threshold");
}

#[test]
fn closing_the_gate_ends_both_waits() {
    let h = open(1);
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| h.wait_for_data());
        h.set_gate(CLOSED);
        assert_eq!(consumer.join().unwrap(), Waited::Closed);
    });
    h.set_gate(OPEN);
    h.push(1, BUFFER, None);
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| h.wait_for_room(None));
        h.set_gate(CLOSED);
        assert_eq!(producer.join().unwrap(), Waited::Closed);
    });
    assert_eq!(h.change_gate(OPEN, -1), CLOSED, "who closed first is not overruled");
}

#[test]
fn a_wait_for_room_ends_after_its_time() {
    let h = open(1);
    h.push(1, BUFFER, None);
    assert_eq!(h.wait_for_room(Some(Duration::from_millis(5))), Waited::TimedOut);
    h.pop(|_| None);
    assert_eq!(h.wait_for_room(Some(Duration::from_millis(5))), Waited::Ready);
}

#[test]
fn everything_arrives_once_and_in_order_at_every_capacity() {
    for (limit, threshold) in [(1, 0), (2, 0), (2, 2), (3, 5), (64, 0), (64, 60), (300, 10)] {
        let h = open(limit);
        h.set_thresholds(Level { buffers: threshold, ..Level::default() });
        let sum = Counter::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for i in 0..20_000 {
                    while h.is_full() {
                        assert_eq!(h.wait_for_room(None), Waited::Ready);
                    }
                    h.push(i, BUFFER, None);
                }
                h.push(20_000, Weight::default(), None);
            });
            for i in 0..=20_000 {
                while !h.is_ready() {
                    assert_eq!(h.wait_for_data(), Waited::Ready);
                }
                assert!(h.level().buffers <= limit);
                assert_eq!(h.pop(|_| None).map(|(i, _)| i), Some(i));
                // Above a threshold near the limit only the consumer that is about to wait wakes the producer.
                h.popped(|| threshold == 0 && i % 3 == 0);
                sum.fetch_add(i, Ordering::Relaxed);
            }
        });
        assert_eq!(sum.into_inner(), 20_000 * 20_001 / 2);
    }
}
