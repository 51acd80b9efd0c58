//! `gst-steady frame`: one picture of the video that `export` would make.

use std::path::PathBuf;

use gst::prelude::*;
use gststeady::logic::export::launch_path;
use gststeady::logic::frame_grid::FrameGrid;
use gststeady::logic::render::look;
use image::RgbaImage;

use super::args::Look;
use super::failure::{Failure, Stage, from_element};
use super::out::say;
use super::{looks, preflight, registry};

/// The arguments of `frame`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gst-steady frame song.flac --at 1:23
  gst-steady frame song.flac --at 12.5 --out look.png --scene wave-line --palette ember --size 1080x1920

Exit codes: 0 done, 64 usage, 65 bad input, 66 no input, 69 missing plugin, 73 cannot create the output")]
pub struct Args {
    /// Audio file: anything GStreamer decodes
    pub audio: PathBuf,

    /// The moment it shows, as seconds, M:SS or H:MM:SS, with or without decimals
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = moment)]
    pub at: gst::ClockTime,

    /// The picture: a PNG file, replaced if it is there [default: the audio's name with .png]
    #[arg(short, long, value_name = "FILE.png")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub look: Look,
}

/// Draws it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let scene = looks::scene(&args.look)?;
    let properties = looks::properties(&args.look)?;
    registry::init()?;
    preflight::inspect(&args.audio)?;
    let internal = |error: &dyn std::fmt::Display| Failure::new(Stage::Internal, error.to_string());
    let render = gst::ElementFactory::make("visualrender").build().map_err(|e| internal(&e))?;
    render.set_property("audio-location", launch_path(&args.audio));
    render.set_property("seed", args.look.seed);
    render.set_property("scene", scene);
    for (name, value) in &properties {
        render.set_property_from_str(name, value);
    }
    let (width, height) = args.look.size;
    look::Look::new(width, height).map_err(|e| Failure::new(Stage::Usage, e.to_string()))?;
    let (fps_n, fps_d) = args.look.fps;
    let grid = FrameGrid::new(1, fps_n, fps_d).map_err(|e| Failure::new(Stage::Usage, e.to_string()))?;
    let n = grid.frame_at(args.at.nseconds());
    render.set_property("start-frame", n);
    render.set_property("stop-frame", n + 1);
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "RGBA")
        .field("width", width as i32)
        .field("height", height as i32)
        .field("framerate", gst::Fraction::new(fps_n as i32, fps_d as i32))
        .build();
    let sink = gst_app::AppSink::builder().caps(&caps).sync(false).build();
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&render, sink.upcast_ref()]).map_err(|e| internal(&e))?;
    render.link(&sink).map_err(|e| internal(&e))?;
    let drawn =
        pipeline.set_state(gst::State::Playing).map_err(|e| internal(&e)).and_then(|_| picture(&pipeline, &sink));
    let _ = pipeline.set_state(gst::State::Null);
    let picture = drawn?.ok_or_else(|| {
        Failure::new(Stage::Usage, format!("{:?} is shorter than {:.1}; choose an earlier moment", args.audio, args.at))
    })?;
    let out = args.out.clone().unwrap_or_else(|| args.audio.with_extension("png"));
    let picture =
        RgbaImage::from_raw(width, height, picture).ok_or_else(|| internal(&"the picture has another size"))?;
    picture.save_with_format(&out, image::ImageFormat::Png).map_err(|e| {
        Failure::new(Stage::CannotCreate, format!("{out:?} cannot be written: {e}; choose another name or folder"))
    })?;
    say(out.display());
    Ok(())
}

/// The bytes of the only frame there is, if there is one.
fn picture(pipeline: &gst::Pipeline, sink: &gst_app::AppSink) -> Result<Option<Vec<u8>>, Failure> {
    let sample = sink.pull_sample();
    let bus = pipeline.bus().ok_or_else(|| Failure::new(Stage::Internal, "a pipeline without a bus"))?;
    if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error])
        && let gst::MessageView::Error(error) = message.view()
    {
        return Err(from_element("visualrender", &error.error()));
    }
    let buffer = sample.ok().and_then(|sample| sample.buffer_owned());
    let bytes = buffer.and_then(|buffer| Some(buffer.map_readable().ok()?.to_vec()));
    Ok(bytes)
}

/// A time as people write it.
fn moment(text: &str) -> Result<gst::ClockTime, String> {
    let wrong = || "write it as seconds, M:SS or H:MM:SS, for example 83.5 or 1:23.5".to_owned();
    let parts: Vec<&str> = text.split(':').collect();
    let (seconds, whole) = parts.split_last().ok_or_else(wrong)?;
    let seconds: f64 = seconds.parse().map_err(|_| wrong())?;
    let mut total = 0u32;
    for part in whole {
        total = part.parse::<u32>().ok().and_then(|part| total.checked_mul(60)?.checked_add(part)).ok_or_else(wrong)?;
    }
    let minutes = total.checked_mul(60).ok_or_else(wrong)?;
    let is_time =
        seconds.is_finite() && (0.0..1e6).contains(&seconds) && whole.len() < 3 && (whole.is_empty() || seconds < 60.0);
    is_time
        .then(|| gst::ClockTime::from_nseconds(u64::from(minutes) * 1_000_000_000 + (seconds * 1e9) as u64))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_minutes_or_hours() {
        let ms = |text| moment(text).map(gst::ClockTime::mseconds);
        assert_eq!(ms("83.5"), Ok(83_500));
        assert_eq!(ms("1:23.5"), Ok(83_500));
        assert_eq!(ms("1:00:01"), Ok(3_601_000));
        assert_eq!(ms("0"), Ok(0));
        for wrong in ["", "1:99", "-3", "a", "1:2:3:4", "1:", "inf", "NaN", "9999999999:00", ":5"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
