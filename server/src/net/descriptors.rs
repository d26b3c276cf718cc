//! Shares of the descriptors that the process may have open.
//!
//! Connections never take what streams that run need: each read of a sample opens a file, and a stream that cannot read
//! ends.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::start_error::StartError;

/// Standard streams, event queues, listeners, files of the log and of the index.
const BASE: u64 = 32;

/// Threads that ask for samples ahead of need.
const READ_AHEAD: u64 = 8;

/// Less than this in all shares together is of no use.
const MIN_SHARED: u64 = 16;

/// The most that is of use for the connections that fetch shared memory.
const MAX_DOOR: u64 = 256;

/// The most that is of use for leases on shared memory: those of streams, and of some that are over.
const MAX_LEASES: u64 = 512;

/// The most that is of use for the admin server.
const MAX_ADMIN: u64 = 32;

/// Numbers of descriptors that may be open at a time, by use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Connections of trainers.
    pub(crate) connections: usize,
    /// Connections that fetch shared memory.
    pub(crate) door: usize,
    /// Shared memory that waits to be fetched, and then the lease on it.
    pub(crate) leases: usize,
    /// Connections of the admin server.
    pub(crate) admin: usize,
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
    /// Shares of the present limit, besides what `threads` workers need.
    ///
    /// # Errors
    ///
    /// If next to nothing is left.
    pub(crate) fn of_limit(threads: usize, max_connections: usize) -> Result<Self, StartError> {
        // No limit is as good as a large one.
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::of(limit, threads, max_connections)
    }

    fn of(limit: u64, threads: usize, max_connections: usize) -> Result<Self, StartError> {
        let kept = BASE + READ_AHEAD + threads as u64;
        let shared = limit.saturating_sub(kept);
        if shared < MIN_SHARED {
            return Err(StartError::Descriptors { limit, needed: kept + MIN_SHARED });
        }
        let most = |share: u64, most: u64| share.min(most) as usize;
        Ok(Self {
            connections: most(shared / 2, max_connections as u64),
            door: most(shared / 8, MAX_DOOR),
            leases: most(shared / 4, MAX_LEASES),
            admin: most(shared / 8, MAX_ADMIN),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_leave_a_reserve() {
        for limit in [64, 128, 1024, 20_000, u64::MAX] {
            let shares = Shares::of(limit, 4, 4096).unwrap();
            let Shares { connections, door, leases, admin } = shares;
            let all = (connections + door + leases + admin) as u64;
            assert!(all + BASE + READ_AHEAD + 4 <= limit, "{limit}: {shares:?}");
            assert!(connections >= 8 && door >= 2 && leases >= 5 && admin >= 2, "{limit}: {shares:?}");
        }
        assert_eq!(Shares::of(u64::MAX, 4, 4096).unwrap().connections, 4096);
        assert!(matches!(Shares::of(50, 4, 4096), Err(StartError::Descriptors { limit: 50, needed: 60 })));
    }
}
