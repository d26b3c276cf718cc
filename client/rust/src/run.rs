//! A run: what one rank of a trainer takes, step by step, in order.

use std::{collections::VecDeque, ops::Range};

use bandwise_proto::v1::{Dtype, Job, PlanResponse, SharedMemoryRequest, StagePlan, WantSteps};

use crate::{
    batch::Batch,
    connection::Connection,
    error::ClientError,
    share::RankShare,
    stream::{BatchStream, Expected, Reply},
    transport::Transport,
};

/// What a rank wants of a job.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The rank's share of each step.
    pub share: RankShare,
    /// The first step.
    pub from_step: u64,
    /// How many steps; `None` is to the end of the plan.
    pub steps: Option<u64>,
    /// Batches asked for ahead of the one that is next, at least 1.
    pub window: usize,
    /// The fingerprint that the job must have; empty for any.
    pub expected_fingerprint: Vec<u8>,
    /// Whether batches hold their fresh rows alone, which [`crate::ReplayBuffer`] completes. They travel over gRPC.
    pub fresh_only: bool,
    /// How batches travel. Through shared memory a run asks for two slots more than its window.
    pub transport: Transport,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            share: RankShare::default(),
            from_step: 0,
            steps: None,
            window: 8,
            expected_fingerprint: Vec::new(),
            fresh_only: false,
            transport: Transport::default(),
        }
    }
}

/// A run over the steps of a job. Dropping it ends all work for it on the daemon.
#[derive(Debug)]
pub struct Run {
    plan: PlanResponse,
    stream: BatchStream,
    share: RankShare,
    window: usize,
    /// Whether the daemon is about to stop.
    draining: bool,
    /// Steps not yet asked for.
    to_ask: Range<u64>,
    /// Batches asked for and not yet delivered: (step, first row).
    outstanding: VecDeque<(u64, u64)>,
}

impl Run {
    /// Resolves the job, opens a stream and asks for the first batches.
    ///
    /// # Errors
    ///
    /// If the daemon cannot be reached or refuses the job, the fingerprint differs, the rows cannot be shared out,
    /// or the first step is beyond the plan.
    pub async fn start(connection: &Connection, job: Job, options: &RunOptions) -> Result<Self, ClientError> {
        let plan = connection.plan(job.clone()).await?;
        for stage in &plan.stages {
            options.share.check(stage.global_batch, stage.row_granularity)?;
        }
        if options.from_step > plan.steps {
            return Err(ClientError::BeyondPlan { from_step: options.from_step, steps: plan.steps });
        }
        let end =
            options.steps.map_or(plan.steps, |steps| plan.steps.min(options.from_step.saturating_add(steps)));
        // Also without an expectation of the caller's: the daemon may be replaced between the two calls.
        let expected = match options.expected_fingerprint.as_slice() {
            [] => Expected { fingerprint: plan.fingerprint.to_vec(), fields: plan.fields.clone() },
            fingerprint => Expected { fingerprint: fingerprint.to_vec(), fields: Vec::new() },
        };
        let request = SharedMemoryRequest {
            slots: u32::try_from(options.window.saturating_add(2)).unwrap_or(u32::MAX),
            slot_bytes: largest_batch(&plan, options.share, job.dtype()),
        };
        let stream = if options.fresh_only {
            connection.fresh_stream(job, expected).await?
        } else {
            connection.stream_over(options.transport, request, job, expected).await?
        };
        let mut run = Self {
            plan,
            stream,
            share: options.share,
            window: options.window.max(1),
            draining: false,
            to_ask: options.from_step..end,
            outstanding: VecDeque::new(),
        };
        run.ask();
        Ok(run)
    }

    /// How batches come: [`Transport::Grpc`] or [`Transport::SharedMemory`].
    pub fn transport(&self) -> Transport {
        self.stream.transport()
    }

    /// The resolved job.
    pub fn plan(&self) -> &PlanResponse {
        &self.plan
    }

    /// The next batch; `None` at the end of the run. With accumulation a step comes in several batches; in a short
    /// last step a rank's share may be empty, and the step is then passed over.
    ///
    /// # Errors
    ///
    /// If a batch cannot be made or the connection breaks. Start another run at the step that was to come.
    pub async fn next(&mut self) -> Result<Option<Batch>, ClientError> {
        let Some(&(step, first_row)) = self.outstanding.front() else {
            return if self.to_ask.is_empty() { Ok(None) } else { Err(ClientError::draining()) };
        };
        loop {
            match self.stream.next().await? {
                Some(Reply::Batch(batch)) if (batch.step(), batch.first_row()) == (step, first_row) => {
                    self.outstanding.pop_front();
                    self.ask();
                    return Ok(Some(batch));
                }
                Some(Reply::Batch(batch)) => {
                    return Err(ClientError::Protocol(format!(
                        "step {} row {} came where step {step} row {first_row} was due",
                        batch.step(),
                        batch.first_row()
                    )));
                }
                Some(Reply::Failed { error, .. }) => {
                    self.outstanding.pop_front();
                    return Err(error);
                }
                // The daemon still delivers what was asked for, and nothing more.
                Some(Reply::Draining) => self.draining = true,
                None => return Err(ClientError::Protocol("the stream ended early".to_owned())),
            }
        }
    }

    /// Fills the window.
    fn ask(&mut self) {
        while !self.draining && self.outstanding.len() < self.window {
            let Some(step) = self.to_ask.next() else { return };
            let Some((global_batch, rows)) = self.rows_of(step) else { return };
            for rows in self.share.batches(global_batch, rows) {
                self.outstanding.push_back((step, rows.start));
                self.stream.want(WantSteps {
                    first_step: step,
                    count: 1,
                    stride: 1,
                    first_row: rows.start,
                    rows: rows.end - rows.start,
                });
            }
        }
    }

    /// Global batch and real rows of a step.
    fn rows_of(&self, step: u64) -> Option<(u64, u64)> {
        let holds = |stage: &&StagePlan| (stage.first_step..stage.first_step + stage.steps).contains(&step);
        let stage = self.plan.stages.iter().find(holds)?;
        Some((stage.global_batch, step_rows(stage, step - stage.first_step)))
    }
}

/// Rows of a step of a stage, which counts from 0: the last of an epoch may be short.
fn step_rows(stage: &StagePlan, step_in_stage: u64) -> u64 {
    let done = step_in_stage + 1;
    match done.checked_sub(stage.first_epoch_steps) {
        Some(0) => stage.first_epoch_last_step_rows,
        Some(more) if more.is_multiple_of(stage.steps_per_epoch) => stage.last_step_rows,
        _ => stage.global_batch,
    }
}

/// Bytes that no batch of a rank exceeds, the gaps between its tensors included.
fn largest_batch(plan: &PlanResponse, share: RankShare, dtype: Dtype) -> u64 {
    let element = match dtype {
        Dtype::U8 => 1,
        Dtype::F32 => 4,
        _ => 2,
    };
    let batch = |stage: &StagePlan| {
        let rows = stage.global_batch / (share.world_size * share.accumulate);
        let side = u64::from(stage.bandwidth);
        // Two labels and a share of a row, and three gaps of less than 64 bytes.
        rows.saturating_mul(side * side * 3 * element + 20).saturating_add(192)
    };
    plan.stages.iter().map(batch).max().unwrap_or_default()
}
