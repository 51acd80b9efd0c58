//! Draws frames of a scene from an audio file to PNG or JPEG, to look at them.
//!
//! `cargo run --release --example gallery -- song.ogg cover-pulse 1920x1080 out.png 90 91` draws frames 90 and 91 at
//! 30 frames a second. In place of frames, `sheet` puts six frames from all over the song into one small picture and
//! `bench` draws ten seconds, says how long a frame takes and how many pixels change from one to the next.
//! `-` in place of the song is silence. SEED, PALETTE, TITLE, ARTIST and COVER (a file) in the
//! environment choose those.

use std::sync::Arc;

use gst::prelude::*;
use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::features::{Info, Window};
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline::Timeline;
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::cover::Cover;
use gststeady::logic::render::palette::Palette;
use gststeady::logic::render::scene::{Frame, HopTime, Look, Scene, Scratch, find};
use image::{DynamicImage, RgbaImage, imageops};

type Failure = Box<dyn std::error::Error>;

const FPS: u32 = 30;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [song, scene, size, out, frames @ ..] = args.as_slice() else {
        return Err("usage: gallery SONG|- SCENE WIDTHxHEIGHT OUT FRAME… | sheet | bench".into());
    };
    let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
    let mut look = Look::new(width.parse()?, height.parse()?)?;
    if let Ok(seed) = std::env::var("SEED") {
        look.seed = seed.parse()?;
    }
    look.title = std::env::var("TITLE").ok();
    look.artist = std::env::var("ARTIST").ok();
    if let Ok(path) = std::env::var("COVER") {
        look.cover = Some(Arc::new(Cover::decode(&std::fs::read(path)?)?));
    }
    if let Ok(name) = std::env::var("PALETTE") {
        look.palette = Palette::parse(&name, look.cover.as_deref())?;
    }
    let mut painter = Painter::new(song, find(scene)?.prepare(&look), &look)?;
    match frames {
        [word] if word == "bench" => painter.bench(),
        [word] if word == "sheet" => painter.sheet()?.save(out).map_err(Into::into),
        _ => {
            for (i, n) in frames.iter().enumerate() {
                let name = if i == 0 { out.clone() } else { out.replace(".png", &format!("-{i}.png")) };
                DynamicImage::from(painter.picture(n.parse()?)?).to_rgb8().save(name)?;
            }
            Ok(())
        }
    }
}

/// A song, a scene and what drawing needs.
struct Painter {
    timeline: Option<Timeline>,
    info: Info,
    scene: Box<dyn Scene>,
    scratch: Scratch,
    size: (u32, u32),
}

impl Painter {
    fn new(song: &str, scene: Box<dyn Scene>, look: &Look) -> Result<Self, Failure> {
        let timeline = if song == "-" { None } else { Some(analyse(song)?) };
        let silence = Info { rate: 44_100, channels: 2, samples: 1_323_000, hops: 3000 };
        let info = timeline.as_ref().map_or(silence, |timeline| timeline.info().clone());
        Ok(Self { timeline, info, scene, scratch: Scratch::default(), size: (look.width(), look.height()) })
    }

    fn total(&self) -> u64 {
        (self.info.samples * u64::from(FPS)).div_ceil(u64::from(self.info.rate))
    }

    fn window(&self, n: u64) -> Result<Window, Failure> {
        let mut window = Window::default();
        let (first, count) = self.scene.reach().span(HopTime::of_frame(n, FPS, 1));
        if let Some(timeline) = &self.timeline {
            timeline.read(first, count, &mut window, &mut Vec::new())?;
        }
        Ok(window)
    }

    fn draw(&mut self, n: u64, window: &Window, data: &mut [u8]) -> Result<std::time::Duration, Failure> {
        let begin = std::time::Instant::now();
        let (w, h) = self.size;
        let mut canvas = Canvas::new(data, w as usize * 4, w, h)?;
        let frame = Frame { n, total: Some(self.total()), at: HopTime::of_frame(n, FPS, 1), info: &self.info };
        self.scene.render(&frame, window, &mut self.scratch, &mut canvas);
        Ok(begin.elapsed())
    }

    fn picture(&mut self, n: u64) -> Result<RgbaImage, Failure> {
        let mut picture = RgbaImage::new(self.size.0, self.size.1);
        let window = self.window(n)?;
        self.draw(n, &window, &mut picture)?;
        Ok(picture)
    }

    /// Six frames, two rows of three, of 640 × 360 pixels each at most.
    fn sheet(&mut self) -> Result<image::RgbImage, Failure> {
        let (w, h) = self.size;
        let scale = (640.0 / f64::from(w)).min(360.0 / f64::from(h));
        let (tw, th) = ((f64::from(w) * scale) as u32, (f64::from(h) * scale) as u32);
        let mut sheet = RgbaImage::new(tw * 3 + 8, th * 2 + 4);
        for i in 0..6 {
            let picture = self.picture(self.total() * (2 * i + 1) / 12)?;
            let small = imageops::resize(&picture, tw, th, imageops::FilterType::Lanczos3);
            let (x, y) = (i64::try_from(i % 3)? * i64::from(tw + 4), i64::try_from(i / 3)? * i64::from(th + 4));
            imageops::overlay(&mut sheet, &small, x, y);
        }
        Ok(DynamicImage::from(sheet).to_rgb8())
    }

    fn bench(&mut self) -> Result<(), Failure> {
        let frames = 300.min(self.total());
        let windows: Vec<_> = (0..frames).map(|n| self.window(n)).collect::<Result<_, _>>()?;
        let mut data = vec![0; self.size.0 as usize * self.size.1 as usize * 4];
        let mut times = Vec::new();
        for (n, window) in windows.iter().enumerate() {
            times.push(self.draw(n as u64, window, &mut data)?);
        }
        times.sort();
        let (mut previous, mut changed) = (data.clone(), 0);
        for (n, window) in windows.iter().enumerate() {
            self.draw(n as u64, window, &mut data)?;
            if n > 0 {
                changed += previous.chunks(4).zip(data.chunks(4)).filter(|(a, b)| a != b).count();
            }
            previous.copy_from_slice(&data);
        }
        let share = changed as f64 / (frames - 1) as f64 / (data.len() / 4) as f64 * 100.0;
        let median = times[times.len() / 2];
        println!("median {median:?}, fastest {:?}, {share:.1} % of the pixels change", times[0]);
        Ok(())
    }
}

/// Decodes a file with whatever GStreamer has for it.
fn analyse(song: &str) -> Result<Timeline, Failure> {
    gst::init()?;
    let description = "filesrc name=file ! decodebin ! audioconvert ! audio/x-raw,format=F32LE,layout=interleaved \
                       ! appsink name=sink sync=false";
    let pipeline = gst::parse::launch(description)?.downcast::<gst::Pipeline>().map_err(|_| "not a pipeline")?;
    pipeline.by_name("file").ok_or("no source")?.set_property("location", song);
    let sink = pipeline.by_name("sink").and_downcast::<gst_app::AppSink>().ok_or("no sink")?;
    pipeline.set_state(gst::State::Playing)?;
    let mut analyzer = None;
    while let Ok(sample) = sink.pull_sample() {
        let caps = sample.caps().and_then(|caps| caps.structure(0)).ok_or("no caps")?;
        if analyzer.is_none() {
            let (rate, channels) = (caps.get::<i32>("rate")?, caps.get::<i32>("channels")?);
            analyzer = Some(Analyzer::new(rate.try_into()?, channels.try_into()?, scratch::unlinked()?)?);
        }
        let map = sample.buffer().ok_or("no buffer")?.map_readable()?;
        let samples: Vec<f32> = map.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if let Some(analyzer) = &mut analyzer {
            analyzer.push(&samples)?;
        }
    }
    pipeline.set_state(gst::State::Null)?;
    let analyzer = analyzer.ok_or("nothing could be decoded")?;
    Ok(analyzer.finish(&mut |_| std::ops::ControlFlow::Continue(()))?.ok_or("cancelled")?)
}
