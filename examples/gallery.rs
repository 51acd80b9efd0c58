//! Draws frames of a scene from an audio file to PNG or JPEG, to look at them.
//!
//! `cargo run --release --example gallery -- frame cover-pulse 1920x1080 song.ogg 90 out.png` draws frame 90 at 30 frames a
//! second. `sheet cover-pulse out.jpg song.ogg speech.wav -` puts frames of each song, in three formats, into one small
//! picture; `strip out.jpg 42.5 song.ogg` puts twelve frames over the beat after that second, of each scene, side by side;
//! `strips / docs/gallery/strips` draws such frames of known recordings, as far as they are installed, with the beat on any of them;
//! `bench cover-pulse 1920x1080 song.ogg` draws ten seconds, says how long a frame takes and how many pixels
//! change from one to the next. `-` in place of a song is silence. SEED, PALETTE, TITLE, ARTIST and COVER (a file) in the
//! environment choose those.

use std::sync::Arc;

use gst::prelude::*;
use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::features::{HopWindow, Info};
use gststeady::logic::audio::moment::FrameTime;
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline::Timeline;
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::cover::Cover;
use gststeady::logic::render::look::Look;
use gststeady::logic::render::palette::Palette;
use gststeady::logic::render::scene::{Frame, Scene, Scratch};
use gststeady::logic::render::scenes;
use image::{DynamicImage, RgbaImage, imageops};

#[path = "gallery/strips.rs"]
mod strips;

type Failure = Box<dyn std::error::Error>;

const FPS: u32 = 30;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sheet", scene, out, ref songs @ ..] if !songs.is_empty() => Ok(sheet(scene, songs)?.save(out)?),
        ["strip", out, second, song] => Ok(strip(song, second.parse()?)?.save(out)?),
        ["strips", folder, out] => strips::draw_all(folder.as_ref(), out.as_ref()),
        ["bench", scene, size, song] => {
            let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
            Renderer::new(&Song::new(song)?, scene, (width.parse()?, height.parse()?))?.bench()
        }
        ["frame", scene, size, song, n, out] => {
            let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
            let song = Song::new(song)?;
            let mut renderer = Renderer::new(&song, scene, (width.parse()?, height.parse()?))?;
            Ok(DynamicImage::from(renderer.picture(n.parse()?)?).to_rgb8().save(out)?)
        }
        _ => Err("usage: gallery sheet SCENE OUT SONG|-… | strip OUT SECOND SONG | strips FOLDER OUT \
                 | frame SCENE WxH SONG|- N OUT | bench SCENE WxH SONG|-"
            .into()),
    }
}

/// The look that the environment asks for.
fn look((width, height): (u32, u32)) -> Result<Look, Failure> {
    let mut look = Look::new(width, height)?;
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
    Ok(look)
}

/// Wide, upright and square, and how wide each is on a sheet whose tiles are this high.
const FORMATS: [((u32, u32), u32); 3] = [((1920, 1080), 427), ((1080, 1920), 135), ((1080, 1080), 240)];
const TILE: u32 = 240;
const GAP: u32 = 4;

/// A row for each song: two frames of it in each format.
fn sheet(scene: &str, songs: &[&str]) -> Result<image::RgbImage, Failure> {
    let width = FORMATS.iter().map(|(_, width)| 2 * (width + GAP)).sum::<u32>() - GAP;
    let mut sheet = RgbaImage::new(width, songs.len() as u32 * (TILE + GAP) - GAP);
    for (row, song) in (0..).zip(songs) {
        let song = Song::new(song)?;
        let (mut x, mut moment) = (0, 1);
        for (size, width) in FORMATS {
            let mut renderer = Renderer::new(&song, scene, size)?;
            for _ in 0..2 {
                let picture = renderer.picture(song.total() * moment / 12)?;
                let small = imageops::resize(&picture, width, TILE, imageops::FilterType::Lanczos3);
                imageops::overlay(&mut sheet, &small, x.into(), (row * (TILE + GAP)).into());
                x += width + GAP;
                moment += 2;
            }
        }
    }
    Ok(DynamicImage::from(sheet).to_rgb8())
}

/// Frames of a strip.
const STRIP: u32 = 12;

/// A row for each scene: frames from the first beat after `second` up to the next one, or over half a second where there is none.
fn strip(song: &str, second: f64) -> Result<image::RgbImage, Failure> {
    let song = Song::new(song)?;
    let hop = (second * 100.0) as u32;
    let beats = song.timeline.as_ref().map_or(&[][..], Timeline::beats);
    let next = beats.iter().position(|&beat| beat >= hop).and_then(|at| beats.get(at..at + 2));
    let (from, to) = next.map_or((hop, hop + 50), |beat| (beat[0], beat[1]));
    let (width, height) = (320, 180);
    let scenes = scenes::all();
    let mut strip = RgbaImage::new(STRIP * (width + GAP) - GAP, scenes.len() as u32 * (height + GAP) - GAP);
    for (row, scene) in (0..).zip(scenes) {
        let mut renderer = Renderer::new(&song, scene.name, (1280, 720))?;
        for i in 0..STRIP {
            let hop = f64::from(from) + f64::from(to - from) * f64::from(i) / f64::from(STRIP);
            let picture = renderer.picture((hop / 100.0 * f64::from(FPS)) as u64)?;
            let small = imageops::resize(&picture, width, height, imageops::FilterType::Triangle);
            imageops::overlay(&mut strip, &small, (i * (width + GAP)).into(), (row * (height + GAP)).into());
        }
    }
    Ok(DynamicImage::from(strip).to_rgb8())
}

/// Something to draw: a file, or silence.
struct Song {
    timeline: Option<Timeline>,
    info: Info,
}

impl Song {
    fn new(path: &str) -> Result<Self, Failure> {
        let timeline = if path == "-" { None } else { Some(analyse(path)?) };
        let silence = Info { rate: 44_100, channels: 2, samples: 1_323_000, hops: 3000 };
        let info = timeline.as_ref().map_or(silence, |timeline| timeline.info().clone());
        Ok(Self { timeline, info })
    }

    fn total(&self) -> u64 {
        (self.info.samples * u64::from(FPS)).div_ceil(u64::from(self.info.rate))
    }
}

/// A scene over a song, and what drawing needs.
struct Renderer<'a> {
    song: &'a Song,
    scene: Box<dyn Scene>,
    scratch: Scratch,
    size: (u32, u32),
}

impl<'a> Renderer<'a> {
    fn new(song: &'a Song, scene: &str, size: (u32, u32)) -> Result<Self, Failure> {
        let scene = scenes::find(scene)?.prepare(&look(size)?);
        Ok(Self { song, scene, scratch: Scratch::default(), size })
    }

    fn window(&self, time: FrameTime) -> Result<HopWindow, Failure> {
        let mut window = HopWindow::default();
        let (first, count) = self.scene.reach().span(time);
        if let Some(timeline) = &self.song.timeline {
            timeline.read(first, count, &mut window, &mut Vec::new())?;
        }
        Ok(window)
    }

    fn draw(&mut self, time: FrameTime, window: &HopWindow, data: &mut [u8]) -> Result<std::time::Duration, Failure> {
        let begin = std::time::Instant::now();
        let (w, h) = self.size;
        let mut canvas = Canvas::new(data, w as usize * 4, w, h)?;
        let at = time.moment(window);
        // The frame that is on screen then.
        let n = time.middle.ticks().max(0) as u64 * u64::from(FPS) / (65_536 * 100);
        let frame = Frame { n, total: Some(self.song.total()), at, info: &self.song.info };
        self.scene.render(&frame, window, &mut self.scratch, &mut canvas);
        Ok(begin.elapsed())
    }

    fn picture(&mut self, n: u64) -> Result<RgbaImage, Failure> {
        self.picture_at(FrameTime::of_frame(n, (FPS, 1)))
    }

    fn picture_at(&mut self, time: FrameTime) -> Result<RgbaImage, Failure> {
        let mut picture = RgbaImage::new(self.size.0, self.size.1);
        let window = self.window(time)?;
        self.draw(time, &window, &mut picture)?;
        Ok(picture)
    }

    fn bench(&mut self) -> Result<(), Failure> {
        let frames = 300.min(self.song.total());
        let time = |n| FrameTime::of_frame(n, (FPS, 1));
        let windows: Vec<_> = (0..frames).map(|n| self.window(time(n))).collect::<Result<_, _>>()?;
        let mut data = vec![0; self.size.0 as usize * self.size.1 as usize * 4];
        let mut times = Vec::new();
        for (n, window) in windows.iter().enumerate() {
            times.push(self.draw(time(n as u64), window, &mut data)?);
        }
        times.sort();
        let (mut previous, mut changed) = (data.clone(), 0);
        for (n, window) in windows.iter().enumerate() {
            self.draw(time(n as u64), window, &mut data)?;
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
