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
    #[error("a stride of {stride} bytes is too short for a row of {width} RGBA pixels")]
    Stride {
        /// Bytes from one row to the next.
        stride: usize,
        /// Pixels in a row.
        width: u32,
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

/// RGBA rows of a picture of `width` × `height`, or of a horizontal band of it.
///
/// A canvas arrives with old content: a scene writes every pixel of [`Canvas::rows`] and reads none before.
/// Padding at the end of rows is zeroed when the canvas is made, so that the bytes of a buffer depend on the picture alone.
#[derive(Debug)]
pub struct Canvas<'a> {
    data: &'a mut [u8],
    stride: usize,
    width: u32,
    height: u32,
    rows: Range<u32>,
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
            return Err(CanvasError::Stride { stride, width });
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
        Ok(Self { data, stride, width, height, rows: 0..height })
    }

    /// Cuts the canvas into bands of at most `rows` rows, to be drawn independently.
    pub fn bands(self, rows: u32) -> impl Iterator<Item = Canvas<'a>> {
        let Self { data, stride, width, height, rows: all } = self;
        let rows = rows.max(1);
        data.chunks_mut(stride * rows as usize).zip((all.start..all.end).step_by(rows as usize)).map(
            move |(data, first)| Canvas {
                data,
                stride,
                width,
                height,
                rows: first..all.end.min(first.saturating_add(rows)),
            },
        )
    }

    /// The given rows of the canvas, which it must have, as one of their own.
    pub(super) fn band(&mut self, rows: Range<u32>) -> Canvas<'_> {
        let start = (rows.start - self.rows.start) as usize * self.stride;
        Canvas { data: &mut self.data[start..], rows, ..*self }
    }

    /// The given rows of a picture of `width` × `height` in memory that holds just these, without padding.
    pub(super) fn packed_band(data: &'a mut [u8], width: u32, height: u32, rows: Range<u32>) -> Self {
        Self { data, stride: width as usize * BPP, width, height, rows }
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
        let start = (y - self.rows.start) as usize * self.stride;
        &mut self.data[start..start + self.width as usize * BPP]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_too_small_is_refused() {
        let mut data = [0; 64];
        assert_eq!(Canvas::new(&mut data, 15, 4, 4).unwrap_err(), CanvasError::Stride { stride: 15, width: 4 });
        assert_eq!(Canvas::new(&mut data, 20, 4, 4).unwrap_err(), CanvasError::Short { needed: 76, got: 64 });
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
            Canvas { data: &mut data, stride: 5, width: 1, height: 2, rows: 0..2 }.reorder(order);
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
