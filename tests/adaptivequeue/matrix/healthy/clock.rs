//! Something waits for its time.

use gst::prelude::*;

use crate::jams::{ask_before_buffer, ask_before_every_buffer};
use crate::matrix::parts::{bin, chain, file, remove};
use crate::matrix::row::Expect::Silence;
use crate::matrix::row::Row;
use crate::matrix::scene::{Kit, Scene};

pub fn rows() -> Vec<Row> {
    vec![
        Row::launch(
            "a frame now and then, with sync",
            Silence,
            "SLOWVIDEO ! Q max-size-buffers=2 ! fakesink sync=true",
        )
        .quick(),
        Row::launch("ts-offset", Silence, "VIDEO ! Q ! fakesink sync=true ts-offset=20xTIMEOUT"),
        Row::launch(
            "ts-offset behind three queues",
            Silence,
            "VIDEO ! Q ! Q ! Q ! fakesink sync=true ts-offset=20xTIMEOUT",
        ),
        Row::launch(
            "a leaky queue before ts-offset",
            Silence,
            "LIVEVIDEO ! Q leaky=downstream max-size-buffers=2 ! fakesink sync=true ts-offset=20xTIMEOUT",
        ),
        Row::build("the offset of a sink's pad", Silence, |kit| {
            let scene = kit.scene("VIDEO ! Q ! fakesink name=sink sync=true");
            scene.pad("sink", "sink").set_offset((kit.times.timeout * 20).as_nanos() as i64);
            scene
        }),
        Row::launch("max-bitrate", Silence, "VIDEO ! Q ! fakesink sync=true max-bitrate=2000"),
        Row::launch("clocksync", Silence, "SLOWVIDEO ! Q ! clocksync ! fakesink sync=false"),
        Row::launch("identity with sync", Silence, "SLOWVIDEO ! Q ! identity sync=true ! fakesink sync=false"),
        Row::launch(
            "clocksync behind another queue",
            Silence,
            "SLOWVIDEO ! Q ! queue ! clocksync ! fakesink sync=false",
        ),
        Row::launch(
            "long blocks of sound",
            Silence,
            "audiotestsrc samplesperbuffer=1000000 ! audio/x-raw,rate=44100 ! Q max-size-buffers=1 ! fakesink sync=true",
        ),
        Row::launch("the end behind slow frames", Silence, "SLOWVIDEO ! identity eos-after=3 ! Q ! fakesink sync=true"),
        Row::build("a query before every slow frame", Silence, |kit| {
            let scene = kit.scene("SLOWVIDEO ! identity name=s ! Q max-size-buffers=2 ! fakesink sync=true");
            ask_before_every_buffer(&scene.pipeline);
            scene
        }),
        Row::build("a query behind a frame whose time is far", Silence, |kit| {
            let scene = kit.scene("VIDEO ! identity name=s ! Q ! fakesink sync=true ts-offset=20xTIMEOUT");
            ask_before_buffer(&scene.pipeline, 3);
            scene
        }),
        Row::launch("gaps alone, live", Silence, "LIVEAUDIO ! identity drop-probability=1 ! Q ! fakesink async=false"),
        Row::launch(
            "gaps alone, from a file",
            Silence,
            "SLOWVIDEO ! identity drop-probability=1 ! Q ! fakesink sync=true",
        ),
        Row::launch(
            "multiqueue with slow video and sound",
            Silence,
            "multiqueue name=several SLOWVIDEO ! Q ! several. several. ! fakesink sync=true \
             AUDIO ! Q ! several. several. ! fakesink sync=true",
        )
        .flows(),
        Row::launch("queue2", Silence, "SLOWVIDEO ! Q ! queue2 max-size-buffers=1 ! fakesink sync=true"),
        Row::build("decodebin of a file with slow frames", Silence, |kit| {
            let file = slow_file(kit);
            let description = format!(
                "filesrc location={} blocksize=512 ! Q max-size-buffers=1 ! decodebin ! videoconvert ! fakesink sync=true",
                file.display()
            );
            remove(kit.scene(&description), &file)
        }),
        Row::build("playbin of a file with slow frames", Silence, |kit| plays(kit, "playbin")),
        Row::build("playbin3 of a file with slow frames", Silence, |kit| plays(kit, "playbin3")),
        Row::build("a sink outside three nested bins", Silence, |kit| {
            let mut inner: gst::Element = bin(kit, "SLOWVIDEO ! Q").upcast();
            for _ in 0..2 {
                let outer = gst::Bin::new();
                outer.add(&inner).unwrap();
                let pad = inner.src_pads().remove(0);
                outer.add_pad(&gst::GhostPad::with_target(&pad).unwrap()).unwrap();
                inner = outer.upcast();
            }
            let sink = gst::ElementFactory::make("fakesink").property("sync", true).build().unwrap();
            Scene::new(chain(&[&inner, &sink]))
        }),
        Row::launch(
            "a threshold that a live source reaches late",
            Silence,
            "LIVEAUDIO ! Q min-threshold-time=14xTIMEOUT max-size-time=30xTIMEOUT max-size-buffers=0 \
             max-size-bytes=0 ! fakesink sync=true",
        )
        .flows(),
        Row::launch(
            "a consumer that takes a frame just before the timeout",
            Silence,
            "VIDEO ! Q max-size-buffers=2 ! identity sleep-time=0.8xTIMEOUT ! fakesink sync=false async=false",
        )
        .flows(),
        Row::build("a gapless playlist", Silence, gapless).flows(),
    ]
}

/// Motion JPEG in Matroska, a frame every twelve timeouts or more; more of them than what comes behind the queue can hold.
fn slow_file(kit: &Kit) -> std::path::PathBuf {
    file(kit, "slow.mkv", "SLOWVIDEO ! identity eos-after=90 ! jpegenc ! matroskamux ! filesink location=FILE")
}

fn player(kit: &Kit, player: &str, sink: &str, description: &str, uri: &str) -> Scene {
    let player = gst::ElementFactory::make(player).build().unwrap();
    let bin = bin(kit, description);
    let last = bin.iterate_sinks().next().unwrap().unwrap();
    player.set_property(sink, bin);
    player.set_property("uri", uri);
    let mut scene = Scene::new(crate::common::TestPipeline(player.downcast().unwrap()));
    scene.watched.push(last);
    scene
}

fn plays(kit: &Kit, name: &str) -> Scene {
    let file = slow_file(kit);
    let uri = format!("file://{}", file.display());
    remove(player(kit, name, "video-sink", "Q max-size-buffers=1 ! videoconvert ! fakesink sync=true", &uri), &file)
}

/// Songs of three timeouts, one after the other.
fn gapless(kit: &Kit) -> Scene {
    let buffers = (kit.times.timeout * 3).as_millis() / 100;
    let tone = format!(
        "audiotestsrc num-buffers={buffers} samplesperbuffer=4410 ! vorbisenc ! oggmux ! filesink location=FILE"
    );
    let file = file(kit, "tone.ogg", &tone);
    let uri = format!("file://{}", file.display());
    let scene = player(kit, "playbin", "audio-sink", "Q max-size-buffers=4 ! fakesink sync=true", &uri);
    scene.pipeline.connect("about-to-finish", false, move |values| {
        values[0].get::<gst::Element>().unwrap().set_property("uri", &uri);
        None
    });
    remove(scene, &file)
}
