//! Replay on the client's side: fresh rows come from the daemon, the others from earlier batches.
//!
//! A run with [`RunOptions::fresh_only`](crate::RunOptions::fresh_only) yields batches of fresh rows whose headers name
//! the origins of the other rows. [`ReplayBuffer::complete`] makes whole batches of them, with the bytes that a daemon
//! that replays would send. It keeps the fresh rows of the last `replay_buffer` steps and requests rows that it lacks
//! again, as after a resumed start.
//!
//! A rank has the rows of its own batches only, so each batch must hold whole lanes: `replay_lanes` is a multiple of
//! the batches of a step. It is part of the job, and with it the world size: a run that is resumed with another world
//! size has another fingerprint and is refused. Recipes that mix rows are refused, because mixing comes after replay.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    ops::Range,
    time::{Duration, Instant},
};

use bandwise_proto::{
    Address,
    v1::{BatchHeader, Job, PlanResponse, ReplayedRow, StagePlan, Substitution, TensorInfo, WantSteps},
};
use bytes::Bytes;
use tokio::time::sleep;

use crate::{
    backoff::Backoff,
    batch::{Batch, received_bytes},
    batch_memory::BatchMemory,
    buffers::{Buffer, Buffers},
    connection::Connection,
    error::ClientError,
    expected::Expected,
    loss_log::Allowance,
    options::RunOptions,
    rank_share::RankShare,
    stream::{BatchStream, Reply},
    unreadable,
};

/// Blocks that are requested again at a time.
const BLOCKS_AHEAD: usize = 32;

/// A row that was fresh.
#[derive(Clone, Debug)]
struct Row {
    image: Bytes,
    label: i64,
    sample: u64,
    substitution: Option<Substitution>,
}

/// Fresh rows of one rank, by step and row.
#[derive(Debug)]
pub struct ReplayBuffer {
    /// The daemons to ask again, in turn.
    daemons: VecDeque<Address>,
    job: Job,
    expected: Expected,
    stages: Vec<StagePlan>,
    bytes: u64,
    kept: BTreeMap<u64, HashMap<u64, Row>>,
    buffers: Buffers,
    /// The stream for rows that are requested again, and the number of wants it takes at a time.
    again: Option<(BatchStream, usize)>,
    patience: Duration,
    told: Option<Allowance>,
}

impl ReplayBuffer {
    /// An empty buffer for a rank of a run of `job`, whose plan is `plan`. Rows that it lacks are requested from one of
    /// the daemons.
    ///
    /// # Errors
    ///
    /// If a batch would not hold whole lanes, or the buffer would take more than `max_bytes`.
    pub fn new(
        daemons: &[Address],
        job: Job,
        plan: &PlanResponse,
        share: RankShare,
        max_bytes: u64,
    ) -> Result<Self, ClientError> {
        let (lanes, batches) = (u64::from(job.replay_lanes.max(1)), share.world_size * share.accumulate);
        let replays = plan.stages.iter().any(|stage| stage.replay_times > 1);
        if replays && !lanes.is_multiple_of(batches) {
            return Err(ClientError::ReplayLanes { lanes, batches });
        }
        let largest = plan.stages.iter().map(|stage| stage.replay_buffer_bytes).max().unwrap_or_default();
        let bytes = largest.div_ceil(share.world_size);
        if bytes > max_bytes {
            return Err(ClientError::ReplayMemory { bytes, max_bytes });
        }
        Ok(Self {
            daemons: daemons.iter().cloned().collect(),
            job,
            expected: Expected { fingerprint: plan.fingerprint.to_vec(), fields: plan.fields.clone() },
            stages: plan.stages.clone(),
            bytes,
            kept: BTreeMap::new(),
            buffers: Buffers::default(),
            again: None,
            patience: RunOptions::default().patience,
            told: None,
        })
    }

    /// The same, which asks for as long as `patience` where no daemon has the rows that it lacks, as a run does
    /// ([`RunOptions::patience`]); a minute otherwise.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Bytes of the images that it holds at most, as announced by the plan.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the images that it holds now.
    pub fn bytes_in_use(&self) -> u64 {
        self.kept.values().flat_map(HashMap::values).map(|row| row.image.len() as u64).sum()
    }

    /// The whole batch, of which `fresh` holds the fresh rows. Batches come in step order.
    ///
    /// # Errors
    ///
    /// If rows that have to be requested again do not come within the buffer's patience, or the daemon breaks the
    /// protocol.
    pub async fn complete(&mut self, fresh: Batch) -> Result<Batch, ClientError> {
        let Some(stage) = self.stage_of(fresh.step()).filter(|stage| stage.replay_times > 1) else {
            self.kept.clear();
            return Ok(fresh);
        };
        let oldest = (fresh.step() + 1).saturating_sub(u64::from(stage.replay_buffer)).max(stage.first_step);
        self.kept = self.kept.split_off(&oldest);
        self.keep(&fresh)?;
        self.fetch(&missing(&self.kept, &fresh.header().replayed, stage.row_granularity)).await?;
        self.assemble(&fresh)
    }

    fn stage_of(&self, step: u64) -> Option<StagePlan> {
        let holds = |stage: &&StagePlan| (stage.first_step..stage.first_step + stage.steps).contains(&step);
        self.stages.iter().find(holds).copied()
    }

    /// Keeps the rows of a batch in memory of their very size.
    fn keep(&mut self, fresh: &Batch) -> Result<(), ClientError> {
        let (header, images) = (fresh.header(), Bytes::copy_from_slice(fresh.images()));
        let row_bytes = images.len() / header.rows.max(1) as usize;
        let mut substitutions: HashMap<u64, Substitution> =
            header.substitutions.iter().map(|other| (other.row, other.clone())).collect();
        let kept = self.kept.entry(fresh.step()).or_default();
        for (i, ((row, &sample), label)) in
            fresh_rows(fresh)?.zip(&header.sample_ids).zip(fresh.labels()).enumerate()
        {
            let image = images.slice(i * row_bytes..(i + 1) * row_bytes);
            kept.insert(row, Row { image, label, sample, substitution: substitutions.remove(&row) });
        }
        Ok(())
    }

    /// Asks for blocks again whose fresh rows are missing: at every daemon in turn, and at all of them again for as long as
    /// the buffer is patient.
    async fn fetch(&mut self, blocks: &[(u64, Range<u64>)]) -> Result<(), ClientError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let (begun, mut pauses) = (Instant::now(), Backoff::default());
        loop {
            let error = match self.fetch_anywhere(blocks).await {
                Err(error) if error.is_retryable() => error,
                outcome => return outcome,
            };
            let time = begun.elapsed();
            if time >= self.patience {
                return Err(unreadable::of(&error, time).unwrap_or(error));
            }
            sleep(pauses.next().min(self.patience.saturating_sub(time))).await;
        }
    }

    async fn fetch_anywhere(&mut self, blocks: &[(u64, Range<u64>)]) -> Result<(), ClientError> {
        // Each once, and the first once more over a new stream: asking again is always safe.
        for _ in 0..self.daemons.len() {
            match self.fetch_over(blocks).await {
                Err(error) if error.is_retryable() => self.tell(&error),
                outcome => return outcome,
            }
            self.daemons.rotate_left(1);
        }
        self.fetch_over(blocks).await
    }

    /// The log has what goes wrong, but not each time.
    fn tell(&mut self, error: &ClientError) {
        let now = Instant::now();
        if self.told.get_or_insert_with(|| Allowance::new(now)).take(now) {
            let daemon = self.daemons.front().map(ToString::to_string).unwrap_or_default();
            let patience = self.patience.as_secs_f64();
            tracing::warn!(daemon, %error, "requesting rows to replay again, for up to {patience} s");
        }
    }

    /// The stream is kept only if all went well.
    async fn fetch_over(&mut self, blocks: &[(u64, Range<u64>)]) -> Result<(), ClientError> {
        let (mut stream, ahead) = match self.again.take() {
            Some(again) => again,
            None => self.open().await?,
        };
        for some in blocks.chunks(ahead) {
            self.fetch_some(&mut stream, some).await?;
        }
        self.again = Some((stream, ahead));
        Ok(())
    }

    /// A stream for rows that are requested again, and the number of wants it takes at a time.
    async fn open(&self) -> Result<(BatchStream, usize), ClientError> {
        let daemon = self.daemons.front().ok_or(ClientError::NoAddress)?;
        let connection = Connection::open(daemon).await?;
        let limit = connection.describe("").await?.max_pending_batches.max(1) as usize;
        let stream = connection.fresh_stream(self.job.clone(), self.expected.clone()).await?;
        Ok((stream, limit.min(BLOCKS_AHEAD)))
    }

    async fn fetch_some(
        &mut self,
        stream: &mut BatchStream,
        blocks: &[(u64, Range<u64>)],
    ) -> Result<(), ClientError> {
        for (step, rows) in blocks {
            stream.want(WantSteps {
                first_step: *step,
                count: 1,
                stride: 1,
                first_row: rows.start,
                rows: rows.end - rows.start,
            });
        }
        for (step, rows) in blocks {
            let fresh = next(stream).await?;
            if (fresh.step(), fresh.first_row()) != (*step, rows.start) {
                return Err(ClientError::Protocol(format!(
                    "step {} row {} came where step {step} row {} was due",
                    fresh.step(),
                    fresh.first_row(),
                    rows.start
                )));
            }
            self.keep(&fresh)?;
        }
        Ok(())
    }

    /// Puts fresh and kept rows together in row order.
    fn assemble(&self, fresh: &Batch) -> Result<Batch, ClientError> {
        let origins = origins(fresh)?;
        let mut whole = Whole::new(fresh.header(), origins.len() as u64, &self.buffers)?;
        for (row, (step, origin)) in (fresh.first_row()..).zip(origins) {
            let kept = self.kept.get(&step).and_then(|rows| rows.get(&origin));
            let kept = kept.ok_or_else(|| {
                ClientError::Protocol(format!("row {origin} of step {step} is not the requested one"))
            })?;
            whole.push(row, step, kept);
        }
        whole.finish(fresh.first_row())
    }
}

/// The next batch.
async fn next(stream: &mut BatchStream) -> Result<Batch, ClientError> {
    loop {
        match stream.next().await? {
            Some(Reply::Batch(batch)) => return Ok(batch),
            Some(Reply::Failed { error, .. }) => return Err(error),
            // It still delivers the requested batches.
            Some(Reply::Draining) => {}
            None => return Err(ClientError::Protocol("the stream ended early".to_owned())),
        }
    }
}

/// A batch in the making.
struct Whole {
    header: BatchHeader,
    images: Buffer,
    labels: Vec<u8>,
}

impl Whole {
    fn new(fresh: &BatchHeader, rows: u64, buffers: &Buffers) -> Result<Self, ClientError> {
        let tensor = |tensor: &TensorInfo| {
            let shape = [rows].into_iter().chain(tensor.shape.iter().skip(1).copied()).collect();
            let byte_length = (tensor.byte_length / fresh.rows.max(1)).saturating_mul(rows);
            TensorInfo { shape, byte_length, ..tensor.clone() }
        };
        let tensors: Vec<TensorInfo> = fresh.tensors.iter().map(tensor).collect();
        let total = received_bytes(fresh.step, &tensors)?;
        let header = BatchHeader {
            rows,
            tensors,
            sample_ids: Vec::with_capacity(rows as usize),
            origin_steps: Vec::with_capacity(rows as usize),
            substitutions: Vec::new(),
            replayed: Vec::new(),
            ..fresh.clone()
        };
        Ok(Self { header, images: buffers.take(total), labels: Vec::with_capacity(8 * rows as usize) })
    }

    fn push(&mut self, row: u64, origin_step: u64, kept: &Row) {
        self.images.push(&kept.image);
        self.labels.extend(kept.label.to_le_bytes());
        self.header.sample_ids.push(kept.sample);
        self.header.origin_steps.push(origin_step);
        let substitution = kept.substitution.clone().map(|other| Substitution { row, ..other });
        self.header.substitutions.extend(substitution);
    }

    fn finish(mut self, first_row: u64) -> Result<Batch, ClientError> {
        // Images come first, labels second, and rows that are mixed are never replayed here.
        self.images.push(&self.labels);
        Batch::new(self.header, first_row, BatchMemory::Heap(self.images))
    }
}

/// Rows of the step that a batch of fresh rows stands for, with where each was fresh, in row order.
fn origins(fresh: &Batch) -> Result<Vec<(u64, u64)>, ClientError> {
    let header = fresh.header();
    let rows = header.rows + header.replayed.len() as u64;
    let mut replayed = header.replayed.iter().peekable();
    let origin = |row: u64| match replayed.next_if(|replayed| replayed.row == row) {
        Some(replayed) => (replayed.origin_step, replayed.origin_row),
        None => (header.step, row),
    };
    let origins: Vec<(u64, u64)> = (fresh.first_row()..fresh.first_row() + rows).map(origin).collect();
    if replayed.next().is_some() {
        return Err(out_of_order(header));
    }
    Ok(origins)
}

/// The rows of the step that a batch of fresh rows holds, in row order.
fn fresh_rows(fresh: &Batch) -> Result<impl Iterator<Item = u64>, ClientError> {
    let replayed: HashSet<u64> = fresh.header().replayed.iter().map(|replayed| replayed.row).collect();
    let rows = fresh.first_row()..fresh.first_row() + fresh.rows() + replayed.len() as u64;
    let own: Vec<u64> = rows.filter(|row| !replayed.contains(row)).collect();
    if own.len() as u64 != fresh.rows() {
        return Err(out_of_order(fresh.header()));
    }
    Ok(own.into_iter())
}

fn out_of_order(header: &BatchHeader) -> ClientError {
    ClientError::Protocol(format!("the replayed rows of step {} are not those of the batch", header.step))
}

/// The blocks that hold replayed rows which are not kept, neighbours joined.
fn missing(
    kept: &BTreeMap<u64, HashMap<u64, Row>>,
    replayed: &[ReplayedRow],
    block_rows: u64,
) -> Vec<(u64, Range<u64>)> {
    let block_rows = block_rows.max(1);
    let is_kept =
        |row: &ReplayedRow| kept.get(&row.origin_step).is_some_and(|rows| rows.contains_key(&row.origin_row));
    let mut blocks: Vec<(u64, u64)> = replayed
        .iter()
        .filter(|row| !is_kept(row))
        .map(|row| (row.origin_step, row.origin_row / block_rows))
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    let mut joined: Vec<(u64, Range<u64>)> = Vec::new();
    for (step, block) in blocks {
        let rows = block.saturating_mul(block_rows)..(block + 1).saturating_mul(block_rows);
        match joined.last_mut() {
            Some((last, before)) if *last == step && before.end == rows.start => before.end = rows.end,
            _ => joined.push((step, rows)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(origin_step: u64, origin_row: u64) -> ReplayedRow {
        ReplayedRow { row: 0, origin_step, origin_row }
    }

    #[test]
    fn blocks_that_are_missing_are_asked_for_once_and_together() {
        let row = Row { image: Bytes::new(), label: 0, sample: 0, substitution: None };
        let kept = BTreeMap::from([(7, HashMap::from([(12, row)]))]);
        let rows = [(7, 13), (7, 12), (8, 30), (7, 0), (7, 1), (7, 6), (8, 18)];
        let rows = rows.map(|(step, row)| replayed(step, row));
        assert_eq!(missing(&kept, &rows, 6), [(7, 0..18), (8, 18..24), (8, 30..36)]);
        assert_eq!(missing(&kept, &rows[1..2], 6), []);
    }
}
