//! Admission of new work: running streams come first.
//!
//! Opening a stream and resolving a job cost the daemon far more than the message that asks for it. While streams of
//! others run, a peer may do so as often as any trainer does; beyond that it waits, in a queue of its own. A peer that
//! is alone never waits. Jobs are resolved one after another in a thread, and refusals are remembered like jobs
//! (`jobs`).

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::Mutex as Queue, time::Instant};

use crate::net::Peer;

/// Peers whose pace is remembered.
const MAX_PEERS: usize = 1024;

/// Rate at which something may be done: so many times at once, then one each `every`.
#[derive(Clone, Copy, Debug)]
struct Pace {
    at_once: u32,
    every: Duration,
}

/// Kind of work that begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beginning {
    /// A stream: it will ask for batches.
    Stream,
    /// A call that is answered from what is known.
    Call,
}

impl Beginning {
    /// Of one peer.
    fn of_peer(self) -> Pace {
        match self {
            Self::Stream => Pace { at_once: 32, every: Duration::from_millis(500) },
            Self::Call => Pace { at_once: 64, every: Duration::from_millis(20) },
        }
    }

    /// Of all peers together.
    fn of_all(self) -> Pace {
        match self {
            Self::Stream => Pace { at_once: 128, every: Duration::from_millis(125) },
            Self::Call => Pace { at_once: 256, every: Duration::from_millis(5) },
        }
    }
}

/// The moment from which on nothing is owed for what was begun. Its queue is first come, first served.
type Meter = Queue<Option<Instant>>;

#[derive(Debug, Default)]
struct Meters {
    stream: Meter,
    call: Meter,
}

impl Meters {
    fn of(&self, beginning: Beginning) -> &Meter {
        match beginning {
            Beginning::Stream => &self.stream,
            Beginning::Call => &self.call,
        }
    }
}

/// Decides when something begins.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    state: Mutex<State>,
    all: Meters,
}

#[derive(Debug, Default)]
struct State {
    peers: HashMap<Peer, Arc<Meters>>,
    /// Streams that run.
    running: HashMap<Peer, usize>,
}

/// A stream that runs, until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    admission: Arc<Admission>,
    peer: Option<Peer>,
}

impl Admission {
    /// Waits until `peer` may begin something. A peer that leaves meanwhile is not charged.
    pub(crate) async fn turn(&self, peer: Option<Peer>, beginning: Beginning) {
        // Calls within the process have no peer.
        let Some(peer) = peer else { return };
        let Some(own) = self.slowed(peer) else { return };
        // One of each peer at a time waits among the peers.
        let mut owed = own.of(beginning).lock().await;
        let free = wait(*owed, beginning.of_peer()).await;
        {
            let mut owed_by_all = self.all.of(beginning).lock().await;
            *owed_by_all = Some(wait(*owed_by_all, beginning.of_all()).await);
        }
        *owed = Some(free);
    }

    /// The meters of a peer, if streams of others run.
    fn slowed(&self, peer: Peer) -> Option<Arc<Meters>> {
        let mut state = self.state.lock();
        if !state.running.keys().any(|&runs| runs != peer) {
            return None;
        }
        if state.peers.len() >= MAX_PEERS {
            state.peers.retain(|_, meters| Arc::strong_count(meters) > 1);
        }
        Some(Arc::clone(state.peers.entry(peer).or_default()))
    }

    /// A stream of `peer` runs.
    pub(crate) fn runs(self: &Arc<Self>, peer: Option<Peer>) -> Running {
        if let Some(peer) = peer {
            *self.state.lock().running.entry(peer).or_default() += 1;
        }
        Running { admission: Arc::clone(self), peer }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut state = self.admission.state.lock();
        if let Some(running) = state.running.get_mut(&peer) {
            *running -= 1;
            if *running == 0 {
                state.running.remove(&peer);
            }
        }
    }
}

/// Waits until one more is within the pace, and gives the moment from which on nothing is owed then.
async fn wait(owed: Option<Instant>, pace: Pace) -> Instant {
    let now = Instant::now();
    let free = owed.map_or(now, |owed| owed.max(now));
    // Debt that is allowed: all but one of those that may be begun at once.
    let credit = pace.every * pace.at_once.saturating_sub(1);
    if let Some(from) = free.checked_sub(credit) {
        tokio::time::sleep_until(from).await;
    }
    free + pace.every
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAINER: Option<Peer> = Some(Peer::Process { uid: 1, pid: 1 });
    const OTHER: Option<Peer> = Some(Peer::Process { uid: 1, pid: 2 });

    /// More turns than any pace allows within a test.
    const MANY: u32 = 300;

    /// Whether many turns come within moments.
    async fn is_free(admission: &Admission, peer: Option<Peer>) -> bool {
        let turns = async {
            for _ in 0..MANY {
                admission.turn(peer, Beginning::Stream).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(1), turns).await.is_ok()
    }

    #[tokio::test]
    async fn a_peer_waits_only_while_others_run() {
        let admission = Arc::new(Admission::default());
        assert!(is_free(&admission, OTHER).await);
        let own = admission.runs(OTHER);
        assert!(is_free(&admission, OTHER).await);
        let running = admission.runs(TRAINER);
        assert!(!is_free(&admission, OTHER).await);
        assert!(is_free(&admission, None).await);
        drop(running);
        assert!(is_free(&admission, OTHER).await);
        drop(own);
        assert!(admission.state.lock().running.is_empty());
    }

    #[tokio::test]
    async fn a_crowd_of_one_peer_does_not_hold_up_another() {
        let admission = Arc::new(Admission::default());
        let _running = [TRAINER, OTHER].map(|peer| admission.runs(peer));
        let crowd: Vec<_> = (0..MANY)
            .map(|_| {
                let admission = Arc::clone(&admission);
                tokio::spawn(async move { admission.turn(OTHER, Beginning::Stream).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let turns = async {
            for _ in 0..3 {
                admission.turn(TRAINER, Beginning::Stream).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), turns).await.unwrap();
        assert!(crowd.iter().filter(|turn| turn.is_finished()).count() < MANY as usize / 2);
        crowd.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
