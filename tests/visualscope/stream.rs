//! `visualscope` and the order of time: gaps, jumps, segments, songs in a row.

use gst::prelude::*;
use gststeady::logic::frame_grid::FrameGrid;

use crate::common::audio::check_frame_law;
use crate::common::pads::Out;
use crate::scope::{self, Audio, SMALL, Samples, begin, begin_with, delivered, end, frames, push};

/// `audio` with the samples in `range` replaced by zeros.
fn silenced(audio: &Audio, range: std::ops::Range<usize>) -> Audio {
    let mut audio = audio.clone();
    match &mut audio.samples {
        Samples::S16(samples) => samples[range.start * 2..range.end * 2].fill(0),
        Samples::F32(_) => unreachable!("the tests silence integers"),
    }
    audio
}

#[test]
fn a_gap_is_drawn_as_silence_whether_it_is_announced_flagged_or_missing() {
    let audio = Audio::tune(44_100, 44_100);
    let (first, last) = (13_230u64, 22_050u64);
    let wanted = frames("", SMALL, &silenced(&audio, first as usize..last as usize), 4410);
    for kind in ["gap event", "two gap events", "gap flag", "missing", "missing and discont"] {
        let scope = scope::scope("", SMALL);
        begin(&scope, &audio);
        for buffer in audio.buffers(4410, 0) {
            let at = buffer.pts().unwrap();
            let inside = at >= audio.time(first) && at < audio.time(last);
            match kind {
                "gap event" if inside && at == audio.time(first) => {
                    let gap = gst::event::Gap::builder(at).duration(audio.time(last) - at).build();
                    assert!(scope.src.push_event(gap));
                }
                "two gap events" if inside => {
                    let gap = gst::event::Gap::builder(at).duration(buffer.duration().unwrap()).build();
                    assert!(scope.src.push_event(gap));
                }
                "gap flag" if inside => {
                    let mut buffer = buffer;
                    buffer.make_mut().set_flags(gst::BufferFlags::GAP);
                    scope.src.push(buffer).unwrap();
                }
                _ if inside => {}
                _ => {
                    let mut buffer = buffer;
                    if kind == "missing and discont" && at == audio.time(last) {
                        buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
                    }
                    scope.src.push(buffer).unwrap();
                }
            }
        }
        end(&scope);
        assert!(delivered(&scope) == wanted, "{kind}");
        let gaps = scope.element.property::<gst::Structure>("stats").get::<u64>("gaps").unwrap();
        assert_eq!(gaps, u64::from(kind.starts_with("missing")), "{kind}");
    }
}

#[test]
fn a_gap_at_the_start_and_one_of_no_known_length_are_no_harm() {
    let audio = Audio::tune(44_100, 14_700);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    assert!(scope.src.push_event(gst::event::Gap::builder(gst::ClockTime::ZERO).build()));
    let endless = gst::event::Gap::builder(gst::ClockTime::SECOND).duration(gst::ClockTime::MAX).build();
    assert!(scope.src.push_event(endless));
    assert!(scope.src.push_event(gst::event::Gap::builder(gst::ClockTime::ZERO).duration(audio.time(14_700)).build()));
    push(&scope, audio.buffers(1000, 14_700));
    end(&scope);
    check_frame_law(&delivered(&scope), 44_100, 29_400, 30, 1);
}

#[test]
fn time_stamps_that_are_a_little_off_or_absent_change_nothing() {
    let audio = Audio::tune(44_100, 22_050);
    let wanted = frames("", SMALL, &audio, 441);
    for kind in ["off", "absent", "overlapping"] {
        let scope = scope::scope("", SMALL);
        begin(&scope, &audio);
        for (i, mut buffer) in audio.buffers(441, 0).into_iter().enumerate() {
            let data = buffer.make_mut();
            let pts = data.pts().unwrap();
            match kind {
                "off" => data.set_pts(pts + gst::ClockTime::from_mseconds(i as u64 % 3)),
                "absent" if i > 0 => data.set_pts(None),
                _ => {}
            }
            if kind == "overlapping" && i == 20 {
                scope.src.push(buffer.copy()).unwrap();
                buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
            }
            scope.src.push(buffer).unwrap();
        }
        end(&scope);
        assert!(delivered(&scope) == wanted, "{kind}");
    }
}

#[test]
fn after_a_jump_a_new_stretch_begins_and_says_so() {
    let audio = Audio::tune(44_100, 14_700);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    for first in [0, 441_000] {
        push(&scope, audio.buffers(1470, first));
    }
    end(&scope);
    let frames = scope.buffers();
    let numbers: Vec<_> = frames.iter().map(|frame| frame.offset()).collect();
    assert_eq!(numbers, (0..10).chain(300..310).collect::<Vec<_>>());
    let discont: Vec<_> = (0..20).filter(|&i| frames[i].flags().contains(gst::BufferFlags::DISCONT)).collect();
    assert_eq!(discont, [0, 10]);
}

#[test]
fn a_second_song_without_an_end_between_them_is_drawn_from_its_start() {
    let (one, two) = (Audio::tune(44_100, 22_051), Audio::tune(48_000, 16_000));
    let scope = scope::scope("", SMALL);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    for audio in [&one, &two] {
        assert!(scope.src.push_event(gst::event::StreamStart::new(&format!("song at {}", audio.rate))));
        assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
        assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
        push(&scope, audio.buffers(1024, 0));
        segment.set_base(audio.time(audio.len()));
    }
    end(&scope);
    let mut wanted = frames("", SMALL, &one, 1024);
    wanted.extend(frames("", SMALL, &two, 1024));
    assert!(delivered(&scope) == wanted);
    // The last frames of the first song come before the second one's segment.
    let order: Vec<_> = scope
        .out()
        .iter()
        .filter_map(|out| match out {
            Out::Buffer(_) => Some('b'),
            Out::Event(event) if event.type_() == gst::EventType::Segment => Some('s'),
            Out::Event(_) => None,
        })
        .collect();
    let order: String = order.into_iter().collect();
    assert_eq!(order, format!("s{}s{}", "b".repeat(16), "b".repeat(10)));
}

#[test]
fn the_same_segment_again_is_no_cut() {
    let audio = Audio::tune(44_100, 22_050);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    for buffer in audio.buffers(2205, 0) {
        scope.src.push(buffer).unwrap();
        assert!(scope.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
    }
    end(&scope);
    assert!(delivered(&scope) == frames("", SMALL, &audio, 2205));
}

#[test]
fn what_lies_outside_of_the_segment_is_not_drawn() {
    let audio = Audio::tune(44_100, 44_100);
    let scope = scope::scope("", SMALL);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(audio.time(14_700));
    segment.set_time(audio.time(14_700));
    segment.set_stop(audio.time(29_400));
    begin_with(&scope, &audio, &segment);
    push(&scope, audio.buffers(1024, 0));
    end(&scope);
    let numbers: Vec<_> = scope.buffers().iter().map(|frame| frame.offset()).collect();
    assert_eq!(numbers, (10..20).collect::<Vec<_>>());
}

#[test]
fn where_stream_time_and_time_stamps_differ_frames_are_numbered_by_the_first() {
    let audio = Audio::tune(44_100, 14_700);
    let scope = scope::scope("", SMALL);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(1000));
    segment.set_time(gst::ClockTime::from_seconds(2));
    begin_with(&scope, &audio, &segment);
    push(&scope, audio.buffers(1024, 44_100_000));
    end(&scope);
    let frames = delivered(&scope);
    assert_eq!((frames[0].offset, frames[0].pts), (60, 1_000_000_000_000));
    assert_eq!((frames[9].offset, frames[9].pts), (69, 1_000_300_000_000));
    assert_eq!(frames.len(), 10);
}

#[test]
fn backwards_each_buffer_is_drawn_by_itself_and_every_frame_lies_on_the_grid() {
    let audio = Audio::tune(44_100, 44_100);
    for size in [4410, 1000] {
        let scope = scope::scope("", SMALL);
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_rate(-1.0);
        segment.set_stop(audio.time(audio.len()));
        segment.set_position(audio.time(audio.len()));
        begin_with(&scope, &audio, &segment);
        let mut buffers = audio.buffers(size, 0);
        buffers.reverse();
        buffers.iter_mut().for_each(|buffer| buffer.make_mut().set_flags(gst::BufferFlags::DISCONT));
        push(&scope, buffers);
        end(&scope);
        let (frames, grid) = (delivered(&scope), FrameGrid::new(44_100, 30, 1).unwrap());
        for frame in &frames {
            let n = frame.offset;
            assert_eq!((frame.pts, frame.duration, frame.offset_end), (grid.pts(n), grid.duration(n), n + 1));
        }
        let numbers: Vec<_> = frames.iter().map(|frame| frame.offset).collect();
        if size == 4410 {
            // Three frames a buffer: the last buffer first, in each the frames forward.
            assert_eq!(numbers, (0..10).rev().flat_map(|third| 3 * third..3 * third + 3).collect::<Vec<_>>());
        }
        // Each frame is there once, however the buffers lie.
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..30).collect::<Vec<_>>(), "buffers of {size}");
        let rates: Vec<_> = scope
            .out()
            .iter()
            .filter_map(|out| match out {
                Out::Event(event) => match event.view() {
                    gst::EventView::Segment(segment) => Some(segment.segment().rate()),
                    _ => None,
                },
                Out::Buffer(_) => None,
            })
            .collect();
        assert_eq!(rates, [-1.0]);
    }
}
