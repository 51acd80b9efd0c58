//! Callbacks of the application that never return, in all places.

use gst::prelude::*;

use crate::jams::ask_before_buffer;
use crate::matrix::parts::{bin, chain, file, remove};
use crate::matrix::row::Expect::{GivenUp, Hang};
use crate::matrix::row::{HELD, Names, Row, UNEXPLAINED};
use crate::matrix::scene::Scene;

const STUCK: Names = &["stuck"];

pub fn rows() -> Vec<Row> {
    vec![
        Row::build("a handoff that never returns", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=false").handoff_never_returns("stuck", 3)
        })
        .quick(),
        Row::build("a probe callback that never returns", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=false").probe_never_returns("stuck", 3)
        }),
        Row::build("a handoff that never returns, to the end", GivenUp(STUCK), |kit| {
            kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=false").handoff_never_returns("stuck", 3)
        }),
        Row::build("a handoff in one branch of a muxer that never returns, to the end", GivenUp(STUCK), |kit| {
            kit.scene("VIDEO ! Q ! matroskamux name=muxer ! fakesink AUDIO ! identity name=stuck ! Q ! muxer.")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("a sink's handoff that never returns", Hang(HELD, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! fakesink name=stuck sync=false").handoff_never_returns("stuck", 3)
        }),
        Row::build("a sink that never prerolls", Hang(HELD, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! fakesink name=stuck sync=true").probe_never_returns("stuck", 1)
        }),
        Row::build("a bus sync handler that never returns", Hang(UNEXPLAINED, &["meter"]), |kit| {
            let (scene, nth) = kit.scene("AUDIO ! Q ! level name=meter ! fakesink sync=false").gate(1);
            scene.pipeline.bus().unwrap().set_sync_handler(move |_, message| {
                if message.structure().is_some_and(|structure| structure.name() == "level") {
                    nth.pass();
                }
                gst::BusSyncReply::Pass
            });
            scene
        }),
        Row::build("the end of a stream that cannot leave", Hang(HELD, STUCK), |kit| {
            kit.scene("videotestsrc num-buffers=5 ! Q ! fakesink name=stuck sync=false")
                .handoff_never_returns("stuck", 1)
        }),
        Row::build("an end of a stream that never returns", Hang(UNEXPLAINED, STUCK), |kit| {
            let stream = "videotestsrc num-buffers=5 ! Q ! identity name=stuck ! fakesink async=false sync=false";
            let (scene, nth) = kit.scene(stream).gate(1);
            let pad = scene.pipeline.element("stuck").static_pad("src").unwrap();
            pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
                if info.event().is_some_and(|event| event.type_() == gst::EventType::Eos) {
                    nth.pass();
                }
                gst::PadProbeReturn::Ok
            });
            scene
        }),
        Row::build("a query behind a sink that never returns", Hang(HELD, STUCK), |kit| {
            let scene = kit.scene("VIDEO ! identity name=s ! Q ! fakesink name=stuck sync=false");
            ask_before_buffer(&scene.pipeline, 3);
            scene.handoff_never_returns("stuck", 1)
        }),
        Row::build("a branch that hangs beside one that plays on", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene(
                "VIDEO ! Q ! identity name=stuck ! fakesink name=sink async=false sync=false \
                 LIVEVIDEO ! Q ! fakesink sync=true",
            )
            .watch("sink")
            .handoff_never_returns("stuck", 3)
        })
        .quick(),
        Row::build("a branch that hangs while another pipeline is busy", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=false")
                .handoff_never_returns("stuck", 3)
                .other(kit.parse("videotestsrc pattern=snow ! Q ! fakesink sync=false"))
        }),
        Row::build("the same, with no queue of ours in the other pipeline", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=false")
                .handoff_never_returns("stuck", 3)
                .other(kit.parse("videotestsrc pattern=snow ! queue ! fakesink sync=false"))
        }),
        Row::build("behind another queue", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! queue max-size-buffers=4 ! identity name=stuck ! fakesink sync=false")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("behind multiqueue", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! multiqueue max-size-buffers=5 ! identity name=stuck ! fakesink sync=false")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("behind a chain of our queues", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! identity ! Q ! identity ! Q ! identity name=stuck ! fakesink sync=false")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("in the other branch of a tee", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene(
                "VIDEO ! tee name=t t. ! Q ! fakesink async=false sync=false \
                 t. ! identity name=stuck ! fakesink async=false sync=false",
            )
            .handoff_never_returns("stuck", 3)
        }),
        Row::build("in the other branch of a muxer", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! matroskamux name=muxer ! fakesink AUDIO ! identity name=stuck ! Q ! muxer.")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("in the other branch of a compositor", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! Q ! compositor name=mixer ! fakesink VIDEO ! identity name=stuck ! Q ! mixer.")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("behind a muxer", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene(
                "VIDEO ! Q ! jpegenc ! Q ! matroskamux name=muxer ! identity name=stuck ! fakesink sync=false AUDIO ! Q ! muxer.",
            )
            .handoff_never_returns("stuck", 6)
        }),
        Row::build("several queues before one sink", Hang(HELD, STUCK), |kit| {
            kit.scene("funnel name=f ! fakesink name=stuck sync=false VIDEO ! Q ! f. VIDEO ! Q ! f. VIDEO ! Q ! Q ! f.")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("inside nested bins", Hang(UNEXPLAINED, STUCK), |kit| {
            let source: gst::Element = bin(kit, "VIDEO ! Q").upcast();
            let outer = gst::Bin::new();
            let inner = bin(kit, "identity ! identity name=stuck ! fakesink sync=false");
            outer.add(&inner).unwrap();
            let ghost = gst::GhostPad::with_target(&inner.static_pad("sink").unwrap()).unwrap();
            outer.add_pad(&ghost).unwrap();
            Scene::new(chain(&[&source, outer.upcast_ref()])).handoff_never_returns("stuck", 3)
        }),
        Row::build("after a pause", Hang(UNEXPLAINED, STUCK), |kit| {
            let (scene, nth) = kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=true").gate(20);
            scene.handoff_waits("stuck", &nth.clone()).state(gst::State::Paused).act(move |pipeline| {
                let _ = pipeline.state(gst::ClockTime::from_seconds(5));
                pipeline.set_state(gst::State::Playing).unwrap();
                crate::common::wait_until("twenty frames", || nth.begun());
            })
        }),
        Row::build("after a seek", Hang(UNEXPLAINED, STUCK), |kit| {
            let (scene, nth) = kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=true").gate(20);
            scene.handoff_waits("stuck", &nth.clone()).act(move |pipeline| {
                let _ = pipeline.state(gst::ClockTime::from_seconds(5));
                pipeline.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::SECOND).unwrap();
                crate::common::wait_until("twenty frames", || nth.begun());
            })
        }),
        Row::build("behind a decoder", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene("VIDEO ! jpegenc ! Q ! jpegdec ! videoconvert ! identity name=stuck ! fakesink sync=false")
                .handoff_never_returns("stuck", 3)
        }),
        Row::build("before a network", Hang(UNEXPLAINED, STUCK), |kit| {
            kit.scene(
                "audiotestsrc ! audio/x-raw,rate=8000,channels=1 ! Q max-size-buffers=5 ! alawenc ! rtppcmapay ! identity name=stuck ! udpsink host=127.0.0.1 port=9 sync=false",
            )
            .handoff_never_returns("stuck", 3)
        }),
        Row::build("in a player", Hang(HELD, STUCK), |kit| {
            let film = "CLIP ! jpegenc ! matroskamux ! filesink location=FILE";
            let film = file(kit, "film.mkv", film);
            let player = gst::ElementFactory::make("playbin").build().unwrap();
            let sink = bin(kit, "Q ! videoconvert ! fakesink name=stuck sync=false");
            let last = sink.by_name("stuck").unwrap();
            player.set_property("video-sink", &sink);
            player.set_property("uri", format!("file://{}", film.display()));
            let mut scene = Scene::new(crate::common::TestPipeline(player.downcast().unwrap()));
            scene.watched.push(last.clone());
            let (scene, nth) = scene.gate(3);
            last.set_property("signal-handoffs", true);
            last.connect("handoff", false, move |_| {
                nth.pass();
                None
            });
            remove(scene, &film)
        }),
    ]
}
