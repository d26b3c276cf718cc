//! The geometric operations as the specification writes them.

/// The colour of what comes from outside.
pub(crate) const FILL: [u8; 3] = [124, 116, 104];

/// The bicubic map as the specification writes it, a value at a time.
pub(crate) fn naive_affine(pixels: &[u8], width: usize, height: usize, m: [f64; 6]) -> Vec<u8> {
    let cubic = |[v1, v2, v3, v4]: [f64; 4], d: f64| {
        let (p2, p3, p4) = (-v1 + v3, 2.0 * (v1 - v2) + v3 - v4, -v1 + v2 - v3 + v4);
        v2 + d * (p2 + d * (p3 + d * p4))
    };
    let value = |i: usize| {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        let (x, y) = (x as f64 + 0.5, y as f64 + 0.5);
        let (x, y) = (m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]);
        if !(x >= 0.0 && x < width as f64 && y >= 0.0 && y < height as f64) {
            return FILL[c];
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let tap = |k: usize, j: usize| {
            let column = (left as i64 + k as i64 - 1).clamp(0, width as i64 - 1) as usize;
            let row = (top as i64 + j as i64 - 1).clamp(0, height as i64 - 1) as usize;
            f64::from(pixels[3 * (row * width + column) + c])
        };
        let rows = [0, 1, 2, 3].map(|j| cubic([tap(0, j), tap(1, j), tap(2, j), tap(3, j)], x - left));
        cubic(rows, y - top).clamp(0.0, 255.0) as u8
    };
    (0..pixels.len()).map(value).collect()
}

/// The map of a rotation, but for the last decimal of its sine and cosine.
pub(crate) fn naive_rotation(degrees: f64, width: usize, height: usize) -> [f64; 6] {
    let t = -degrees.rem_euclid(360.0).to_radians();
    let round = |value: f64| format!("{value:.15}").parse::<f64>().unwrap();
    let (c, s) = (round(t.cos()), round(t.sin()));
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    [c, s, c * -x + s * -y + x, -s, c, -s * -x + c * -y + y]
}
