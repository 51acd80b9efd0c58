//! What the smallest steps cost, by themselves: the ring of `adaptivequeue`. `benches/micro/run` starts it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gststeady::logic::queue::ring::Ring;

/// As many places as the element's ring has.
const PLACES: usize = 250;
/// Items per round where two threads are at work, so that starting one of them does not count.
const ITEMS: u64 = 1_000_000;

fn ring(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring");
    group.throughput(Throughput::Elements(1));
    let ring = Ring::new(PLACES);
    group.bench_function("push and pop, one thread", |b| {
        b.iter(|| {
            ring.push(black_box(1u64));
            ring.pop()
        });
    });
    // Beyond the ring everything goes through the list behind it.
    let full = Ring::new(PLACES);
    (0..2 * PLACES as u64).for_each(|i| full.push(i));
    group.bench_function("push and pop, with a list behind", |b| {
        b.iter(|| {
            full.push(black_box(1u64));
            full.pop()
        });
    });
    group.throughput(Throughput::Elements(ITEMS));
    group.sample_size(10);
    group.bench_function("push and pop, two threads", |b| {
        b.iter(|| {
            let ring = Ring::new(PLACES);
            std::thread::scope(|scope| {
                scope.spawn(|| (0..ITEMS).for_each(|i| ring.push(i)));
                let mut taken = 0;
                while taken < ITEMS {
                    match ring.pop() {
                        Some(_) => taken += 1,
                        None => std::hint::spin_loop(),
                    }
                }
            });
        });
    });
    group.finish();
}

criterion_group!(all, ring);
criterion_main!(all);
