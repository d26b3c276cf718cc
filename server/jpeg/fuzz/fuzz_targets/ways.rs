//! Decodes a part of a file by all ways, with the seek points of the last healthy file too; they must agree.
//!
//! The input is a file and nothing else; the part follows from its bytes. So the files that are found can be given to
//! `sweep`, which compares them with libjpeg-turbo.

#![no_main]

#[path = "../../../decode/tests/sweep/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../../tests/ways/mod.rs"]
#[allow(dead_code)]
mod ways;

use std::cell::RefCell;

use bandwise_jpeg::{Decoder, Frame, SimdLevel};
use libfuzzer_sys::fuzz_target;
use random::Random;

thread_local! {
    static STATE: RefCell<(Vec<Decoder>, Option<Vec<u8>>)> =
        RefCell::new((SimdLevel::available().into_iter().map(Decoder::new).collect(), None));
}

fuzz_target!(|bytes: &[u8]| {
    // FNV-1a.
    let hash = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut random = Random::new(bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash), 0);
    STATE.with_borrow_mut(|(decoders, points)| {
        ways::all_agree(decoders, bytes, points.as_deref(), &mut random);
        if let Ok(frame) = Frame::read(bytes)
            && frame.size().0.max(frame.size().1) <= 300
        {
            *points = decoders[0].index(bytes, &frame, random.of(&[1, 2, 8])).ok().or(points.take());
        }
    });
});
