//! `visualscope` at length: every rate and buffer size, ten hours of audio.

use gst::prelude::*;

use crate::common::memory;
use crate::common::pads;
use crate::common::process::alone;
use crate::scope::{Audio, SMALL, begin, end, frames};

#[test]
fn every_rate_and_buffer_size_gives_the_same_pictures() {
    for rate in [8_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        let audio = Audio::tune(rate, rate as usize + 1);
        let seconds = frames("", SMALL, &audio, 44_100);
        assert_eq!(seconds.len(), 31, "{rate} Hz");
        for size in [1, 441, 1024] {
            assert!(frames("", SMALL, &audio, size) == seconds, "{rate} Hz in buffers of {size}");
        }
    }
}

#[test]
fn ten_hours_flow_through_in_flat_memory() {
    alone!();
    let minute = Audio::tune(8_000, 8_000 * 60);
    let scope = pads::Between::new("visualscope");
    // Keeps nothing of what comes out.
    let caps: gst::Caps = "video/x-raw,format=RGBA,width=16,height=16,framerate=5/1".parse().unwrap();
    scope.link_sink_of(&caps, |_| false);
    scope.set_state(gst::State::Playing);
    begin(&scope, &minute);
    let mut after_a_minute = 0;
    for i in 0..600u64 {
        for buffer in minute.buffers(4000, i * minute.len()) {
            scope.src.push(buffer).unwrap();
        }
        scope.clear();
        if i == 0 {
            after_a_minute = memory::kib("VmRSS");
        }
    }
    end(&scope);
    let more = memory::kib("VmRSS").saturating_sub(after_a_minute);
    assert!(more < 8 * 1024, "{more} KiB more than after a minute");
    let frames: u64 = scope.element.property::<gst::Structure>("stats").get("frames").unwrap();
    assert_eq!(frames, 36_000 * 5);
}
