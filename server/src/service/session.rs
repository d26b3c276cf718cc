//! One `StreamBatches` call: a single task that reads wants, waits for batches, and sends parts.
//!
//! It is the only owner of the call's state. Wants are read even while parts wait for the client's credit, so a cancel
//! is never stuck behind the data that it cancels. Wants are the only flow control beside HTTP/2's own: the same
//! message serves a plain trainer, a strided reader and a client that spreads its wants over daemons.
//!
//! A failed batch does not end its stream: one unreadable file would otherwise throw away everything in flight.
//! Failures are sent in their place in the order. A wrong want ends the stream.
//!
//! `fresh_only` belongs to a stream, not to a want: when a stream opens, the daemon has to know whether to reserve
//! memory for replay, and how large the stream's slots are.

use std::{
    collections::{HashSet, VecDeque},
    ops::Range,
    pin::Pin,
    sync::Arc,
};

use bandwise_pipeline::{Batch, BatchError, Stream, Ticket};
use bandwise_proto::v1 as proto;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::{Status, Streaming};

use crate::{
    handover::Offer,
    lease::HandedOut,
    service::{
        parts::{BatchParts, announced},
        readers::ReaderEntry,
        reject::Reject,
        shared_memory::Shared,
    },
};

/// The state of a call.
#[derive(Debug)]
pub(crate) struct Session {
    stream: Stream,
    /// The tickets of the wants, in order.
    tickets: VecDeque<Ticket>,
    /// Wants that came when the daemon was about to stop: (first step, first row, answer), sent behind the batches.
    refused: VecDeque<(u64, u64, proto::Failure)>,
    /// The next output.
    next: Option<BatchParts>,
    /// Lets the trainer fetch the descriptor of the stream's memory.
    offer: Option<Offer>,
    /// The slots in which the trainer reads batches.
    handed_out: HandedOut,
    sender: mpsc::Sender<Result<BatchParts, Status>>,
    draining: watch::Receiver<bool>,
    announce_draining: bool,
    /// The stream's reader among the readers of its job.
    reader: ReaderEntry,
    /// The notice about other readers, until it is sent.
    notices: Option<oneshot::Receiver<String>>,
    notice: Option<String>,
}

/// An event of the call.
enum Event {
    Want(Result<Option<proto::Want>, Status>),
    Batch(Result<Batch, BatchError>),
    Sent,
    Draining,
    Notice(Option<String>),
    ClientGone,
}

impl Session {
    pub(crate) fn new(
        stream: Stream,
        (reader, notices): (ReaderEntry, oneshot::Receiver<String>),
        sender: mpsc::Sender<Result<BatchParts, Status>>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            tickets: VecDeque::new(),
            refused: VecDeque::new(),
            next: None,
            offer: None,
            handed_out: HandedOut::default(),
            sender,
            draining,
            announce_draining: false,
            reader,
            notices: Some(notices),
            notice: None,
        }
    }

    /// Answers the request for shared memory before all else.
    pub(crate) fn share(&mut self, shared: Shared) {
        if let Some(offer) = &shared.offer {
            self.handed_out = HandedOut::new(Arc::clone(offer.lease()));
        }
        self.offer = shared.offer;
        let answer = proto::Part { shared_memory: Some(shared.grant), ..proto::Part::default() };
        self.next = Some(answer.into());
    }

    /// Runs until the client has received all it requested and closed its side, has left, or has made an error.
    pub(crate) async fn run(mut self, mut wants: Streaming<proto::Want>) {
        let mut asking = true;
        while asking || self.has_work() {
            self.choose_next();
            match self.event(&mut wants, asking).await {
                Event::Want(Ok(Some(want))) => {
                    if let Err(reject) = self.accept(want) {
                        return self.fail(reject.into()).await;
                    }
                }
                Event::Want(Ok(None)) => asking = false,
                // A message that cannot be read, or a broken connection, in which case the answer is lost.
                Event::Want(Err(status)) => return self.fail(status).await,
                Event::ClientGone => return,
                Event::Batch(outcome) => self.delivered(outcome),
                Event::Sent => self.next = None,
                Event::Draining => self.announce_draining = true,
                Event::Notice(notice) => (self.notices, self.notice) = (None, notice),
            }
        }
    }

    fn has_work(&self) -> bool {
        self.next.is_some() || !self.tickets.is_empty() || !self.refused.is_empty()
    }

    /// Chooses what goes out next, unless that is clear already or a batch has to be waited for.
    fn choose_next(&mut self) {
        if self.next.is_some() {
            return;
        }
        if let Some(notice) = self.notice.take() {
            self.next = Some(proto::Part { notice, ..proto::Part::default() }.into());
        } else if self.announce_draining && !self.sender.is_closed() {
            self.announce_draining = false;
            self.next = Some(proto::Part { draining: true, ..proto::Part::default() }.into());
        } else if self.tickets.is_empty() {
            let refused = self.refused.pop_front();
            self.next = refused.map(|(step, first_row, failure)| failed(step, first_row, failure).into());
        }
    }

    async fn event(&mut self, wants: &mut Streaming<proto::Want>, asking: bool) -> Event {
        let waiting = self.next.is_none() && !self.tickets.is_empty();
        let front = async {
            match self.tickets.front_mut() {
                Some(ticket) => Pin::new(ticket).await,
                None => std::future::pending().await,
            }
        };
        let notice = async {
            match &mut self.notices {
                // Without a sender there will be none.
                Some(notices) => notices.await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.sender.closed() => Event::ClientGone,
            want = wants.message(), if asking => Event::Want(want),
            Ok(()) = self.draining.changed() => Event::Draining,
            notice = notice => Event::Notice(notice),
            permit = self.sender.reserve(), if self.next.is_some() => match (permit, self.next.take()) {
                (Ok(permit), Some(parts)) => {
                    permit.send(Ok(parts));
                    Event::Sent
                }
                _ => Event::ClientGone,
            },
            outcome = front, if waiting => Event::Batch(outcome),
        }
    }

    /// Takes up what a want asks for.
    pub(crate) fn accept(&mut self, want: proto::Want) -> Result<(), Reject> {
        if want.open.is_some() {
            return Err(Reject::field("open", "(a job)", "a stream serves one job; open another stream"));
        }
        for slot in want.release.map_or_else(Vec::new, |release| release.slots) {
            if !self.handed_out.take_back(slot) {
                return Err(Reject::field("release.slots", slot, "no such slot was handed out"));
            }
        }
        if let Some(cancel) = want.cancel {
            let steps: HashSet<u64> = cancel.steps.into_iter().collect();
            self.tickets.retain(|ticket| !steps.contains(&ticket.step()));
        }
        want.steps.map_or(Ok(()), |steps| self.want(&steps))
    }

    fn want(&mut self, steps: &proto::WantSteps) -> Result<(), Reject> {
        if *self.draining.borrow() {
            // Promised batches still come, so the stream continues; this want is answered in its place.
            let failure = Reject::draining().at_step(steps.first_step).into_failure();
            self.refused.push_back((steps.first_step, steps.first_row, failure));
            return Ok(());
        }
        if steps.count == 0 {
            return Err(Reject::field("steps.count", 0, "must be at least 1"));
        }
        let stride = steps.stride.max(1);
        for i in 0..steps.count {
            // Beyond u64 is beyond every plan, and is refused as such.
            let step = i.checked_mul(stride).and_then(|far| far.checked_add(steps.first_step));
            let step = step.unwrap_or(u64::MAX);
            let ticket = self.stream.want(step, steps.first_row, steps.rows)?;
            self.tickets.push_back(ticket);
            self.note(step, steps.first_row..steps.first_row.saturating_add(steps.rows));
        }
        Ok(())
    }

    /// Notes what is read here; not of a short last step, of which ranks without a share ask for others' rows.
    fn note(&self, step: u64, rows: Range<u64>) {
        let plan = self.stream.job().plan();
        if let Ok(moment) = plan.locate(step)
            && moment.rows == plan.stages()[moment.stage].global_batch
        {
            self.reader.wants(step, rows);
        }
    }

    /// The first of the waiting tickets has its answer.
    fn delivered(&mut self, outcome: Result<Batch, BatchError>) {
        let Some(ticket) = self.tickets.pop_front() else { return };
        self.next = Some(match outcome {
            Ok(batch) => self.batch(batch),
            Err(error) => {
                let failure = Reject::batch(&error).into_failure();
                failed(ticket.step(), ticket.first_row(), failure).into()
            }
        });
    }

    /// The parts of a batch: all of it, or its slot in the trainer's memory.
    fn batch(&mut self, batch: Batch) -> BatchParts {
        let (dataset, fingerprint) = (self.stream.dataset(), self.stream.job().fingerprint());
        let Some(number) = batch.slot else { return BatchParts::new(batch, dataset, fingerprint) };
        let (announced, step, first_row) =
            (announced(&batch, number, dataset, fingerprint), batch.moment.step, batch.first_row);
        // Nobody else has its bytes.
        let Some(slot) = batch.into_slot() else {
            let failure = Reject::internal("the slot of the batch is still in use").into_failure();
            return failed(step, first_row, failure).into();
        };
        self.handed_out.give(number, slot);
        announced.into()
    }

    async fn fail(self, status: Status) {
        // A client that does not read must not keep batches: all but the sender goes first.
        let sender = self.sender.clone();
        drop(self);
        // Nobody is there to be told if this fails.
        let _ = sender.send(Err(status)).await;
    }
}

fn failed(step: u64, first_row: u64, failure: proto::Failure) -> proto::Part {
    proto::Part { step, first_row, failure: Some(failure), ..proto::Part::default() }
}
