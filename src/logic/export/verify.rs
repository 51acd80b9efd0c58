//! Is the finished file what was asked for? Compares what a demuxer found with what had to be there.

use crate::logic::clock::{MILLISECOND, Nanos};

/// What a demuxer found in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundStream {
    /// Video or audio.
    pub kind: Kind,
    /// Coded frames.
    pub frames: u64,
    /// From the first presentation time to the end of the last frame, in ns.
    pub duration: Nanos,
    /// Width and height, for video.
    pub size: Option<(u32, u32)>,
}

/// The kinds of stream a file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, data, covers.
    Other,
}

/// What the file has to be.
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

/// Matroska counts in milliseconds, so a first and a last time stamp can be off by half a one each.
const CONTAINER_ROUNDING: Nanos = MILLISECOND + 1;
/// Encoders put priming before the sound and fill up their last frame; what is left of an MP3's padding comes on top.
/// Counted in coded frames of the stream itself.
const AUDIO_FRAMES_LONGER: u64 = 3;

/// Everything that is wrong with the file, in sentences; empty when it is what was asked for.
pub fn problems(expected: &Expected, found: &[FoundStream]) -> Vec<String> {
    let mut wrong = Vec::new();
    let of = |kind| found.iter().filter(move |s| s.kind == kind).collect::<Vec<_>>();
    let (videos, audios, others) = (of(Kind::Video), of(Kind::Audio), of(Kind::Other));

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
            let longest = wanted + AUDIO_FRAMES_LONGER * frame + CONTAINER_ROUNDING;
            if audio.duration + CONTAINER_ROUNDING < wanted || audio.duration > longest {
                wrong.push(format!("its audio lasts {} instead of {}", seconds(audio.duration), seconds(wanted)));
            }
        }
        (wanted, streams) => {
            wrong.push(format!("it has {} audio streams instead of {}", streams.len(), u8::from(wanted.is_some())));
        }
    }
    if !others.is_empty() {
        wrong.push(format!("it has {} streams that are neither video nor audio", others.len()));
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
        FoundStream { kind: Kind::Video, frames: 300, duration: 10 * SECOND, size: Some((640, 360)) }
    }

    fn audio() -> FoundStream {
        FoundStream { kind: Kind::Audio, frames: 432, duration: 10_031_020_408, size: None }
    }

    #[test]
    fn the_right_file_has_no_problems() {
        assert_eq!(problems(&WANTED, &[video(), audio()]), Vec::<String>::new());
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
            with(&[video(), audio(), FoundStream { kind: Kind::Other, ..video() }]),
            "it has 1 streams that are neither video nor audio"
        );
    }
}
