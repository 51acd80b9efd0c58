//! Which containers take which codecs, and which elements make them.
//!
//! A table instead of encoding profiles: a profile can pick a factory, but quality and latency are spelled differently by
//! every encoder, so each one that is used has to be known by name anyway.

use std::fmt;

use super::launch::Node;

/// Containers by file name extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `.mp4`
    Mp4,
    /// `.mov`
    Mov,
    /// `.mkv`
    Matroska,
    /// `.webm`
    WebM,
}

/// Video codecs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264 / AVC
    H264,
    /// H.265 / HEVC
    Hevc,
    /// VP9
    Vp9,
    /// FFV1, lossless
    Ffv1,
}

/// Audio codecs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC-LC
    Aac,
    /// Opus
    Opus,
    /// FLAC, lossless
    Flac,
    /// No audio stream
    None,
}

/// An element that encodes, with the settings it is used with.
struct Encoder {
    factory: &'static str,
    /// Debian's and Ubuntu's package.
    package: &'static str,
    settings: fn(&EncodeSize) -> Vec<(&'static str, String)>,
}

/// The size and rate of the pictures, on which the settings of encoders depend.
#[derive(Debug, Clone, Copy)]
pub(super) struct EncodeSize {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second, rounded up.
    pub fps: u32,
}

/// Seconds from key frame to key frame: short enough to seek well, long enough to cost little.
const KEY_FRAME_SECONDS: u32 = 4;

impl EncodeSize {
    fn key_frames(&self) -> String {
        (self.fps * KEY_FRAME_SECONDS).to_string()
    }

    /// For encoders without constant quality: 0.1 bit a pixel keeps soft glows free of blocks at these motions.
    fn bits_per_second(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.fps) / 10
    }
}

const H264: &[Encoder] = &[
    Encoder {
        factory: "x264enc",
        package: "gstreamer1.0-plugins-ugly",
        settings: |size| {
            vec![
                ("speed-preset", "veryfast".into()),
                ("pass", "qual".into()),
                ("quantizer", "20".into()),
                ("key-int-max", size.key_frames()),
            ]
        },
    },
    Encoder {
        factory: "openh264enc",
        package: "gstreamer1.0-plugins-bad",
        settings: |size| {
            vec![
                ("rate-control", "bitrate".into()),
                ("bitrate", size.bits_per_second().to_string()),
                ("gop-size", size.key_frames()),
            ]
        },
    },
];
const HEVC: &[Encoder] = &[Encoder {
    factory: "x265enc",
    package: "gstreamer1.0-plugins-bad",
    settings: |size| {
        vec![
            ("speed-preset", "veryfast".into()),
            ("option-string", "crf=22".into()),
            ("key-int-max", size.key_frames()),
        ]
    },
}];
const VP9: &[Encoder] = &[Encoder {
    factory: "vp9enc",
    package: "gstreamer1.0-plugins-good",
    settings: |size| {
        // Constant quality; a deadline of 1 µs is libvpx's word for real time.
        vec![
            ("deadline", "1".into()),
            ("cpu-used", "5".into()),
            ("row-mt", "true".into()),
            ("threads", "4".into()),
            ("end-usage", "cq".into()),
            ("cq-level", "30".into()),
            ("target-bitrate", (2 * size.bits_per_second()).to_string()),
            ("keyframe-max-dist", size.key_frames()),
        ]
    },
}];
const FFV1: &[Encoder] = &[Encoder { factory: "avenc_ffv1", package: "gstreamer1.0-libav", settings: |_| Vec::new() }];
const AAC: &[Encoder] = &[
    Encoder { factory: "avenc_aac", package: "gstreamer1.0-libav", settings: |_| vec![("bitrate", "192000".into())] },
    Encoder {
        factory: "voaacenc",
        package: "gstreamer1.0-plugins-bad",
        settings: |_| vec![("bitrate", "192000".into())],
    },
];
/// The priming of AAC, which most players do not skip, is 1024 samples: 23 ms at 44.1 kHz, 46 ms at half of that.
const AAC_RATES: &str = "audio/x-raw,rate=[44100,96000]";
const OPUS: &[Encoder] = &[Encoder {
    factory: "opusenc",
    package: "gstreamer1.0-plugins-base",
    settings: |_| vec![("bitrate", "160000".into())],
}];
const FLAC: &[Encoder] =
    &[Encoder { factory: "flacenc", package: "gstreamer1.0-plugins-good", settings: |_| Vec::new() }];

/// No element for a codec is installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {codec} encoder is installed ({factories}); install the package {package}")]
pub struct NoEncoder {
    codec: String,
    factories: String,
    package: &'static str,
}

/// The first installed encoder of `table`, ready to be linked.
fn choose(
    codec: impl fmt::Display,
    table: &[Encoder],
    size: &EncodeSize,
    installed: &dyn Fn(&str) -> bool,
) -> Result<Node, NoEncoder> {
    match table.iter().find(|encoder| installed(encoder.factory)) {
        Some(encoder) => Ok(Node::Element(encoder.factory, (encoder.settings)(size))),
        None => Err(NoEncoder {
            codec: codec.to_string(),
            factories: table.iter().map(|e| e.factory).collect::<Vec<_>>().join(" or "),
            package: table.first().map_or("gstreamer1.0-plugins-good", |e| e.package),
        }),
    }
}

impl Container {
    /// All of them, for messages.
    pub(super) const ALL: [Container; 4] = [Container::Mp4, Container::Mov, Container::Matroska, Container::WebM];

    /// The container that a file name extension stands for, without its dot, in any case.
    pub(super) fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.extension().eq_ignore_ascii_case(extension))
    }

    /// Its file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Container::Mp4 => "mp4",
            Container::Mov => "mov",
            Container::Matroska => "mkv",
            Container::WebM => "webm",
        }
    }

    /// Video codecs it takes, the default first.
    pub(super) fn video_codecs(self) -> &'static [VideoCodec] {
        match self {
            Container::Mp4 | Container::Mov => &[VideoCodec::H264, VideoCodec::Hevc],
            Container::Matroska => &[VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Vp9, VideoCodec::Ffv1],
            Container::WebM => &[VideoCodec::Vp9],
        }
    }

    /// Audio codecs it takes, the default first. Opus in MP4 loses samples with GStreamer 1.22 and is left out.
    pub(super) fn audio_codecs(self) -> &'static [AudioCodec] {
        match self {
            Container::Mp4 | Container::Mov => &[AudioCodec::Aac, AudioCodec::None],
            Container::Matroska => &[AudioCodec::Opus, AudioCodec::Flac, AudioCodec::Aac, AudioCodec::None],
            Container::WebM => &[AudioCodec::Opus, AudioCodec::None],
        }
    }

    /// The muxer, called `mux`. ISO files are written as fragments that play at any time and become an ordinary
    /// file when they are finished, so that an export that is killed leaves something that plays.
    pub(super) fn muxer(self) -> Node {
        let fragmented =
            |node: Node| node.with("fragment-mode", "first-moov-then-finalise").with("fragment-duration", "2000");
        let node = match self {
            Container::Mp4 => fragmented(Node::element("mp4mux")),
            Container::Mov => fragmented(Node::element("qtmux")),
            Container::Matroska => Node::element("matroskamux"),
            Container::WebM => Node::element("webmmux"),
        };
        node.with("name", "mux")
    }
}

impl VideoCodec {
    /// All of them, for messages.
    pub const ALL: [VideoCodec; 4] = [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Vp9, VideoCodec::Ffv1];

    /// Encoder and parser, linked one after the other.
    pub(super) fn encoder(self, size: &EncodeSize, installed: &dyn Fn(&str) -> bool) -> Result<Vec<Node>, NoEncoder> {
        let (table, parser) = match self {
            VideoCodec::H264 => (H264, Some("h264parse")),
            VideoCodec::Hevc => (HEVC, Some("h265parse")),
            VideoCodec::Vp9 => (VP9, Some("vp9parse")),
            VideoCodec::Ffv1 => (FFV1, None),
        };
        let mut nodes = vec![choose(self, table, size, installed)?];
        nodes.extend(parser.map(Node::element));
        Ok(nodes)
    }

    /// The format of the pictures it is fed with, which `visualrender` draws without a converter after it. What is
    /// lossless stays RGB: nothing is rounded to fewer levels, and no chroma is halved.
    pub(super) fn raw_format(self) -> &'static str {
        match self {
            VideoCodec::Ffv1 => "BGRA",
            _ => "I420",
        }
    }

    /// Whether width and height have to be even: 4:2:0 halves the chroma.
    pub(super) fn needs_even_size(self) -> bool {
        !matches!(self, VideoCodec::Ffv1)
    }
}

impl AudioCodec {
    /// All of them, for messages.
    pub const ALL: [AudioCodec; 4] = [AudioCodec::Aac, AudioCodec::Opus, AudioCodec::Flac, AudioCodec::None];

    /// The caps the encoder needs, the encoder and its parser; `None` for [`AudioCodec::None`].
    pub(super) fn encoder(
        self,
        size: &EncodeSize,
        installed: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Vec<Node>>, NoEncoder> {
        let (table, parser) = match self {
            AudioCodec::Aac => (AAC, "aacparse"),
            AudioCodec::Opus => (OPUS, "opusparse"),
            AudioCodec::Flac => (FLAC, "flacparse"),
            AudioCodec::None => return Ok(None),
        };
        let encoder = choose(self, table, size, installed)?;
        let mut nodes = vec![encoder, Node::element(parser)];
        if self == AudioCodec::Aac {
            nodes.insert(0, Node::Caps(AAC_RATES.into()));
        }
        Ok(Some(nodes))
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VideoCodec::H264 => "h264",
            VideoCodec::Hevc => "hevc",
            VideoCodec::Vp9 => "vp9",
            VideoCodec::Ffv1 => "ffv1",
        })
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AudioCodec::Aac => "aac",
            AudioCodec::Opus => "opus",
            AudioCodec::Flac => "flac",
            AudioCodec::None => "none",
        })
    }
}
