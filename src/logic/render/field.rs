//! Fields of colour, for everything soft: given on a coarse grid and drawn at full size.
//!
//! Backgrounds, glows and gradients have no detail finer than a few pixels. A scene computes them at the nodes of a
//! [`Grid`]; painting interpolates them bilinearly in integers and dithers with a matrix that is fixed in place, so that
//! slow gradients neither band nor crawl. One pass writes every pixel, crisp shapes are drawn on top.

use super::canvas::Canvas;
use super::look::{Look, Quality};
use super::math::whole;

/// Red, green, blue and alpha at a node, premultiplied, in four lanes of 16 bits from the lowest, 1.0 = [`Grid::one`].
pub type Node = u64;

/// Memory for painting fields.
#[derive(Debug, Default)]
pub struct Rows {
    nodes: Vec<Node>,
    wide: Vec<Node>,
}

/// Something to paint. It is asked from top to bottom: for the nodes above and below a row of pixels, then for that row.
pub trait Layer {
    /// Fills in row r of the grid's nodes.
    fn field(&mut self, r: usize, nodes: &mut [Node]);

    /// Draws onto row y of the picture, just painted and still in the cache.
    fn crisp(&mut self, y: u32, row: &mut [u8]);
}

/// Nodes every 1, 2, 4, 8 or 16 pixels: node (c, r) sits on the corner that pixels (c·cell − 1, r·cell − 1) and
/// (c·cell, r·cell) share.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    shift: u32,
    width: u32,
    height: u32,
}

impl Grid {
    /// The grid for pictures of that look.
    pub fn of(look: &Look) -> Self {
        Self::new(look.width(), look.height(), look.quality)
    }

    /// The grid for a picture: about 150 to 300 cells on its shorter side when balanced.
    fn new(width: u32, height: u32, quality: Quality) -> Self {
        let balanced: u32 = match width.min(height) {
            0..200 => 0,
            200..540 => 1,
            540..1500 => 2,
            1500..6000 => 3,
            _ => 4,
        };
        let shift = match quality {
            Quality::Fast => (balanced + 1).min(4),
            Quality::Balanced => balanced,
            Quality::High => balanced.saturating_sub(1),
            Quality::Ultra => balanced.saturating_sub(2),
        };
        Self { shift, width, height }
    }

    /// Pixels between nodes.
    pub fn cell(self) -> u32 {
        1 << self.shift
    }

    /// Nodes in a row.
    pub fn columns(self) -> usize {
        (self.width.div_ceil(self.cell()) + 1) as usize
    }

    /// Rows of nodes.
    pub fn rows(self) -> usize {
        (self.height.div_ceil(self.cell()) + 1) as usize
    }

    /// Red, green and blue of a row of nodes, each of them a function of its distance in pixels from the left edge.
    pub fn planes(self, colour: impl Fn(f32) -> [f32; 3]) -> [Vec<f32>; 3] {
        let colours: Vec<_> = (0..self.columns()).map(|c| colour((c as u32 * self.cell()) as f32)).collect();
        std::array::from_fn(|channel| colours.iter().map(|colour| colour[channel]).collect())
    }

    /// 1.0 at a node: the products of both interpolations stay below 2¹⁶.
    pub fn one(self) -> f32 {
        (255 << self.fraction_bits()) as f32
    }

    fn fraction_bits(self) -> u32 {
        7 - self.shift
    }

    /// Writes every pixel of `canvas`.
    pub fn paint(self, canvas: &mut Canvas<'_>, rows: &mut Rows, layer: &mut impl Layer) {
        let cell = self.cell();
        let wide = (self.columns() - 1) << self.shift;
        rows.nodes.resize(self.columns(), 0);
        rows.wide.resize(2 * wide, 0);
        let nodes = &mut rows.nodes[..];
        let (mut above, mut below) = rows.wide.split_at_mut(wide);
        let (visible, width) = (canvas.rows(), canvas.width() as usize);
        let first = visible.start >> self.shift;
        layer.field(first as usize, nodes);
        widen(self.shift, nodes, below);
        for r in first..=(visible.end - 1) >> self.shift {
            std::mem::swap(&mut above, &mut below);
            layer.field(r as usize + 1, nodes);
            widen(self.shift, nodes, below);
            let top = r << self.shift;
            for y in visible.start.max(top)..visible.end.min(top + cell) {
                let (row, dither) = (canvas.row(y), DITHER[y as usize % 8]);
                let weights = Weights { of: 2 * cell as u16, below: 2 * (y - top) as u16 + 1 };
                settle(
                    row,
                    bytemuck::cast_slice(&above[..width]),
                    bytemuck::cast_slice(&below[..width]),
                    weights,
                    dither,
                );
                layer.crisp(y, row);
                canvas.finish(y);
            }
        }
    }
}

/// An opaque node from channels in 0.0 … [`Grid::one`]; clamps.
#[inline(always)]
pub fn node(one: f32, r: f32, g: f32, b: f32) -> Node {
    let [r, g, b, a] = [r, g, b, one].map(|v| whole(v.clamp(0.0, one)) as u32);
    u64::from(r | g << 16) | u64::from(b | a << 16) << 32
}

/// Red, green and blue of a row of nodes, in memory for three of them.
pub fn split_planes(values: &mut [f32]) -> [&mut [f32]; 3] {
    let columns = values.len() / 3;
    let (red, rest) = values.split_at_mut(columns);
    let (green, blue) = rest.split_at_mut(columns);
    [red, green, blue]
}

/// Opaque nodes from red, green and blue of each.
#[multiversion::multiversion(targets = "simd")]
pub fn pack(one: f32, [red, green, blue]: &[&mut [f32]; 3], nodes: &mut [Node]) {
    let n = nodes.len();
    let (red, green, blue) = (&red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        nodes[c] = node(one, red[c], green[c], blue[c]);
    }
}

/// Interpolates a row of nodes to full width.
#[multiversion::multiversion(targets = "simd")]
fn widen(shift: u32, nodes: &[Node], wide: &mut [Node]) {
    match shift {
        0 => widen_by::<1>(nodes, wide),
        1 => widen_by::<2>(nodes, wide),
        2 => widen_by::<4>(nodes, wide),
        3 => widen_by::<8>(nodes, wide),
        _ => widen_by::<16>(nodes, wide),
    }
}

/// Works on four lanes at once: each stays below 2¹⁶, so nothing is carried from one into the next.
#[inline(always)]
fn widen_by<const CELL: usize>(nodes: &[Node], wide: &mut [Node]) {
    const EACH: u64 = 0x0001_0001_0001_0001;
    let whole = 2 * CELL as u64;
    let shift = whole.trailing_zeros();
    let mask = (0xffff >> shift) * EACH;
    let (cells, _) = wide.as_chunks_mut::<CELL>();
    for (cell, pair) in cells.iter_mut().zip(nodes.windows(2)) {
        let start = pair[0] * (whole - 1) + pair[1] + CELL as u64 * EACH;
        let step = pair[1].wrapping_sub(pair[0]).wrapping_mul(2);
        for (i, out) in cell.iter_mut().enumerate() {
            // Little-endian, to be read as four words again.
            *out = ((start.wrapping_add(step.wrapping_mul(i as u64)) >> shift) & mask).to_le();
        }
    }
}

/// The place of a row of pixels between the nodes above and those below: `below` parts of `of` down.
#[derive(Clone, Copy)]
struct Weights {
    of: u16,
    below: u16,
}

/// Interpolates between two wide rows, dithers and writes bytes.
#[multiversion::multiversion(targets = "simd")]
fn settle(out: &mut [u8], above: &[u16], below: &[u16], weights: Weights, dither: [u16; 8]) {
    let dither: [u16; 32] = std::array::from_fn(|i| dither[i / 4]);
    let keep = weights.of - weights.below;
    let one = |a: u16, b: u16, d: u16| ((u16::from_le(a) * keep + u16::from_le(b) * weights.below + d) >> 8) as u8;
    let (out, out_rest) = out.as_chunks_mut::<32>();
    let (above, above_rest) = above.as_chunks::<32>();
    let (below, below_rest) = below.as_chunks::<32>();
    for ((out, above), below) in out.iter_mut().zip(above).zip(below) {
        for i in 0..32 {
            out[i] = one(above[i], below[i], dither[i]);
        }
    }
    for (i, out) in out_rest.iter_mut().enumerate() {
        *out = one(above_rest[i], below_rest[i], dither[i]);
    }
}

/// Bayer's 8 × 8 matrix times four: 0 ..= 252 of 256.
pub const DITHER: [[u16; 8]; 8] = {
    let mut matrix = [[0; 8]; 8];
    let mut y = 0;
    while y < 8 {
        let mut x = 0;
        while x < 8 {
            let (mut value, mut bit) = (0, 0);
            while bit < 3 {
                let (bx, by) = ((x >> bit) & 1, (y >> bit) & 1);
                value |= ((bx ^ by) << 1 | by) << (2 * (2 - bit));
                bit += 1;
            }
            matrix[y][x] = value as u16 * 4;
            x += 1;
        }
        y += 1;
    }
    matrix
};

#[cfg(test)]
mod tests {
    use super::*;

    struct Fields<F>(F);

    impl<F: FnMut(usize, &mut [Node])> Layer for Fields<F> {
        fn field(&mut self, r: usize, nodes: &mut [Node]) {
            (self.0)(r, nodes);
        }

        fn crisp(&mut self, _y: u32, _row: &mut [u8]) {}
    }

    fn painted(width: u32, height: u32, row: impl FnMut(usize, &mut [Node])) -> Vec<u8> {
        let mut data = vec![1; (width * height * 4) as usize];
        let mut canvas = Canvas::new(&mut data, width as usize * 4, width, height).unwrap();
        Grid::new(width, height, Quality::Balanced).paint(&mut canvas, &mut Rows::default(), &mut Fields(row));
        data
    }

    #[test]
    fn cells_grow_with_the_picture_and_shrink_with_the_quality() {
        let cells = |side: u32| {
            [Quality::Fast, Quality::Balanced, Quality::High, Quality::Ultra]
                .map(|quality| Grid::new(side, 2 * side, quality).cell())
        };
        for (sides, want) in [
            ([16, 199], [2, 1, 1, 1]),
            ([200, 539], [4, 2, 1, 1]),
            ([540, 1499], [8, 4, 2, 1]),
            ([1500, 5999], [16, 8, 4, 2]),
            ([6000, 16_384], [16, 16, 8, 4]),
        ] {
            assert_eq!(sides.map(cells), [want; 2], "{sides:?}");
        }
    }

    #[test]
    fn a_flat_field_is_flat_at_every_cell_size() {
        for (w, h) in [(16, 16), (201, 333), (541, 600), (1503, 1501)] {
            let one = Grid::new(w, h, Quality::Balanced).one();
            let data = painted(w, h, |_, nodes| nodes.fill(node(one, one, one / 255.0 * 40.0, 0.0)));
            assert!(data.chunks(4).all(|p| p == [255, 40, 0, 255]), "{w}×{h}");
        }
    }

    #[test]
    fn a_ramp_is_interpolated_within_a_level_of_the_true_line() {
        let (w, h) = (800, 600);
        let grid = Grid::new(w, h, Quality::Balanced);
        let at = |x: f32, y: f32| 20.0 + x * 0.2 + y * 0.1;
        let data = painted(w, h, |r, nodes| {
            for (c, out) in nodes.iter_mut().enumerate() {
                let level = at((c as u32 * grid.cell()) as f32, (r as u32 * grid.cell()) as f32);
                *out = node(grid.one(), level * grid.one() / 255.0, 0.0, 0.0);
            }
        });
        for y in 0..h {
            for x in 0..w {
                let got = f32::from(data[((y * w + x) * 4) as usize]);
                assert!((got - at(x as f32 + 0.5, y as f32 + 0.5)).abs() < 1.1, "({x}, {y}): {got}");
            }
        }
    }

    #[test]
    fn the_dither_matrix_holds_each_threshold_once() {
        let mut all: Vec<u16> = DITHER.concat();
        all.sort_unstable();
        assert!(all.iter().copied().eq((0..64).map(|i| i * 4)));
    }
}
