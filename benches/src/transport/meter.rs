//! Bytes per second, and what they cost each side in CPU time.

use std::time::Instant;

use anyhow::Result;
use rustix::param::clock_ticks_per_second;

use crate::cpu::ticks_of;

/// The measurement of a subject in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// 10^9 bytes per second.
    pub(super) gb_per_s: f64,
    /// CPU seconds of the sender for 10^9 bytes; 0 where there is none.
    pub(super) sender_s_per_gb: f64,
    /// CPU seconds of this process for 10^9 bytes.
    pub(super) receiver_s_per_gb: f64,
}

/// A measurement that has begun.
#[derive(Debug)]
pub(super) struct Meter {
    begun: Instant,
    sender: Option<u32>,
    ticks: [u64; 2],
}

impl Meter {
    /// Begins, with the process of the sender if there is one.
    pub(super) fn start(sender: Option<u32>) -> Result<Self> {
        Ok(Self { ticks: ticks(sender)?, begun: Instant::now(), sender })
    }

    /// The start of the measurement.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Ends, after so many bytes.
    pub(super) fn stop(self, bytes: u64) -> Result<Sample> {
        let (seconds, gigabytes) = (self.begun.elapsed().as_secs_f64(), bytes as f64 / 1e9);
        let now = ticks(self.sender)?;
        let cost = |side: usize| {
            let ticks = now[side].saturating_sub(self.ticks[side]);
            ticks as f64 / clock_ticks_per_second() as f64 / gigabytes
        };
        Ok(Sample { gb_per_s: gigabytes / seconds, sender_s_per_gb: cost(0), receiver_s_per_gb: cost(1) })
    }
}

/// CPU time of the sender and of this process.
fn ticks(sender: Option<u32>) -> Result<[u64; 2]> {
    let sender = sender.map_or(Ok(0), |process| ticks_of(&process.to_string()))?;
    Ok([sender, ticks_of("self")?])
}
