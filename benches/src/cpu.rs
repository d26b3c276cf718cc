//! CPU time of processes, in the system's ticks (10 ms).

use std::fs;

use anyhow::{Context as _, Result};

/// User and system time of a process, `self` or a number, in ticks.
pub(crate) fn ticks_of(process: &str) -> Result<u64> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    ticks_in(&stat).with_context(|| format!("cannot understand {path}"))
}

/// User and system time, fields 14 and 15; the program's name before them may hold anything, also spaces.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_the_two_fields_behind_the_name() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 40 2 13 14";
        assert_eq!(ticks_in(stat), Some(42));
        assert_eq!(ticks_in("7 (a) S 1"), None);
    }

    #[test]
    fn own_time_can_be_read_and_a_missing_process_is_an_error() {
        let ticks = ticks_of("self").unwrap();
        assert!(ticks_of(&std::process::id().to_string()).unwrap() >= ticks);
        assert!(ticks_of("0").is_err());
    }
}
