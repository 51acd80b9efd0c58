//! `crashsafesink` under kills, failing calls and small disks, in the short form that every run affords.
#![cfg(feature = "plugin")]
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]
mod common;

use common::sink_suite as suite;

#[test]
fn the_final_name_is_absent_or_complete_at_every_look() {
    suite::the_final_name_is_absent_or_complete(6);
}

#[test]
fn kills_leave_no_partial_file_under_the_final_name() {
    suite::kills_leave_no_partial_file(6, 6);
}

#[test]
fn killed_at_any_write_a_file_finalised_by_mp4mux_plays() {
    suite::killed_at_every_write_of_a_finalise_it_plays(
        "mp4mux fragment-duration=500 fragment-mode=first-moov-then-finalise",
        1,
    );
}

#[test]
fn any_failing_file_call_makes_one_error_and_loses_nothing() {
    suite::any_failing_file_call_makes_one_error(&[libc::EIO]);
}

#[test]
fn short_and_interrupted_writes_are_completed() {
    suite::short_writes_are_completed(2000);
}

#[test]
fn the_page_cache_stays_small_during_a_long_recording() {
    suite::the_page_cache_stays_small(96);
}
