//! Strips that are asked a question: on which of these twelve frames does the beat fall? Whoever answers has not heard the music.

use std::path::Path;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use gststeady::logic::audio::features::{ATTACK_STEPS, HopWindow};
use gststeady::logic::audio::hops::HopTime;
use gststeady::logic::audio::moment::FrameTime;
use gststeady::logic::audio::timeline::Timeline;
use gststeady::logic::render::scenes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Rgb, RgbImage, imageops};

use super::{Failure, Renderer, Song};

/// Loud music of different kinds, and a second after which its beats stand out: for eight of them more begins on the beat than
/// anywhere between two, in the bass as well. Packages of Debian have it.
const RECORDINGS: [(&str, &str, u32); 5] = [
    ("supertuxkart-data", "games/supertuxkart/data/music/Snowy.ogg", 37),
    ("supertuxkart-data", "games/supertuxkart/data/music/klabauter_dance.ogg", 60),
    ("hedgewars-data", "games/hedgewars/Data/Music/Castle.ogg", 159),
    ("redeclipse-data", "games/redeclipse/data/sounds/theme.ogg", 104),
    ("supertux-data", "games/supertux2/music/retro/ice_music.ogg", 75),
];
const FRAMES: u32 = 12;
/// Frames in a row, and the size of one in a strip.
const ACROSS: u32 = 6;
const TILE: (u32, u32) = (240, 135);
/// Between frames, and for the number below each.
const GAP: u32 = 4;
const NUMBER: u32 = 22;
/// What a strip may take in the repository.
const MOST_BYTES: usize = 60_000;

/// Draws a strip for each scene and recording in `folder`, unpacked or installed, into `out`. Where the beats are is printed, and
/// kept nowhere. Strips of recordings that are not there stay as they are.
pub fn draw_all(folder: &Path, out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out)?;
    for (package, recording, second) in RECORDINGS {
        let places = [folder.join("usr/share").join(recording), folder.join(recording)];
        let stem =
            Path::new(recording).file_stem().and_then(|stem| stem.to_str()).ok_or("a recording without a name")?;
        let name = format!("{}-{stem}", package.trim_end_matches("-data"));
        let Some(path) = places.iter().find(|path| path.is_file()) else {
            eprintln!(
                "strips of {name} stay as they are: {package} is neither installed nor unpacked in {}",
                folder.display()
            );
            continue;
        };
        let song = Song::new(path.to_str().ok_or("a path that is not UTF-8")?)?;
        let beats = song.timeline.as_ref().map_or(&[][..], Timeline::beats);
        let next = beats.iter().position(|&beat| beat >= second * 100).and_then(|at| beats.get(at..at + 2));
        let &[beat, after] = next.ok_or_else(|| format!("{name} has no beat after second {second}"))? else { continue };
        for scene in scenes::all() {
            let strip = format!("{}-{name}", scene.name);
            let of_beat = place(&strip);
            let picture = draw(&song, scene.name, (beat, after), of_beat)?;
            std::fs::write(out.join(format!("{strip}.jpg")), small_jpeg(&picture)?)?;
            println!("{strip}: frame {}", of_beat + 1);
        }
    }
    Ok(())
}

/// Which frame the beat falls on, from 0. By the name, so that it is the same whenever a strip is drawn anew; neither the first
/// nor the last, beside which nobody could see that nothing was there before or is there after.
fn place(strip: &str) -> u32 {
    1 + u32::from(blake3::hash(strip.as_bytes()).as_bytes()[0]) % (FRAMES - 2)
}

/// As many frames as make up the time to the next beat, the drum struck in the middle of frame `place`.
fn draw(song: &Song, scene: &str, (beat, after): (u32, u32), place: u32) -> Result<RgbImage, Failure> {
    let size = |count: u32, each: u32| count * (each + GAP) - GAP;
    let mut strip =
        RgbImage::from_pixel(size(ACROSS, TILE.0), size(FRAMES / ACROSS, TILE.1 + NUMBER), Rgb([24, 26, 30]));
    let mut renderer = Renderer::new(song, scene, (1280, 720))?;
    let strike = strike(song, beat)?;
    for i in 0..FRAMES {
        // In twelfths of a hop.
        let ticks = strike + (i128::from(i) - i128::from(place)) * i128::from(after - beat);
        let middle = HopTime::from_seconds(ticks, u64::from(FRAMES * 100));
        let picture = renderer.picture_at(FrameTime::around(middle, (FRAMES * 100, after - beat)))?;
        let small =
            imageops::resize(&DynamicImage::from(picture).to_rgb8(), TILE.0, TILE.1, imageops::FilterType::Triangle);
        let (x, y) = (i % ACROSS * (TILE.0 + GAP), i / ACROSS * (TILE.1 + NUMBER + GAP));
        imageops::overlay(&mut strip, &small, x.into(), y.into());
        write_number(&mut strip, i + 1, (x + TILE.0 / 2, y + TILE.1 + NUMBER - 5))?;
    }
    Ok(strip)
}

/// When the drum of `beat` is struck, in twelfths of a hop: a beat is known to a few hops, an attack to half a millisecond.
fn strike(song: &Song, beat: u32) -> Result<i128, Failure> {
    const AROUND: i64 = 5;
    let (mut window, beat) = (HopWindow::default(), i64::from(beat));
    if let Some(timeline) = &song.timeline {
        timeline.read(beat - AROUND, 2 * AROUND as usize + 2, &mut window, &mut Vec::new())?;
    }
    let attacks = (beat - AROUND..=beat + AROUND).filter(|&hop| window.hop(hop).attack > 0);
    let strongest = attacks.max_by_key(|&hop| window.hop(hop + 1).hit());
    let hop = strongest.unwrap_or(beat);
    let steps = i64::from(ATTACK_STEPS);
    let within = strongest.map_or(0, |hop| 2 * i64::from(window.hop(hop).attack) - 1 - steps);
    Ok(i128::from(hop * i64::from(FRAMES) + within * i64::from(FRAMES) / (2 * steps)))
}

/// Writes `number` around the column `middle`, on `baseline`.
fn write_number(picture: &mut RgbImage, number: u32, (middle, baseline): (u32, u32)) -> Result<(), Failure> {
    let font = FontRef::try_from_slice(include_bytes!("../../assets/Inter-SemiBold.otf"))?;
    let scale = PxScale::from(NUMBER as f32);
    let digits: Vec<_> = number.to_string().chars().map(|digit| font.glyph_id(digit)).collect();
    let advance = |digit| font.as_scaled(scale).h_advance(digit);
    let mut x = middle as f32 - digits.iter().copied().map(advance).sum::<f32>() / 2.0;
    for digit in digits {
        let glyph = digit.with_scale_and_position(scale, ab_glyph::point(x, baseline as f32));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, covered| {
                let at = (corner.x as u32 + dx, corner.y as u32 + dy);
                if let Some(pixel) = picture.get_pixel_mut_checked(at.0, at.1) {
                    pixel.0 = pixel.0.map(|value| value.max((covered * 230.0) as u8));
                }
            });
        }
        x += advance(digit);
    }
    Ok(())
}

/// The best of the qualities with which the picture stays as small as it should.
fn small_jpeg(picture: &RgbImage) -> Result<Vec<u8>, Failure> {
    for quality in (30..=85).rev().step_by(5) {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture)?;
        if bytes.len() <= MOST_BYTES {
            return Ok(bytes);
        }
    }
    Err("a strip does not fit into its bytes".into())
}
