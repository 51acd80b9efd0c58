//! Cover art: decoded by code that gives the same pixels everywhere, and scaled in integers.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

/// The longest side that is decoded; covers are a few thousand pixels at most.
const MAX_SIDE: u32 = 8192;

/// Why there is no cover.
#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    /// Neither JPEG nor PNG.
    #[error("the cover is neither a JPEG nor a PNG picture")]
    Format,
    /// Damaged, or larger than anyone needs.
    #[error("the cover cannot be decoded: {0}")]
    Decode(String),
}

/// A decoded picture, opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Cover {
    /// Decodes the bytes of a JPEG or PNG file.
    ///
    /// # Errors
    ///
    /// [`CoverError::Format`] when they begin as neither JPEG nor PNG does; [`CoverError::Decode`] when they are damaged, or the picture
    /// has a side beyond 8192 pixels, takes more than 512 MiB to decode, or has no pixels.
    pub fn decode(bytes: &[u8]) -> Result<Self, CoverError> {
        let format = image::guess_format(bytes).map_err(|_| CoverError::Format)?;
        if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
            return Err(CoverError::Format);
        }
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(512 << 20);
        reader.limits(limits);
        let picture = reader.decode().map_err(|error| CoverError::Decode(error.to_string()))?.into_rgb8();
        if picture.width() == 0 || picture.height() == 0 {
            return Err(CoverError::Decode("it has no pixels".to_owned()));
        }
        Ok(Self { width: picture.width(), height: picture.height(), rgb: picture.into_raw() })
    }

    /// The largest part from the middle with the shape of `width` × `height`, scaled to that size.
    ///
    /// Each pixel is the mean of the area that it covers; where the picture is smaller, of the pixels between which it
    /// lies. Integers only.
    pub(super) fn filling(&self, width: u32, height: u32) -> Vec<[u8; 3]> {
        let (from_w, from_h) = (u64::from(self.width), u64::from(self.height));
        let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
        // In 1/65536 of a source pixel: one step of the target, the same in both directions.
        let step = ((from_w << 16) / w).min((from_h << 16) / h).max(1);
        let columns = taps(w, step, self.width);
        let rows = taps(h, step, self.height);
        let mut across = vec![[0u64; 3]; width.max(1) as usize];
        let mut out = Vec::with_capacity((w * h) as usize);
        for (first, weights) in rows {
            across.fill([0; 3]);
            for (i, &weight) in weights.iter().enumerate() {
                let row = &self.rgb[(first + i) * self.width as usize * 3..][..self.width as usize * 3];
                for (sum, (first, weights)) in across.iter_mut().zip(&columns) {
                    for (pixel, &w) in row[first * 3..].as_chunks::<3>().0.iter().zip(weights) {
                        for (sum, &v) in sum.iter_mut().zip(pixel) {
                            *sum += u64::from(v) * w * weight;
                        }
                    }
                }
            }
            out.extend(across.iter().map(|sum| sum.map(|v| ((v + (1 << 31)) >> 32).min(255) as u8)));
        }
        out
    }
}

/// For each of `count` target pixels: the first source pixel, and weights that sum up to 65536.
fn taps(count: u64, step: u64, size: u32) -> Vec<(usize, Vec<u64>)> {
    let size = i64::from(size);
    let start = (size << 16) - (step * count) as i64;
    // A target pixel looks at no less than one source pixel, so that enlarging interpolates.
    let reach = step.max(1 << 16) as i64;
    (0..count as i64)
        .map(|i| {
            let centre = start / 2 + i * step as i64 + step as i64 / 2;
            let (from, to) = (centre - reach / 2, centre - reach / 2 + reach);
            let first = (from >> 16).clamp(0, size - 1);
            let last = ((to - 1) >> 16).clamp(0, size - 1);
            let mut weights: Vec<u64> = (first..=last)
                .map(|p| {
                    // Beyond the edges the outermost pixels go on.
                    let begin = if p == first { from } else { p << 16 };
                    let end = if p == last { to } else { (p + 1) << 16 };
                    (((end - begin) << 16) / reach) as u64
                })
                .collect();
            let missing = 65_536 - weights.iter().sum::<u64>();
            weights[0] += missing;
            (first as usize, weights)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Cover {
        let rgb = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
        Cover { width, height, rgb }
    }

    #[test]
    fn a_flat_picture_stays_flat_at_every_size() {
        let cover = plain(37, 91, |_, _| [10, 200, 255]);
        for (w, h) in [(1, 1), (5, 5), (37, 91), (200, 30), (500, 500)] {
            let scaled = cover.filling(w, h);
            assert_eq!(scaled.len(), (w * h) as usize);
            assert!(scaled.iter().all(|&p| p == [10, 200, 255]), "{w}×{h}");
        }
    }

    #[test]
    fn halving_takes_means_and_keeps_the_middle() {
        let cover = plain(8, 4, |x, _| [if x < 4 { 0 } else { 100 }, x as u8 * 10, 0]);
        let scaled = cover.filling(2, 2);
        assert_eq!(scaled, [[0, 25, 0], [100, 45, 0], [0, 25, 0], [100, 45, 0]]);
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let cover = plain(9, 9, |x, y| [x as u8 * 20, y as u8 * 20, 7]);
        assert_eq!(cover.filling(9, 9).concat(), cover.rgb);
    }

    #[test]
    fn what_is_no_picture_is_refused_in_words() {
        assert!(matches!(Cover::decode(b"").unwrap_err(), CoverError::Format));
        assert!(matches!(Cover::decode(b"GIF89a........").unwrap_err(), CoverError::Format));
        let mut png = Vec::new();
        let picture = image::RgbImage::from_pixel(5, 4, image::Rgb([1, 2, 3]));
        picture.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
        assert_eq!(Cover::decode(&png).unwrap(), plain(5, 4, |_, _| [1, 2, 3]));
        png.truncate(png.len() / 2);
        let error = Cover::decode(&png).unwrap_err().to_string();
        assert!(error.starts_with("the cover cannot be decoded: "), "{error}");
    }
}
