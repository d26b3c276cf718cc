//! Images per second, and per second of CPU time.
//!
//! On a quiet machine whose cores are all busy the two say the same. Where other programs take some of the cores,
//! wall time is worth little, while CPU time still tells what an image costs. CPU time is that of this process and
//! of the daemon, in the system's ticks (10 ms).

use std::time::Instant;

use anyhow::Result;
use rustix::param::clock_ticks_per_second;

use crate::cpu::ticks_of;

/// The measurement of a subject in a round.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Images per second.
    pub per_s: f64,
    /// Images per second of CPU time.
    pub per_cpu_s: f64,
}

/// A measurement that has begun.
#[derive(Debug)]
pub(super) struct Meter {
    begun: Instant,
    cpu_ticks: u64,
    daemon: Option<u32>,
}

impl Meter {
    /// Begins, with the CPU time of the process `daemon` beside this one's.
    pub(super) fn start(daemon: Option<u32>) -> Result<Self> {
        Ok(Self { cpu_ticks: cpu_ticks(daemon)?, begun: Instant::now(), daemon })
    }

    /// Wall time since the beginning.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Ends, after `images`.
    pub(super) fn stop(self, images: u64) -> Result<Rate> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let ticks = cpu_ticks(self.daemon)?.saturating_sub(self.cpu_ticks).max(1);
        let cpu_seconds = ticks as f64 / clock_ticks_per_second() as f64;
        Ok(Rate { per_s: images as f64 / seconds, per_cpu_s: images as f64 / cpu_seconds })
    }
}

fn cpu_ticks(daemon: Option<u32>) -> Result<u64> {
    let own = ticks_of("self")?;
    Ok(own + daemon.map_or(Ok(0), |pid| ticks_of(&pid.to_string()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_counts_too() {
        assert!(cpu_ticks(Some(std::process::id())).unwrap() >= 2 * ticks_of("self").unwrap().min(1));
        assert!(cpu_ticks(Some(0)).is_err());
    }

    #[test]
    fn both_rates_count_the_images() {
        let meter = Meter::start(None).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
        let rate = meter.stop(7).unwrap();
        assert!((1.0..7000.0).contains(&rate.per_s), "{rate:?}");
        assert!((1.0..=7.0 * clock_ticks_per_second() as f64).contains(&rate.per_cpu_s), "{rate:?}");
    }
}
