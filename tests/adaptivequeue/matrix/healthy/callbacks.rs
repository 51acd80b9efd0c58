//! Callbacks and elements that take twice the default timeout: to be told of, and no error.

use gst::prelude::*;

use crate::matrix::parts::{Nth, Wait, push};
use crate::matrix::row::Expect::{MayTell, Slow};
use crate::matrix::row::Row;
use crate::matrix::scene::{Kit, Scene};

pub fn rows() -> Vec<Row> {
    vec![
        Row::build("a handoff that sleeps", Slow(&["slow"]), |kit| {
            middle(kit).handoff_waits("slow", &nth(kit, Wait::Sleep))
        }),
        Row::build("a handoff that waits for a lock", Slow(&["slow"]), |kit| {
            middle(kit).handoff_waits("slow", &nth(kit, Wait::Untimed))
        }),
        Row::build("a probe callback that sleeps", Slow(&["slow"]), |kit| {
            middle(kit).probe_waits("slow", &nth(kit, Wait::Sleep))
        }),
        Row::build("a probe callback that waits for a lock", Slow(&["slow"]), |kit| {
            middle(kit).probe_waits("slow", &nth(kit, Wait::Untimed))
        }),
        Row::build("a sink's handoff that sleeps", Slow(&["slow"]), |kit| {
            kit.scene("VIDEO ! Q ! fakesink name=slow sync=false").handoff_waits("slow", &nth(kit, Wait::Sleep))
        }),
        Row::build("a handoff that waits for a lock, in one branch of a muxer", Slow(&["slow"]), |kit| {
            kit.scene("VIDEO ! Q ! matroskamux name=muxer ! fakesink AUDIO ! identity name=slow ! Q ! muxer.")
                .handoff_waits("slow", &nth(kit, Wait::Untimed))
        }),
        Row::build("a bus sync handler that is slow", Slow(&["meter"]), |kit| {
            let scene = kit.scene("AUDIO ! Q ! level name=meter ! fakesink sync=false");
            let wait = nth(kit, Wait::Untimed);
            scene.pipeline.bus().unwrap().set_sync_handler(move |_, message| {
                if message.structure().is_some_and(|structure| structure.name() == "level") {
                    wait.pass();
                }
                gst::BusSyncReply::Pass
            });
            scene
        }),
        Row::launch(
            "identity with a long sleep-time",
            Slow(&["slow"]),
            "VIDEO ! Q ! identity name=slow sleep-time=1.6xTIMEOUT ! fakesink sync=false",
        ),
        Row::launch(
            "identity with a long sleep-time in one branch of a muxer",
            Slow(&["slow"]),
            "VIDEO ! Q ! matroskamux name=muxer ! fakesink \
             AUDIO ! identity name=slow sleep-time=1.6xTIMEOUT ! Q ! muxer.",
        ),
        Row::build("an appsrc that begins late", Slow(&["feeder", "speaker"]), |kit| {
            let scene = kit.scene(
                "VIDEO ! Q ! fakesink name=screen sync=true appsrc name=feeder format=time \
                 caps=audio/x-raw,format=S16LE,layout=interleaved,rate=44100,channels=1 ! Q ! \
                 fakesink name=speaker sync=true",
            );
            let feeder = scene.element("feeder");
            // Once, with sound until long after the end.
            let hold = kit.times.hold;
            scene.every(kit.times.timeout * 2, move |_| push(&feeder, 88_200, std::time::Duration::ZERO, hold))
        }),
        Row::launch(
            "sound behind a slow element while video has prerolled",
            MayTell(&["slow", "speaker"]),
            "VIDEO ! Q ! fakesink name=screen AUDIO ! identity name=slow sleep-time=8xTIMEOUT ! Q ! \
             fakesink name=speaker",
        ),
    ]
}

/// Something of the application's in the middle.
fn middle(kit: &Kit) -> Scene {
    kit.scene("VIDEO ! Q ! identity name=slow ! fakesink sync=false")
}

/// The third buffer takes twice the timeout.
fn nth(kit: &Kit, wait: fn(std::time::Duration) -> Wait) -> Nth {
    Nth::new(3, wait(kit.times.timeout * 2))
}
