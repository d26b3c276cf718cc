//! The limits of connections, in total and for each peer. New connections never take from running work.
//!
//! A connection with a call in progress is never closed for another. If there is no room, one without a request yet
//! makes room, then one that waits between two calls: of the peer that has most, the one that has waited longest. A
//! process on this host is a peer of its own, because the ranks of a node are one user. Acceptors that can take nothing
//! wait for a connection to end.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bandwise_pipeline::LogThrottle;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::net::Peer;

/// Limits of a listener, or of several that share them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections in total.
    pub(crate) connections: usize,
    /// Connections of one peer.
    pub(crate) per_peer: usize,
    /// Time that a connection may take to ask for something.
    pub(crate) first_request: Duration,
}

/// Counts of all gates of a daemon.
#[derive(Debug, Default)]
pub(crate) struct NetStats {
    /// Connections that are open.
    pub(crate) open: AtomicU64,
    /// Connections that were refused, closed for others, or closed since nothing was asked.
    pub(crate) refused: AtomicU64,
}

/// Lets connections in.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Purpose of the connections, for messages.
    name: &'static str,
    limits: Limits,
    stats: Arc<NetStats>,
    state: Mutex<State>,
    left: Notify,
    crowded: LogThrottle,
    silent: LogThrottle,
}

#[derive(Debug, Default)]
struct State {
    /// Numbers connections, and moments at which they began to wait.
    next: u64,
    open: HashMap<u64, Entry>,
    peers: HashMap<Peer, OfPeer>,
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    calls: usize,
    /// Its place among those that wait; none while it has calls.
    waits: Option<Waits>,
    /// Sent when it must go.
    withdraw: Option<oneshot::Sender<()>>,
}

/// Orders what makes room: silent connections first, then by the time at which they began to wait.
type Waits = (bool, u64);

#[derive(Debug, Default)]
struct OfPeer {
    connections: usize,
    waiting: BTreeMap<Waits, u64>,
}

/// The answer of a gate.
#[derive(Debug)]
pub(crate) enum Entrance {
    /// It may come in; in the place of another if it is crowded.
    Open {
        /// Its right to be open.
        pass: Pass,
        /// Whether another had to go.
        crowded: bool,
    },
    /// Its peer has too many connections, all of them at work.
    Refused,
    /// There are too many connections, all of them at work.
    Full,
}

/// A connection's right to be open, given back on drop.
#[derive(Debug)]
pub(crate) struct Pass {
    caller: Caller,
    pub(crate) withdrawn: oneshot::Receiver<()>,
}

/// A connection as its requests see it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    gate: Arc<Gate>,
    id: u64,
    peer: Peer,
    asked: Arc<AtomicBool>,
}

/// A call in progress; ends on drop.
#[derive(Debug)]
pub(crate) struct Call(Caller);

impl Gate {
    pub(crate) fn new(name: &'static str, limits: Limits, stats: &Arc<NetStats>) -> Arc<Self> {
        Arc::new(Self {
            name,
            limits,
            stats: Arc::clone(stats),
            state: Mutex::default(),
            left: Notify::new(),
            crowded: LogThrottle::new(),
            silent: LogThrottle::new(),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Asks to let a connection of `peer` in.
    pub(crate) fn enter(self: &Arc<Self>, peer: Peer) -> Entrance {
        let mut state = self.state.lock();
        let of_peer = state.peers.get(&peer).map_or(0, |of_peer| of_peer.connections);
        let (victim, otherwise) = if of_peer >= self.limits.per_peer {
            (state.first_waiting(peer), Entrance::Refused)
        } else if state.open.len() >= self.limits.connections {
            (state.crowd(), Entrance::Full)
        } else {
            let added = state.add(peer);
            drop(state);
            return self.open(peer, added, false);
        };
        let added = victim.map(|id| {
            state.withdraw(id);
            state.add(peer)
        });
        drop(state);
        self.say_crowded(peer);
        match added {
            Some(added) => self.open(peer, added, true),
            None => otherwise,
        }
    }

    fn open(
        self: &Arc<Self>,
        peer: Peer,
        (id, withdrawn): (u64, oneshot::Receiver<()>),
        crowded: bool,
    ) -> Entrance {
        self.stats.open.fetch_add(1, Ordering::Relaxed);
        let caller = Caller { gate: Arc::clone(self), id, peer, asked: Arc::default() };
        Entrance::Open { pass: Pass { caller, withdrawn }, crowded }
    }

    /// Waits until a connection has gone since the last time.
    pub(crate) async fn one_left(&self) {
        self.left.notified().await;
    }

    fn say_crowded(&self, peer: Peer) {
        self.stats.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(left_out) = self.crowded.allow() {
            let Limits { connections, per_peer, .. } = self.limits;
            tracing::warn!(
                connections = self.name,
                last = %peer,
                allowed = connections,
                allowed_per_peer = per_peer,
                lines_left_out = left_out,
                "too many connections: idle ones are closed, or new ones refused"
            );
        }
    }

    /// A connection has sent no request in time.
    pub(crate) fn say_silent(&self, peer: Peer) {
        self.stats.refused.fetch_add(1, Ordering::Relaxed);
        if let Some(left_out) = self.silent.allow() {
            tracing::info!(
                connections = self.name,
                last = %peer,
                seconds = self.limits.first_request.as_secs(),
                lines_left_out = left_out,
                "closed an idle connection"
            );
        }
    }

    fn leave(&self, id: u64) {
        self.state.lock().remove(id);
        self.stats.open.fetch_sub(1, Ordering::Relaxed);
        self.left.notify_one();
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn add(&mut self, peer: Peer) -> (u64, oneshot::Receiver<()>) {
        let (id, (withdraw, withdrawn)) = (self.number(), oneshot::channel());
        let waits = (false, id);
        self.open.insert(id, Entry { peer, calls: 0, waits: Some(waits), withdraw: Some(withdraw) });
        let of_peer = self.peers.entry(peer).or_default();
        of_peer.connections += 1;
        of_peer.waiting.insert(waits, id);
        (id, withdrawn)
    }

    /// The connection of `peer` that makes room first.
    fn first_waiting(&self, peer: Peer) -> Option<u64> {
        self.peers.get(&peer)?.waiting.values().next().copied()
    }

    /// The connection that makes room first: of the peer that has most among those with one that waits.
    fn crowd(&self) -> Option<u64> {
        let waiting = self.peers.values().filter(|of_peer| !of_peer.waiting.is_empty());
        let rank = |of_peer: &&OfPeer| {
            let oldest = of_peer.waiting.keys().next().copied();
            (of_peer.connections, std::cmp::Reverse(oldest))
        };
        waiting.max_by_key(rank)?.waiting.values().next().copied()
    }

    /// Tells a connection to go, and counts it no more.
    fn withdraw(&mut self, id: u64) {
        if let Some(withdraw) = self.remove(id).and_then(|entry| entry.withdraw) {
            // It may be going by itself.
            let _ = withdraw.send(());
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.open.remove(&id)?;
        if let Some(of_peer) = self.peers.get_mut(&entry.peer) {
            of_peer.connections -= 1;
            if let Some(waits) = entry.waits {
                of_peer.waiting.remove(&waits);
            }
            if of_peer.connections == 0 {
                self.peers.remove(&entry.peer);
            }
        }
        Some(entry)
    }

    fn begin(&mut self, id: u64) {
        // One that was withdrawn a moment ago has no entry.
        let Some(entry) = self.open.get_mut(&id) else { return };
        entry.calls += 1;
        if let (Some(waits), Some(of_peer)) = (entry.waits.take(), self.peers.get_mut(&entry.peer)) {
            of_peer.waiting.remove(&waits);
        }
    }

    fn end(&mut self, id: u64) {
        let waits = (true, self.number());
        let Some(entry) = self.open.get_mut(&id) else { return };
        entry.calls -= 1;
        if entry.calls > 0 {
            return;
        }
        entry.waits = Some(waits);
        if let Some(of_peer) = self.peers.get_mut(&entry.peer) {
            of_peer.waiting.insert(waits, id);
        }
    }
}

impl Pass {
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.caller.gate
    }

    /// Whether there was a request.
    pub(crate) fn asked(&self) -> bool {
        self.caller.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.caller.gate.leave(self.caller.id);
    }
}

impl Caller {
    /// The peer that asks.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// A call begins.
    pub(crate) fn begin(&self) -> Call {
        self.asked.store(true, Ordering::Relaxed);
        self.gate.state.lock().begin(self.id);
        Call(self.clone())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.gate.state.lock().end(self.0.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, per_peer: usize) -> Arc<Gate> {
        let limits = Limits { connections, per_peer, first_request: Duration::from_secs(1) };
        Gate::new("test", limits, &Arc::default())
    }

    fn peer(pid: i32) -> Peer {
        Peer::Process { uid: 1, pid }
    }

    fn enter(gate: &Arc<Gate>, pid: i32) -> Pass {
        match gate.enter(peer(pid)) {
            Entrance::Open { pass, .. } => pass,
            other => panic!("{other:?}"),
        }
    }

    fn open(gate: &Gate) -> u64 {
        gate.stats.open.load(Ordering::Relaxed)
    }

    fn withdrawn(pass: &mut Pass) -> bool {
        pass.withdrawn.try_recv().is_ok()
    }

    #[test]
    fn silent_connections_make_room_oldest_first() {
        let gate = gate(3, 3);
        let mut passes = [1, 1, 2].map(|pid| enter(&gate, pid));
        let mut last = enter(&gate, 3);
        // Process 1 has most.
        assert_eq!(passes.each_mut().map(withdrawn), [true, false, false]);
        assert!(!withdrawn(&mut last));
        // One each now: the oldest.
        let _more = enter(&gate, 4);
        assert_eq!(passes.each_mut().map(|pass| pass.withdrawn.try_recv().is_ok()), [false, true, false]);
    }

    #[test]
    fn idle_connections_make_room_after_silent_ones() {
        let gate = gate(9, 3);
        let mut passes = [1, 1, 1].map(|pid| enter(&gate, pid));
        for i in [1, 0] {
            drop(passes[i].caller().begin());
        }
        let mut gone = Vec::new();
        let mut more = Vec::new();
        for _ in 0..3 {
            let pass = enter(&gate, 1);
            let call = pass.caller().begin();
            more.push((pass, call));
            gone.push(passes.each_mut().map(withdrawn).iter().position(|&gone| gone).unwrap());
        }
        assert_eq!(gone, [2, 1, 0]);
    }

    #[test]
    fn connections_at_work_stay() {
        let gate = gate(3, 2);
        let mut passes = [1, 1, 2].map(|pid| enter(&gate, pid));
        let calls: Vec<Call> = passes.iter().map(|pass| pass.caller().begin()).collect();
        assert!(matches!(gate.enter(peer(1)), Entrance::Refused));
        assert!(matches!(gate.enter(peer(3)), Entrance::Full));
        assert_eq!(passes.each_mut().map(withdrawn), [false; 3]);
        drop(calls);
        let _new = enter(&gate, 3);
        assert_eq!(passes.each_mut().map(withdrawn), [true, false, false]);
        drop(passes);
        assert_eq!(open(&gate), 1);
    }

    #[test]
    fn places_come_back() {
        let gate = gate(2, 2);
        for _ in 0..10 {
            let _passes = [1, 2].map(|pid| enter(&gate, pid));
            assert_eq!(open(&gate), 2);
        }
        let state = gate.state.lock();
        assert_eq!((open(&gate), state.peers.len(), state.open.len()), (0, 0, 0));
        assert_eq!(gate.stats.refused.load(Ordering::Relaxed), 0);
    }
}
