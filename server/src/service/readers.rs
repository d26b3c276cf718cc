//! The readers of rows: finds two live streams that read the same rows of the same job.
//!
//! Usually these are ranks that do not know of each other, each of which believes that it is rank 0 of 1: all of them
//! train on the same rows, and nothing else shows it. The daemon notes which rows each stream wants of full steps. It
//! reports each such reader once, by name, to the reader and to the log.
//!
//! No false alarm comes from the streams of one process: a loop that starts again, a hedge or a lost connection makes
//! several, so clients send an identity (`Open.reader`). A stream that replaces a dead one raises none either: a peer
//! on this host must live, and one that is reached by TCP must continue to want rows. Nor does a rank without rows in a
//! short last step, which asks for rows of another.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use bandwise_job::Fingerprint;
use bandwise_proto::v1 as proto;
use parking_lot::Mutex;
use rustix::process::{Pid, test_kill_process};
use tokio::sync::oneshot;

use crate::{net, service::reject::shortened};

/// Ranges of rows that are remembered of a stream: batches of a step that one rank takes.
const MAX_SPANS: usize = 64;

/// Readers that are remembered as told.
const MAX_TOLD: usize = 1024;

/// Longest id of a process, in bytes.
const MAX_PROCESS_BYTES: usize = 64;

/// Lines in the log as they come; behind them one more for each [`REFILL`].
const BURST: u32 = 5;

/// See [`BURST`].
const REFILL: Duration = Duration::from_mins(1);

/// One process as far as it can be told apart from others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    /// The reader as the client names it.
    Said(Vec<u8>),
    /// The process at the other end of a Unix socket.
    Process(i32),
    /// Nothing is known: every stream counts as another process.
    Stream(u64),
}

/// The peer at the other end.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Process and user on this host, or the address.
    label: String,
    /// Process id of a peer on this host.
    pid: Option<i32>,
}

impl From<Option<net::Peer>> for Peer {
    fn from(peer: Option<net::Peer>) -> Self {
        match peer {
            // A process of another container has the number 0.
            Some(net::Peer::Process { uid, pid }) if pid > 0 => {
                Self { label: format!("pid {pid}, uid {uid}"), pid: Some(pid) }
            }
            Some(net::Peer::Process { uid, .. }) => Self { label: format!("uid {uid}"), pid: None },
            Some(net::Peer::Host(address)) => Self { label: address.to_string(), pid: None },
            None => Self { label: "an unknown place".to_owned(), pid: None },
        }
    }
}

impl Peer {
    /// Whether the process that has connected is there; `None` if that cannot be known.
    fn lives(&self) -> Option<bool> {
        let pid = Pid::from_raw(self.pid?)?;
        // A process of another user is there too.
        Some(test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
    }
}

/// The live readers of a daemon.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    jobs: HashMap<Fingerprint, Vec<Live>>,
    /// The processes that were told, by job.
    told: VecDeque<(Fingerprint, Identity)>,
    log: Log,
}

/// A stream that is open.
#[derive(Debug)]
struct Live {
    id: u64,
    identity: Identity,
    peer: Peer,
    name: String,
    spans: Vec<Span>,
    /// Streams that want rows of this one, which must show that it lives.
    doubted_by: Vec<u64>,
    /// Tells the reader, if it can be told and was not.
    notice: Option<oneshot::Sender<String>>,
}

/// The same rows of several steps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    rows: Range<u64>,
    steps: Range<u64>,
}

impl Span {
    fn meets(&self, other: &Self) -> bool {
        let meet = |one: &Range<u64>, other: &Range<u64>| one.start < other.end && other.start < one.end;
        meet(&self.rows, &other.rows) && meet(&self.steps, &other.steps)
    }
}

/// A stream's place among the readers. Dropping it takes it away.
#[derive(Debug)]
pub(crate) struct ReaderEntry {
    readers: Arc<Readers>,
    job: Fingerprint,
    id: u64,
}

impl Readers {
    /// Takes up a stream of `job`. What its reader is to be told comes out of the receiver, once at the most.
    pub(crate) fn enter(
        self: &Arc<Self>,
        job: Fingerprint,
        reader: Option<&proto::Reader>,
        peer: Peer,
    ) -> (ReaderEntry, oneshot::Receiver<String>) {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.0.lock();
        let id = state.next;
        state.next += 1;
        let said = reader.map(|reader| &reader.process[..]).filter(|process| !process.is_empty());
        let identity = match (said, peer.pid) {
            (Some(said), _) => Identity::Said(said[..said.len().min(MAX_PROCESS_BYTES)].to_vec()),
            (None, Some(pid)) => Identity::Process(pid),
            (None, None) => Identity::Stream(id),
        };
        let name = reader.map_or_else(|| peer.label.clone(), |reader| shortened(&reader.name));
        let notice = reader.map(|_| sender);
        let (spans, doubted_by) = (Vec::new(), Vec::new());
        let live = Live { id, identity, peer, name, spans, doubted_by, notice };
        state.jobs.entry(job).or_default().push(live);
        (ReaderEntry { readers: Arc::clone(self), job, id }, receiver)
    }
}

impl ReaderEntry {
    /// The stream wants rows of a whole step.
    pub(crate) fn wants(&self, step: u64, rows: Range<u64>) {
        self.readers.0.lock().wants(self.job, self.id, &Span { rows, steps: step..step.saturating_add(1) });
    }
}

impl Drop for ReaderEntry {
    fn drop(&mut self) {
        let mut state = self.readers.0.lock();
        if let Some(streams) = state.jobs.get_mut(&self.job) {
            streams.retain(|stream| stream.id != self.id);
            if streams.is_empty() {
                state.jobs.remove(&self.job);
            }
        }
    }
}

impl State {
    fn wants(&mut self, job: Fingerprint, id: u64, span: &Span) {
        let Some(streams) = self.jobs.get_mut(&job) else { return };
        let Some(own) = streams.iter().position(|stream| stream.id == id) else { return };
        streams[own].remember(span);
        let mut pairs: Vec<(u64, u64)> = streams[own].doubted_by.drain(..).map(|other| (id, other)).collect();
        if streams.len() > 1 {
            let identity = streams[own].identity.clone();
            for other in streams.iter_mut().filter(|other| other.identity != identity && other.has(span)) {
                let doubts = other.doubted_by.len() < MAX_SPANS && !other.doubted_by.contains(&id);
                match other.peer.lives() {
                    Some(true) => pairs.push((other.id, id)),
                    None if doubts => other.doubted_by.push(id),
                    _ => {}
                }
            }
        }
        for (one, other) in pairs {
            self.tell(job, one, other);
        }
    }

    /// Two streams read the same rows: each gets a notice about the other, unless it had one before.
    fn tell(&mut self, job: Fingerprint, one: u64, other: u64) {
        let Self { jobs, told, log, .. } = self;
        let Some(streams) = jobs.get_mut(&job) else { return };
        let of = |id| streams.iter().position(|stream: &Live| stream.id == id);
        let (Some(one), Some(other)) = (of(one), of(other)) else { return };
        let mut news = false;
        for (to, about) in [(one, other), (other, one)] {
            let key = (job, streams[to].identity.clone());
            if told.contains(&key) {
                continue;
            }
            news = true;
            told.truncate(MAX_TOLD - 1);
            told.push_front(key);
            let text = format!(
                "another reader ({}) gets the same rows of this job here: if both are ranks of one training, set \
                 RANK and WORLD_SIZE (or rank and world_size), because ranks that do not know of each other train on \
                 the same rows; if they are separate runs, ignore this",
                streams[about].name
            );
            if let Some(notice) = streams[to].notice.take() {
                // The stream may be about to end.
                let _ = notice.send(text);
            }
        }
        if news && log.may(Instant::now()) {
            let (one, other) = (&streams[one], &streams[other]);
            tracing::warn!(
                job = %job, reader = one.name, reader_peer = one.peer.label, other = other.name,
                other_peer = other.peer.label,
                "two readers get the same rows of one job: if they are ranks of one training, set their ranks and world \
                 sizes"
            );
        }
    }
}

impl Live {
    /// Whether the stream wants, or has wanted, some of the rows.
    fn has(&self, span: &Span) -> bool {
        self.spans.iter().any(|own| own.meets(span))
    }

    /// Adds to the span of the same rows. Steps in between that were not requested here were requested from another
    /// daemon.
    fn remember(&mut self, span: &Span) {
        if let Some(known) = self.spans.iter_mut().find(|known| known.rows == span.rows) {
            known.steps = known.steps.start.min(span.steps.start)..known.steps.end.max(span.steps.end);
        } else if self.spans.len() < MAX_SPANS {
            self.spans.push(span.clone());
        }
    }
}

/// Number of lines that the log may still have.
#[derive(Debug)]
struct Log {
    left: u32,
    refilled: Option<Instant>,
}

impl Default for Log {
    fn default() -> Self {
        Self { left: BURST, refilled: None }
    }
}

impl Log {
    fn may(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(*self.refilled.get_or_insert(now)) >= REFILL {
            (self.left, self.refilled) = (self.left.max(1), Some(now));
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Fingerprint {
        Fingerprint::from([1; 32])
    }

    fn far() -> Peer {
        Peer { label: "10.0.0.7:40000".to_owned(), pid: None }
    }

    /// A process of this host that lives.
    fn near() -> Peer {
        Peer { label: "pid 1".to_owned(), pid: Some(std::process::id() as i32) }
    }

    fn reader(name: &str) -> proto::Reader {
        proto::Reader { name: name.to_owned(), process: name.as_bytes().to_vec().into() }
    }

    fn enter(readers: &Arc<Readers>, name: &str, peer: Peer) -> (ReaderEntry, oneshot::Receiver<String>) {
        readers.enter(job(), Some(&reader(name)), peer)
    }

    #[test]
    fn two_readers_of_the_same_rows_are_told_of_each_other_once() {
        let readers = Arc::new(Readers::default());
        let (one, mut to_one) = enter(&readers, "one", near());
        let (other, mut to_other) = enter(&readers, "other", near());
        one.wants(3, 0..8);
        other.wants(3, 8..16);
        other.wants(4, 0..8);
        assert!(to_one.try_recv().is_err(), "other rows, and other steps");
        other.wants(3, 4..12);
        assert!(to_one.try_recv().unwrap().contains("another reader (other)"));
        assert!(to_other.try_recv().unwrap().contains("another reader (one)"));
        drop(one);
        // A new stream of the same process is not told again, a third process is.
        let (one, mut to_one) = enter(&readers, "one", near());
        let (third, mut to_third) = enter(&readers, "third", near());
        one.wants(3, 0..8);
        third.wants(3, 0..8);
        assert!(to_one.try_recv().is_err());
        assert!(to_third.try_recv().is_ok());
    }

    #[test]
    fn one_process_and_dead_peers_are_no_reason() {
        let readers = Arc::new(Readers::default());
        let (one, mut to_one) = enter(&readers, "one", near());
        let (again, _) = enter(&readers, "one", near());
        one.wants(0, 0..8);
        again.wants(0, 0..8);
        assert!(to_one.try_recv().is_err(), "a loop that begins anew");
        // No process has this id.
        let gone = Peer { label: String::new(), pid: Some(i32::MAX) };
        let (dead, mut to_dead) = enter(&readers, "dead", gone);
        dead.wants(50, 0..8);
        let (heir, _) = enter(&readers, "heir", near());
        heir.wants(50, 0..8);
        assert!(to_dead.try_recv().is_err());
    }

    #[test]
    fn a_far_peer_must_show_that_it_lives() {
        let readers = Arc::new(Readers::default());
        let (one, mut to_one) = enter(&readers, "one", far());
        let (other, mut to_other) = enter(&readers, "other", far());
        one.wants(0, 0..8);
        other.wants(0, 0..8);
        other.wants(1, 0..8);
        assert!(to_other.try_recv().is_err(), "the other one may have vanished");
        one.wants(1, 0..8);
        assert!(to_one.try_recv().is_ok() && to_other.try_recv().is_ok());
    }

    #[test]
    fn the_log_is_not_flooded() {
        let (mut log, mut now, mut lines) = (Log::default(), Instant::now(), 0);
        for _ in 0..600 {
            now += Duration::from_secs(1);
            lines += u32::from(log.may(now));
        }
        assert!((10..=15).contains(&lines), "{lines}");
    }
}
