//! The colours of a cover, as anchors of a palette that is visible on a dark picture.

use super::colour::to_oklab;
use super::cover::Cover;

/// A cover is looked at as so many pixels a side.
const SIDE: u32 = 24;
/// Groups of colours that are looked for.
const GROUPS: usize = 5;
/// Rounds in which the groups settle; after four nothing moves visibly.
const ROUNDS: usize = 8;
/// Lightness of the first and of the last anchor.
const DARKEST: f64 = 0.36;
const LIGHTEST: f64 = 0.86;

/// The means of the cover's main groups of colours in OKLab, from dark to light, spread over the lightness that glows
/// on a dark ground. Grey covers give greys.
pub(super) fn anchors(cover: &Cover) -> [[f64; 3]; GROUPS] {
    let mut pixels: Vec<[f64; 3]> =
        cover.filling(SIDE, SIDE).into_iter().map(|pixel| to_oklab(pixel.map(|v| u16::from(v) << 8))).collect();
    // A total order, so that the groups start and end the same everywhere.
    pixels.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])).then(a[2].total_cmp(&b[2])));
    // k-means (Lloyd 1982) from the middles of equal shares by lightness.
    let mut means: [[f64; 3]; GROUPS] = std::array::from_fn(|i| pixels[pixels.len() * (2 * i + 1) / (2 * GROUPS)]);
    for _ in 0..ROUNDS {
        let mut sums = [([0.0; 3], 0.0); GROUPS];
        for pixel in &pixels {
            let far = |mean: &[f64; 3]| (0..3).map(|c| (pixel[c] - mean[c]) * (pixel[c] - mean[c])).sum::<f64>();
            let nearest = (0..GROUPS).min_by(|&a, &b| far(&means[a]).total_cmp(&far(&means[b]))).unwrap_or(0);
            // What is colourful is what one remembers of a cover.
            let weight = 0.1 + (pixel[1] * pixel[1] + pixel[2] * pixel[2]).sqrt();
            let (sum, count) = &mut sums[nearest];
            (0..3).for_each(|c| sum[c] += pixel[c] * weight);
            *count += weight;
        }
        for (mean, (sum, count)) in means.iter_mut().zip(sums) {
            if count > 0.0 {
                *mean = sum.map(|v| v / count);
            }
        }
    }
    means.sort_by(|a, b| a[0].total_cmp(&b[0]));
    for (i, mean) in means.iter_mut().enumerate() {
        mean[0] = DARKEST + (LIGHTEST - DARKEST) * i as f64 / (GROUPS - 1) as f64;
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(pixel: impl Fn(u32, u32) -> [u8; 3]) -> Cover {
        let picture = image::RgbImage::from_fn(60, 60, |x, y| image::Rgb(pixel(x, y)));
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        Cover::decode(&png.into_inner()).unwrap()
    }

    #[test]
    fn a_red_and_blue_cover_gives_reds_and_blues_that_get_lighter() {
        let anchors = anchors(&cover(|x, _| if x < 30 { [200, 20, 20] } else { [30, 40, 220] }));
        assert!(anchors.windows(2).all(|pair| pair[0][0] < pair[1][0]));
        let red = |lab: &[f64; 3]| lab[1] > 0.15 && lab[2] > 0.0;
        let blue = |lab: &[f64; 3]| lab[2] < -0.15;
        assert!(anchors.iter().any(red) && anchors.iter().any(blue), "{anchors:?}");
        assert!(anchors.iter().all(|lab| red(lab) || blue(lab)), "{anchors:?}");
    }

    #[test]
    fn a_grey_or_black_cover_gives_greys() {
        for level in [0, 128, 255] {
            let anchors = anchors(&cover(|_, _| [level; 3]));
            assert!(anchors.iter().all(|lab| lab[1].abs() < 0.01 && lab[2].abs() < 0.01), "{anchors:?}");
            assert!(anchors[0][0] > 0.3 && anchors[GROUPS - 1][0] > 0.8);
        }
    }
}
