//! The gRPC service: the only module that knows tonic's server side.
//!
//! It turns requests into jobs and wants, and batches into parts. It owns no batch memory and decodes nothing.

mod admission;
mod body;
mod bounds;
mod describe;
mod jobs;
mod owner;
mod parts;
mod readers;
mod reject;
mod samples;
mod session;
mod shared_memory;
mod wire;

use std::{io, sync::Arc, time::Duration};

use bandwise_curriculum::{OrderKind, PRESET_NAMES};
use bandwise_decode::{DecodeLimits, Format};
use bandwise_job::{Fingerprint, Job, differing};
use bandwise_pipeline::{Owner, Pipeline, Stream, StreamOptions};
use bandwise_proto::v1::{self as proto, loader_server::Loader};
use bandwise_recipe::{FAST_SEMANTICS, PIXEL_SEMANTICS, Recipe};
use tokio::sync::{mpsc, watch};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    catalog::Catalog,
    net::{Caller, Peer},
    service::{
        admission::{Admission, Beginning},
        jobs::Jobs,
        owner::owner_of,
        parts::BatchParts,
        readers::Readers,
        reject::Reject,
        session::Session,
        shared_memory::Shared,
    },
};

pub(crate) use body::WithoutEncoder;
pub(crate) use shared_memory::HandoverSocket;

/// Batches that wait between a stream and its connection, behind the one that is being sent: enough that the
/// connection never waits for the stream's wake-up, few enough that a cancel comes in time for most.
const BATCHES_IN_FLIGHT: usize = 1;

/// The empty stream that tonic sees of a streaming answer; the parts bypass it (`body`).
type PartStream = tokio_stream::Empty<Result<proto::Part, Status>>;

/// The `bandwise.v1.Loader` service.
#[derive(Debug)]
pub struct LoaderService {
    catalog: Catalog,
    jobs: Jobs,
    admission: Arc<Admission>,
    readers: Arc<Readers>,
    pipeline: Arc<Pipeline>,
    limits: DecodeLimits,
    draining: watch::Receiver<bool>,
    handover_socket: Option<HandoverSocket>,
    first_want_in: Duration,
}

impl LoaderService {
    /// A service over `catalog` that makes batches with `pipeline`. Jobs whose limits are above `limits` are refused.
    /// When `draining` turns true, new work is refused and open streams get a notice.
    ///
    /// # Errors
    ///
    /// If the thread that resolves jobs cannot be started.
    pub fn new(
        catalog: Catalog,
        pipeline: Arc<Pipeline>,
        limits: DecodeLimits,
        draining: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let jobs = Jobs::start(catalog.clone(), limits)?;
        let (admission, readers) = (Arc::default(), Arc::default());
        let (handover_socket, first_want_in) = (None, Duration::MAX);
        Ok(Self {
            catalog,
            jobs,
            admission,
            readers,
            pipeline,
            limits,
            draining,
            handover_socket,
            first_want_in,
        })
    }

    /// The same with a way to shared memory for trainers on this host, if there is one.
    pub(crate) fn with_handover_socket(self, handover_socket: Option<HandoverSocket>) -> Self {
        Self { handover_socket, ..self }
    }

    /// The same with a limit of the time that a stream may take to say what it wants.
    pub(crate) fn with_first_want_in(self, first_want_in: Duration) -> Self {
        Self { first_want_in, ..self }
    }

    fn no_want(&self) -> Reject {
        let seconds = self.first_want_in.as_secs();
        let message = format!("the stream sent no want within {seconds} seconds");
        Reject::no_want(message)
    }

    async fn resolve(&self, job: Option<&proto::Job>) -> Result<jobs::Resolved, Reject> {
        let job = job.ok_or_else(|| Reject::field("job", "(none)", "a job is required"))?;
        self.jobs.resolve(job).await
    }

    /// Resolves the job of new work, unless the daemon takes none.
    async fn admit(
        &self,
        job: Option<&proto::Job>,
        expected_fingerprint: &[u8],
        expected_fields: Vec<proto::JobField>,
    ) -> Result<jobs::Resolved, Reject> {
        if *self.draining.borrow() {
            return Err(Reject::draining());
        }
        let resolved = self.resolve(job).await?;
        check_fingerprint(&resolved.job, expected_fingerprint, expected_fields)?;
        Ok(resolved)
    }

    /// Opens a stream; with shared memory if the client asks for it and it can be had.
    async fn open(&self, open: proto::Open, owner: Owner) -> Result<(Stream, Option<Shared>), Reject> {
        let resolved =
            self.admit(open.job.as_ref(), &open.expected_fingerprint, open.expected_fields).await?;
        let priority = wire::priority_of(open.priority)?;
        let mut shared = match &open.shared_memory {
            Some(request) => {
                Some(Shared::answer(request, owner, self.handover_socket.as_ref(), &self.pipeline).await)
            }
            None => None,
        };
        let pool = shared.as_mut().and_then(|shared| shared.pool.take());
        let options =
            StreamOptions { pool, owner, priority, fresh_only: open.fresh_only, single_batch: false };
        Ok((self.pipeline.open_with(resolved.dataset, resolved.job, options)?, shared))
    }
}

fn check_fingerprint(
    job: &Job,
    expected: &[u8],
    expected_fields: Vec<proto::JobField>,
) -> Result<(), Reject> {
    if expected.is_empty() || expected == job.fingerprint().as_bytes() {
        return Ok(());
    }
    let Ok(bytes) = <[u8; 32]>::try_from(expected) else {
        let problem = "a fingerprint has 32 bytes";
        return Err(Reject::field("expected_fingerprint", format!("{} bytes", expected.len()), problem));
    };
    let fields: Vec<_> = expected_fields.into_iter().map(wire::field_from_wire).collect();
    let names = if fields.is_empty() { Vec::new() } else { differing(&fields, &job.fields()) };
    let expected = Fingerprint::from(bytes).to_string();
    Err(Reject::fingerprint(&expected, &job.fingerprint().to_string(), names))
}

/// The peer that asks.
fn peer_of<T>(request: &Request<T>) -> Option<Peer> {
    request.extensions().get::<Caller>().map(Caller::peer)
}

#[tonic::async_trait]
impl Loader for LoaderService {
    type GetBatchStream = PartStream;
    type StreamBatchesStream = PartStream;

    async fn describe(
        &self,
        request: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeResponse>, Status> {
        self.admission.turn(peer_of(&request), Beginning::Call).await;
        let classes_of = request.into_inner().classes_of;
        let classes = match self.catalog.get(&classes_of) {
            _ if classes_of.is_empty() => &[],
            Some(dataset) => dataset.classes(),
            None => return Err(Reject::no_dataset(&classes_of, &jobs::names(&self.catalog)).into()),
        };
        let config = self.pipeline.config();
        Ok(Response::new(proto::DescribeResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pixel_semantics: PIXEL_SEMANTICS,
            fast_semantics: FAST_SEMANTICS,
            datasets: self.catalog.iter().map(|(name, dataset)| describe::dataset(name, dataset)).collect(),
            classes: classes.iter().map(|class| class.name().to_owned()).collect(),
            class_names: classes.iter().map(|class| class.bytes().to_vec().into()).collect(),
            curricula: PRESET_NAMES.iter().map(|&name| name.to_owned()).collect(),
            recipes: Recipe::NAMES.iter().map(|&name| name.to_owned()).collect(),
            decode_limits: Some(proto::DecodeLimits {
                max_pixels: self.limits.max_pixels,
                max_encoded_bytes: self.limits.max_encoded_bytes,
            }),
            max_batch_bytes: config.max_batch_bytes,
            max_pending_batches: config.max_pending_batches,
            threads: config.threads as u32,
            simd_level: config.simd.to_string(),
            shm_socket: self
                .handover_socket
                .as_ref()
                .map_or_else(String::new, |handover_socket| handover_socket.socket.display().to_string()),
            draining: *self.draining.borrow(),
            formats: Format::all().map(|format| format.name().to_owned()).collect(),
        }))
    }

    async fn plan(
        &self,
        request: Request<proto::PlanRequest>,
    ) -> Result<Response<proto::PlanResponse>, Status> {
        self.admission.turn(peer_of(&request), Beginning::Call).await;
        let request = request.into_inner();
        let jobs::Resolved { job, curriculum, .. } = self.resolve(request.job.as_ref()).await?;
        let stages = job.plan().stages().iter().filter(|stage| stage.steps > 0);
        let trains = job.order() == OrderKind::Shuffled;
        Ok(Response::new(proto::PlanResponse {
            stages: stages.map(|stage| wire::stage_to_wire(&job, stage)).collect(),
            steps: job.plan().steps(),
            dataset_samples: job.dataset_samples(),
            fingerprint: job.fingerprint().as_bytes().to_vec().into(),
            fields: job.fields().into_iter().map(wire::field_to_wire).collect(),
            curriculum,
            recipe: job.recipe().name().to_owned(),
            recipe_text: job.recipe().to_string(),
            row_granularity: job.common_row_granularity(),
            warnings: job.plan().warnings(trains).iter().map(ToString::to_string).collect(),
            same_every_epoch: job.is_same_every_epoch(),
        }))
    }

    async fn samples(
        &self,
        request: Request<proto::SamplesRequest>,
    ) -> Result<Response<proto::SamplesResponse>, Status> {
        self.admission.turn(peer_of(&request), Beginning::Call).await;
        Ok(Response::new(samples::answer(request.get_ref(), &self.catalog)?))
    }

    async fn get_batch(
        &self,
        request: Request<proto::GetBatchRequest>,
    ) -> Result<Response<PartStream>, Status> {
        let peer = peer_of(&request);
        let request = request.into_inner();
        // Asking batch by batch is as good as a stream, except for jobs that are not known.
        if request.job.as_ref().is_none_or(|job| self.jobs.known(job).is_none()) {
            self.admission.turn(peer, Beginning::Call).await;
        }
        let resolved = self.admit(request.job.as_ref(), &request.expected_fingerprint, Vec::new()).await?;
        let options = StreamOptions {
            owner: owner_of(peer),
            fresh_only: request.fresh_only,
            single_batch: true,
            ..StreamOptions::default()
        };
        let stream =
            self.pipeline.open_with(resolved.dataset, resolved.job, options).map_err(Reject::from)?;
        let ticket = stream.want(request.step, request.first_row, request.rows).map_err(Reject::from)?;
        // Dropped with the call if the client goes away, and with it the work.
        let batch = ticket.await.map_err(|error| Reject::batch(&error))?;
        // The batch keeps the stream's share of memory until it is sent.
        let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
        // The receiver is right here and empty.
        let _ = sender.try_send(Ok(BatchParts::new(batch, stream.dataset(), stream.job().fingerprint())));
        Ok(body::answer(receiver))
    }

    async fn stream_batches(
        &self,
        request: Request<Streaming<proto::Want>>,
    ) -> Result<Response<PartStream>, Status> {
        let peer = peer_of(&request);
        let mut wants = request.into_inner();
        let first = tokio::time::timeout(self.first_want_in, wants.message()).await;
        let first = first.map_err(|_| self.no_want())??.unwrap_or_default();
        let open = first
            .open
            .ok_or_else(|| Reject::field("open", "(none)", "the first Want of a stream must open a job"))?;
        self.admission.turn(peer, Beginning::Stream).await;
        let reader = open.reader.clone();
        let (stream, shared) = self.open(open, owner_of(peer)).await?;
        let reading = self.readers.enter(stream.job().fingerprint(), reader.as_ref(), peer.into());
        let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
        let mut session = Session::new(stream, reading, sender, self.draining.clone());
        if let Some(shared) = shared {
            session.share(shared);
        }
        session.accept(proto::Want { open: None, ..first })?;
        let running = self.admission.runs(peer);
        tokio::spawn(async move {
            session.run(wants).await;
            drop(running);
        });
        Ok(body::answer(receiver))
    }
}
