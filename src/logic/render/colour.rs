//! Colours, and mixing them in OKLab: Björn Ottosson, "A perceptual color space for image processing" (2020).

/// 1.0 in a channel: 255 with eight fractional bits.
pub const ONE: u16 = 255 << 8;

/// Red, green and blue, sRGB-encoded, 0 ..= [`ONE`].
pub type Rgb = [u16; 3];

/// 0xRRGGBB as a colour.
pub fn from_hex(hex: u32) -> Rgb {
    [16, 8, 0].map(|shift| ((hex >> shift & 255) as u16) << 8)
}

/// A colour written as #rrggbb, or as #rgb, which has each digit twice as in CSS.
pub fn parse_hex(text: &str) -> Option<Rgb> {
    let digits: Vec<u32> = text.strip_prefix('#')?.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let twice = if digits.len() == 3 { 2 } else { 1 };
    let all: Vec<u32> = digits.iter().flat_map(|&digit| std::iter::repeat_n(digit, twice)).collect();
    (all.len() == 6).then(|| from_hex(all.iter().fold(0, |hex, digit| hex << 4 | digit)))
}

/// A mix in OKLab: `a` at t = 0, `b` at t = 1. For tables and set-up, too slow for pixels.
pub fn mix(a: Rgb, b: Rgb, t: f64) -> Rgb {
    let (a, b) = (to_oklab(a), to_oklab(b));
    to_rgb(std::array::from_fn(|c| a[c] + (b[c] - a[c]) * t))
}

/// An sRGB-encoded colour in OKLab: lightness 0 … 1, green–red and blue–yellow about −0.4 … 0.4.
pub fn to_oklab(rgb: Rgb) -> [f64; 3] {
    let [r, g, b] = rgb.map(|v| {
        let v = f64::from(v) / f64::from(ONE);
        if v <= 0.04045 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) }
    });
    let l = libm::cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    let m = libm::cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    let s = libm::cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    [
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    ]
}

/// The sRGB-encoded colour of an OKLab one, clipped to the gamut.
pub fn to_rgb([lightness, a, b]: [f64; 3]) -> Rgb {
    let cube = |v: f64| v * v * v;
    let l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
    let m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
    let s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
    [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    ]
    .map(|v| {
        let v = v.clamp(0.0, 1.0);
        let v = if v <= 0.0031308 { v * 12.92 } else { 1.055 * libm::pow(v, 1.0 / 2.4) - 0.055 };
        (v.clamp(0.0, 1.0) * f64::from(ONE) + 0.5) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_css_writes_them() {
        assert_eq!(parse_hex("#fF5000"), Some(from_hex(0xff5000)));
        assert_eq!(parse_hex("#f50"), Some(from_hex(0xff5500)));
        for wrong in ["", "#", "f50", "#f5", "#ff50000", "#gg0000", "#ff500", "# f5000", "#+f5000"] {
            assert_eq!(parse_hex(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn oklab_has_its_published_values() {
        // The pairs that Ottosson gives for his conversion, through linear sRGB: white and pure red.
        let close = |got: [f64; 3], want: [f64; 3]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-3);
        assert!(close(to_oklab(from_hex(0xffffff)), [1.0, 0.0, 0.0]));
        assert!(close(to_oklab(from_hex(0xff0000)), [0.62796, 0.22486, 0.12585]));
    }

    #[test]
    fn oklab_and_back_is_the_identity() {
        for hex in [0x000000, 0xffffff, 0x0b0d12, 0x808080, 0xff0000, 0x00ff00, 0x0000ff, 0x123456] {
            for (got, want) in to_rgb(to_oklab(from_hex(hex))).into_iter().zip(from_hex(hex)) {
                assert!(got.abs_diff(want) <= 16, "{hex:06x}: {got} for {want}");
            }
        }
    }
}
