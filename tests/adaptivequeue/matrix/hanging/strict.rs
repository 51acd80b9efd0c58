//! With `on-timeout=error` whatever stands still without being right to do so ends, whoever could help.

use crate::matrix::row::Expect::Hang;
use crate::matrix::row::{ANY, HELD, OUTSIDE, Row, UNEXPLAINED};

pub fn rows() -> Vec<Row> {
    vec![
        Row::build("a handoff that never returns, as an error", Hang(UNEXPLAINED, &["stuck"]), |kit| {
            kit.scene("VIDEO ! Q ! identity name=stuck ! fakesink sync=false").handoff_never_returns("stuck", 3)
        })
        .strict(),
        Row::build("a sink's handoff that never returns, as an error", Hang(HELD, &["stuck"]), |kit| {
            kit.scene("VIDEO ! Q ! fakesink name=stuck sync=false").handoff_never_returns("stuck", 3)
        })
        .strict(),
        Row::launch(
            "an appsink that is not read, as an error",
            Hang(OUTSIDE, &["reader"]),
            "VIDEO ! Q ! appsink name=reader max-buffers=1 sync=false",
        )
        .strict(),
        Row::launch(
            "an appsrc that gives nothing, as an error",
            Hang(OUTSIDE, &["feeder"]),
            "appsrc name=feeder caps=video/x-raw,format=I420,width=64,height=48,framerate=30/1 ! \
             matroskamux name=muxer ! fakesink VIDEO ! Q ! muxer.",
        )
        .strict(),
        Row::launch(
            "a sink behind a closed valve, as an error",
            Hang(OUTSIDE, &["closed", "dry"]),
            "VIDEO ! tee name=t t. ! Q ! fakesink t. ! Q ! valve name=closed drop=true ! fakesink name=dry",
        )
        .strict(),
        Row::launch(
            "a recording with the queue in the wrong branch, as an error",
            Hang(ANY, &["muxer", "encoder"]),
            "VIDEO ! tee name=t t. ! Q ! x264enc name=encoder ! matroskamux name=muxer ! fakesink t. ! jpegenc ! muxer.",
        )
        .strict(),
    ]
}
