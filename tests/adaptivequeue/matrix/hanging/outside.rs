//! Somebody outside could end it, and does not.

use gst::prelude::*;

use crate::matrix::row::Expect::Hang;
use crate::matrix::row::{OUTSIDE, Row};
use crate::matrix::scene::{Kit, Scene};

pub fn rows() -> Vec<Row> {
    vec![
        Row::build("an input of matroskamux that is linked to nothing", Hang(OUTSIDE, &["muxer"]), |kit| {
            unlinked(kit, "VIDEO ! Q ! jpegenc ! matroskamux name=muxer ! fakesink", "audio_%u")
        })
        .reason("unlinked")
        .quick(),
        Row::build("an input of mpegtsmux that is linked to nothing", Hang(OUTSIDE, &["muxer"]), |kit| {
            unlinked(kit, "AUDIO ! Q ! avenc_mp2 ! mpegtsmux name=muxer ! fakesink", "sink_%d")
        })
        .reason("unlinked"),
        Row::build("an input of mp4mux that is linked to nothing", Hang(OUTSIDE, &["muxer"]), |kit| {
            unlinked(
                kit,
                "VIDEO ! Q ! x264enc tune=zerolatency ! h264parse ! Q ! mp4mux name=muxer ! fakesink",
                "audio_%u",
            )
        })
        .reason("unlinked"),
        Row::build("an input of audiomixer that is linked to nothing", Hang(OUTSIDE, &["mixer"]), |kit| {
            unlinked(kit, "AUDIO ! Q ! audiomixer name=mixer ! fakesink sync=false", "sink_%u")
        })
        .reason("unlinked"),
        Row::build("an input of compositor that is linked to nothing", Hang(OUTSIDE, &["mixer"]), |kit| {
            unlinked(kit, "VIDEO ! Q ! compositor name=mixer ! fakesink sync=false", "sink_%u")
        })
        .reason("unlinked"),
        Row::launch(
            "an input that nothing feeds",
            Hang(OUTSIDE, &["lonely", "muxer"]),
            "VIDEO ! Q ! matroskamux name=muxer ! fakesink identity name=lonely ! audio/x-raw ! Q ! muxer.",
        ),
        Row::launch(
            "a start that waits for an appsrc while there is room",
            Hang(OUTSIDE, &["feeder"]),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! matroskamux name=muxer ! fakesink t. ! fakesink \
             appsrc name=feeder format=time ! video/x-raw,format=I420,width=64,height=64,framerate=30/1 ! muxer.",
        ),
        Row::launch(
            "a sink behind a closed valve",
            Hang(OUTSIDE, &["closed", "dry"]),
            "VIDEO ! tee name=t t. ! Q ! fakesink t. ! Q ! valve name=closed drop=true ! fakesink name=dry",
        )
        .quick(),
        Row::launch(
            "a sink behind a closed valve that is before its queue",
            Hang(OUTSIDE, &["closed", "dry"]),
            "VIDEO ! tee name=t t. ! Q ! fakesink t. ! valve name=closed drop=true ! Q ! fakesink name=dry",
        ),
        Row::launch(
            "a live sink behind a closed valve",
            Hang(OUTSIDE, &["closed", "dry"]),
            "LIVEVIDEO ! tee name=t t. ! Q ! fakesink t. ! Q ! valve name=closed drop=true ! fakesink name=dry",
        ),
        Row::launch(
            "a receiver that should preroll with what is not yet sent",
            Hang(OUTSIDE, &["listener", "speaker"]),
            "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! Q max-size-buffers=5 ! alawenc ! rtppcmapay ! \
             udpsink host=127.0.0.1 port=9 udpsrc name=listener port=0 \
             caps=application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMA,payload=8 ! \
             rtppcmadepay ! alawdec ! Q ! fakesink name=speaker",
        ),
        Row::launch(
            "a muxer's input behind a closed valve",
            Hang(OUTSIDE, &["closed"]),
            "VIDEO ! tee name=t t. ! Q ! matroskamux name=muxer ! fakesink t. ! valve name=closed drop=true ! Q ! muxer.",
        ),
        Row::launch(
            "a muxer's input behind a closed valve with a source of its own",
            Hang(OUTSIDE, &["closed"]),
            "VIDEO ! Q ! matroskamux name=muxer ! fakesink LIVEAUDIO ! valve name=closed drop=true ! Q ! muxer.",
        ),
        Row::build("a valve that closes while it plays", Hang(OUTSIDE, &["closed"]), |kit| {
            let scene = kit.scene(
                "VIDEO ! tee name=t t. ! Q ! compositor name=mixer ! fakesink name=sink sync=true \
                 t. ! valve name=closed ! Q ! mixer.",
            );
            let nth = crate::matrix::parts::Nth::new(10, crate::matrix::parts::Wait::Sleep(std::time::Duration::ZERO));
            scene.handoff_waits("sink", &nth).act(move |pipeline| {
                crate::common::wait_until("ten frames", || nth.begun());
                pipeline.element("closed").set_property("drop", true);
                // What is left is played first.
                let queued = |queue: gst::Element| queue.property::<u32>("current-level-buffers");
                let dry = pipeline.element("mixer").sink_pads().remove(1).peer().unwrap().parent_element().unwrap();
                crate::common::wait_until("the rest is played", || queued(dry.clone()) == 0);
            })
        }),
    ]
}

/// A pad that has been requested and not linked.
fn unlinked(kit: &Kit, description: &str, pad: &str) -> Scene {
    let scene = kit.scene(description);
    let join = scene.pipeline.by_name("muxer").or_else(|| scene.pipeline.by_name("mixer")).unwrap();
    join.request_pad_simple(pad).unwrap();
    scene
}
