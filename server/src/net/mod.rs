//! Connections: who may have how many, and what becomes of those that ask for nothing.
//!
//! ```text
//! acceptor     a listener     -> connections, one after the other; waits where there is no room
//! gate         a connection   -> a pass, if its peer and all peers together have not too many
//! authority    requests on a Unix socket -> the same, for a host whose name the server takes
//! guarded      a pass + bytes -> a connection that ends when its pass is withdrawn or nothing was asked in time
//! calls        a request      -> a call, which keeps its connection from being closed for others
//! peer         a socket       -> who is at its other end
//! descriptors  the limit of open files -> shares of it, so that no connection takes what running streams need
//! ```

mod acceptor;
mod authority;
mod calls;
mod descriptors;
mod gate;
mod guarded;
mod peer;

pub(crate) use acceptor::{Acceptor, Source};
pub(crate) use authority::AnyAuthority;
pub(crate) use calls::Counted;
pub use descriptors::raise as raise_descriptor_limit;
pub(crate) use descriptors::{Readers, Shares};
pub(crate) use gate::{Caller, Gate, Limits, NetStats, Pass};
pub(crate) use guarded::Guarded;
pub(crate) use peer::Peer;
