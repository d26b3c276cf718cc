//! A run: the batches of one rank of a trainer, step by step, in order, from one daemon or several.
//!
//! ```text
//!                                      ┌── Link ── BatchStream ──> daemon at home
//! trainer ── next() ──> Run ── wants ──┼── Link ── BatchStream ──> daemon of the pool
//!             ^          │             └── Link (resting, opening) ..> daemon that was lost
//!             │          └── Scheduler: the table of batches, a record of each daemon
//!             └── the next batch, once ───────────────────────────────────────────────
//! ```
//!
//! First all daemons are asked for the plan at once. The first of the list that answers, or the first with the expected
//! fingerprint, defines the job; every stream is opened with that fingerprint and its fields, so a daemon that makes
//! something else of the job refuses it and names the fields. Then the run keeps a window of wants outstanding and
//! delivers in the order of the table. A daemon that drains gets no wants, delivers, and is left. The log has one line
//! when a daemon is lost, with what happens now, and one when it returns.
//!
//! The run owns everything: the links to the daemons, the scheduler that decides what each daemon is asked, and the
//! batches that have come before their turn. No task or channel is behind it: [`Run::next`] polls the links while the
//! trainer waits. So one daemon costs no more than a plain stream, and dropping a run ends everything.
//!
//! A lost daemon is reported when it is lost, not when its last batch is taken: a slow trainer has batches for seconds.
//! While nothing is wanted, [`Run::watch`] waits for the end of the streams' requests, which HTTP/2 drops with the
//! connection; to read ahead instead would take slots.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bandwise_proto::{
    Address,
    v1::{Job, PlanResponse},
};
use tokio::time::{Sleep, sleep, timeout};

use crate::{
    batch::Batch,
    ceiling::Ceiling,
    connection::Connection,
    error::ClientError,
    handshake::{self, Answer, Endpoint},
    link::{DaemonLink, Event},
    loss_log::LossLog,
    options::RunOptions,
    report::DaemonReport,
    schedule::{Action, BatchId, Due, Phase, Scheduler},
    spec::{self, StreamSpec},
    state::RunState,
    stream::Reply,
    transport::Transport,
    unreadable::{self, Unreadable},
    upcoming::Upcoming,
};

/// A run over the steps of a job. Dropping it ends all work for it on the daemons.
#[derive(Debug)]
pub struct Run {
    plan: PlanResponse,
    links: Vec<DaemonLink>,
    scheduler: Scheduler,
    upcoming: Upcoming,
    /// Batches that have come before their turn.
    ready: HashMap<BatchId, Result<Batch, ClientError>>,
    /// The last reasons why batches could not be made.
    refusals: HashMap<BatchId, ClientError>,
    /// The last error of a daemon.
    trouble: Option<ClientError>,
    window: usize,
    patience: Duration,
    loss_log: LossLog,
    unreadable: Unreadable,
    ceiling: Ceiling,
    next_step: u64,
    end: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Run {
    /// Begins a run at one daemon.
    ///
    /// # Errors
    ///
    /// As [`Run::with_daemons`].
    pub async fn start(connection: &Connection, job: Job, options: &RunOptions) -> Result<Self, ClientError> {
        let endpoint =
            Endpoint { address: connection.address().clone(), connection: Some(connection.clone()) };
        Self::begin(&[endpoint], job, options).await
    }

    /// Begins a run at several daemons: resolves the job, opens a stream at each that answers, and asks for the first
    /// batches. The first daemon of the list is preferred if it is reached over a Unix socket. Daemons that do not
    /// answer are tried again during the run; those that resolve the job to another fingerprint are not used.
    ///
    /// # Errors
    ///
    /// If no daemon can be reached, all refuse the job, the fingerprint differs at all of them, the rows cannot be
    /// shared out, or the first step is beyond the plan.
    pub async fn with_daemons(
        addresses: &[Address],
        job: Job,
        options: &RunOptions,
    ) -> Result<Self, ClientError> {
        let endpoint = |address: &Address| Endpoint { address: address.clone(), connection: None };
        let endpoints: Vec<Endpoint> = addresses.iter().map(endpoint).collect();
        Self::begin(&endpoints, job, options).await
    }

    async fn begin(endpoints: &[Endpoint], job: Job, options: &RunOptions) -> Result<Self, ClientError> {
        let answers = handshake::ask_all(endpoints, &job).await;
        let Some(Answer { plan, .. }) = handshake::reference(&answers, &options.expected.fingerprint) else {
            return Err(handshake::worst(answers).unwrap_or(ClientError::NoAddress));
        };
        let plan = plan.clone();
        spec::check(&plan, options)?;
        let spec = Arc::new(StreamSpec::new(&plan, job, options));
        let link = |(endpoint, answer): (&Endpoint, Result<Answer, ClientError>)| {
            let connection = answer.map(|answer| answer.connection);
            DaemonLink::new(endpoint.address.clone(), Arc::clone(&spec), connection)
        };
        let (links, events): (Vec<DaemonLink>, Vec<_>) = endpoints.iter().zip(answers).map(link).unzip();
        let addresses = endpoints.iter().map(|endpoint| endpoint.address.clone());
        let loss_log = LossLog::new(addresses, options.patience, Instant::now());
        let left = plan.steps - options.from_step;
        let end = options.from_step + options.steps.map_or(left, |steps| steps.min(left));
        let upcoming = Upcoming::new(plan.stages.clone(), options.share, options.from_step..end);
        let home = matches!(endpoints[0].address, Address::Unix(_)) && endpoints.len() > 1;
        let mut run = Self {
            scheduler: Scheduler::new(
                links.len(),
                home.then_some(0),
                options.share.rank,
                options.batch_timeout,
            ),
            plan,
            links,
            upcoming,
            ready: HashMap::new(),
            refusals: HashMap::new(),
            trouble: None,
            window: options.window.max(1),
            patience: options.patience,
            loss_log,
            unreadable: Unreadable::new(options.patience, Instant::now()),
            ceiling: Ceiling::new(options.max_bad_fraction),
            next_step: options.from_step,
            end,
            timer: None,
        };
        for (daemon, event) in events.into_iter().enumerate() {
            if let Some(event) = event {
                run.take(daemon, event);
            }
        }
        run.first_streams().await?;
        run.loss_log.begin(run.open_streams(), Instant::now());
        run.fill();
        Ok(run)
    }

    /// Waits until a daemon takes wants, or each has failed once; and for the others as long as for their greeting, so
    /// that the first wants are spread over all.
    async fn first_streams(&mut self) -> Result<(), ClientError> {
        let opening = |&daemon: &usize| self.links[daemon].is_opening();
        let mut opening: Vec<usize> = (0..self.links.len()).filter(opening).collect();
        poll_fn(|context| {
            self.poll_opening(&mut opening, context);
            let ready = opening.is_empty() || self.open_streams() > 0;
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if self.open_streams() == 0 {
            return Err(self.trouble.take().unwrap_or(ClientError::NoAddress));
        }
        let all = poll_fn(|context| {
            self.poll_opening(&mut opening, context);
            if opening.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        // Late daemons join the run later.
        let _ = timeout(handshake::ANSWER_GRACE, all).await;
        Ok(())
    }

    /// Daemons that take wants.
    fn open_streams(&self) -> usize {
        (0..self.links.len()).filter(|&daemon| self.scheduler.phase(daemon) == Phase::Open).count()
    }

    /// Takes up what has happened to the links that are opening.
    fn poll_opening(&mut self, opening: &mut Vec<usize>, context: &mut Context<'_>) {
        opening.retain(|&daemon| match self.links[daemon].poll(context) {
            Poll::Ready(event) => {
                self.take(daemon, event);
                false
            }
            Poll::Pending => true,
        });
    }

    /// The transport of batches from the first daemon that was reached: [`Transport::Grpc`] or
    /// [`Transport::SharedMemory`].
    pub fn transport(&self) -> Transport {
        self.links.iter().find_map(DaemonLink::transport).unwrap_or(Transport::Grpc)
    }

    /// The resolved job.
    pub fn plan(&self) -> &PlanResponse {
        &self.plan
    }

    /// The state of the run; see [`RunOptions::resume`].
    pub fn state(&self) -> RunState {
        RunState::new(&self.plan, self.next_step)
    }

    /// Batches that are still to be taken.
    pub fn batches_left(&self) -> u64 {
        (self.scheduler.len() + self.upcoming.clone().count()) as u64
    }

    /// The step of [`Run::state`].
    pub fn next_step(&self) -> u64 {
        self.next_step
    }

    /// The work of each daemon, in the order of the addresses.
    pub fn daemons(&self) -> Vec<DaemonReport> {
        let report = |(daemon, link): (usize, &DaemonLink)| {
            let (counts, phase) = (self.scheduler.counts(daemon), self.scheduler.phase(daemon));
            DaemonReport::new(link.address().clone(), link.transport(), counts, phase)
        };
        self.links.iter().enumerate().map(report).collect()
    }

    /// The next batch; `None` at the end of the run. With accumulation a step comes in several batches. A short last
    /// step may have no rows for some ranks, which then have no batch of it: see [`crate::RankShare::batches`]. Cancel-safe: a
    /// dropped call loses nothing.
    ///
    /// # Errors
    ///
    /// If a batch cannot be made by any daemon, no daemon can read a sample of it ([`ClientError::Unreadable`]) or
    /// there is no daemon for longer than the run is patient, or too many samples are undecodable. Start another run
    /// where [`Run::state`] says, or call again to continue after a batch that cannot be made.
    pub async fn next(&mut self) -> Result<Option<Batch>, ClientError> {
        self.scheduler.wait_begins(Instant::now());
        let outcome = poll_fn(|context| self.poll_next(context)).await;
        self.scheduler.wait_ends(Instant::now());
        outcome
    }

    /// Watches the daemons while no batch is needed: ends when one is lost, after it is logged, even if batches that it
    /// has sent are still to be taken. Never ends otherwise. Cancel-safe.
    pub async fn watch(&mut self) {
        let lost = {
            let mut ends: Vec<_> = self.links.iter().map(|link| Box::pin(link.over())).collect();
            let mut ended = |context: &mut Context<'_>| {
                ends.iter_mut().position(|end| end.as_mut().poll(context).is_ready())
            };
            poll_fn(|context| ended(context).map_or(Poll::Pending, Poll::Ready)).await
        };
        self.links[lost].notice();
        if self.scheduler.len() > 0 {
            let error = ClientError::Broken { reason: "the daemon closed the connection".to_owned() };
            self.tell_lost(lost, &error);
        }
    }

    fn tell_lost(&mut self, daemon: usize, error: &ClientError) {
        let others = (0..self.links.len())
            .filter(|&other| other != daemon && self.scheduler.phase(other) == Phase::Open)
            .count();
        self.loss_log.lost(daemon, error, others, Instant::now());
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Batch>, ClientError>> {
        loop {
            let mut changed = false;
            for daemon in 0..self.links.len() {
                if let Poll::Ready(event) = self.links[daemon].poll(context) {
                    self.take(daemon, event);
                    changed = true;
                }
            }
            changed |= self.act();
            if let Some(outcome) = self.outcome() {
                return Poll::Ready(outcome);
            }
            if changed {
                continue;
            }
            self.scheduler.all_taken();
            if !self.time_is_up(context) {
                return Poll::Pending;
            }
        }
    }

    /// Takes up what has happened to a link.
    fn take(&mut self, daemon: usize, event: Event) {
        let now = Instant::now();
        match event {
            Event::Opened(capacity) => {
                self.scheduler.opened(daemon, capacity, now);
                self.loss_log.back(daemon, now);
            }
            Event::Reply(Reply::Draining) => self.scheduler.draining(daemon),
            Event::Reply(Reply::Batch(batch)) => {
                let id = BatchId { step: batch.step(), first_row: batch.first_row() };
                self.answered(daemon, id, Ok(batch), now);
            }
            Event::Reply(Reply::Failed { step, first_row, error }) => {
                let id = BatchId { step, first_row };
                if error.is_draining() {
                    self.scheduler.declined(daemon, id);
                } else if error.is_retryable() {
                    self.unreadable.failed(id, self.links[daemon].address(), &error, now);
                    self.scheduler.unable(daemon, id, now);
                    self.refusals.insert(id, error);
                } else {
                    self.answered(daemon, id, Err(error), now);
                }
            }
            Event::Lost(error) => {
                self.scheduler.closed(daemon, Phase::Closed);
                self.tell_lost(daemon, &error);
                // A refusal says more.
                if self.trouble.as_ref().is_none_or(|trouble| !trouble.is_final()) {
                    self.trouble = Some(error);
                }
            }
            Event::Refused(error) => {
                self.scheduler.closed(daemon, Phase::Refused);
                self.loss_log.refused(daemon, &error, now);
                self.trouble = Some(error);
            }
        }
    }

    fn answered(&mut self, daemon: usize, id: BatchId, answer: Result<Batch, ClientError>, now: Instant) {
        self.links[daemon].works();
        // Batches that are no longer wanted are dropped here, and their slots go back.
        if self.scheduler.answered(daemon, id, now) {
            self.ready.insert(id, answer);
        }
    }

    /// Does what the scheduler says; whether a link has changed.
    fn act(&mut self) -> bool {
        let mut changed = false;
        for action in self.scheduler.decide(Instant::now()) {
            match action {
                Action::Want(daemon, wanted) => self.links[daemon].want(wanted),
                Action::Cancel(daemon, step) => self.links[daemon].cancel(step),
                Action::Leave(daemon, waited) => {
                    let address = self.links[daemon].address().clone();
                    let late = ClientError::Late { address, seconds: waited.as_secs_f64() };
                    self.links[daemon].leave();
                    self.tell_lost(daemon, &late);
                    changed = true;
                }
                Action::Drained(daemon) => {
                    self.links[daemon].leave();
                    self.tell_lost(daemon, &ClientError::drained());
                    self.trouble = Some(ClientError::drained());
                    changed = true;
                }
            }
        }
        changed
    }

    /// The outcome for the trainer, if there is one.
    fn outcome(&mut self) -> Option<Result<Option<Batch>, ClientError>> {
        match self.scheduler.due(Instant::now()) {
            Due::Nothing => {
                self.next_step = self.end;
                Some(Ok(None))
            }
            Due::Ready(id) => {
                let answer = self.ready.remove(&id)?;
                Some(self.deliver(id, answer).map(Some))
            }
            Due::Impossible(id) => {
                let all_refuse = || ClientError::NoAddress;
                let error = self.refusals.remove(&id).or_else(|| self.trouble.take());
                Some(self.deliver(id, Err(error.unwrap_or_else(all_refuse))).map(Some))
            }
            Due::Failing(id, time) if time >= self.patience => {
                let error = self.refusals.remove(&id).unwrap_or_else(ClientError::drained);
                let error = unreadable::of(&error, time).unwrap_or(error);
                Some(self.deliver(id, Err(error)).map(Some))
            }
            Due::Waiting(id, Some(starving)) if starving >= self.patience => {
                let last = self.refusals.remove(&id).or_else(|| self.trouble.take());
                let last = Box::new(last.unwrap_or_else(ClientError::drained));
                Some(Err(ClientError::NoDaemon { seconds: starving.as_secs_f64(), last }))
            }
            Due::Failing(..) | Due::Waiting(..) => None,
        }
    }

    fn deliver(&mut self, id: BatchId, answer: Result<Batch, ClientError>) -> Result<Batch, ClientError> {
        self.scheduler.deliver();
        self.refusals.remove(&id);
        self.unreadable.over(id, answer.is_ok(), Instant::now());
        self.fill();
        let batch = answer?;
        let next = self.scheduler.front().map_or(u64::MAX, |next| next.step);
        self.next_step = if next == id.step { id.step } else { id.step + 1 };
        self.ceiling.count(batch.header())?;
        Ok(batch)
    }

    /// Fills the window.
    fn fill(&mut self) {
        while self.scheduler.len() < self.window {
            let Some(wanted) = self.upcoming.next() else { break };
            self.scheduler.add(wanted);
        }
        self.act();
    }

    /// Whether it is time to decide again although nothing has happened.
    fn time_is_up(&mut self, context: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let patience = match self.scheduler.due(now) {
            Due::Waiting(_, Some(time)) | Due::Failing(_, time) => Some(self.patience.saturating_sub(time)),
            _ => None,
        };
        let quiet = self.scheduler.quiet_for(now).into_iter().chain(patience).min();
        self.timer = quiet.map(|quiet| Box::pin(sleep(quiet)));
        self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(context).is_ready())
    }
}
