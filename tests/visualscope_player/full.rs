//! A whole song in a player, many seeks, many swaps.

use std::time::Duration;

use gst::prelude::*;

use crate::common::audio::Fixtures;
use crate::common::{PATIENCE, wait_until};
use crate::playbin;

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
