//! The memory of a picture: rows of RGBA bytes with straight alpha.

use std::ops::Range;

/// Bytes per pixel.
pub(super) const BPP: usize = 4;

/// The order of a pixel's bytes in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Red first, alpha last: the order in which pictures are drawn.
    #[default]
    Rgba,
    /// Blue first, alpha last.
    Bgra,
    /// Alpha first, blue last.
    Argb,
}

/// Why memory cannot be a [`Canvas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CanvasError {
    /// A row does not fit into the stride.
    #[error("a stride of {stride} bytes is too short for a row of {row} bytes")]
    Stride {
        /// Bytes from one row to the next.
        stride: usize,
        /// Bytes in a row.
        row: usize,
    },
    /// The rows do not fit into the memory.
    #[error("{got} bytes cannot hold a picture of {needed} bytes")]
    Short {
        /// Bytes needed: the last row may lack its padding.
        needed: usize,
        /// Bytes given.
        got: usize,
    },
}

/// Takes rows away two by two as they are finished.
pub(super) trait Pairs {
    /// The pixels of rows `y` and `y + 1`, without padding; of `y` alone where it is the last. `y` is even.
    fn take(&mut self, y: u32, rgba: &[u8]);
}

/// What is drawn over a row of which the number and the pixels are given.
type Draw<'a> = &'a dyn Fn(u32, &mut [u8]);

/// What is drawn over finished rows: of what lies in each other the innermost first.
#[derive(Clone, Copy)]
struct Overlay<'a> {
    draw: Draw<'a>,
    then: Option<&'a Overlay<'a>>,
}

/// RGBA rows of a picture of `width` × `height`, or of a horizontal band of it.
///
/// A canvas arrives with old content: a scene writes every pixel of [`Canvas::rows`] and reads none before.
/// Padding at the end of rows is zeroed when the canvas is made, so that the bytes of a buffer depend on the picture alone.
///
/// Rows are drawn from top to bottom, and each is finished before the next: a canvas may hold two rows only, which are
/// taken away by whoever converts them and come again as the next two.
pub struct Canvas<'a> {
    data: &'a mut [u8],
    stride: usize,
    width: u32,
    height: u32,
    rows: Range<u32>,
    overlay: Option<Overlay<'a>>,
    pairs: Option<&'a mut dyn Pairs>,
}

impl<'a> Canvas<'a> {
    /// A whole picture in `data`, rows `stride` bytes apart.
    ///
    /// # Errors
    ///
    /// [`CanvasError::Stride`] when a row is longer than `stride`, [`CanvasError::Short`] when `data` ends before the last row does.
    pub fn new(data: &'a mut [u8], stride: usize, width: u32, height: u32) -> Result<Self, CanvasError> {
        let row = width as usize * BPP;
        if stride < row {
            return Err(CanvasError::Stride { stride, row });
        }
        let needed = (height as usize).saturating_sub(1).saturating_mul(stride).saturating_add(row);
        if data.len() < needed {
            return Err(CanvasError::Short { needed, got: data.len() });
        }
        if stride > row {
            for padded in data.chunks_mut(stride).take(height as usize) {
                let end = row.min(padded.len());
                padded[end..].fill(0);
            }
        }
        Ok(Self { data, stride, width, height, rows: 0..height, overlay: None, pairs: None })
    }

    /// Cuts the canvas into bands of at most `rows` rows, to be drawn independently.
    pub fn bands(self, rows: u32) -> impl Iterator<Item = Canvas<'a>> {
        let Self { data, stride, width, height, rows: all, overlay, pairs } = self;
        debug_assert!(pairs.is_none(), "there are but two rows");
        let rows = rows.max(1);
        data.chunks_mut(stride * rows as usize).zip((all.start..all.end).step_by(rows as usize)).map(
            move |(data, first)| Canvas {
                data,
                stride,
                width,
                height,
                rows: first..all.end.min(first.saturating_add(rows)),
                overlay,
                pairs: None,
            },
        )
    }

    /// The given rows of a picture of `width` × `height` in memory that holds just these, without padding.
    pub(super) fn packed_band(data: &'a mut [u8], width: u32, height: u32, rows: Range<u32>) -> Self {
        Self { data, stride: width as usize * BPP, width, height, rows, overlay: None, pairs: None }
    }

    /// A whole picture of which each two rows are drawn in `data`, which holds just these, and taken by `pairs`.
    pub(super) fn in_pairs(data: &'a mut [u8], width: u32, height: u32, pairs: &'a mut dyn Pairs) -> Self {
        let stride = width as usize * BPP;
        Self { data, stride, width, height, rows: 0..height, overlay: None, pairs: Some(pairs) }
    }

    /// The same canvas with something that is drawn over each row once it is finished, below what is drawn over it already.
    pub(super) fn overlaid<'b>(&'b mut self, draw: Draw<'b>) -> Canvas<'b> {
        let overlay = Some(Overlay { draw, then: self.overlay.as_ref() });
        let pairs: Option<&'b mut dyn Pairs> = match &mut self.pairs {
            Some(pairs) => Some(&mut **pairs),
            None => None,
        };
        Canvas {
            data: self.data,
            stride: self.stride,
            width: self.width,
            height: self.height,
            rows: self.rows.clone(),
            overlay,
            pairs,
        }
    }

    /// Row `y` is drawn. Rows are finished from top to bottom.
    ///
    /// # Panics
    /// When `y` is not in [`Canvas::rows`].
    pub fn finish(&mut self, y: u32) {
        let mut next = self.overlay;
        while let Some(Overlay { draw, then }) = next {
            draw(y, self.row(y));
            next = then.copied();
        }
        let is_last = y + 1 == self.height;
        if let Some(pairs) = &mut self.pairs
            && (y % 2 == 1 || is_last)
        {
            let rows = if y % 2 == 1 { 2 } else { 1 };
            pairs.take(y & !1, &self.data[..rows * self.stride]);
        }
    }

    /// Rewrites the pixels, which have been drawn as RGBA, in another order of their bytes.
    pub fn reorder(&mut self, order: Order) {
        for y in self.rows() {
            let pixels = self.row(y).as_chunks_mut::<BPP>().0;
            match order {
                Order::Rgba => return,
                Order::Bgra => pixels.iter_mut().for_each(|pixel| *pixel = [pixel[2], pixel[1], pixel[0], pixel[3]]),
                Order::Argb => pixels.iter_mut().for_each(|pixel| pixel.rotate_right(1)),
            }
        }
    }

    /// Width of the picture in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the whole picture in pixels, also where the canvas is a band of it.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The rows of the picture that this canvas holds.
    pub fn rows(&self) -> Range<u32> {
        self.rows.clone()
    }

    /// The pixels of row `y` of the picture without padding.
    ///
    /// # Panics
    /// When `y` is not in [`Canvas::rows`].
    pub fn row(&mut self, y: u32) -> &mut [u8] {
        assert!(self.rows.contains(&y), "row {y} is outside of {:?}", self.rows);
        let place = if self.pairs.is_some() { y % 2 } else { y - self.rows.start };
        let start = place as usize * self.stride;
        &mut self.data[start..start + self.width as usize * BPP]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_too_small_is_refused() {
        let mut data = [0; 64];
        assert_eq!(Canvas::new(&mut data, 15, 4, 4).err(), Some(CanvasError::Stride { stride: 15, row: 16 }));
        assert_eq!(Canvas::new(&mut data, 20, 4, 4).err(), Some(CanvasError::Short { needed: 76, got: 64 }));
        assert!(Canvas::new(&mut data, 16, 4, 4).is_ok());
    }

    #[test]
    fn padding_is_zeroed_and_the_last_row_needs_none() {
        let mut data = [7; 20 + 20 + 16];
        let mut canvas = Canvas::new(&mut data, 20, 4, 3).unwrap();
        canvas.row(1).fill(9);
        assert_eq!(data[16..20], [0; 4]);
        assert_eq!(data[20..36], [9; 16]);
        assert_eq!(data[36..40], [0; 4]);
        assert_eq!(data[40..], [7; 16]);
    }

    #[test]
    fn pixels_are_reordered_and_padding_is_left() {
        for (order, want) in [(Order::Rgba, [1, 2, 3, 4]), (Order::Bgra, [3, 2, 1, 4]), (Order::Argb, [4, 1, 2, 3])] {
            let mut data = [1, 2, 3, 4, 9, 1, 2, 3, 4];
            let mut canvas = Canvas::packed_band(&mut data, 1, 2, 0..2);
            canvas.stride = 5;
            canvas.reorder(order);
            assert_eq!((&data[..4], data[4], &data[5..]), (&want[..], 9, &want[..]), "{order:?}");
        }
    }

    #[test]
    fn bands_cover_each_row_once() {
        let mut data = vec![0; 20 * 10];
        let canvas = Canvas::new(&mut data, 20, 4, 10).unwrap();
        let mut next = 0;
        for mut band in canvas.bands(3) {
            assert_eq!((band.width(), band.height()), (4, 10));
            assert_eq!(band.rows().start, next);
            next = band.rows().end;
            for y in band.rows() {
                band.row(y).iter_mut().for_each(|b| *b += y as u8 + 1);
            }
        }
        assert_eq!(next, 10);
        for (y, row) in data.chunks(20).enumerate() {
            assert_eq!(row[..16], [y as u8 + 1; 16]);
        }
    }
}
