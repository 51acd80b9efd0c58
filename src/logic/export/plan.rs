//! The export as a plan: every element and property, decided before anything runs.

use std::path::{Path, PathBuf};

use super::codecs::{AudioCodec, Container, EncodeSize, NoEncoder, VideoCodec};
use super::launch::{Chain, Node};
use crate::logic::render::look::{MAX_SIDE, MIN_SIDE};

/// The highest frame rate, in frames per second.
const MAX_FPS: u32 = 240;

/// The export that the user asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The audio file.
    pub audio: PathBuf,
    /// The video file to be made.
    pub video: PathBuf,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Frames per second as a fraction.
    pub fps: (u32, u32),
    /// Scene by name or index.
    pub scene: String,
    /// Seed of everything that looks random.
    pub seed: u64,
    /// Further properties of `visualrender` and their values, all about how it looks.
    pub look: Vec<(&'static str, String)>,
    /// Video codec, or the container's default.
    pub codec: Option<VideoCodec>,
    /// Audio codec, or the container's default.
    pub audio_codec: Option<AudioCodec>,
    /// Replace a video that is there already.
    pub overwrite: bool,
}

/// Why a request cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The video's name has no ending that stands for a container.
    #[error("{0:?} does not say which container to write; end its name in {containers}", containers = list(Container::ALL.map(|c| format!(".{}", c.extension())), " or "))]
    UnknownContainer(PathBuf),
    /// A side that is too short or too long.
    #[error("{0}×{1} is not a size a video can have; choose both sides between {MIN_SIDE} and {MAX_SIDE} pixels")]
    Size(u32, u32),
    /// An odd side for a codec that halves its chroma.
    #[error("{codec} cannot encode the odd size {0}×{1}; use {2}×{3}, or --codec ffv1 in an .mkv", .size.0, .size.1, .nearest.0, .nearest.1)]
    OddSize {
        /// The codec.
        codec: VideoCodec,
        /// The size that was asked for.
        size: (u32, u32),
        /// The nearest size that works.
        nearest: (u32, u32),
    },
    /// A frame rate of zero, or one that is too high.
    #[error("{0}/{1} is not a frame rate a video can have; choose more than 0 and at most {MAX_FPS} frames a second")]
    Fps(u32, u32),
    /// The container does not take the codec.
    #[error(".{container} does not take {codec}; use {allowed}, or another ending for the file name", container = .container.extension())]
    CodecNotAllowed {
        /// The container.
        container: Container,
        /// The codec that was asked for.
        codec: String,
        /// Those that work.
        allowed: String,
    },
    /// No element for a codec.
    #[error(transparent)]
    NoEncoder(#[from] NoEncoder),
    /// An element that is always needed is not there.
    #[error("the GStreamer element {factory} is not installed; install the package {package}")]
    NoElement {
        /// The element.
        factory: &'static str,
        /// Its package.
        package: &'static str,
    },
    /// Input and output are the same file.
    #[error("{0:?} is both the audio to read and the video to write; name another video")]
    SameFile(PathBuf),
}

/// A pipeline ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The elements, as `gst-launch-1.0` would have them.
    pub chains: Vec<Chain>,
    /// The container.
    pub container: Container,
    /// The video codec.
    pub codec: VideoCodec,
    /// The audio codec.
    pub audio_codec: AudioCodec,
}

/// Pictures between the renderer, which draws some ahead itself, and the encoder: enough for both to be at work all the time. More room
/// would not make the slower of them faster, and costs memory that counts beside the encoder's, which keeps a dozen pictures and more
/// of its own until their packets are out.
const DRAWN_AHEAD: u32 = 2;

/// Elements every export uses besides the encoders, with Debian's and Ubuntu's package of each.
const ALWAYS: [(&str, &str); 3] = [
    ("decodebin", "gstreamer1.0-plugins-base"),
    ("audioconvert", "gstreamer1.0-plugins-base"),
    ("audioresample", "gstreamer1.0-plugins-base"),
];

/// Where `audio` goes when no video was named: beside it, as an MP4.
pub fn default_video(audio: &Path) -> PathBuf {
    audio.with_extension(Container::Mp4.extension())
}

impl Request {
    /// Decides everything, or says why not. `installed` answers whether a factory can be used.
    ///
    /// # Errors
    ///
    /// [`PlanError`] says which part of the request cannot be had, the first in this order: container, different paths of audio and video,
    /// codecs, size, frame rate, elements that every export needs, encoders.
    pub fn plan(&self, installed: &dyn Fn(&str) -> bool) -> Result<Plan, PlanError> {
        let container = self.container()?;
        if self.audio == self.video {
            return Err(PlanError::SameFile(self.audio.clone()));
        }
        let codec = pick(container, self.codec, container.video_codecs())?;
        let audio_codec = pick(container, self.audio_codec, container.audio_codecs())?;
        self.check_picture(codec)?;
        if let Some(&(factory, package)) = ALWAYS.iter().find(|(factory, _)| !installed(factory)) {
            return Err(PlanError::NoElement { factory, package });
        }

        let (width, height) = self.size;
        let size = EncodeSize { width, height, fps: self.fps.0.div_ceil(self.fps.1) };
        let ((n, d), format) = (self.fps, codec.raw_format());
        let render = Node::element("visualrender")
            .with("audio-location", launch_path(&self.audio))
            .with("scene", &self.scene)
            .with("seed", self.seed);
        let mut video = vec![
            self.look.iter().fold(render, |render, (property, value)| render.with(property, value)),
            Node::Caps(format!("video/x-raw,format={format},width={width},height={height},framerate={n}/{d}")),
            health("render"),
            queue().with("max-size-buffers", DRAWN_AHEAD),
        ];
        video.extend(codec.encoder(&size, installed)?);
        video.extend([
            health("encode"),
            queue().with("role", "encoder"),
            container.muxer(),
            health("file"),
            self.sink(),
        ]);

        let mut chains = vec![video];
        if let Some(encoder) = audio_codec.encoder(&size, installed)? {
            let mut audio = vec![
                Node::element("filesrc").with("location", launch_path(&self.audio)),
                Node::element("decodebin").with("caps", "audio/x-raw").with("expose-all-streams", false),
                Node::element("audioconvert"),
                Node::element("audioresample"),
            ];
            audio.extend(encoder);
            audio.extend([queue().with("role", "encoder"), Node::PadOf("mux")]);
            chains.push(audio);
        }
        Ok(Plan { chains, container, codec, audio_codec })
    }

    fn container(&self) -> Result<Container, PlanError> {
        self.video
            .extension()
            .and_then(|e| e.to_str())
            .and_then(Container::from_extension)
            .ok_or_else(|| PlanError::UnknownContainer(self.video.clone()))
    }

    fn check_picture(&self, codec: VideoCodec) -> Result<(), PlanError> {
        let (width, height) = self.size;
        let sides = MIN_SIDE..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(PlanError::Size(width, height));
        }
        if codec.needs_even_size() && (width % 2 != 0 || height % 2 != 0) {
            let even = |side: u32| side - side % 2;
            return Err(PlanError::OddSize { codec, size: self.size, nearest: (even(width), even(height)) });
        }
        let (n, d) = self.fps;
        if n == 0 || d == 0 || u64::from(n) > u64::from(MAX_FPS) * u64::from(d) {
            return Err(PlanError::Fps(n, d));
        }
        Ok(())
    }

    fn sink(&self) -> Node {
        let node = Node::element("crashsafesink").with("location", launch_path(&self.video));
        if self.overwrite { node.with("on-exists", "replace") } else { node }
    }
}

/// The whole graph is the command's own, so that whatever stands still is wrong.
fn queue() -> Node {
    Node::element("adaptivequeue").with("on-timeout", "error")
}

fn health(label: &str) -> Node {
    Node::element("bufferhealth").with("label", label)
}

fn pick<T: Copy + PartialEq + ToString>(
    container: Container,
    wanted: Option<T>,
    allowed: &[T],
) -> Result<T, PlanError> {
    let codec = wanted.unwrap_or(allowed[0]);
    if allowed.contains(&codec) {
        return Ok(codec);
    }
    let allowed = list(allowed.iter().map(T::to_string), " or ");
    Err(PlanError::CodecNotAllowed { container, codec: codec.to_string(), allowed })
}

/// `a, b or c`.
fn list(items: impl IntoIterator<Item = String>, last: &str) -> String {
    let mut items: Vec<_> = items.into_iter().collect();
    let end = items.pop().unwrap_or_default();
    if items.is_empty() { end } else { format!("{}{last}{end}", items.join(", ")) }
}

/// A path that neither the pipeline parser nor a program takes for something else: relative ones begin with `./`.
pub fn launch_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if path.is_absolute() || text.starts_with("./") || text.starts_with("../") {
        text.into()
    } else {
        format!("./{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::export::launch::tokens;

    fn request() -> Request {
        Request {
            audio: "song.flac".into(),
            video: "song.mp4".into(),
            size: (1280, 720),
            fps: (30, 1),
            scene: "cover-pulse".into(),
            seed: 0,
            look: Vec::new(),
            codec: None,
            audio_codec: None,
            overwrite: false,
        }
    }

    fn everything(_: &str) -> bool {
        true
    }

    fn line(request: &Request) -> String {
        tokens(&request.plan(&everything).unwrap().chains).join(" ")
    }

    #[test]
    fn the_default_export_is_h264_and_aac_in_a_kill_safe_mp4() {
        insta::assert_snapshot!(line(&request()).replace(" ! ", "\n! "));
    }

    #[test]
    fn each_container_has_its_own_codecs() {
        let video = |name: &str| line(&Request { video: name.into(), ..request() });
        assert!(video("a.webm").contains("vp9enc") && video("a.webm").contains("opusenc"));
        assert!(video("a.MKV").contains("x264enc") && video("a.MKV").contains("opusenc"));
        assert!(video("a.mov").contains("qtmux"));
    }

    #[test]
    fn without_an_audio_codec_the_file_is_read_by_the_renderer_only() {
        let silent = line(&Request { audio_codec: Some(AudioCodec::None), ..request() });
        assert!(!silent.contains("filesrc"));
    }

    #[test]
    fn paths_cannot_be_taken_for_options_or_quotes() {
        let odd = |name: &str| launch_path(Path::new(name));
        assert_eq!(odd("-rf"), "./-rf");
        assert_eq!(odd("\"all\""), "./\"all\"");
        assert_eq!(odd("/abs/x"), "/abs/x");
        assert_eq!(odd("../up"), "../up");
    }

    #[test]
    fn an_encoder_that_is_not_installed_gives_way_to_the_next_one() {
        let without_x264 = |name: &str| name != "x264enc";
        let plan = request().plan(&without_x264).unwrap();
        assert!(tokens(&plan.chains).contains(&"openh264enc".into()));
    }

    #[test]
    fn what_cannot_be_made_is_refused_with_what_to_do() {
        let no = |change: fn(&mut Request)| {
            let mut request = request();
            change(&mut request);
            request.plan(&everything).unwrap_err().to_string()
        };
        let refusals = [
            no(|r| r.size = (0, 0)),
            no(|r| r.size = (20_000, 20_000)),
            no(|r| r.size = (641, 361)),
            no(|r| r.fps = (0, 1)),
            no(|r| r.fps = (1000, 1)),
            no(|r| r.video = "song.ogg".into()),
            no(|r| r.video = "song".into()),
            no(|r| r.codec = Some(VideoCodec::Vp9)),
            no(|r| r.audio_codec = Some(AudioCodec::Opus)),
            no(|r| r.audio = "song.mp4".into()),
            request().plan(&|name| !name.contains("264")).unwrap_err().to_string(),
            request().plan(&|name| name != "decodebin").unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(refusals.join("\n"));
    }
}
