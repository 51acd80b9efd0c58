//! The long tests of `adaptivequeue`, with the times and numbers of the specification. The short ones run the same code.

use std::time::Duration;

use crate::common::process::{alone, name_of};
use crate::jams::{self, LONG, Scale};
use crate::mix;

#[test]
fn ten_million_random_items_come_out_as_from_queue() {
    mix::comes_out_as_from_queue(11, 10_000_000);
}

#[test]
fn paused_for_thirty_seconds() {
    alone!();
    jams::pauses(LONG);
}

#[test]
fn blocked_by_a_probe_for_thirty_seconds() {
    alone!();
    jams::is_blocked_by_a_probe(LONG);
}

#[test]
fn suspended_for_twenty_seconds() {
    jams::is_suspended(Scale { hold: Duration::from_secs(20), ..LONG }, name_of(suspended_for_twenty_seconds));
}

#[test]
fn a_tenth_of_a_frame_a_second_for_thirty_seconds() {
    alone!();
    let description = "videotestsrc ! video/x-raw,framerate=1/10 ! Q max-size-buffers=2 ! fakesink sync=true";
    jams::plays_without_error(LONG, description);
}

#[test]
fn a_seek_every_tenth_of_a_second_for_thirty_seconds() {
    alone!();
    jams::seeks(LONG);
}

#[test]
fn gaps_alone_for_a_minute() {
    alone!();
    jams::sends_gaps(Scale { hold: Duration::from_secs(60), ..LONG });
}

#[test]
fn a_buffer_every_four_seconds_for_thirty_seconds() {
    alone!();
    jams::has_a_slow_consumer(LONG);
}

#[test]
fn at_work_on_one_buffer_for_fifteen_seconds() {
    alone!();
    jams::works_for_long(Scale { hold: Duration::from_secs(16), ..LONG }, false);
}

#[test]
fn at_work_without_a_core_for_fifteen_seconds() {
    alone!();
    jams::works_for_long(Scale { hold: Duration::from_secs(16), ..LONG }, true);
}

#[test]
fn unread_for_thirty_seconds() {
    alone!();
    jams::is_not_read(LONG);
}

#[test]
fn a_turn_or_a_time_for_thirty_seconds() {
    alone!();
    jams::waits_for_a_turn(LONG);
}

#[test]
fn a_slow_encoder_of_4k_beside_audio_finishes() {
    alone!();
    jams::encodes_slowly(LONG, 3840, 2160, 60);
}
