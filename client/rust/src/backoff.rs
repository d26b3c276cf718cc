//! The rest of a lost daemon before it is tried again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};

/// The first pause, before jitter.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause, before jitter.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double from 100 ms to 5 s, each shortened at random by up to a half, so that the clients of a daemon that
/// went away do not come back all at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        // The keys of a hash map are the randomness of the standard library; nothing that decides bytes draws here.
        let random = RandomState::new().build_hasher().finish();
        let pause = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
    }

    /// The daemon works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ() {
        let mut backoff = Backoff::default();
        for expected_ms in [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000] {
            let pause = backoff.next().as_millis();
            assert!((expected_ms / 2..=expected_ms).contains(&pause), "{pause} of {expected_ms}");
        }
        for _ in 0..100 {
            backoff.next();
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
        let pauses: Vec<Duration> = (0..8).map(|_| Backoff::default().next()).collect();
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }
}
