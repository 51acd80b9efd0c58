//! Networks, and files in pieces, that nothing is wrong with.

use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

use crate::matrix::parts::{folder, remove};
use crate::matrix::row::Expect::{MayTell, Silence};
use crate::matrix::row::Row;
use crate::matrix::scene::{Kit, Scene};

/// What sounds like a telephone.
const SENDER: &str = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! Q ! alawenc ! rtppcmapay";
const CALL: &str = "caps=application/x-rtp,media=audio,clock-rate=8000,encoding-name=PCMA,payload=8";
const RECEIVER: &str = "rtppcmadepay ! alawdec ! Q ! fakesink sync=true";

pub fn rows() -> Vec<Row> {
    vec![
        Row::build("RTP through a jitter buffer", Silence, |kit| {
            udp(
                kit,
                &format!(
                    "{SENDER} ! udpsink name=out async=false udpsrc name=in {CALL} ! rtpjitterbuffer ! {RECEIVER}"
                ),
            )
        }).flows(),
        Row::build("RTP whose sender has stopped", Silence, |kit| {
            let sender = SENDER.replace("audiotestsrc", "audiotestsrc name=caller");
            let scene = udp(
                kit,
                &format!(
                    "{sender} ! udpsink name=out async=false udpsrc name=in {CALL} ! rtpjitterbuffer ! {RECEIVER}"
                ),
            );
            let sent = AtomicU64::new(0);
            scene.pad("caller", "src").add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                // Silent after about a second.
                match sent.fetch_add(1, Ordering::Relaxed) {
                    0..8 => gst::PadProbeReturn::Ok,
                    _ => gst::PadProbeReturn::Drop,
                }
            });
            scene
        }),
        Row::build("a call through rtpbin", Silence, |kit| {
            let description = format!(
                "rtpbin name=exchange {SENDER} ! exchange.send_rtp_sink_0 \
                 exchange.send_rtp_src_0 ! udpsink name=out async=false udpsrc name=in {CALL} ! exchange.recv_rtp_sink_1 \
                 exchange. ! {RECEIVER}"
            );
            udp(kit, &description)
        }).flows(),
        Row::launch("a network source that gets nothing", Silence, "udpsrc port=0 ! Q ! fakesink"),
        Row::launch("a source of the application that gives nothing", Silence, "appsrc ! Q ! fakesink"),
        Row::build("tcpserversink without a client", Silence, |kit| {
            kit.scene("LIVEVIDEO ! Q ! tcpserversink host=127.0.0.1 port=0 sync=true")
        }).flows(),
        Row::build("HLS", Silence, |kit| {
            let folder = folder();
            let description = format!(
                "LIVEVIDEO ! Q ! x264enc name=encoder tune=zerolatency key-int-max=30 ! h264parse ! Q name=last ! \
                 hlssink2 target-duration=2 location={0}/%05d.ts playlist-location={0}/list.m3u8",
                folder.display()
            );
            remove(kit.scene(&description).watch("encoder"), &folder.join("list.m3u8"))
        }).flows(),
        Row::build("splitmuxsink", Silence, |kit| {
            segments(
                kit,
                "LIVEVIDEO ! Q ! jpegenc name=encoder ! Q ! recorder.video LIVEAUDIO ! Q ! audioconvert ! vorbisenc ! Q ! recorder.audio_0",
            )
        }).flows(),
        // The camera is alive, but nothing is heard of it for a long time; to say so is no lie.
        Row::build("splitmuxsink with a slow camera", MayTell(&["camera"]), |kit| {
            segments(
                kit,
                "videotestsrc name=camera is-live=true ! video/x-raw,width=64,height=48,framerate=1/14 ! Q ! \
                 jpegenc name=encoder ! recorder.video LIVEAUDIO ! Q max-size-buffers=3 ! audioconvert ! vorbisenc ! recorder.audio_0",
            )
        }),
    ]
}

/// A scene whose `out` sends to whatever free port `in` has found.
fn udp(kit: &Kit, description: &str) -> Scene {
    let scene = kit.scene(&description.replace("name=in ", "name=in address=127.0.0.1 port=0 "));
    let (receiver, sender) = (scene.element("in"), scene.element("out"));
    receiver.set_state(gst::State::Ready).unwrap();
    sender.set_property("host", "127.0.0.1");
    sender.set_property("port", receiver.property::<i32>("port"));
    scene
}

/// Into files of two seconds each.
pub fn segments(kit: &Kit, sources: &str) -> Scene {
    let folder = folder();
    let description = format!(
        "splitmuxsink name=recorder max-size-time=2000000000 muxer-factory=matroskamux location={}/%05d.mkv {sources}",
        folder.display()
    );
    remove(kit.scene(&description).watch("encoder"), &folder.join("00000.mkv"))
}
