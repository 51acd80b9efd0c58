//! Sparks: closed form from the event that they spring from, so that any frame has them where they are.

use super::events::Event;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::look::Look;
use crate::logic::render::math::{chance, cosine, fall, sine, smoothstep, whole};
use crate::logic::render::shapes::span;

/// Values that a spark takes.
pub const FLOATS: usize = 10;
/// A spark as it is drawn, in pixels: x and y of its head, from there to its tail, radius, how far its light falls off
/// towards the tail, and red, green and blue at the head, of 255.
pub type Spark = [f32; FLOATS];
const HEATS: usize = 16;
const HUES: usize = 32;
/// Seconds of its way that a spark leaves alight.
const STREAK: f32 = 0.07;

/// How the sparks of a range fly: seconds that a life takes at most, drag, how many there are at full strength, size.
struct Kind {
    life: f32,
    drag: f32,
    many: f32,
    size: f32,
    gravity: f32,
    hue: f32,
}

const KINDS: [Kind; 3] = [
    Kind { life: 2.6, drag: 2.3, many: 190.0, size: 1.35, gravity: 0.16, hue: 0.42 },
    Kind { life: 2.0, drag: 2.0, many: 120.0, size: 1.15, gravity: 0.20, hue: 0.62 },
    Kind { life: 1.2, drag: 3.4, many: 84.0, size: 0.85, gravity: 0.05, hue: 0.88 },
];

pub struct Shower {
    seed: u64,
    unit: f32,
    size: [f32; 2],
    centre: [f32; 2],
    /// How far a spark flies to the sides and up and down, in units.
    spread: [f32; 2],
    /// Size of sparks.
    scale: f32,
    /// By hue, then from white-hot to cool.
    colours: Box<[[[f32; 3]; HEATS]; HUES]>,
}

impl Shower {
    pub fn new(look: &Look, centre: [f32; 2], spread: [f32; 2], scale: f32) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let white = from_hex(0xffffff);
        let mut colours = Box::new([[[0.0; 3]; HEATS]; HUES]);
        for (i, heats) in colours.iter_mut().enumerate() {
            let hue = look.palette.at(0.12 + 0.88 * i as f32 / (HUES - 1) as f32);
            for (j, colour) in heats.iter_mut().enumerate() {
                let hot = 1.0 - j as f32 / (HEATS - 1) as f32;
                *colour = mix(hue, white, f64::from(0.62 * hot * hot)).map(|v| f32::from(v) / 256.0);
            }
        }
        Self { seed: look.seed, unit: w.min(h), size: [w, h], centre, spread, scale, colours }
    }

    /// Writes the sparks of an event that are still alight, as far as there is room; says how many.
    pub fn burst(&self, event: &Event, out: &mut [Spark]) -> usize {
        let kind = &KINDS[event.range.min(2)];
        if event.age >= kind.life {
            return 0;
        }
        let many = (kind.many * event.strength.sqrt().min(1.0)) as u64;
        let index = (event.hop as u64).wrapping_mul(3).wrapping_add(event.range as u64);
        let now = Flight::new(kind, event.age);
        let then = Flight::new(kind, (event.age - STREAK).max(0.0));
        // The voices fly to two sides, which turn from event to event.
        let side = chance(self.seed, index, 1);
        let mut count = 0;
        for i in 0..many {
            let Some(out) = out.get_mut(count) else { break };
            let random = |lane: u64| chance(self.seed, index, (i + 1) << 8 | lane);
            let life = kind.life * (0.45 + 0.55 * random(0));
            let left = 1.0 - event.age / life;
            if left <= 0.0 {
                continue;
            }
            let angle = match event.range {
                1 => side + 0.5 * ((i % 2) as f32) + 0.20 * (random(1) + random(2) - 1.0),
                _ => random(1),
            };
            let speed = match event.range {
                // A shell with a few that lag behind.
                0 => 1.0 - 0.62 * random(3) * random(4),
                1 => 0.30 + 0.75 * random(3),
                _ => 0.35 + 0.85 * random(3),
            } * (0.80 + 0.30 * event.strength);
            let (dx, dy) = (cosine(angle), sine(angle));
            let from = if event.range == 2 { 0.13 } else { 0.05 };
            let place = |flight: &Flight| {
                let far = from + speed * flight.way;
                let x = self.centre[0] + self.unit * dx * far * self.spread[0] * 2.0;
                let y = self.centre[1] + self.unit * (dy * far * self.spread[1] * 2.0 + flight.drop);
                [x, y]
            };
            let (head, tail) = (place(&now), place(&then));
            let flicker = 0.72 + 0.28 * sine(event.age * (3.0 + 5.0 * random(5)) + random(6));
            let light = left.min(0.5) * 2.0 * flicker * (0.80 + 0.6 * random(7)) * self.shown(head);
            if light < 0.02 {
                continue;
            }
            let radius = self.unit
                * 0.0030
                * self.scale
                * kind.size
                * (0.50 + 0.60 * random(8) + 0.70 * random(8) * random(11))
                * (0.60 + 0.40 * left);
            // What would be thinner than a pixel is dimmer instead.
            let dim = (radius / 0.9).min(1.0);
            let hue = (kind.hue + [0.62, 0.40, 0.30][event.range.min(2)] * (random(9) - 0.5)).clamp(0.0, 1.0);
            let heat = (1.0 - left) * 1.7 + 0.15 * random(10);
            let heats = &self.colours[((hue * HUES as f32) as usize).min(HUES - 1)];
            let colour = heats[((heat * HEATS as f32) as usize).min(HEATS - 1)];
            let [r, g, b] = colour.map(|v| v * (light * dim).min(1.3));
            *out = [head[0], head[1], tail[0] - head[0], tail[1] - head[1], radius.max(0.9), 0.9, r, g, b, 0.0];
            count += 1;
        }
        count
    }

    /// Sparks go out before they come to the edges.
    fn shown(&self, [x, y]: [f32; 2]) -> f32 {
        let near = x.min(self.size[0] - x).min(y).min(self.size[1] - y) / self.unit;
        smoothstep((near - 0.045) / 0.055)
    }
}

/// How far a spark has come: its way as a part of the longest, and how far it has fallen, in units.
struct Flight {
    way: f32,
    drop: f32,
}

impl Flight {
    fn new(kind: &Kind, age: f32) -> Self {
        let slowed = 1.0 - exp(kind.drag * age);
        Self { way: 0.5 * slowed, drop: 0.5 * kind.gravity * age * age }
    }
}

/// About e⁻ᵗ, with an end.
fn exp(t: f32) -> f32 {
    fall(t)
}

/// The first row that a spark can be in and the one after the last.
pub fn rows(spark: &Spark) -> (u32, u32) {
    let [_, y, _, dy, radius, ..] = *spark;
    let (top, end) = (y.min(y + dy) - radius, y.max(y + dy) + radius);
    (top.clamp(0.0, 100_000.0) as u32, (end + 1.0).clamp(0.0, 100_000.0) as u32)
}

/// Adds a row of a spark to a row of pixels.
pub fn draw(spark: &Spark, y: u32, row: &mut [u8]) {
    let [x, top, dx, dy, radius, taper, r, g, b, _] = *spark;
    let down = y as f32 + 0.5 - top;
    let long = dx * dx + dy * dy;
    let per = 1.0 / long.max(1e-3);
    // The part of the streak that is near this row.
    let (mut from, mut to) = (0.0f32, 1.0f32);
    if dy.abs() > 1e-3 {
        let (a, b) = ((down - radius) / dy, (down + radius) / dy);
        (from, to) = (a.min(b).clamp(0.0, 1.0), a.max(b).clamp(0.0, 1.0));
    }
    let (left, right) = ((from * dx).min(to * dx) - radius, (from * dx).max(to * dx) + radius);
    let first = (x + left).clamp(-1.0, 100_000.0).floor() as i32;
    let end = (x + right).clamp(-1.0, 100_000.0).floor() as i32 + 1;
    let thin = 1.0 / (radius * radius);
    let colour = [r, g, b].map(|v| whole(v.clamp(0.0, 1024.0)) as u32);
    let start = first.max(0) as f32 + 0.5 - x;
    for (i, below) in span(row, first, end).iter_mut().enumerate() {
        let across = start + i as f32;
        let s = ((across * dx + down * dy) * per).clamp(0.0, 1.0);
        let (ex, ey) = (across - s * dx, down - s * dy);
        let along = 1.0 - taper * s;
        let near = (1.0 - (ex * ex + ey * ey) * thin).max(0.0);
        let light = whole(near * along * along * 256.0) as u32;
        for (below, colour) in below.iter_mut().zip(colour) {
            // Sums that end at 255 are the same in any order.
            *below = (u32::from(*below) + ((colour * light) >> 8)).min(255) as u8;
        }
    }
}
