//! The identity of a reader, with which daemons warn two readers of the same rows.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    process,
    sync::OnceLock,
};

use bandwise_proto::v1::Reader;

use crate::rank_share::RankShare;

/// Another number in each process; a forked child has its parent's, and another process id.
static NUMBER: OnceLock<u64> = OnceLock::new();

/// This process, as the rank of `share` if it is one.
pub(crate) fn this_process(share: Option<RankShare>) -> Reader {
    let system = rustix::system::uname();
    let (host, pid) = (system.nodename().to_string_lossy(), process::id());
    let rank =
        share.map_or_else(String::new, |share| format!(", rank {} of {}", share.rank, share.world_size));
    // The keys of a hash map are the randomness of the standard library; nothing that decides bytes draws here.
    let number = NUMBER.get_or_init(|| RandomState::new().build_hasher().finish());
    let id: Vec<u8> = number.to_le_bytes().into_iter().chain(pid.to_le_bytes()).collect();
    Reader { name: format!("host {host}, pid {pid}{rank}"), process: id.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_its_rank_and_stays_the_same() {
        let first = this_process(Some(RankShare { rank: 1, world_size: 4, accumulate: 1 }));
        assert!(first.name.ends_with(&format!("pid {}, rank 1 of 4", process::id())), "{}", first.name);
        let second = this_process(None);
        assert!(!second.name.contains("rank"));
        assert_eq!(first.process, second.process);
    }
}
