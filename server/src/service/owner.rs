//! The owner of a call, for shares of memory.

use std::net::IpAddr;

use bandwise_pipeline::Owner;

use crate::net::Peer;

/// The owner of a peer's streams. Peers of which nothing is known are one owner.
pub(crate) fn owner_of(peer: Option<Peer>) -> Owner {
    match peer {
        // No address of version 6 is so small a number.
        Some(Peer::Process { uid, pid }) => Owner((u128::from(uid) << 32) | u128::from(pid.cast_unsigned())),
        Some(Peer::Host(IpAddr::V4(ip))) => Owner(ip.to_ipv6_mapped().to_bits()),
        Some(Peer::Host(IpAddr::V6(ip))) => Owner(ip.to_bits()),
        None => Owner::default(),
    }
}
