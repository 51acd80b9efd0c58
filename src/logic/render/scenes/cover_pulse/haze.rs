//! The haze behind everything.

#[derive(Clone, Copy)]
pub struct Blob {
    pub x: f32,
    pub y: f32,
    pub per: f32,
    pub colour: [f32; 3],
}

#[multiversion::multiversion(targets = "simd")]
pub fn haze(y: f32, cell: f32, base: [f32; 3], blobs: &[Blob; 3], [red, green, blue]: &mut [&mut [f32]; 3]) {
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
