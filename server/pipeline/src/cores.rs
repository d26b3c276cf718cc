//! Ties a worker to a core of its own.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Restricts this thread to one of the cores that the process may use: the `index`-th, counted round.
pub(crate) fn pin(index: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    let wanted = index % (allowed.count() as usize).max(1);
    let Some(core) = cores.nth(wanted) else { return Ok(()) };
    let mut one = CpuSet::new();
    one.set(core);
    Ok(sched_setaffinity(None, &one)?)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn each_thread_gets_one_core_and_neighbours_different_ones() {
        let allowed = sched_getaffinity(None).unwrap();
        let core = |index| {
            let pinned = thread::spawn(move || {
                pin(index).unwrap();
                sched_getaffinity(None).unwrap()
            });
            let set = pinned.join().unwrap();
            assert_eq!(set.count(), 1);
            (0..CpuSet::MAX_CPU).find(|&core| set.is_set(core)).unwrap()
        };
        let count = allowed.count() as usize;
        assert_eq!(core(0), core(count));
        assert!(count == 1 || core(0) != core(1));
    }
}
