//! Draws frames of a scene to PNG files, to look at them.
//!
//! `cargo run --example gallery -- cover-pulse 1920x1080 out.png 90 91` draws frames 90 and 91 at 30 frames a second;
//! with `bench` in place of frames it draws 300 frames and says how long one takes.

use gststeady::logic::audio::features::{Info, Window};
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::palette::Palette;
use gststeady::logic::render::scene::{Frame, HopTime, Look, Scratch, find};

#[path = "../tests/common/hops.rs"]
mod hops;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [scene, size, out, frames @ ..] = args.as_slice() else {
        return Err("usage: gallery SCENE WIDTHxHEIGHT OUT.png FRAME… | bench".into());
    };
    let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
    let mut look = Look::new(width.parse()?, height.parse()?)?;
    if let Ok(seed) = std::env::var("SEED") {
        look.seed = seed.parse()?;
    }
    if let Ok(name) = std::env::var("PALETTE") {
        look.palette = Palette::named(&name)?;
    }
    let (w, h) = (look.width(), look.height());
    let scene = (find(scene)?.make)(&look);
    let info = Info { rate: 44_100, channels: 2, samples: 441_000, hops: 1000 };
    let mut data = vec![0; w as usize * h as usize * 4];
    let mut scratch = Scratch::default();
    let silent = std::env::var_os("SILENT").is_some();
    let look_at = |n: u64| {
        let at = HopTime::of_frame(n, 30, 1);
        let (first, count) = scene.reach().span(at);
        (at, if silent { Default::default() } else { hops::window(first, count) })
    };
    let mut draw = |n: u64, (at, window): &(HopTime, Window), data: &mut [u8]| {
        let begin = std::time::Instant::now();
        let mut canvas = Canvas::new(data, w as usize * 4, w, h)?;
        scene.render(&Frame { n, total: Some(300), at: *at, info: &info }, window, &mut scratch, &mut canvas);
        Ok::<_, Box<dyn std::error::Error>>(begin.elapsed())
    };
    if frames == ["bench"] {
        let windows: Vec<_> = (0..150).map(look_at).collect();
        let mut previous = data.clone();
        let (mut times, mut changed) = (Vec::new(), 0);
        for (n, window) in windows.iter().enumerate() {
            times.push(draw(n as u64, window, &mut data)?);
        }
        for (n, window) in windows.iter().enumerate() {
            draw(n as u64, window, &mut data)?;
            changed += previous.chunks(4).zip(data.chunks(4)).filter(|(a, b)| a != b).count();
            previous.copy_from_slice(&data);
        }
        times.sort();
        let share = changed as f64 / 150.0 / (f64::from(w) * f64::from(h)) * 100.0;
        println!("median {:?}, fastest {:?}, {share:.1} % of pixels change", times[75], times[0]);
        return Ok(());
    }
    for (i, n) in frames.iter().enumerate() {
        let n = n.parse()?;
        draw(n, &look_at(n), &mut data)?;
        let name = if i == 0 { out.clone() } else { out.replace(".png", &format!("-{i}.png")) };
        image::save_buffer(&name, &data, w, h, image::ColorType::Rgba8)?;
    }
    Ok(())
}
