//! A kernel with its variants: compared first, then timed in turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::outcome::VariantOutcome;
use crate::stats::Spread;

/// Calls are repeated until a sample lasts this long: the clock and its call must not matter.
const SAMPLE: Duration = Duration::from_micros(400);

/// Mean difference, in grey levels, that other rounding explains; a wrong filter or a displacement is above it.
const MAX_MEAN_DIFFERENCE: f64 = 0.6;

/// One call: writes its output into memory of the subject's size, aligned to 8 bytes.
pub(super) type Call<'a> = Box<dyn FnMut(&mut [u8]) -> Result<()> + 'a>;

/// The owner of the code that a variant runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Ours, on the SIMD level of the variant's name, or on any.
    Ours,
    /// A peer's, with the same output except for rounding.
    Peer,
}

/// One way to do a subject's work.
pub(super) struct Variant<'a> {
    pub(super) name: &'static str,
    pub(super) owner: Owner,
    pub(super) call: Call<'a>,
}

/// A kernel on some input.
pub(super) struct Subject<'a> {
    pub(super) name: String,
    /// Contents of the memory before the first call of each variant: input for kernels that work in place.
    pub(super) memory: Vec<u8>,
    /// The first is the reference.
    pub(super) variants: Vec<Variant<'a>>,
}

impl Subject<'_> {
    /// Runs every variant once and compares the outputs with the first one's.
    pub(super) fn check(&mut self) -> Result<()> {
        let mut expected: Option<Vec<u8>> = None;
        for variant in &mut self.variants {
            let mut words = aligned(&self.memory);
            let out = &mut bytemuck::cast_slice_mut(&mut words)[..self.memory.len()];
            (variant.call)(out).with_context(|| format!("{}: {}", self.name, variant.name))?;
            let expected = expected.get_or_insert_with(|| out.to_vec());
            let is_good = match variant.owner {
                Owner::Ours => out == expected.as_slice(),
                Owner::Peer => mean_difference(out, expected) <= MAX_MEAN_DIFFERENCE,
            };
            ensure!(is_good, "{}: the output of {} is wrong", self.name, variant.name);
        }
        Ok(())
    }

    /// Microseconds per call of each variant, from `rounds` samples in which the variants take turns.
    pub(super) fn time(&mut self, rounds: usize) -> Result<Vec<VariantOutcome>> {
        let mut words = aligned(&self.memory);
        let out = &mut bytemuck::cast_slice_mut(&mut words)[..self.memory.len()];
        let mut calls = Vec::new();
        for variant in &mut self.variants {
            calls.push(calls_per_sample(variant, out)?);
        }
        let mut samples = vec![Vec::with_capacity(rounds); self.variants.len()];
        for _ in 0..rounds {
            for ((variant, &calls), samples) in self.variants.iter_mut().zip(&calls).zip(&mut samples) {
                samples.push(us_per_call(variant, calls, out)?);
            }
        }
        let outcome = |(variant, samples): (&Variant<'_>, &Vec<f64>)| VariantOutcome {
            name: variant.name,
            is_peer: variant.owner == Owner::Peer,
            us: Spread::of(samples),
        };
        Ok(self.variants.iter().zip(&samples).map(outcome).collect())
    }
}

/// The bytes in memory that floats may be written to.
fn aligned(bytes: &[u8]) -> Vec<u64> {
    let mut words = vec![0; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    words
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len().max(1) as f64
}

fn us_per_call(variant: &mut Variant<'_>, calls: u32, out: &mut [u8]) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..calls {
        (variant.call)(std::hint::black_box(&mut *out))?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(calls))
}

/// The number of calls in a sample; also warms up.
fn calls_per_sample(variant: &mut Variant<'_>, out: &mut [u8]) -> Result<u32> {
    let mut calls = 1;
    loop {
        let sample = us_per_call(variant, calls, out)? * f64::from(calls);
        if sample >= SAMPLE.as_micros() as f64 || calls >= 1 << 20 {
            return Ok(calls);
        }
        calls *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(name: &'static str, owner: Owner, value: u8) -> Variant<'static> {
        let call = move |out: &mut [u8]| {
            out.fill(value);
            Ok(())
        };
        Variant { name, owner, call: Box::new(call) }
    }

    fn subject(variants: Vec<Variant<'static>>) -> Subject<'static> {
        Subject { name: "test".to_owned(), memory: vec![0; 11], variants }
    }

    #[test]
    fn another_output_is_refused() {
        let mut same = subject(vec![constant("scalar", Owner::Ours, 5), constant("avx2", Owner::Ours, 5)]);
        same.check().unwrap();
        let mut other = subject(vec![constant("scalar", Owner::Ours, 5), constant("avx2", Owner::Ours, 6)]);
        assert!(other.check().unwrap_err().to_string().contains("test: the output of avx2 is wrong"));
        let mut peer = subject(vec![constant("scalar", Owner::Ours, 5), constant("peer", Owner::Peer, 6)]);
        assert!(peer.check().is_err());
    }

    #[test]
    fn a_failing_call_is_an_error() {
        let call = |_: &mut [u8]| anyhow::bail!("no such thing");
        let mut failing = subject(vec![Variant { name: "scalar", owner: Owner::Ours, call: Box::new(call) }]);
        assert!(format!("{:#}", failing.check().unwrap_err()).contains("test: scalar: no such thing"));
        assert!(failing.time(1).is_err());
    }
}
