//! A disc of flowing colour that breathes with the music, in a ring of its loudness by frequency.

mod art;
mod orb;
mod ring;

use crate::logic::audio::features::{FULL, Window};
use crate::logic::render::backdrop::{Backdrop, Background, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::draw::{Pixel, annulus, cover, over, pixel};
use crate::logic::render::math::{chance, cosine, fall, sine, whole};
use crate::logic::render::palette;
use crate::logic::render::scene::{Frame, HopTime, Look, Reach, Scene, Scratch};
use crate::logic::render::soft::{Grid, Layer, Node, node};
use crate::logic::render::text::Line;
use art::Art;
use orb::Orb;
use ring::{Ring, STEPS};

/// Radii in units of the shorter side: the disc, the rail around it, where the ring starts and the most it grows.
const DISC: f32 = 0.205;
const RAIL: f32 = 0.232;
const RING: f32 = 0.232;
const GROWTH: f32 = 0.185;
/// Hops from one echo of the ring to the next, how many there are, and how far each one travels.
const ECHO_EVERY: i64 = 36;
const ECHOES: usize = 2;
const ECHO_TRAVEL: f32 = 0.11;
/// Colours of the ring from its inside to its edge and from its lowest to its highest band.
const SHADES: usize = 64;
/// Red, green and blue of shade o + b · [`SHADES`], o from the inside out, b from low to high.
type Shades = [[f32; SHADES * SHADES]; 3];

pub(super) struct CoverPulse {
    grid: Grid,
    backdrop: Backdrop,
    seed: u64,
    unit: f32,
    /// The centre, on a node: in columns and rows of nodes, and in pixels.
    centre: (usize, usize),
    /// Columns and rows of nodes from the centre that the ring can reach.
    half: usize,
    /// Distance (in pixels) and angle (in [`STEPS`] of half a turn from straight down) of the nodes of a quarter.
    radii: Vec<f32>,
    angles: Vec<u32>,
    orb: Orb,
    art: Option<Art>,
    text: Vec<Line>,
    shades: Box<Shades>,
    has_haze: bool,
    haze: [[f32; 3]; 3],
    line: [Pixel; STEPS],
    rail: Pixel,
    track: Pixel,
    progress: Pixel,
    head: Pixel,
}

/// Where the disc is, and the text if there is some.
struct Place {
    unit: f32,
    /// Height of the disc's centre, in pixels from the top.
    centre: f32,
    text: Vec<Line>,
}

impl Place {
    fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let written = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        if !written(&look.title) && !written(&look.artist) {
            return Self { unit, centre: 0.5 * h, text: Vec::new() };
        }
        // Upright pictures have room below the ring; in others it moves up and is drawn a little smaller.
        let upright = h > 1.25 * w;
        let (centre, scale) = if upright { (0.5 * h - 0.09 * unit, 1.0) } else { (0.455 * h, 0.88) };
        let title = if upright { centre + 0.58 * unit } else { 0.885 * h };
        let text = Line::below(look, title, unit, look.palette.at(0.6));
        Self { unit: unit * scale, centre, text }
    }
}

impl CoverPulse {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width(), look.height());
        let grid = Grid::of(look);
        let cell = grid.cell();
        let place = Place::new(look);
        let unit = place.unit;
        let node = |at: f32| (at / cell as f32 + 0.5) as usize;
        let centre = (node(0.5 * w as f32), node(place.centre));
        let half = ((0.55 * unit / cell as f32) as usize).min(centre.0).min(grid.columns() - 1 - centre.0);
        let quarter =
            || (0..=half).flat_map(|r| (0..=half).map(move |c| ((c as u32 * cell) as f32, (r as u32 * cell) as f32)));
        let radii = quarter().map(|(x, y)| (x * x + y * y).sqrt()).collect();
        let angle = |(x, y)| (libm::atan2f(x, y) / std::f32::consts::PI * (STEPS - 1) as f32 + 0.5) as u32;
        let angles = quarter().map(angle).collect();
        let hue = |t: f32| look.palette.at(t);
        let white = palette::from_hex(0xffffff);
        let dark = palette::from_hex(0x07090e);
        // Whoever asks for a colour, or for nothing, wants no haze and no blurred cover over it.
        let has_haze = look.background == Background::Dark;
        let mut shades = Box::new([[0.0; SHADES * SHADES]; 3]);
        for i in 0..SHADES * SHADES {
            let (out, band) = ((i % SHADES) as f32 / SHADES as f32, (i / SHADES) as f32 / SHADES as f32);
            let colour = hue(0.14 + 0.5 * band + 0.34 * out);
            let shade = light(grid, palette::mix(dark, colour, f64::from(0.30 + 0.70 * out * out)));
            shades.iter_mut().zip(shade).for_each(|(shades, shade)| shades[i] = shade);
        }
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            seed: look.seed,
            unit,
            centre,
            half,
            radii,
            angles,
            orb: Orb::new(look, grid),
            art: look.cover.as_deref().map(|cover| Art::new(cover, grid, (w, h), DISC * unit)),
            text: place.text,
            shades,
            has_haze,
            haze: std::array::from_fn(|i| {
                let colour = light(grid, hue(0.2 + 0.3 * i as f32 + 0.1 * chance(look.seed, i as u64, 90)));
                if has_haze { colour } else { [0.0; 3] }
            }),
            line: std::array::from_fn(|i| pixel(palette::mix(hue(0.45 + 0.5 * i as f32 / STEPS as f32), white, 0.35))),
            rail: pixel(dark),
            track: pixel(palette::mix(dark, hue(0.5), 0.30)),
            progress: pixel(palette::mix(hue(0.6), white, 0.25)),
            head: pixel(palette::mix(hue(0.6), white, 0.75)),
        }
    }

    fn outline(&self, at: HopTime, window: &Window, breath: f32, slow: f32) -> Ring {
        Ring::new(at, window, self.unit * RING * breath, self.unit * GROWTH, self.unit * 0.016, slow)
    }
}

impl Scene for CoverPulse {
    fn reach(&self) -> Reach {
        Reach { before: (ECHO_EVERY * (ECHOES as i64 + 1)) as u32, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &Window, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let at = frame.at;
        let part = |v: u16| f32::from(v) / f32::from(FULL);
        let loud = part(at.level(window, |hop| hop.loudness));
        let kick = part(at.level(window, |hop| hop.onsets[0]));
        let breath = 1.0 + 0.022 * kick + 0.012 * loud;
        let slow = at.seconds();
        let ring = self.outline(at, window, breath, slow);
        let echoes: [Echo; ECHOES] = std::array::from_fn(|i| {
            let born = (at.hop.div_euclid(ECHO_EVERY) - i as i64) * ECHO_EVERY;
            let age = (at.ticks() - born * 65_536) as f32 / (65_536.0 * (ECHO_EVERY * ECHOES as i64) as f32);
            let then = HopTime { hop: born, fraction: 0 };
            let strength = part(then.level(window, |hop| hop.loudness));
            let rest = 1.0 - age;
            Echo {
                ring: self.outline(then, window, 1.0, slow),
                out: ECHO_TRAVEL * self.unit * age * (2.0 - age),
                light: 0.5 * strength * rest * rest * (age * 8.0).min(1.0),
            }
        });
        let travelled = {
            let (a, b) = (window.hop(at.hop).travel, window.hop(at.hop + 1).travel);
            let between = (i64::from(b.wrapping_sub(a) as i32) * i64::from(at.fraction)) >> 16;
            // A turn for ten seconds of full energy.
            ((i64::from(a) + between).rem_euclid(65_535_000)) as f32 / 65_535_000.0
        };
        let centre = (self.centre.0 as u32 * self.grid.cell(), self.centre.1 as u32 * self.grid.cell());
        let progress = frame.total.map(|total| (frame.n as f32 + 0.5) / total.max(1) as f32);
        let columns = self.grid.columns();
        let values = &mut scratch.values;
        let half = self.half + 1;
        values.resize(3 * columns + 6 * half, 0.0);
        let (planes, distances) = values.split_at_mut(3 * columns);
        let (red, rest) = planes.split_at_mut(columns);
        let (green, blue) = rest.split_at_mut(columns);
        let mut halves = distances.chunks_exact_mut(half);
        let [above, below, through, r, g, b] = std::array::from_fn(|_| halves.next().unwrap_or_default());
        let blobs = std::array::from_fn(|i| {
            let phase = chance(self.seed, 0, 91) + (i as f32 + 0.4 * chance(self.seed, i as u64, 93)) / 3.0;
            let drift = slow * (0.011 + 0.004 * i as f32);
            let (w, h) = (canvas.width() as f32, canvas.height() as f32);
            let radius = (0.62 + 0.2 * chance(self.seed, i as u64, 92)) * w.max(h) * 0.8;
            Blob {
                x: w * (0.5 + 0.36 * cosine(phase + drift)),
                y: h * (0.5 + 0.36 * sine(phase + drift)),
                per: 1.0 / (radius * radius),
                colour: self.haze[i].map(|v| v * 0.12),
            }
        });
        let furthest = echoes.iter().map(|echo| echo.ring.furthest + echo.out).fold(ring.furthest, f32::max);
        let furthest = furthest + self.unit * 0.13;
        let mut picture = Picture {
            scene: self,
            ring,
            echoes,
            blobs,
            kick,
            flow: orb::Flow { slow, travelled, glow: kick },
            // A cover keeps its size, what is around it breathes.
            disc: self.unit * DISC * if self.art.is_some() { 1.0 } else { breath },
            rail: self.unit * RAIL * breath,
            centre: (centre.0 as f32, centre.1 as f32),
            progress,
            planes: [red, green, blue],
            above,
            below,
            line: (self.unit * 0.0016).max(0.5),
            cells: &mut scratch.cells,
            lit: [through, r, g, b],
            furthest,
        };
        self.grid.paint(canvas, &mut scratch.rows, &mut picture);
    }
}

/// An outline of some time ago on its way out.
struct Echo {
    ring: Ring,
    out: f32,
    light: f32,
}

#[derive(Clone, Copy)]
struct Blob {
    x: f32,
    y: f32,
    per: f32,
    colour: [f32; 3],
}

struct Picture<'a> {
    scene: &'a CoverPulse,
    ring: Ring,
    echoes: [Echo; ECHOES],
    blobs: [Blob; 3],
    kick: f32,
    flow: orb::Flow,
    disc: f32,
    rail: f32,
    centre: (f32, f32),
    progress: Option<f32>,
    /// Red, green and blue of a row of nodes.
    planes: [&'a mut [f32]; 3],
    /// Distance from the ring's edge of the nodes above and below the pixels, from the centre column outwards.
    above: &'a mut [f32],
    below: &'a mut [f32],
    /// Half the width of the outline.
    line: f32,
    /// Cells of the present row that the outline runs through, counted from the centre.
    cells: &'a mut Vec<u32>,
    /// Work space for half a row of nodes: what shows through, red, green and blue.
    lit: [&'a mut [f32]; 4],
    /// Where the last glow ends.
    furthest: f32,
}

/// A distance that no edge is near.
const FAR: f32 = 1e6;

impl Picture<'_> {
    /// Adds the ring, its glow and its echoes to a row of nodes.
    fn ring_row(&mut self, r: usize) {
        let scene = self.scene;
        let dy = r.abs_diff(scene.centre.1);
        std::mem::swap(&mut self.above, &mut self.below);
        if dy > scene.half {
            self.below.fill(FAR);
            return;
        }
        // Only nodes that are neither under the disc nor out of the glow's reach.
        let cell = scene.grid.cell() as f32;
        let dy_pixels = dy as f32 * cell;
        let chord = |radius: f32| (radius * radius - dy_pixels * dy_pixels).max(0.0).sqrt() / cell;
        let first = (chord(self.disc) as usize).saturating_sub(1);
        let end = (chord(self.furthest) as usize + 2).min(scene.half + 1).max(first + 1);
        self.below[..first].fill(FAR);
        self.below[end..].fill(FAR);
        let row = dy * (scene.half + 1);
        let mirror = if r >= scene.centre.1 { 0 } else { STEPS as u32 - 1 };
        let (radii, angles) = (&scene.radii[row + first..row + end], &scene.angles[row + first..row + end]);
        let light = Light {
            mirror,
            rail: self.rail,
            near: 1.0 / (scene.unit * 0.008),
            far: 1.0 / (scene.unit * 0.032),
            echo: 1.0 / (scene.unit * 0.004).max(cell),
            shine: 0.40 + 0.25 * self.kick,
        };
        let n = end - first;
        let lit = &mut self.lit;
        let [through, red, green, blue] = lit.each_mut().map(|lit| &mut lit[..n]);
        let out = Lit { distance: &mut self.below[first..end], through, red, green, blue };
        light_up(radii, angles, &self.ring, &self.echoes, &light, &scene.shades, out);
        let [through, colours @ ..] = lit.each_ref().map(|lit| &lit[..n]);
        for (plane, colours) in self.planes.iter_mut().zip(colours) {
            let (left, right) = plane.split_at_mut(scene.centre.0);
            lay(&mut right[first..], through, colours);
            // The column in the centre is its own mirror image.
            let skip = usize::from(first == 0);
            let left = &mut left[scene.centre.0 + 1 - end..scene.centre.0 + 1 - first - skip];
            lay_backwards(left, &through[skip..], &colours[skip..]);
        }
    }
}

/// What half a row of nodes gets, from the centre outwards.
struct Lit<'a> {
    /// Distance from the outline.
    distance: &'a mut [f32],
    /// How much of what is behind shows.
    through: &'a mut [f32],
    red: &'a mut [f32],
    green: &'a mut [f32],
    blue: &'a mut [f32],
}

#[derive(Clone, Copy)]
struct Light {
    /// All ones above the centre, where angles count from the other end.
    mirror: u32,
    /// Radius of the rail.
    rail: f32,
    /// 1/widths of the two glows and of an echo.
    near: f32,
    far: f32,
    echo: f32,
    /// Brightness of the glow.
    shine: f32,
}

/// The ring, its glow and its echoes at nodes given by distance and angle.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn light_up(
    radii: &[f32],
    angles: &[u32],
    ring: &Ring,
    [first, second]: &[Echo; ECHOES],
    light: &Light,
    shades: &Shades,
    out: Lit<'_>,
) {
    let n = out.distance.len();
    let (radii, angles) = (&radii[..n], &angles[..n]);
    let (distance, through) = (&mut out.distance[..n], &mut out.through[..n]);
    let (red, green, blue) = (&mut out.red[..n], &mut out.green[..n], &mut out.blue[..n]);
    for i in 0..n {
        let (radius, angle) = (radii[i], (angles[i] ^ light.mirror) as usize % STEPS);
        let d = (radius - ring.radius[angle]) * ring.slant[angle];
        distance[i] = d;
        let outside = d.max(0.0);
        let echo = |echo: &Echo| {
            let e = (radius - echo.ring.radius[angle] - echo.out) * echo.ring.slant[angle];
            echo.light * fall(e.abs() * light.echo)
        };
        let glow = light.shine * (0.6 * fall(outside * light.near) + 0.4 * fall(outside * light.far));
        let inside = d <= 0.0;
        through[i] = if inside { 0.12 } else { 1.0 };
        let level = if inside { 0.92 } else { glow + echo(first) + echo(second) };
        // From the rail to the outline; the glow has the colour of a place shortly before it.
        let part = ((radius - light.rail) * ring.thickness[angle]).clamp(0.0, 1.0);
        let part = if inside { part } else { 0.82 } * (SHADES - 1) as f32;
        let shade = (angle * SHADES / STEPS * SHADES + whole(part)) % (SHADES * SHADES);
        (red[i], green[i], blue[i]) = (level * shades[0][shade], level * shades[1][shade], level * shades[2][shade]);
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn lay(plane: &mut [f32], through: &[f32], colours: &[f32]) {
    for ((plane, through), colour) in plane.iter_mut().zip(through).zip(colours) {
        *plane = *plane * through + colour;
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn lay_backwards(plane: &mut [f32], through: &[f32], colours: &[f32]) {
    for ((plane, through), colour) in plane.iter_mut().rev().zip(through).zip(colours) {
        *plane = *plane * through + colour;
    }
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let cell = scene.grid.cell() as f32;
        haze(r as f32 * cell, cell, scene.backdrop.row(r), &self.blobs, &mut self.planes);
        if let Some(art) = scene.art.as_ref().filter(|_| scene.has_haze) {
            art.add_behind(r, &mut self.planes);
        }
        self.ring_row(r);
        self.find_edge();
        let y = r as f32 * cell - self.centre.1;
        // Two cells further than the rail's edge, which hides where the disc's field ends.
        let reach = self.disc + 1.5 * cell;
        let across = reach * reach - y * y;
        if across > 0.0 && scene.art.is_none() {
            let side = (across.sqrt() / cell) as usize;
            let side = side.min(scene.centre.0).min(nodes.len() - 1 - scene.centre.0);
            let columns = scene.centre.0 - side..scene.centre.0 + side + 1;
            let x = -(side as f32 * cell);
            scene.orb.row(x, y, cell, 1.0 / self.disc, &self.flow, &mut self.planes, columns);
        }
        pack(scene.grid.one(), &self.planes, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let dy = y as f32 + 0.5 - self.centre.1;
        self.draw_edge(y, row);
        if let Some(art) = &self.scene.art {
            art.draw(dy, self.centre.0, row);
        }
        self.draw_rail(dy, row);
        for line in &self.scene.text {
            line.draw(y, row);
        }
    }
}

impl Picture<'_> {
    /// Lists the cells between two rows of nodes that the outline runs through.
    fn find_edge(&mut self) {
        // No pixel of a cell is further than this from its nearest corner.
        let limit = self.line + 0.5 + 0.75 * self.scene.grid.cell() as f32;
        let near = |d: f32| d.abs() < limit;
        self.cells.clear();
        for i in 0..self.scene.half {
            let corners = [self.above[i], self.above[i + 1], self.below[i], self.below[i + 1]];
            if corners.iter().any(|&d| near(d)) && corners.iter().all(|&d| d < FAR) {
                self.cells.push(i as u32);
            }
        }
    }

    /// The ring's outline: a line where the interpolated distance is small.
    fn draw_edge(&self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let cell = scene.grid.cell();
        let t = ((y % cell) as f32 + 0.5) / cell as f32;
        let middle = scene.centre.0 as u32 * cell;
        let pixels = row.as_chunks_mut::<4>().0;
        let r = (y / cell) as usize;
        let lower = r >= scene.centre.1;
        let dy = if lower { r - scene.centre.1 } else { scene.centre.1 - 1 - r };
        let angles = &scene.angles[dy.min(scene.half) * (scene.half + 1)..];
        let limit = self.line + 0.5;
        for &i in self.cells.iter() {
            let at = i as usize;
            let left = self.above[at] + (self.below[at] - self.above[at]) * t;
            let right = self.above[at + 1] + (self.below[at + 1] - self.above[at + 1]) * t;
            if left.abs().min(right.abs()) > limit && (left > 0.0) == (right > 0.0) {
                continue;
            }
            let angle = angles[at] as usize;
            let colour = scene.line[if lower { angle } else { STEPS - 1 - angle }];
            for k in 0..cell {
                let d = left + (right - left) * ((k as f32 + 0.5) / cell as f32);
                let cover = cover(d.abs() - self.line);
                if cover > 0 {
                    let x = i * cell + k;
                    for x in [middle + x, middle.wrapping_sub(x + 1)] {
                        if let Some(below) = pixels.get_mut(x as usize) {
                            over(below, colour, cover);
                        }
                    }
                }
            }
        }
    }

    /// The dark rail around the disc, the track in it and how far the music is.
    fn draw_rail(&self, dy: f32, row: &mut [u8]) {
        let scene = self.scene;
        let middle = self.centre.0;
        let track = 0.5 * (self.disc + self.rail);
        let half = (scene.unit * 0.0024).max(0.6);
        annulus(row, middle, dy, self.disc, self.rail, |_| scene.rail);
        let Some(progress) = self.progress else {
            return annulus(row, middle, dy, track - half, track + half, |_| scene.track);
        };
        let (sin, cos) = (sine(progress), cosine(progress));
        annulus(row, middle, dy, track - half, track + half, |dx| {
            let before_head = dx * cos + dy * sin <= 0.0;
            let done = if progress <= 0.5 { dx >= 0.0 && before_head } else { dx >= 0.0 || before_head };
            if done { scene.progress } else { scene.track }
        });
        let head = (scene.unit * 0.0062).max(1.0);
        annulus(row, middle + sin * track, dy + cos * track, 0.0, head, |_| scene.head);
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn haze(y: f32, cell: f32, base: [f32; 3], blobs: &[Blob; 3], [red, green, blue]: &mut [&mut [f32]; 3]) {
    let n = red.len();
    let (green, blue) = (&mut green[..n], &mut blue[..n]);
    for c in 0..n {
        let x = c as u32 as f32 * cell;
        let mut out = base;
        for blob in blobs {
            let (dx, dy) = (x - blob.x, y - blob.y);
            let near = (1.0 - (dx * dx + dy * dy) * blob.per).max(0.0);
            let near = near * near;
            for (out, colour) in out.iter_mut().zip(blob.colour) {
                *out += colour * near;
            }
        }
        (red[c], green[c], blue[c]) = (out[0], out[1], out[2]);
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn pack(one: f32, [red, green, blue]: &[&mut [f32]; 3], nodes: &mut [Node]) {
    let n = nodes.len();
    let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        nodes[c] = node(one, red[c], green[c], blue[c]);
    }
}
