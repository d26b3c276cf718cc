//! Pinning to a set of cores, so that everything in a comparison has the same hardware.

use anyhow::{Context as _, Result, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Restricts this process to `count` of the cores that it may use, and says which.
///
/// Call it before any thread is started: threads and child processes inherit the restriction. Hardware threads
/// of one core count as cores, so on a machine with two of them a core, choose the set from outside
/// (`taskset -c 0,2,4,6 ...`).
///
/// # Errors
///
/// If the process may not use that many cores.
pub fn pin(count: usize) -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None).context("cannot ask for the cores of this process")?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).take(count).collect();
    if count == 0 || cores.len() < count {
        bail!("{count} threads need {count} cores, and this process may use {}", allowed.count());
    }
    let mut set = CpuSet::new();
    for &core in &cores {
        set.set(core);
    }
    sched_setaffinity(None, &set).context("cannot restrict this process to some cores")?;
    Ok(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_one_core() {
        let cores = pin(1).unwrap();
        let now = sched_getaffinity(None).unwrap();
        assert_eq!((now.count(), now.is_set(cores[0])), (1, true));
        assert!(pin(2).unwrap_err().to_string().contains("may use 1"));
        assert!(pin(0).is_err());
    }
}
