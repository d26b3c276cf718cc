//! Shared memory for a stream: what is asked for becomes a pool and an offer, or a refusal that says why.

use std::{path::PathBuf, sync::Arc};

use bandwise_pipeline::{Pipeline, Seldom, SharedPool};
use bandwise_proto::v1 as proto;

use crate::handover::{Offer, Offers};

static NOT_SHARED: Seldom = Seldom::new();

/// Where trainers of this host get descriptors.
#[derive(Debug)]
pub(crate) struct Door {
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
    /// What the trainer is told.
    pub(crate) grant: proto::SharedMemoryGrant,
}

impl Shared {
    /// Gives what the pipeline has room for.
    pub(crate) fn answer(
        request: &proto::SharedMemoryRequest,
        door: Option<&Door>,
        pipeline: &Pipeline,
    ) -> Self {
        Self::give(request, door, pipeline).unwrap_or_else(|refusal| {
            if let Some(left_out) = NOT_SHARED.turn() {
                tracing::info!(refusal, lines_left_out = left_out, "no shared memory for a stream");
            }
            let grant = proto::SharedMemoryGrant { refusal, ..proto::SharedMemoryGrant::default() };
            Self { pool: None, offer: None, grant }
        })
    }

    fn give(
        request: &proto::SharedMemoryRequest,
        door: Option<&Door>,
        pipeline: &Pipeline,
    ) -> Result<Self, String> {
        let door = door.ok_or("this daemon shares no memory: it has no Unix socket for it")?;
        let (pool, descriptor) =
            pipeline.share(request.slots, request.slot_bytes).map_err(|error| error.to_string())?;
        let offer = door.offers.offer(descriptor).map_err(|error| format!("no token: {error}"))?;
        let grant = proto::SharedMemoryGrant {
            token: offer.token().to_vec().into(),
            slots: pool.slots(),
            slot_bytes: pool.slot_bytes(),
            refusal: String::new(),
        };
        Ok(Self { pool: Some(pool), offer: Some(offer), grant })
    }
}
