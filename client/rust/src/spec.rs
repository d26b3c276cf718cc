//! From a rank's options to its streams.

use bandwise_proto::{
    BatchShape, element_bytes,
    v1::{Dtype, Job, PlanResponse, Priority, Reader, SharedMemoryRequest, StagePlan},
};

use crate::{
    error::ClientError, expected::Expected, options::RunOptions, rank_share::RankShare, reader,
    transport::Transport,
};

/// The specification of a stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamSpec {
    pub(crate) job: Job,
    pub(crate) expected: Expected,
    pub(crate) transport: Transport,
    /// The shape of shared memory, if it comes to that.
    pub(crate) memory: SharedMemoryRequest,
    pub(crate) priority: Priority,
    /// Whether batches hold their fresh rows alone.
    pub(crate) fresh_only: bool,
    /// The identity of the reader, for daemons.
    pub(crate) reader: Reader,
}

impl StreamSpec {
    /// A stream with the default options.
    pub(crate) fn over_grpc(job: Job, expected: Expected) -> Self {
        Self {
            job,
            expected,
            transport: Transport::Grpc,
            memory: SharedMemoryRequest::default(),
            priority: Priority::Normal,
            fresh_only: false,
            reader: reader::this_process(None),
        }
    }

    /// The streams of a run with the plan of `job`.
    pub(crate) fn new(plan: &PlanResponse, job: Job, options: &RunOptions) -> Self {
        // Even without an expectation of the caller: every daemon must resolve the job in the same way, now and later.
        let expected = match options.expected.fingerprint.as_slice() {
            [] => Expected { fingerprint: plan.fingerprint.to_vec(), fields: plan.fields.clone() },
            _ => options.expected.clone(),
        };
        let memory = SharedMemoryRequest {
            slots: options.slots(),
            slot_bytes: largest_batch(plan, options.share, job.dtype()),
            lease: true,
        };
        // A slot has room for whole batches, and who completes them copies the rows anyway.
        let transport = if options.fresh_only { Transport::Grpc } else { options.transport };
        let (priority, fresh_only) = (options.priority, options.fresh_only);
        let reader = reader::this_process(Some(options.share));
        Self { job, expected, transport, memory, priority, fresh_only, reader }
    }
}

/// Whether a plan can be run like this.
///
/// # Errors
///
/// If the rows of a stage cannot be shared out, or the first step is beyond the plan.
pub(crate) fn check(plan: &PlanResponse, options: &RunOptions) -> Result<(), ClientError> {
    for stage in &plan.stages {
        options.share.check(stage.global_batch, stage.row_granularity)?;
    }
    if options.from_step > plan.steps {
        return Err(ClientError::BeyondPlan { from_step: options.from_step, steps: plan.steps });
    }
    Ok(())
}

/// Bytes that no batch of a rank exceeds, the gaps between its tensors included.
fn largest_batch(plan: &PlanResponse, share: RankShare, dtype: Dtype) -> u64 {
    let element_bytes = element_bytes(dtype);
    let batch = |stage: &StagePlan| {
        let rows = stage.global_batch / (share.world_size * share.accumulate);
        BatchShape { rows, side: stage.bandwidth.into(), element_bytes, mixed: true }.room_bytes()
    };
    plan.stages.iter().map(batch).max().unwrap_or_default()
}
