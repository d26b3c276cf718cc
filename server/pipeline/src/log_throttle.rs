//! Log lines that a peer or a disk can cause repeatedly: one in 30 s of each kind, with the number of lines left out.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Time between two lines of a kind.
const PAUSE: Duration = Duration::from_secs(30);

/// Says when a line of its kind may be written again. One value a kind, shared by all who write it.
#[derive(Debug)]
pub struct LogThrottle(Mutex<State>);

#[derive(Debug)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self::new()
    }
}

impl LogThrottle {
    /// A kind of line that was never written.
    pub const fn new() -> Self {
        Self(Mutex::new(State { last: None, left_out: 0 }))
    }

    /// Whether the line is written now: if so, the number of lines left out since the last one.
    pub fn allow(&self) -> Option<u64> {
        self.allow_at(Instant::now())
    }

    fn allow_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_a_while_counts_the_others() {
        let (throttle, begun) = (LogThrottle::new(), Instant::now());
        assert_eq!(throttle.allow_at(begun), Some(0));
        for _ in 0..1000 {
            assert_eq!(throttle.allow_at(begun + PAUSE / 2), None);
        }
        assert_eq!(throttle.allow_at(begun + PAUSE), Some(1000));
        assert_eq!(throttle.allow_at(begun + PAUSE * 3), Some(0));
    }
}
