use super::*;
use crate::logic::clock::{MILLISECOND, SECOND};
use crate::logic::health::gaps::Order;

const FRAME: Nanos = SECOND / 50;

fn frame(n: u64) -> Unit {
    Unit { pts: Some(n * FRAME), duration: Some(FRAME), running_time: Some(n * FRAME), bytes: 100, ..Unit::default() }
}

fn probe() -> (Probe, Tap) {
    let probe = Probe::new(4);
    probe.set_playing(Some(0));
    let mut tap = Tap::default();
    tap.gaps().format(Order::Presentation, None);
    tap.segment(true);
    (probe, tap)
}

fn pass(probe: &Probe, tap: &mut Tap, at: Nanos, unit: Unit, push: Nanos, flow: Flow) {
    tap.arrive(probe, at, None, std::iter::once(unit));
    tap.depart(probe, at + push, flow);
}

#[test]
fn a_known_stream_gives_known_figures() {
    let (probe, mut tap) = probe();
    // 1 s of frames of which every tenth is lost, each pushed for 5 ms, all delivered evenly.
    let came: Vec<u64> = (0..50).filter(|n| n % 10 != 5).collect();
    for &n in &came {
        let unit = Unit { delta: n % 25 != 0, corrupted: n == 7, ..frame(n) };
        pass(&probe, &mut tap, SECOND + n * FRAME, unit, 5 * MILLISECOND, Flow::Ok);
    }
    let end = SECOND + 49 * FRAME + 5 * MILLISECOND;
    let read = probe.read(end);
    let counts = read.counts;
    assert_eq!((counts[Count::In], counts[Count::Out], counts[Count::Held], counts[Count::Dropped]), (45, 45, 0, 0));
    assert_eq!((counts[Count::Missing], counts[Count::Holes], counts[Count::DiscontGap]), (5, 5, 5));
    assert_eq!((counts[Count::Bytes], counts[Count::MediaTime]), (4500, 45 * FRAME));
    assert_eq!((counts[Count::Corrupted], counts[Count::KeyFrames]), (1, 1), "25 is lost, 0 is not");
    assert_eq!(counts[Count::BlockedTime], 45 * 5 * MILLISECOND);
    assert_eq!(counts[Count::StarvedTime], 49 * FRAME - 44 * 5 * MILLISECOND);
    assert_eq!(read.jitter_max, 0);
    let push = probe.summary(Quantity::Push).expect("pushes");
    assert_eq!((push.count, push.min, push.max, push.p50), (45, 5 * MILLISECOND, 5 * MILLISECOND, 5 * MILLISECOND));
    let spacing = probe.summary(Quantity::Interarrival).expect("spacings");
    assert_eq!((spacing.count, spacing.min, spacing.max), (44, FRAME, 2 * FRAME));
    assert_eq!(probe.summary(Quantity::Lateness), None, "there is no clock");
    assert_eq!(probe.samples(), [5 * MILLISECOND; 4]);
}

#[test]
fn lateness_and_headroom_are_against_the_clock_and_the_latency() {
    let (probe, mut tap) = probe();
    probe.set_latency(10 * MILLISECOND);
    probe.set_late_threshold(20 * MILLISECOND);
    for (n, arrival) in [(0, 0), (1, 30), (2, 50), (3, 70 + 20), (4, 90 + 21)] {
        tap.arrive(&probe, 7 * SECOND + n, Some(arrival * MILLISECOND as i64), std::iter::once(frame(n)));
        tap.depart(&probe, 7 * SECOND + n, Flow::Ok);
    }
    let read = probe.read(8 * SECOND);
    assert_eq!((read.counts[Count::Timed], read.counts[Count::Late]), (5, 1));
    let lateness = probe.summary(Quantity::Lateness).expect("a clock");
    assert_eq!((lateness.min, lateness.max, lateness.p50), (0, 21 * MILLISECOND, 0));
    assert_eq!(probe.summary(Quantity::Headroom).map(|h| (h.count, h.max)), Some((5, 10 * MILLISECOND)));
    assert_eq!(read.position, 5 * FRAME);
}

#[test]
fn refusals_are_drops_and_errors_stay_until_a_push_ends_well() {
    let (probe, mut tap) = probe();
    for (n, flow) in
        [Flow::Ok, Flow::Flushing, Flow::Eos, Flow::NotLinked, Flow::NotNegotiated, Flow::Error].into_iter().enumerate()
    {
        pass(&probe, &mut tap, 1 + n as u64, frame(n as u64), 0, flow);
        assert_eq!(probe.read(10).failed, n >= 4, "what is not linked was not chosen");
    }
    let counts = probe.read(10).counts;
    assert_eq!((counts[Count::In], counts[Count::Out], counts[Count::Dropped]), (6, 1, 5));
    let flows = [Count::FlowFlushing, Count::FlowEos, Count::FlowNotLinked, Count::FlowNotNegotiated, Count::FlowError];
    assert!(flows.iter().all(|&flow| counts[flow] == 1));
    pass(&probe, &mut tap, 9, frame(6), 0, Flow::Ok);
    assert!(!probe.read(10).failed);
}

#[test]
fn a_wait_under_way_counts_and_one_while_halted_does_not() {
    let (probe, mut tap) = probe();
    probe.set_playing(None);
    tap.arrive(&probe, 100, None, std::iter::once(frame(0)));
    assert_eq!(probe.read(200).counts[Count::BlockedTime], 0);
    probe.set_playing(Some(300));
    assert_eq!(probe.read(450).counts[Count::BlockedTime], 150);
    tap.depart(&probe, 500, Flow::Ok);
    assert_eq!(probe.read(900).counts[Count::BlockedTime], 200);
    assert_eq!(probe.read(900).counts[Count::StarvedTime], 400);
    assert_eq!(probe.summary(Quantity::Push).map(|s| s.max), Some(200));
}

#[test]
fn a_pause_explains_one_hole_one_step_back_and_one_flag_for_a_while() {
    let (probe, mut tap) = probe();
    let mut now = SECOND;
    let mut send = |probe: &Probe, unit: Unit| {
        now += FRAME;
        pass(probe, &mut tap, now, unit, 0, Flow::Ok);
        now
    };
    let seen = |probe: &Probe| {
        let n = probe.read(u64::MAX / 2).counts;
        (n[Count::Missing], n.discontinuities())
    };
    let pause = |probe: &Probe, now: Nanos| {
        probe.halt(now);
        probe.set_playing(Some(now + SECOND));
    };
    send(&probe, frame(0));
    let at = send(&probe, frame(1));
    pause(&probe, at);
    for (next, why) in
        [(frame(20), "a hole"), (frame(5), "a step back"), (Unit { discont: true, ..frame(6) }, "a flag")]
    {
        send(&probe, next);
        assert_eq!(seen(&probe), (0, 0), "{why}");
    }
    send(&probe, frame(9));
    assert_eq!(seen(&probe), (2, 1), "another hole");
    let at = send(&probe, frame(10));
    pause(&probe, at);
    send(&probe, frame(10 + 50 + 25 + 4));
    assert_eq!(seen(&probe), (2 + 78, 2), "more than a pause of 50 frames and a slow start explain");
    send(&probe, frame(95));
    assert_eq!(seen(&probe), (2 + 78, 2), "so the pause may still explain another");
}

#[test]
fn a_pause_explains_what_was_queued_before_it_and_nothing_later() {
    use super::tap::BACKLOG;
    for (latency, after, missing) in [(0, BACKLOG, 0), (0, BACKLOG + 1, 3), (SECOND, BACKLOG + SECOND, 0)] {
        let (probe, mut tap) = probe();
        probe.set_latency(latency);
        pass(&probe, &mut tap, SECOND, frame(0), 0, Flow::Ok);
        probe.halt(SECOND + 1);
        probe.set_playing(Some(2 * SECOND));
        pass(&probe, &mut tap, 9 * SECOND, frame(1), 0, Flow::Ok);
        pass(&probe, &mut tap, 9 * SECOND + after, frame(5), 0, Flow::Ok);
        assert_eq!(probe.read(99 * SECOND).counts[Count::Missing], missing, "{latency} {after}");
    }
}

#[test]
fn waiting_for_the_first_start_explains_nothing() {
    let (probe, mut tap) = probe();
    probe.set_playing(None);
    probe.halt(7);
    pass(&probe, &mut tap, 10, frame(0), 0, Flow::Ok);
    probe.set_playing(Some(20));
    pass(&probe, &mut tap, 30, frame(3), 0, Flow::Ok);
    assert_eq!(probe.read(40).counts[Count::Missing], 2);
}

#[test]
fn a_pause_is_no_jitter() {
    let (probe, mut tap) = probe();
    for n in 0..20 {
        let pause = if n < 10 { 0 } else { SECOND };
        if n == 10 {
            probe.halt(SECOND + 9 * FRAME);
            probe.set_playing(Some(2 * SECOND + 9 * FRAME));
        }
        pass(&probe, &mut tap, SECOND + pause + n * FRAME, frame(n), 0, Flow::Ok);
    }
    assert_eq!(probe.read(9 * SECOND).jitter_max, 0);
}

#[test]
fn the_end_of_a_pair_has_one_more_distribution_which_is_reset_too() {
    let (probe, mut tap) = probe();
    probe.become_end_of_pair();
    let mut marks = Marks::default();
    let mut meet = |probe: &Probe, n: u64| {
        tap.arrive(probe, n + 1, None, std::iter::once(frame(n)));
        let mut pairing = Pairing::new(probe);
        pairing.matched(5);
        pairing.unmatched += 2;
        pairing.lost += 3;
        tap.pair(&pairing);
        tap.depart(probe, n + 2, Flow::Ok);
    };
    (0..3).for_each(|n| meet(&probe, n));
    let counts = probe.read(9).counts;
    assert_eq!((counts[Count::PairMatched], counts[Count::PairUnmatched], counts[Count::PairLost]), (3, 6, 9));
    assert_eq!(probe.summary(Quantity::PairLatency).map(|s| (s.count, s.max)), Some((3, 5)));
    assert_eq!(probe.distribution(Quantity::PairLatency).count(), 3);
    let recent = marks.roll(&probe, &probe.read(9));
    assert_eq!(recent.summaries[Quantity::PairLatency as usize].map(|s| s.count), Some(3));
    probe.reset();
    meet(&probe, 4);
    assert_eq!(probe.summary(Quantity::PairLatency).map(|s| s.count), Some(1));
    let recent = marks.roll(&probe, &probe.read(9));
    assert_eq!(recent.summaries[Quantity::PairLatency as usize].map(|s| s.count), Some(1));
    assert_eq!(Probe::new(0).distribution(Quantity::PairLatency).count(), 0, "others have none");
}

#[test]
fn a_reset_shows_at_once_and_keeps_the_balance_of_a_buffer_on_its_way() {
    let (probe, mut tap) = probe();
    (0..9).for_each(|n| pass(&probe, &mut tap, 10 * n + 10, frame(n), 3, Flow::Ok));
    tap.arrive(&probe, 100, None, [frame(9), frame(10)].into_iter());
    let mut marks = Marks::default();
    assert_eq!(marks.roll(&probe, &probe.read(100)).counts[Count::In], 11);
    probe.reset();
    let read = probe.read(150);
    assert_eq!((read.counts[Count::In], read.counts[Count::Held], read.counts[Count::Bytes]), (2, 2, 0));
    assert!(read.counts.balanced() && probe.summary(Quantity::Push).is_none() && probe.samples().is_empty());
    tap.depart(&probe, 160, Flow::Ok);
    pass(&probe, &mut tap, 170, frame(11), 7, Flow::Ok);
    let read = probe.read(180);
    assert_eq!((read.counts[Count::In], read.counts[Count::Out]), (3, 3));
    assert!(read.counts.balanced());
    let recent = marks.roll(&probe, &read);
    assert_eq!(recent.counts[Count::Out], 3);
    assert_eq!(recent.summaries[Quantity::Push as usize].map(|s| (s.count, s.min, s.max)), Some((2, 7, 60)));
}

#[test]
fn holes_are_blamed_on_the_leaking_queue_or_on_the_wish_of_downstream() {
    let (probe, mut tap) = probe();
    pass(&probe, &mut tap, 1, frame(0), 0, Flow::Ok);
    pass(&probe, &mut tap, 2, frame(2), 0, Flow::Ok);
    probe.set_leaky(true);
    pass(&probe, &mut tap, 3, frame(5), 0, Flow::Ok);
    probe.set_skip_until(6 * FRAME);
    pass(&probe, &mut tap, 4, frame(9), 0, Flow::Ok);
    let counts = probe.read(5).counts;
    assert_eq!((counts[Count::Missing], counts[Count::MissingLeaky], counts[Count::MissingQos]), (6, 2, 3));
}

#[test]
fn lists_count_their_buffers_and_arrive_once() {
    let (probe, mut tap) = probe();
    tap.arrive(&probe, 10, None, (0..5).map(frame));
    assert_eq!(probe.read(11).counts[Count::Held], 5);
    tap.depart(&probe, 20, Flow::Ok);
    tap.arrive(&probe, 30, None, (5..8).map(frame));
    tap.depart(&probe, 40, Flow::Ok);
    assert_eq!(probe.read(50).counts[Count::Out], 8);
    assert_eq!(probe.summary(Quantity::Interarrival).map(|s| (s.count, s.max)), Some((1, 20)));
    assert_eq!(probe.read(50).counts[Count::Missing], 0);
}

#[test]
fn readers_never_see_a_count_out_of_balance() {
    let (probe, mut tap) = probe();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in 0..4 {
            let (probe, done) = (&probe, &done);
            scope.spawn(move || {
                let mut reads = 0u64;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    let read = probe.read(u64::MAX / 2);
                    assert!(read.counts.balanced(), "{:?}", read.counts);
                    reads += 1;
                    if reader == 0 && reads.is_multiple_of(1000) {
                        probe.reset();
                    }
                }
            });
        }
        let started = std::time::Instant::now();
        for n in 0.. {
            let flow = if n % 7 == 0 { Flow::Flushing } else { Flow::Ok };
            tap.arrive(&probe, n + 1, None, (n..n + 1 + n % 3).map(frame));
            tap.depart(&probe, n + 2, flow);
            if n % 1024 == 0 && started.elapsed().as_millis() > 1500 {
                break;
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_probe_fits_in_32_kib() {
    use crate::logic::histogram::BUCKETS;
    let histograms = EVERYWHERE * BUCKETS * (size_of::<u64>() + size_of::<u32>());
    let total = size_of::<Probe>() + size_of::<Tap>() + size_of::<Marks>() + histograms + 100 * size_of::<u64>();
    assert!(total <= 32 * 1024, "{total} bytes");
}
