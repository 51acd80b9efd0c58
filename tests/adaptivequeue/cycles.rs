//! A pipeline that plays and is stopped, again and again, says nothing about it. `queue` is held against the same.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use crate::common::TestPipeline;
use crate::common::process::alone;

/// How often in the default run, with `full`, and with `soak`.
const CYCLES: u32 = match (cfg!(feature = "soak"), cfg!(feature = "full")) {
    (true, _) => 200_000,
    (false, true) => 20_000,
    (false, false) => 200,
};

const SIMPLE: &str = "fakesrc ! Q ! Q ! fakesink";
/// Elements in it that answer a refused sticky event with an error instead of FLUSHING let a source say "Internal data stream error" once in some
/// thousand cycles, with `queue` as well.
#[cfg(feature = "full")]
const JOINED: &str = "videotestsrc ! video/x-raw,width=16,height=16 ! tee name=t \
                      t. ! Q ! identity ! Q ! funnel name=f ! Q ! fakesink async=false \
                      t. ! Q ! identity ! Q ! f.";

/// Plays and stops a graph so often, a little later each time and then at once again, with every critical fatal. Counts the errors.
fn errors_of_stopping(description: &str, queue: &str) -> u32 {
    let always = glib::log_set_always_fatal(glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_ERROR);
    assert!(always.contains(glib::LogLevels::LEVEL_ERROR), "as glib has it");
    let pipeline = TestPipeline::parse(&description.replace(" Q ", &format!(" {queue} ")));
    let errors: Arc<AtomicU32> = Arc::default();
    let first: Arc<Mutex<Option<String>>> = Arc::default();
    let (counted, text) = (Arc::clone(&errors), Arc::clone(&first));
    // At once, in the thread that posts: the bus forgets what comes while the pipeline is stopped.
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if let gst::MessageView::Error(error) = message.view() {
            counted.fetch_add(1, Ordering::SeqCst);
            text.lock().unwrap().get_or_insert_with(|| format!("{error:?}"));
        }
        gst::BusSyncReply::Drop
    });
    for cycle in 0..CYCLES {
        pipeline.set_state(gst::State::Playing).unwrap();
        // Up to two milliseconds, so that all moments of a start are met, on machines of any speed.
        std::thread::sleep(Duration::from_micros(u64::from(cycle * 37 % 2000)));
        pipeline.set_state(gst::State::Null).unwrap();
    }
    let errors = errors.load(Ordering::SeqCst);
    println!("{errors} errors in {CYCLES} cycles with {queue}: {:?}", first.lock().unwrap());
    errors
}

#[test]
fn a_simple_graph_stops_in_silence() {
    alone!();
    assert_eq!(errors_of_stopping(SIMPLE, "adaptivequeue"), 0);
}

#[cfg(feature = "full")]
#[test]
fn a_simple_graph_of_queue_stops_in_silence() {
    alone!();
    assert_eq!(errors_of_stopping(SIMPLE, "queue"), 0, "or the graph would say nothing of ours");
}

#[cfg(feature = "full")]
#[test]
fn a_graph_with_tee_and_join_stops_as_with_queue() {
    alone!();
    let [ours, theirs] = ["adaptivequeue", "queue"].map(|queue| errors_of_stopping(JOINED, queue));
    // Few and random: three times as many would be another rate.
    assert!(ours <= 3 * theirs + 5, "{ours} with adaptivequeue, {theirs} with queue");
}
