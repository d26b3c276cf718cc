//! Shared memory for a stream: a request becomes a pool and an offer, or a refusal with its reason.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bandwise_pipeline::{LogThrottle, Owner, Pipeline, SharedMemoryError, SharedPool};
use bandwise_proto::{SharingRefusal, v1 as proto};
use tokio::time::{Instant, sleep};

use crate::handover::{Offer, Offers};

static NOT_SHARED: LogThrottle = LogThrottle::new();

/// Longest wait for slots of closed streams: to empty a gigabyte takes a tenth of a second.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Time between two looks whether they are back.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The answer to a client that would keep memory without a word.
const NO_LEASE: &str = "this daemon shares memory only with clients that keep a lease on it \
    (SharedMemoryRequest.lease), so that it is counted until they have done with it: update the client, or use gRPC";

/// The second socket, on which trainers of this host get descriptors.
#[derive(Debug)]
pub(crate) struct HandoverSocket {
    pub(crate) offers: Arc<Offers>,
    /// The socket that is announced.
    pub(crate) socket: PathBuf,
}

/// The answer to a request for shared memory.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The memory, for the stream that is about to open.
    pub(crate) pool: Option<SharedPool>,
    /// Lets the trainer fetch the descriptor as long as the stream lives.
    pub(crate) offer: Option<Offer>,
    /// The answer for the trainer.
    pub(crate) grant: proto::SharedMemoryGrant,
}

/// The reason why there is no shared memory: a word for programs, and a sentence.
type Refusal = (SharingRefusal, String);

impl Shared {
    /// Gives what the pipeline has room for and `owner` may have; a moment later if that is more then. A trainer opens its
    /// next stream right behind the last one, and slots take time to be emptied.
    pub(crate) async fn answer(
        request: &proto::SharedMemoryRequest,
        owner: Owner,
        handover_socket: Option<&HandoverSocket>,
        pipeline: &Pipeline,
    ) -> Self {
        let until = Instant::now() + LONGEST_WAIT;
        while pipeline.sharing_is_worth_a_wait(owner, request.slots, request.slot_bytes)
            && Instant::now() < until
        {
            sleep(LOOK_AGAIN).await;
        }
        Self::give(request, owner, handover_socket, pipeline).unwrap_or_else(|(reason, refusal)| {
            if let Some(left_out) = NOT_SHARED.allow() {
                tracing::info!(%reason, refusal, lines_left_out = left_out, "no shared memory for a stream");
            }
            let refusal_reason = reason.to_string();
            let grant =
                proto::SharedMemoryGrant { refusal, refusal_reason, ..proto::SharedMemoryGrant::default() };
            Self { pool: None, offer: None, grant }
        })
    }

    fn give(
        request: &proto::SharedMemoryRequest,
        owner: Owner,
        handover_socket: Option<&HandoverSocket>,
        pipeline: &Pipeline,
    ) -> Result<Self, Refusal> {
        let no_socket = || {
            (
                SharingRefusal::NoSocket,
                "this daemon shares no memory: it has no Unix socket for it".to_owned(),
            )
        };
        let handover_socket = handover_socket.ok_or_else(no_socket)?;
        if !request.lease {
            return Err((SharingRefusal::NoLease, NO_LEASE.to_owned()));
        }
        let permit = handover_socket
            .offers
            .permit(owner)
            .map_err(|error| (SharingRefusal::Leases, error.to_string()))?;
        let refused = |error: SharedMemoryError| (error.reason(), error.to_string());
        let (pool, descriptor) = pipeline.share(owner, request.slots, request.slot_bytes).map_err(refused)?;
        let no_token = |error| (SharingRefusal::System, format!("no token: {error}"));
        let offer = handover_socket.offers.offer(descriptor, permit).map_err(no_token)?;
        let grant = proto::SharedMemoryGrant {
            token: offer.token().to_vec().into(),
            slots: pool.slots(),
            slot_bytes: pool.slot_bytes(),
            ..proto::SharedMemoryGrant::default()
        };
        Ok(Self { pool: Some(pool), offer: Some(offer), grant })
    }
}
