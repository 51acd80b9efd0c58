//! Recordings that finish, although an encoder looks further ahead than the queue beside it is long: the queue grows.

use crate::matrix::row::Expect::Finish;
use crate::matrix::row::Row;

pub fn rows() -> Vec<Row> {
    vec![
        Row::launch(
            "recording into Matroska",
            Finish,
            "CLIP ! tee name=t t. ! Q ! jpegenc ! matroskamux name=muxer ! fakesink t. ! x264enc ! Q ! muxer.",
        )
        .grows()
        .quick(),
        Row::launch(
            "recording into MP4",
            Finish,
            "CLIP ! tee name=t t. ! Q ! x264enc tune=zerolatency ! h264parse ! mp4mux name=muxer ! fakesink \
             t. ! x264enc ! h264parse ! Q ! muxer.",
        )
        .grows(),
        Row::launch(
            "recording into MPEG-TS",
            Finish,
            "CLIP ! tee name=t t. ! Q ! x264enc tune=zerolatency ! h264parse ! mpegtsmux name=muxer ! fakesink \
             t. ! x264enc ! h264parse ! Q ! muxer.",
        )
        .grows(),
        Row::launch(
            "recording into AVI",
            Finish,
            "CLIP ! Q ! jpegenc ! Q ! avimux name=muxer ! fakesink \
             audiotestsrc num-buffers=172 ! audio/x-raw,rate=44100 ! Q ! lamemp3enc ! mpegaudioparse ! Q ! muxer.",
        ),
        Row::launch(
            "recording into Ogg",
            Finish,
            "CLIP ! tee name=t t. ! Q ! theoraenc ! oggmux name=muxer ! fakesink \
             t. ! vp8enc lag-in-frames=25 deadline=1 ! Q ! muxer.",
        ),
        Row::launch(
            "recording into WebM",
            Finish,
            "CLIP ! tee name=t t. ! Q ! vp8enc deadline=1 ! webmmux name=muxer ! fakesink \
             t. ! vp9enc lag-in-frames=25 deadline=1 cpu-used=8 ! Q ! muxer.",
        ),
        Row::launch(
            "recording into FLV",
            Finish,
            "CLIP ! Q ! x264enc ! h264parse ! Q ! flvmux name=muxer ! fakesink \
             audiotestsrc num-buffers=172 ! audio/x-raw,rate=44100 ! Q ! lamemp3enc ! mpegaudioparse ! Q ! muxer.",
        ),
    ]
}
