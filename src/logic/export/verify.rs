//! Checks that a finished file is what was asked for: compares what a demuxer found with what has to be there.

use crate::logic::clock::{MILLISECOND, Nanos};

/// One stream as a demuxer found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStream {
    /// Video or audio.
    pub kind: StreamKind,
    /// Coded frames.
    pub frames: u64,
    /// From the first presentation time to the end of the last frame, in ns.
    pub duration: Nanos,
    /// Width and height, for video.
    pub size: Option<(u32, u32)>,
}

/// The kinds of stream a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, data, covers.
    Other,
}

/// The file as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Video frames, exactly.
    pub frames: u64,
    /// Length of the video in ns; a container may round it by one millisecond.
    pub video_duration: Nanos,
    /// Width and height.
    pub size: (u32, u32),
    /// Length of the decoded audio in ns, or `None` where no audio stream was asked for.
    pub audio_duration: Option<Nanos>,
}

/// Matroska counts in milliseconds (RFC 9559, TimestampScale), so a first and a last time stamp can be off by half a one
/// each. The resampler in front of an encoder rounds to a sample, which is less.
const CONTAINER_ROUNDING: Nanos = MILLISECOND + 1;
/// Encoders put priming before the sound (1024 samples, one frame, in ffmpeg's AAC; 312 in Opus, the pre-skip of RFC 7845)
/// and fill up their last frame; some add one more to drain what they hold back. Counted in coded frames of the stream.
const AUDIO_FRAMES_LONGER: u64 = 3;
/// `voaacenc` leaves out what does not fill its last frame: that many coded frames.
const AUDIO_FRAMES_SHORTER: u64 = 1;
/// A frame of a lossy codec is at most that long: 1024 samples of AAC at 44.1 kHz, or 20 ms of Opus. FLAC has longer ones,
/// and no sample of it may be missing.
const LOSSY_FRAME: Nanos = 24 * MILLISECOND;

/// Everything that is wrong with the file, in sentences; empty when it is what was asked for.
pub fn problems(expected: &Expected, found: &[FoundStream]) -> Vec<String> {
    let mut wrong = Vec::new();
    let of = |kind| found.iter().filter(move |s| s.kind == kind).collect::<Vec<_>>();
    let (videos, audios, others) = (of(StreamKind::Video), of(StreamKind::Audio), of(StreamKind::Other));

    if let [video] = videos[..] {
        if video.frames != expected.frames {
            wrong.push(format!("it has {} video frames instead of {}", video.frames, expected.frames));
        }
        if video.duration.abs_diff(expected.video_duration) > CONTAINER_ROUNDING {
            wrong.push(format!(
                "its video lasts {} instead of {}",
                seconds(video.duration),
                seconds(expected.video_duration)
            ));
        }
        if let Some((w, h)) = video.size.filter(|size| *size != expected.size) {
            wrong.push(format!("its picture is {w}×{h} instead of {}×{}", expected.size.0, expected.size.1));
        }
    } else {
        wrong.push(format!("it has {} video streams instead of one", videos.len()));
    }

    match (expected.audio_duration, &audios[..]) {
        (None, []) => {}
        (Some(wanted), [audio]) => {
            let frame = audio.duration / audio.frames.max(1);
            let left_out = if frame <= LOSSY_FRAME { AUDIO_FRAMES_SHORTER * frame } else { 0 };
            let longest = wanted + AUDIO_FRAMES_LONGER * frame + CONTAINER_ROUNDING;
            // A single packet without a duration, as Matroska has it, does not tell.
            let is_told = audio.frames > 1 || audio.duration > 0;
            let is_short = audio.duration + left_out + CONTAINER_ROUNDING < wanted;
            if is_told && (is_short || audio.duration > longest) {
                wrong.push(format!("its audio lasts {} instead of {}", seconds(audio.duration), seconds(wanted)));
            }
        }
        (wanted, streams) => {
            wrong.push(format!("it has {} audio streams instead of {}", streams.len(), u8::from(wanted.is_some())));
        }
    }
    match others.len() {
        0 => {}
        1 => wrong.push("it has a stream that is neither video nor audio".into()),
        n => wrong.push(format!("it has {n} streams that are neither video nor audio")),
    }
    wrong
}

fn seconds(time: Nanos) -> String {
    format!("{}.{:03} s", time / (1000 * MILLISECOND), time / MILLISECOND % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::clock::SECOND;

    const WANTED: Expected =
        Expected { frames: 300, video_duration: 10 * SECOND, size: (640, 360), audio_duration: Some(10 * SECOND) };

    fn video() -> FoundStream {
        FoundStream { kind: StreamKind::Video, frames: 300, duration: 10 * SECOND, size: Some((640, 360)) }
    }

    fn audio() -> FoundStream {
        FoundStream { kind: StreamKind::Audio, frames: 432, duration: 10_031_020_408, size: None }
    }

    #[test]
    fn the_right_file_has_no_problems() {
        assert_eq!(problems(&WANTED, &[video(), audio()]), Vec::<String>::new());
    }

    #[test]
    fn a_frame_that_an_encoder_did_not_fill_is_no_problem_but_for_a_lossless_one() {
        let seconds = |frames: u64, each: Nanos| FoundStream { frames, duration: frames * each, ..audio() };
        let problems = |audio| problems(&WANTED, &[video(), audio]);
        // 10 s are 430.66 frames of AAC and 95.7 of FLAC.
        assert_eq!(problems(seconds(430, 23_219_955)), Vec::<String>::new());
        assert_eq!(problems(seconds(429, 23_219_955)).len(), 1);
        assert_eq!(problems(seconds(95, 104_489_796)).len(), 1);
    }

    #[test]
    fn each_deviation_is_named() {
        let with = |streams: &[FoundStream]| problems(&WANTED, streams).join("; ");
        assert_eq!(with(&[FoundStream { frames: 299, ..video() }, audio()]), "it has 299 video frames instead of 300");
        assert_eq!(
            with(&[FoundStream { duration: 10 * SECOND + 2 * MILLISECOND, ..video() }, audio()]),
            "its video lasts 10.002 s instead of 10.000 s"
        );
        assert_eq!(
            with(&[FoundStream { size: Some((640, 368)), ..video() }, audio()]),
            "its picture is 640×368 instead of 640×360"
        );
        assert_eq!(
            with(&[video(), FoundStream { duration: 9 * SECOND, ..audio() }]),
            "its audio lasts 9.000 s instead of 10.000 s"
        );
        assert_eq!(
            with(&[video(), FoundStream { duration: 11 * SECOND, ..audio() }]),
            "its audio lasts 11.000 s instead of 10.000 s"
        );
        assert_eq!(with(&[video()]), "it has 0 audio streams instead of 1");
        assert_eq!(with(&[audio()]), "it has 0 video streams instead of one");
        assert_eq!(
            with(&[video(), audio(), FoundStream { kind: StreamKind::Other, ..video() }]),
            "it has a stream that is neither video nor audio"
        );
    }
}
