//! `visualscope` in playbin, beside audio that must not wait for it.

use gst::prelude::*;

use crate::common::audio::Fixtures;
use crate::common::{PATIENCE, wait_until};
use crate::playbin;

#[test]
fn in_a_player_a_song_goes_through_without_stalling_the_audio() {
    let _turn = playbin::turn();
    let files = Fixtures::new();
    let song = files.flac(&files.wav(44_100, 3 * 44_100));
    let player = playbin::no_later_than_without_pictures(&song, 3, PATIENCE);
    let (audio, video) = player.seen();
    playbin::check(&audio, &video, 3_000_000_000);
    let stats: gst::Structure = player.vis.lock().unwrap().property("stats");
    let (frames, dropped) = (stats.get::<u64>("frames").unwrap(), stats.get::<u64>("dropped").unwrap());
    // What converts behind it may leave out late frames as well.
    assert!(frames + dropped == 90 && video.times.len() as u64 <= frames, "{stats}: {} shown", video.times.len());
    assert!(video.times.len() >= 45, "{stats}: {} shown", video.times.len());
}

#[test]
fn put_into_a_player_that_plays_it_shows_the_rest_of_the_song() {
    let _turn = playbin::turn();
    let files = Fixtures::new();
    let player = playbin::Player::new(&files.wav(44_100, 4 * 44_100), "");
    player.playbin.set_state(gst::State::Playing).unwrap();
    wait_until("a second is played", || player.seen().1.times.last().is_some_and(|&time| time > 1_000_000_000));
    let second = playbin::Player::scope("scene=bars-mirror normalize=fixed");
    let first = std::mem::replace(&mut *player.vis.lock().unwrap(), second.clone());
    player.playbin.set_property("vis-plugin", &second);
    player.wait(PATIENCE);
    let (audio, video) = player.seen();
    playbin::check(&audio, &video, 4_000_000_000);
    let frames = |scope: &gst::Element| scope.property::<gst::Structure>("stats").get::<u64>("frames").unwrap();
    assert!(frames(&first) >= 30 && frames(&second) >= 45, "{} {}", frames(&first), frames(&second));
}

#[test]
fn two_songs_without_a_pause_are_drawn_to_their_ends() {
    let _turn = playbin::turn();
    let files = Fixtures::new();
    let (one, two) = (files.wav(44_100, 66_150), files.wav(44_100, 44_100));
    let player = playbin::Player::new(&one, "");
    let next = gst::glib::filename_to_uri(&two, None).unwrap();
    player.playbin.connect("about-to-finish", false, move |arguments| {
        let playbin = arguments[0].get::<gst::Element>().unwrap();
        if playbin.property::<Option<String>>("current-uri").as_deref() != Some(next.as_str()) {
            playbin.set_property("uri", next.as_str());
        }
        None
    });
    let (audio, video) = player.play(PATIENCE);
    playbin::check(&audio, &video, 2_500_000_000);
    let stats: gst::Structure = player.vis.lock().unwrap().property("stats");
    let made = stats.get::<u64>("frames").unwrap() + stats.get::<u64>("dropped").unwrap();
    assert_eq!(made, 45 + 30, "{stats}");
}

#[test]
fn seeks_in_a_player_show_frames_from_the_new_place() {
    let _turn = playbin::turn();
    let files = Fixtures::new();
    let player = playbin::Player::new(&files.wav(44_100, 10 * 44_100), "");
    player.playbin.set_state(gst::State::Paused).unwrap();
    let prerolled = || player.playbin.state(gst::ClockTime::try_from(PATIENCE).unwrap()).0;
    assert_eq!(prerolled(), Ok(gst::StateChangeSuccess::Success));
    for second in [7, 2, 9, 9, 0, 8] {
        let to = gst::ClockTime::from_seconds(second);
        player.playbin.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, to).unwrap();
        let shown = || player.sink.property::<Option<gst::Sample>>("last-sample");
        wait_until("a frame is shown", || shown().is_some());
        let at = shown().unwrap().buffer().unwrap().pts().unwrap();
        assert!(at <= to && at + gst::ClockTime::from_mseconds(34) > to, "{at} after a seek to {to}");
    }
    player.playbin.set_state(gst::State::Playing).unwrap();
    player.wait(PATIENCE);
}
