//! Somebody outside the pipeline takes his time.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use gst::prelude::*;

use super::network::segments;
use crate::matrix::parts::{fifo, folder, pipe, push, read_at_last, remove};
use crate::matrix::row::Expect::{MayTell, Told};
use crate::matrix::row::Row;
use crate::matrix::scene::{Kit, Scene};

/// What an `appsrc` called `feeder` would give if it gave anything.
const VIDEO_OF_FEEDER: &str =
    "appsrc name=feeder format=time caps=video/x-raw,format=I420,width=64,height=48,framerate=30/1";
const AUDIO_OF_FEEDER: &str = "appsrc name=feeder format=time caps=audio/x-raw,format=S16LE,layout=interleaved,rate=44100,channels=1 ! \
     audio/x-raw";

pub fn rows() -> Vec<Row> {
    vec![
        Row::launch(
            "a jitter buffer that holds back what a sink needs",
            Told(&["jitter"]),
            "videotestsrc num-buffers=100 ! video/x-raw,width=64,height=64,format=RGB ! tee name=t \
             t. ! Q max-size-buffers=8 ! fakesink sync=true \
             t. ! rtpvrawpay ! rtpjitterbuffer name=jitter latency=60000 ! fakesink sync=true",
        ),
        Row::build("shmsink without a client", Told(&["server"]), |kit| {
            let socket = folder().join("s");
            let description =
                format!("LIVEVIDEO ! Q max-size-buffers=4 ! shmsink name=server socket-path={}", socket.display());
            remove(kit.scene(&description), &socket)
        }),
        Row::build("fdsink into a pipe that nobody reads", Told(&["writer"]), |kit| {
            let (fd, reader) = pipe();
            read_at_last(kit.scene(&format!("{LARGE} ! Q ! fdsink name=writer fd={fd} sync=false")), reader)
        }),
        Row::build("a FIFO whose reader pauses", Told(&["writer"]), |kit| {
            let (path, reader) = fifo();
            let scene =
                kit.scene(&format!("{LARGE} ! Q ! filesink name=writer location={} sync=false", path.display()));
            remove(read_at_last(scene, reader), &path)
        }),
        Row::build("a TCP reader that pauses", Told(&["writer"]), |kit| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let scene =
                kit.scene(&format!("{LARGE} ! Q ! tcpclientsink name=writer host=127.0.0.1 port={port} sync=false"));
            // The kernel accepts the connection for the listener.
            scene.release(move || {
                let (mut reader, _) = listener.accept().unwrap();
                std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
            })
        }),
        Row::launch(
            "an appsink that is not read",
            Told(&["reader"]),
            "VIDEO ! Q ! appsink name=reader max-buffers=1 sync=false",
        )
        .quick(),
        Row::launch(
            "an appsink that is not read, behind a decoder",
            Told(&["reader"]),
            "VIDEO ! jpegenc ! Q max-size-buffers=4 ! jpegdec ! Q ! appsink name=reader max-buffers=1 sync=false",
        ),
        Row::build("a muxer with an appsrc that gives nothing", Told(&["feeder"]), |kit| {
            kit.scene(&format!("{VIDEO_OF_FEEDER} ! matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer."))
        })
        .quick(),
        Row::build("the same with a queue that must not grow", Told(&["feeder"]), |kit| {
            kit.scene(&format!(
                "{VIDEO_OF_FEEDER} ! Q ! matroskamux name=muxer ! fakesink VIDEO ! Q max-size-buffers=4 ! muxer."
            ))
        }),
        Row::build("an appsrc in a bin that gives nothing", Told(&["feeder"]), |kit| {
            let scene = kit.scene("matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer.");
            let source = crate::matrix::parts::bin(kit, &format!("{VIDEO_OF_FEEDER} ! Q"));
            scene.pipeline.add(&source).unwrap();
            source.link(&scene.element("muxer")).unwrap();
            scene
        }),
        Row::build("a compositor with an appsrc that gives nothing", Told(&["feeder"]), |kit| {
            kit.scene(&format!("{VIDEO_OF_FEEDER} ! compositor name=mixer ! fakesink VIDEO ! Q ! mixer."))
        }),
        Row::build("an audiomixer with an appsrc that gives nothing", Told(&["feeder"]), |kit| {
            kit.scene(&format!("{AUDIO_OF_FEEDER} ! Q ! audiomixer name=mixer ! fakesink AUDIO ! Q ! mixer."))
        }),
        Row::build("MPEG-TS with an appsrc that gives nothing", Told(&["feeder"]), |kit| {
            kit.scene(
                "appsrc name=feeder format=time caps=video/mpeg,mpegversion=2,systemstream=false,parsed=true ! \
                 mpegtsmux name=muxer ! fakesink AUDIO ! Q ! avenc_mp2 ! Q ! muxer.",
            )
        }),
        Row::build("sound that is late while video has prerolled", Told(&["feeder", "speaker"]), |kit| {
            kit.scene(&format!("VIDEO ! Q ! fakesink name=screen {AUDIO_OF_FEEDER} ! Q ! fakesink name=speaker"))
        }),
        Row::launch(
            "a muxer with a network source that gets nothing",
            Told(&["listener"]),
            "udpsrc name=listener port=0 caps=application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMA,payload=8 ! \
             rtppcmadepay ! alawdec ! Q ! matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer.",
        ),
        Row::launch(
            "a muxer with a server that waits for its client",
            Told(&["listener"]),
            "tcpserversrc name=listener host=127.0.0.1 port=0 ! rawaudioparse ! Q ! matroskamux name=muxer ! fakesink \
             VIDEO ! Q ! muxer.",
        ),
        Row::build("a muxer with a pipe into which nobody writes", Told(&["listener"]), |kit| {
            let (reader, writer) = std::io::pipe().unwrap();
            let fd = std::os::fd::AsRawFd::as_raw_fd(&reader);
            let scene = kit.scene(&format!(
                "fdsrc name=listener fd={fd} ! rawaudioparse ! Q ! matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer."
            ));
            scene.release(move || drop((writer, reader)))
        }),
        // What waits inside splitmuxsink is no join that could be seen from outside.
        Row::build("splitmuxsink with an appsrc that gives nothing", MayTell(&["feeder", "recorder"]), |kit| {
            segments(
                kit,
                &format!(
                    "VIDEO ! Q ! jpegenc name=encoder ! Q ! recorder.video {AUDIO_OF_FEEDER} ! Q ! audioconvert ! vorbisenc ! recorder.audio_0"
                ),
            )
        }),
        Row::build("an appsrc that gives something now and then", MayTell(&["feeder"]), |kit| {
            let scene =
                kit.scene(&format!("{AUDIO_OF_FEEDER} ! Q ! matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer."));
            feed(kit, scene)
        }),
        Row::build("an appsink that is read now and then", MayTell(&["reader"]), |kit| {
            let scene = kit.scene("VIDEO ! Q max-size-buffers=2 ! appsink name=reader max-buffers=1 sync=false");
            let reader = scene.element("reader");
            scene.every(kit.times.timeout * 2, move |_| {
                reader.emit_by_name::<Option<gst::Sample>>("try-pull-sample", &[&0u64]);
            })
        }),
    ]
}

/// Frames of a megabyte, which fill any pipe or socket at once.
const LARGE: &str = "videotestsrc ! video/x-raw,format=RGBA,width=640,height=480,framerate=30/1";

/// The feeder gives a tenth of a second every three timeouts.
fn feed(kit: &Kit, scene: Scene) -> Scene {
    const SPAN: std::time::Duration = std::time::Duration::from_millis(100);
    let (feeder, fed) = (scene.element("feeder"), Arc::new(Mutex::new(0)));
    scene.every(kit.times.timeout * 3, move |_| {
        let mut fed = fed.lock().unwrap();
        push(&feeder, 8820, SPAN * *fed, SPAN);
        *fed += 1;
    })
}
