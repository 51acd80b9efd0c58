//! `visualscope` at length: a whole song in a player, many seeks, many swaps, ten hours of audio.

use std::time::Duration;

use gst::prelude::*;

use crate::common::audio::Fixtures;
use crate::common::memory;
use crate::common::pads;
use crate::common::process::alone;
use crate::common::{PATIENCE, wait_until};
use crate::playbin;
use crate::scope::{Audio, SMALL, begin, end, frames};

#[test]
fn a_song_of_a_minute_goes_through_a_player_without_stalling_the_audio() {
    let _turn = playbin::turn();
    let files = Fixtures::new();
    let song = files.ogg(&files.wav(44_100, 60 * 44_100));
    let player = playbin::no_later_than_without_pictures(&song, 1, Duration::from_secs(150));
    let (audio, video) = player.seen();
    playbin::check(&audio, &video, 60_000_000_000);
    let stats: gst::Structure = player.vis.lock().unwrap().property("stats");
    let (frames, dropped) = (stats.get::<u64>("frames").unwrap(), stats.get::<u64>("dropped").unwrap());
    println!(
        "60 s in a player: {frames} frames shown, {dropped} left out, audio at most {:?} ns late",
        audio.late.iter().max()
    );
    assert_eq!(frames + dropped, 1800);
    assert!(video.times.len() as u64 <= frames && video.times.len() >= 900, "{} shown", video.times.len());
}

#[test]
fn a_hundred_seeks_and_twenty_swaps_while_playing_end_well() {
    let _turn = playbin::turn();
    let files = Fixtures::new();
    let player = playbin::Player::new(&files.wav(44_100, 30 * 44_100), "");
    player.playbin.set_state(gst::State::Playing).unwrap();
    let seen = || player.video.lock().unwrap().times.len();
    wait_until("the first frames", || seen() > 3);
    for i in 0..100u64 {
        let before = seen();
        let to = gst::ClockTime::from_mseconds(i * 7919 % 25_000);
        player.playbin.seek_simple(gst::SeekFlags::FLUSH, to).unwrap();
        if i % 5 == 4 {
            let next = playbin::Player::scope(["scene=wave-line", "scene=stem-dots"][i as usize % 2]);
            player.playbin.set_property("vis-plugin", &next);
            wait_until("frames go on", || seen() > before + 3);
        }
    }
    let last = gst::ClockTime::from_mseconds(29_000);
    player.playbin.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, last).unwrap();
    player.wait(PATIENCE);
}

#[test]
fn every_rate_and_buffer_size_gives_the_same_pictures() {
    let _turn = playbin::turn();
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
    let _turn = playbin::turn();
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
