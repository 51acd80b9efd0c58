//! One input of several has its turn, or its own time; or not all that has been built is in use.

use crate::matrix::parts::{file, remove};
use crate::matrix::row::Expect::{MayTell, Silence};
use crate::matrix::row::Row;

pub fn rows() -> Vec<Row> {
    vec![
        Row::launch(
            "concat while the first one plays",
            Silence,
            "concat name=joiner ! fakesink sync=true VIDEO ! Q ! joiner. VIDEO ! Q ! joiner.",
        )
        .flows()
        .quick(),
        Row::launch(
            "concat behind a live source",
            Silence,
            "concat name=joiner ! fakesink LIVEVIDEO ! joiner. VIDEO ! Q ! joiner.",
        )
        .flows(),
        Row::launch(
            "concat of slow frames",
            Silence,
            "concat name=joiner ! fakesink sync=true SLOWVIDEO ! Q max-size-buffers=1 ! joiner. \
             SLOWVIDEO ! Q max-size-buffers=1 ! joiner.",
        ),
        Row::launch(
            "input-selector beside a live source",
            Silence,
            "input-selector name=joiner ! fakesink sync=true LIVEVIDEO ! joiner. VIDEO ! Q ! joiner.",
        )
        .flows(),
        Row::launch(
            "input-selector by the clock",
            Silence,
            "input-selector name=joiner sync-mode=1 ! fakesink sync=true SLOWVIDEO ! joiner. VIDEO ! Q ! joiner.",
        ),
        Row::launch(
            "funnel of slow frames",
            Silence,
            "funnel name=joiner ! fakesink sync=true SLOWVIDEO ! Q ! joiner. SLOWVIDEO ! Q ! joiner.",
        ),
        Row::launch(
            "compositor of slow frames",
            Silence,
            "compositor name=mixer ! fakesink sync=true SLOWVIDEO ! Q ! mixer. SLOWVIDEO ! Q ! mixer.",
        ),
        Row::launch(
            "audiomixer of a live source and a file",
            Silence,
            "audiomixer name=mixer ! fakesink LIVEAUDIO ! Q ! mixer. AUDIO ! Q ! mixer.",
        )
        .flows(),
        Row::launch(
            "interleave by the clock",
            Silence,
            "interleave name=joiner ! fakesink sync=true AUDIO ! Q ! joiner. AUDIO ! Q ! joiner.",
        )
        .flows(),
        Row::build("streamsynchronizer with a stream that has ended", Silence, |kit| {
            let film = file(
                kit,
                "film.mkv",
                "SLOWVIDEO ! identity eos-after=3 ! jpegenc ! matroskamux name=muxer ! filesink location=FILE \
                 audiotestsrc num-buffers=30 ! audio/x-raw,rate=44100,channels=1 ! vorbisenc ! muxer.",
            );
            let description = format!(
                "streamsynchronizer name=joiner filesrc location={} ! matroskademux name=demuxer \
                 demuxer.video_0 ! Q ! jpegdec ! joiner.sink_0 joiner.src_0 ! fakesink sync=true \
                 demuxer.audio_0 ! Q ! vorbisdec ! joiner.sink_1 joiner.src_1 ! fakesink sync=true",
                film.display()
            );
            remove(kit.scene(&description), &film)
        }),
        Row::launch(
            "a muxer with an input that has ended",
            Silence,
            "audiotestsrc num-buffers=10 ! Q ! matroskamux name=muxer ! fakesink LIVEVIDEO ! Q ! muxer.",
        )
        .flows(),
        Row::launch(
            "live sound beside video from a file",
            Silence,
            "LIVEAUDIO ! Q ! matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer.",
        )
        .flows(),
        // The camera is alive, but the muxer hears nothing of it for a long time; to say so is no lie.
        Row::launch(
            "a muxer with a slow camera",
            MayTell(&["camera"]),
            "videotestsrc name=camera is-live=true ! video/x-raw,width=64,height=48,framerate=1/14 ! Q ! \
             matroskamux name=muxer ! fakesink async=false LIVEAUDIO ! Q max-size-buffers=3 ! muxer.",
        ),
        Row::launch(
            "output-selector before slow frames",
            Silence,
            "SLOWVIDEO ! output-selector name=chooser chooser. ! Q ! fakesink sync=true \
             chooser. ! Q ! fakesink async=false",
        ),
        Row::launch(
            "a closed valve before a sink that does not preroll",
            Silence,
            "VIDEO ! tee name=t t. ! Q ! fakesink sync=true t. ! Q ! valve drop=true ! fakesink async=false",
        )
        .flows(),
        Row::launch(
            "a closed valve behind a live source",
            Silence,
            "LIVEVIDEO ! tee name=t t. ! Q ! fakesink sync=true t. ! Q ! valve drop=true ! fakesink async=false",
        )
        .flows(),
        Row::launch(
            "a picture that is shown for ever",
            Silence,
            "videotestsrc num-buffers=1 ! Q ! imagefreeze ! video/x-raw,framerate=1/14 ! Q ! fakesink sync=true",
        ),
        Row::launch(
            "a preview beside a recording, live",
            Silence,
            "LIVEVIDEO ! tee name=t t. ! Q leaky=downstream ! fakesink sync=true \
             t. ! Q ! x264enc tune=zerolatency ! Q ! matroskamux name=muxer ! fakesink LIVEAUDIO ! Q ! muxer.",
        )
        .flows(),
    ]
}
