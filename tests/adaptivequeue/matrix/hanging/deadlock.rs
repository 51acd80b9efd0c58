//! Nothing but what stands still could end it.

use gst::prelude::*;

use crate::jams::ask_before_buffer;
use crate::matrix::parts::{bin, file, remove};
use crate::matrix::row::Expect::Hang;
use crate::matrix::row::{ANY, DEADLOCK, Names, Row};
use crate::matrix::scene::Kit;

/// The muxer, where it holds one input until the other one gets something; or the encoder that keeps what is to come.
const JOIN: Names = &["muxer", "encoder"];

pub fn rows() -> Vec<Row> {
    vec![
        Row::launch(
            "a recording beside a queue that must not grow",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! jpegenc ! matroskamux name=muxer ! fakesink \
             t. ! x264enc name=encoder ! Q ! muxer.",
        )
        .reason("preroll-deadlock")
        .quick(),
        // Three frames of 160 x 120; the second queue has its floor as well.
        Row::launch(
            "a recording without memory to grow",
            Hang(DEADLOCK, JOIN),
            "videotestsrc ! video/x-raw,format=I420,width=160,height=120,framerate=30/1 ! tee name=t \
             t. ! Q ! jpegenc ! matroskamux name=muxer ! fakesink t. ! x264enc name=encoder ! Q ! muxer.",
        )
        .reason("budget")
        .with("STEADY_MEMORY_LIMIT", "84K"),
        Row::launch(
            "a recording with the queue in the wrong branch",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! Q ! x264enc name=encoder ! matroskamux name=muxer ! fakesink t. ! jpegenc ! muxer.",
        )
        .quick(),
        Row::launch(
            "the same, first branch and second exchanged",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! jpegenc ! matroskamux name=muxer ! fakesink t. ! Q ! x264enc name=encoder ! muxer.",
        ),
        Row::launch(
            "a recording into MP4 with a queue that must not grow",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! x264enc tune=zerolatency ! h264parse ! mp4mux name=muxer ! \
             fakesink t. ! x264enc name=encoder ! h264parse ! Q ! muxer.",
        ),
        Row::launch(
            "a recording into MPEG-TS with a queue that must not grow",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! x264enc tune=zerolatency ! h264parse ! mpegtsmux name=muxer ! \
             fakesink t. ! x264enc name=encoder ! h264parse ! Q ! muxer.",
        ),
        Row::launch(
            "a recording into Ogg with a queue that must not grow",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! theoraenc ! oggmux name=muxer ! fakesink \
             t. ! vp8enc name=encoder lag-in-frames=25 deadline=1 ! Q ! muxer.",
        ),
        Row::launch(
            "a recording through two queues that must not grow",
            Hang(DEADLOCK, JOIN),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=4 ! identity ! Q max-size-buffers=4 ! jpegenc ! \
             matroskamux name=muxer ! fakesink t. ! x264enc name=encoder ! Q ! muxer.",
        ),
        Row::build("a recording branch inside a bin", Hang(DEADLOCK, JOIN), |kit| {
            let scene = kit.scene(
                "VIDEO ! tee name=t t. ! x264enc name=encoder ! Q ! matroskamux name=muxer ! fakesink",
            );
            let branch = bin(kit, "Q max-size-buffers=8 ! jpegenc");
            scene.pipeline.add(&branch).unwrap();
            scene.element("t").link(&branch).unwrap();
            branch.link(&scene.element("muxer")).unwrap();
            scene
        }),
        Row::launch(
            "two pictures of one source in a compositor",
            Hang(DEADLOCK, &["mixer", "encoder"]),
            "VIDEO ! tee name=t t. ! Q max-size-buffers=4 ! compositor name=mixer ! fakesink \
             t. ! x264enc name=encoder ! avdec_h264 ! Q ! mixer.",
        ),
        Row::launch(
            "two channels of one source, one of them in long pieces",
            Hang(DEADLOCK, &["joiner", "pieces"]),
            "AUDIO ! tee name=t t. ! Q max-size-buffers=4 ! interleave name=joiner ! fakesink \
             t. ! audiobuffersplit name=pieces output-buffer-duration=100/1 ! Q ! joiner.",
        ),
        Row::launch(
            "concat of one source with itself",
            Hang(DEADLOCK, &["joiner"]),
            "VIDEO ! tee name=t t. ! Q ! concat name=joiner ! fakesink sync=false t. ! Q ! joiner.",
        ),
        Row::launch(
            "a tee with one queue too few",
            Hang(DEADLOCK, &["unqueued", "queued", "t"]),
            "VIDEO ! tee name=t t. ! fakesink name=unqueued t. ! Q ! fakesink name=queued",
        ),
        Row::build("a demuxer with one queue too few", Hang(DEADLOCK, &["speaker", "screen", "demuxer"]), |kit| {
            // Sound has long prerolled, and holds the demuxer, when video comes.
            let film = film(kit);
            let description = format!(
                "filesrc location={} ! matroskademux name=demuxer demuxer.video_0 ! Q ! jpegdec ! fakesink name=screen \
                 demuxer.audio_0 ! fakesink name=speaker",
                film.display()
            );
            remove(kit.scene(&description), &film)
        }),
        Row::build("a remuxer with one queue too few", Hang(DEADLOCK, &["muxer", "demuxer"]), |kit| {
            let film = film(kit);
            let description = format!(
                "filesrc location={} ! matroskademux name=demuxer demuxer.video_0 ! Q ! \
                 matroskamux name=muxer ! fakesink demuxer.audio_0 ! muxer.",
                film.display()
            );
            remove(kit.scene(&description), &film)
        }),
        Row::build("a query that waits behind what cannot move", Hang(DEADLOCK, JOIN), |kit| {
            let scene = kit.scene(
                "VIDEO ! tee name=t t. ! identity name=s ! Q ! jpegenc ! matroskamux name=muxer ! fakesink \
                 t. ! x264enc name=encoder ! Q ! muxer.",
            );
            ask_before_buffer(&scene.pipeline, 3);
            scene
        }),
        Row::build("a recording that hangs beside a preview that plays on", Hang(DEADLOCK, JOIN), |kit| {
            kit.scene(
                "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! jpegenc ! matroskamux name=muxer ! \
                 fakesink name=sink async=false t. ! x264enc name=encoder ! Q ! muxer. LIVEVIDEO ! Q ! fakesink sync=true",
            )
            .watch("sink")
        }),
        Row::build("a recording that hangs while another pipeline is busy", Hang(DEADLOCK, JOIN), |kit| {
            kit.scene(
                "VIDEO ! tee name=t t. ! Q max-size-buffers=8 ! jpegenc ! matroskamux name=muxer ! fakesink \
                 t. ! x264enc name=encoder ! Q ! muxer.",
            )
            .other(kit.parse("videotestsrc pattern=snow ! Q ! fakesink sync=false"))
        }),
        // Whoever chooses could choose the other one, so that it need not be a deadlock.
        Row::launch(
            "a sink that output-selector does not feed",
            Hang(ANY, &["chooser", "dry"]),
            "VIDEO ! output-selector name=chooser chooser. ! Q ! fakesink chooser. ! Q ! fakesink name=dry",
        ),
    ]
}

/// Sound of ten seconds; video begins after three.
fn film(kit: &Kit) -> std::path::PathBuf {
    let description = "videotestsrc num-buffers=70 timestamp-offset=3000000000 ! video/x-raw,width=64,height=48,framerate=10/1 ! jpegenc ! \
        matroskamux name=muxer ! filesink location=FILE \
        audiotestsrc num-buffers=430 ! audio/x-raw,rate=44100,channels=1 ! vorbisenc ! muxer.";
    file(kit, "film.mkv", description)
}
