//! `crashsafesink` after every muxer: the bytes that `filesink` writes for the same input.

use crate::common::{PATIENCE, TestPipeline};

const PICTURES: &str = "videotestsrc num-buffers=60 ! video/x-raw,width=64,height=64,framerate=30/1";
const SOUND: &str = "audiotestsrc num-buffers=60";

/// Muxers that seek back, and some that do not.
const MUXERS: [(&str, &str); 14] = [
    (PICTURES, "x264enc ! h264parse ! mp4mux"),
    (PICTURES, "x264enc ! h264parse ! mp4mux fragment-duration=300"),
    (PICTURES, "x264enc ! h264parse ! mp4mux fragment-duration=300 fragment-mode=first-moov-then-finalise"),
    (PICTURES, "x264enc ! h264parse ! mp4mux reserved-max-duration=20000000000 reserved-moov-update-period=300000000"),
    (PICTURES, "x264enc ! h264parse ! mp4mux faststart=true"),
    (PICTURES, "x264enc ! h264parse ! qtmux"),
    (PICTURES, "vp8enc ! matroskamux"),
    (PICTURES, "vp8enc ! webmmux"),
    (PICTURES, "x264enc ! h264parse ! mpegtsmux"),
    (PICTURES, "jpegenc ! avimux"),
    (PICTURES, "x264enc ! h264parse ! flvmux"),
    (SOUND, "wavenc"),
    (SOUND, "flacenc"),
    (SOUND, "vorbisenc ! oggmux"),
];

#[test]
fn every_muxer_s_file_is_the_one_filesink_writes() {
    let dir = tempfile::tempdir().unwrap();
    for (n, (source, muxer)) in MUXERS.iter().enumerate() {
        let (theirs, ours) = (dir.path().join(format!("theirs-{n}")), dir.path().join(format!("ours-{n}")));
        let pipeline = TestPipeline::parse(&format!(
            "{source} ! {muxer} ! tee name=t t. ! queue ! filesink location={} \
             t. ! queue ! crashsafesink location={} flush-threshold=16384",
            theirs.display(),
            ours.display()
        ));
        pipeline.run(PATIENCE).expect_eos();
        let (theirs, ours) = (std::fs::read(theirs).unwrap(), std::fs::read(ours).unwrap());
        assert!(theirs == ours && !ours.is_empty(), "{muxer}: {} bytes, filesink {}", ours.len(), theirs.len());
    }
}
