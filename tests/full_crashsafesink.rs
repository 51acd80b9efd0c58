//! `crashsafesink` under kills and failing calls by the hundred.
#![cfg(feature = "full")]
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]
mod common;

use common::sink_suite as suite;

#[test]
fn the_final_name_is_absent_or_complete_in_200_recordings() {
    suite::the_final_name_is_absent_or_complete(200);
}

#[test]
fn five_hundred_kills_leave_no_partial_file() {
    suite::kills_leave_no_partial_file(440, 60);
}

#[test]
fn every_failing_call_with_every_error() {
    suite::any_failing_file_call_makes_one_error(&[
        libc::EIO,
        libc::ENOSPC,
        libc::EINTR,
        libc::EACCES,
        libc::EROFS,
        libc::EDQUOT,
    ]);
}

#[test]
fn matroska_and_robust_mp4_play_wherever_they_are_killed() {
    suite::killed_at_every_write_of_a_finalise_it_plays("matroskamux", 0);
    suite::killed_at_every_write_of_a_finalise_it_plays(
        "mp4mux reserved-max-duration=20000000000 reserved-moov-update-period=500000000",
        0,
    );
    suite::killed_at_every_write_of_a_finalise_it_plays("mp4mux fragment-duration=500", 0);
}

#[test]
fn two_gibibytes_leave_twelve_mebibytes_in_the_page_cache() {
    suite::the_page_cache_stays_small(2048);
}
