//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use gststeady::logic::export::{AudioCodec, VideoCodec};
use gststeady::logic::render::cuts::Switch;
use gststeady::logic::render::transition::Transition;

/// Turns audio into video, frame-exactly, and does not lose what it made.
#[derive(Debug, Parser)]
#[command(name = "gst-steady", version, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a video of an audio file
    Export(Export),
    /// Draw one frame of that video, to try how it looks
    Frame(super::frame::Args),
    /// List the scenes and palettes that there are
    Scenes(super::scenes::Args),
    /// Find unfinished recordings and give them their name, repair or delete them
    Recover(super::recover::Args),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gst-steady export song.flac
  gst-steady export talk.mp3 talk.webm --size 1080x1920 --fps 60 --seed 42
  gst-steady export song.flac --switch bar --scenes bars-mirror,wave-line,stem-dots
  gst-steady export song.flac --report song.html
  gst-steady export song.flac song.mp4 --dry-run

Exit codes: 0 done, 64 usage, 65 bad input, 66 no input, 69 missing plugin, 73 cannot create the output,
74 input/output error, 75 try again later, 130 interrupted")]
pub struct Export {
    /// Audio file: anything GStreamer decodes
    pub audio: PathBuf,

    /// Video file; its ending chooses the container: .mp4, .mov, .mkv or .webm [default: the audio's name with .mp4]
    pub video: Option<PathBuf>,

    #[command(flatten)]
    pub look: Look,

    /// Video codec: h264, hevc, vp9 or ffv1 [default: what suits the container]
    #[arg(long, value_parser = one_of(VideoCodec::ALL))]
    pub codec: Option<VideoCodec>,

    /// Audio codec: aac, opus, flac or none [default: what suits the container]
    #[arg(long, value_parser = one_of(AudioCodec::ALL))]
    pub audio_codec: Option<AudioCodec>,

    /// Replace the video if it is there already, at once and only when the new one is complete
    #[arg(long)]
    pub overwrite: bool,

    /// Also write how it went as a page for browsers: what was slow, late or lost, and when. It is written at the end, whether the
    /// export succeeds, fails or is interrupted, and replaces an earlier report
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,

    /// Print the pipeline as a gst-launch-1.0 line and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// How to show progress: auto is a bar in a terminal and a line every five seconds elsewhere
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: Progress,
}

/// What pictures show.
#[derive(Debug, clap::Args)]
pub struct Look {
    /// Width and height in pixels, 16 to 16384 each
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    pub size: (u32, u32),

    /// Frames per second, as N or N/D (23.976, 29.97 and 59.94 stand for 24000/1001, 30000/1001 and 60000/1001)
    #[arg(long, value_name = "N[/D]", default_value = "30", allow_negative_numbers = true, value_parser = fps)]
    pub fps: (u32, u32),

    /// What to draw: a scene's name, or its index [default: the first one]
    #[arg(long)]
    pub scene: Option<String>,

    /// Cut from one scene to the next at beats, bars, where the music becomes another (energy), or by the clock (time)
    #[arg(long, value_name = "MODE", value_parser = one_of(Switch::ALL))]
    pub switch: Option<Switch>,

    /// The scenes to switch between, names or indices with commas between them [default: all, from --scene on]
    #[arg(long, value_name = "LIST", requires = "switch")]
    pub scenes: Option<String>,

    /// How one scene becomes the next
    #[arg(long, value_name = "TRANSITION", requires = "switch", value_parser = one_of(Transition::ALL))]
    pub transition: Option<Transition>,

    /// The colours it is drawn with: a palette's name, `cover`, or one to five colours such as '#ff5a00,#0040ff'
    #[arg(long)]
    pub palette: Option<String>,

    /// Title, where the scene has room for it; an empty one for none [default: from the audio's tags]
    #[arg(long, allow_hyphen_values = true)]
    pub title: Option<String>,

    /// Artist, written below the title; an empty one for none [default: from the audio's tags]
    #[arg(long, allow_hyphen_values = true)]
    pub artist: Option<String>,

    /// Cover, a JPEG or PNG picture; an empty name for none [default: from the audio's tags]
    #[arg(long, value_name = "PICTURE")]
    pub cover: Option<PathBuf>,

    /// Another seed, another picture; the same seed, the same bytes
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

/// Ways to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    Auto,
    Bar,
    /// One JSON object per line, four a second
    Json,
    None,
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides.ok_or_else(|| "write it as WIDTHxHEIGHT, for example 1920x1080".into())
}

fn fps(text: &str) -> Result<(u32, u32), String> {
    match text {
        "23.976" | "23.98" => return Ok((24_000, 1001)),
        "29.97" => return Ok((30_000, 1001)),
        "59.94" => return Ok((60_000, 1001)),
        _ => {}
    }
    let (n, d) = text.split_once('/').unwrap_or((text, "1"));
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n <= i32::MAX as u32);
    number(n).zip(number(d)).ok_or_else(|| "write it as a number or a fraction, for example 30 or 30000/1001".into())
}

/// Takes exactly the names that they print themselves with.
fn one_of<T: ToString + Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
) -> impl clap::builder::TypedValueParser<Value = T> {
    use clap::builder::TypedValueParser;
    let names = all.map(|codec| codec.to_string().leak() as &'static str);
    clap::builder::PossibleValuesParser::new(names)
        .map(move |name| all[names.iter().position(|n| *n == name).unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn frame_rates_are_numbers_fractions_or_the_broadcast_decimals() {
        assert_eq!(fps("30"), Ok((30, 1)));
        assert_eq!(fps("30000/1001"), Ok((30_000, 1001)));
        assert_eq!(fps("29.97"), Ok((30_000, 1001)));
        assert!(fps("-5").is_err() && fps("30.5").is_err() && fps("4294967295").is_err() && fps("").is_err());
    }

    #[test]
    fn sizes_are_two_whole_numbers() {
        assert_eq!(size("1920x1080"), Ok((1920, 1080)));
        assert!(size("1920").is_err() && size("-1x5").is_err() && size("x").is_err());
    }
}
