//! The core: a small sun whose corona follows the spectrum, and shells of light that the bass drives outwards.

use super::events::Event;
use crate::logic::audio::features::{BANDS, HopWindow};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::backdrop::light;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::field::Grid;
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep, whole};
use crate::logic::render::polar::TURN;

/// Distances that are told apart, from the centre to [`FURTHEST`] units.
pub const SHELLS: usize = 2048;
const FURTHEST: f32 = 2.0;
/// Angles of the corona's outline.
pub const OUTLINE: usize = TURN / 8;
/// Shells that are on their way at most, and the seconds that each of them takes.
const MOST: usize = 4;
const GOES: f32 = 0.9;

pub struct Core {
    size: f32,
    hot: [f32; 3],
    warm: [f32; 3],
    far: [f32; 3],
    shell: [f32; 3],
}

/// What drives the core in a frame.
pub struct Heart {
    pub kick: f32,
    pub hit: f32,
    pub loud: f32,
    pub seconds: f32,
    /// How far the corona has turned, in turns.
    pub turn: f32,
}

impl Core {
    pub fn new(look: &Look, grid: Grid, size: f32) -> Self {
        let hue = |t: f32| look.palette.at(t);
        Self {
            size,
            hot: light(grid, mix(hue(0.70), from_hex(0xffffff), 0.35)),
            warm: light(grid, hue(0.62)),
            far: light(grid, hue(0.40)),
            shell: light(grid, hue(0.52)),
        }
    }

    /// The light at each distance: first of the core, whose distances are those of its outline; shells are round.
    pub fn shine(&self, heart: &Heart, events: impl Iterator<Item = Event>, shells: &mut [[f32; 3]]) {
        let breath = 1.0 + 0.16 * heart.kick + 0.08 * heart.loud + 0.04 * sine(heart.seconds * 0.13);
        let radius = 0.048 * self.size * breath;
        let beat = 0.55 + 0.25 * heart.loud + 0.9 * heart.hit;
        for (i, out) in shells.iter_mut().enumerate() {
            let r = i as f32 * FURTHEST / SHELLS as f32;
            let inside = 1.0 - smoothstep((r - radius * 0.55) / (radius * 0.75));
            let glow = fall((r - 0.5 * radius).max(0.0) / (radius * 0.75));
            let wide = fall(r / (0.19 * self.size * breath));
            let (a, b, c) = (inside * (0.46 + 0.26 * heart.hit), glow * 0.48 * beat, wide * 0.40 * beat);
            *out = std::array::from_fn(|k| self.hot[k] * a + self.warm[k] * b + self.far[k] * c);
        }
        let strong =
            events.take_while(|event| event.age < GOES).filter(|event| event.range == 0 && event.strength > 0.2);
        for event in strong.take(MOST) {
            let left = 1.0 - event.age / GOES;
            let at = 0.07 * self.size + 0.46 * self.size * (1.0 - fall(event.age * 2.6));
            let (lit, thin) = (0.34 * event.strength.sqrt() * left * left, 1.0 / (0.006 + 0.022 * (1.0 - left)));
            let first = ((at - 8.0 / thin).max(0.0) / FURTHEST * SHELLS as f32) as usize;
            for (i, out) in shells.iter_mut().enumerate().skip(first) {
                let off = i as f32 * FURTHEST / SHELLS as f32 - at;
                if off * thin > 4.0 {
                    break;
                }
                // Sharp outside, fading inwards.
                let near = if off > 0.0 { fall(off * thin * 3.0) } else { fall(-off * thin) };
                out.iter_mut().zip(self.shell).for_each(|(out, colour)| *out += colour * near * lit);
            }
        }
    }

    /// How much nearer to the core than it is, as a part of its distance, each angle of the corona is.
    pub fn outline(&self, at: HopTime, window: &HopWindow, heart: &Heart) -> [f32; OUTLINE] {
        let bands: [f32; BANDS] = std::array::from_fn(|b| of_full(at.level(window, |hop| hop.bands[b])));
        // With seven neighbours to either side: a corona has no teeth.
        let soft =
            |b: i32| (-7..=7).map(|off| bands[(b + off).clamp(0, BANDS as i32 - 1) as usize]).sum::<f32>() / 15.0;
        std::array::from_fn(|angle| {
            // The spectrum goes around four times, forwards and backwards, and slowly turns.
            let turn = (angle as f32 / OUTLINE as f32 + heart.turn).fract();
            let along = (2.0 * (2.0 * turn).fract() - 1.0).abs();
            let b = along * (BANDS - 1) as f32;
            let i = b as i32;
            let t = smoothstep(b - i as f32);
            let level = soft(i) + (soft(i + 1) - soft(i)) * t;
            let idle = 0.10 * sine(2.0 * turn + heart.seconds * 0.05) + 0.08 * sine(3.0 * turn - heart.seconds * 0.037);
            1.0 / (0.90 + 0.80 * level + 0.6 * idle)
        })
    }
}

/// Lays the light of core and shells over a row of nodes.
pub fn lay(
    shells: &[[f32; 3]],
    outline: &[f32; OUTLINE],
    radii: &[f32],
    angles: &[u32],
    [red, green, blue]: &mut [&mut [f32]; 3],
) {
    let n = red.len();
    let (green, blue, radii, angles) = (&mut green[..n], &mut blue[..n], &radii[..n], &angles[..n]);
    for c in 0..n {
        let nearer = outline[angles[c] as usize / (TURN / OUTLINE) % OUTLINE];
        // Further out all is round.
        let nearer = 1.0 + (nearer - 1.0) * (1.0 - radii[c] * (1.0 / 0.24)).max(0.0);
        let at = radii[c] * nearer * (SHELLS as f32 / FURTHEST);
        if at < (SHELLS - 1) as f32 {
            let [r, g, b] = shells[whole(at) % SHELLS];
            red[c] += r;
            green[c] += g;
            blue[c] += b;
        }
    }
}
