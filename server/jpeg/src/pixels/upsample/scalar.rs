//! The filters in plain Rust, which define the results.

pub(super) fn across(row: &[u8], out: &mut [u8]) {
    for (out, window) in out.as_chunks_mut::<2>().0.iter_mut().zip(row.windows(3)) {
        let [before, near, after] = [0, 1, 2].map(|at| u32::from(window[at]));
        // Rounded down and up in turns.
        *out = [(3 * near + before + 1) >> 2, (3 * near + after + 2) >> 2].map(|sample| sample as u8);
    }
}

pub(super) fn down(near: &[u8], far: &[u8], is_upper: bool, out: &mut [u8]) {
    let round = if is_upper { 1 } else { 2 };
    for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
        *out = ((3 * u32::from(near) + u32::from(far) + round) >> 2) as u8;
    }
}

pub(super) fn across_and_down(near: &[u8], far: &[u8], out: &mut [u8]) {
    let columns = near.windows(3).zip(far.windows(3));
    for (out, (near, far)) in out.as_chunks_mut::<2>().0.iter_mut().zip(columns) {
        let [before, this, after] = [0, 1, 2].map(|at| 3 * u32::from(near[at]) + u32::from(far[at]));
        *out = [(3 * this + before + 8) >> 4, (3 * this + after + 7) >> 4].map(|sample| sample as u8);
    }
}
