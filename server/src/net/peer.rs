//! The other end of a connection.

use std::{fmt, net::IpAddr};

/// A peer, as far as limits tell peers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// A process on this host. The ranks of a node are processes of one user, so the user alone says too little. All
    /// processes of another container without a view of this one's have the number 0.
    Process {
        /// Its user.
        uid: u32,
        /// Its number.
        pid: i32,
    },
    /// A host.
    Host(IpAddr),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { uid, pid } => write!(f, "process {pid} of user {uid}"),
            Self::Host(ip) => write!(f, "host {ip}"),
        }
    }
}
