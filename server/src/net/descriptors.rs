//! Shares of the descriptors that the process may have open.
//!
//! The limit of open files is raised at start and shared out. Each read of a sample opens a file, in a worker or in the
//! fetch stage, and a stream that cannot read ends. So workers and fetches get their descriptors first, and connections
//! share the rest.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::start_error::StartError;

/// Standard streams, event queues, listeners, files of the log and of the index.
const BASE: u64 = 32;

/// Less than this in all shares together is of no use.
const MIN_SHARED: u64 = 16;

/// The most that is of use for the connections that fetch shared memory.
const MAX_DOOR: u64 = 256;

/// The most that is of use for leases on shared memory: those of streams, and of some that are over.
const MAX_LEASES: u64 = 512;

/// The most that is of use for the admin server.
const MAX_ADMIN: u64 = 32;

/// The parts of the daemon that open files of samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readers {
    /// Workers, one file each.
    pub(crate) threads: usize,
    /// Datasets, whose folder stays open.
    pub(crate) datasets: usize,
    /// Fetches of a dataset at a time, one file each.
    pub(crate) fetches: usize,
}

/// Numbers of descriptors that may be open at a time, by use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Connections of trainers.
    pub(crate) connections: usize,
    /// Connections that fetch shared memory.
    pub(crate) handover_socket: usize,
    /// Shared memory that waits to be fetched, and then the lease on it.
    pub(crate) leases: usize,
    /// Connections of the admin server.
    pub(crate) admin: usize,
    /// Fetches of a dataset: as many as are wished for, or fewer where the limit is low.
    pub(crate) fetches: usize,
}

/// Raises the limit of open descriptors as far as the process may. The usual one is for programs that call `select`,
/// which this is not.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "cannot raise the limit of open files");
    }
}

impl Shares {
    /// Shares of the present limit, besides the files of samples.
    ///
    /// # Errors
    ///
    /// If next to nothing is left.
    pub(crate) fn of_limit(readers: Readers, max_connections: usize) -> Result<Self, StartError> {
        // No limit is as good as a large one.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::of(limit, readers, max_connections)
    }

    fn of(limit: u64, readers: Readers, max_connections: usize) -> Result<Self, StartError> {
        let datasets = readers.datasets.max(1) as u64;
        let kept = BASE + readers.threads as u64 + datasets;
        // One fetch of each dataset at least.
        let needed = kept + datasets + MIN_SHARED;
        let Some(spare) = limit.checked_sub(needed) else {
            return Err(StartError::Descriptors { limit, needed });
        };
        let fetches = (1 + spare / 4 / datasets).min(readers.fetches.max(1) as u64);
        let shared = limit - kept - fetches * datasets;
        let most = |share: u64, most: u64| share.min(most) as usize;
        Ok(Self {
            connections: most(shared / 2, max_connections as u64),
            handover_socket: most(shared / 8, MAX_DOOR),
            leases: most(shared / 4, MAX_LEASES),
            admin: most(shared / 8, MAX_ADMIN),
            fetches: fetches as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READERS: Readers = Readers { threads: 4, datasets: 1, fetches: 32 };

    #[test]
    fn shares_leave_a_reserve() {
        for (limit, datasets) in [(64, 1), (128, 1), (128, 5), (1024, 20), (20_000, 1), (u64::MAX, 3)] {
            let readers = Readers { datasets, ..READERS };
            let shares = Shares::of(limit, readers, 4096).unwrap();
            let Shares { connections, handover_socket, leases, admin, fetches } = shares;
            let files = 4 + datasets + datasets * fetches;
            let all = (connections + handover_socket + leases + admin + files) as u64;
            assert!(all + BASE <= limit, "{limit}: {shares:?}");
            assert!(
                connections >= 8 && handover_socket >= 2 && leases >= 4 && admin >= 2,
                "{limit}: {shares:?}"
            );
            assert!((1..=32).contains(&fetches), "{limit}: {shares:?}");
        }
        let shares = Shares::of(u64::MAX, READERS, 4096).unwrap();
        assert_eq!((shares.connections, shares.fetches), (4096, 32));
        assert_eq!(Shares::of(1024, READERS, 4096).unwrap().fetches, 32);
        assert!(matches!(
            Shares::of(53, READERS, 4096),
            Err(StartError::Descriptors { limit: 53, needed: 54 })
        ));
        assert_eq!(Shares::of(54, READERS, 4096).unwrap().fetches, 1);
    }
}
