//! Shared memory: clients that follow no rules, and what the daemon counts.

use std::{
    fs::File,
    io::Write as _,
    os::{
        linux::fs::MetadataExt as _,
        unix::{fs::FileExt as _, net::UnixStream},
    },
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bandwise_client::{
    Address,
    proto::{self, loader_client::LoaderClient},
};
use bandwise_shm::receive_descriptor;
use tokio_stream::wrappers::ReceiverStream;

use super::{Server, job, raw_client};

/// Bytes of a slot of [`Raw`], as it asks for them.
pub const SLOT_BYTES: u64 = 2_000_000;

/// A stream of the generated client: what the daemon does with one that breaks the rules.
pub struct Raw {
    pub wants: tokio::sync::mpsc::Sender<proto::Want>,
    pub parts: tonic::Streaming<proto::Part>,
    pub grant: proto::SharedMemoryGrant,
}

impl Raw {
    /// A stream with up to 3 slots.
    pub async fn open(server: &Server) -> Self {
        Self::ask(server, proto::SharedMemoryRequest { slots: 3, slot_bytes: SLOT_BYTES, lease: true }).await
    }

    pub async fn ask(server: &Server, request: proto::SharedMemoryRequest) -> Self {
        Self::ask_over(&mut raw_client(server).await, request).await
    }

    pub async fn ask_over(
        client: &mut LoaderClient<tonic::transport::Channel>,
        request: proto::SharedMemoryRequest,
    ) -> Self {
        let (wants, outbound) = tokio::sync::mpsc::channel(8);
        let open = proto::Open { job: Some(job(4)), shared_memory: Some(request), ..proto::Open::default() };
        wants.send(proto::Want { open: Some(open), ..proto::Want::default() }).await.unwrap();
        let mut parts = client.stream_batches(ReceiverStream::new(outbound)).await.unwrap().into_inner();
        let first = parts.message().await.unwrap().unwrap();
        Self { wants, parts, grant: first.shared_memory.expect("the first part answers") }
    }

    pub async fn want(&self, count: u64) {
        let steps = Some(proto::WantSteps { first_step: 0, count, stride: 1, first_row: 0, rows: 4 });
        self.wants.send(proto::Want { steps, ..proto::Want::default() }).await.unwrap();
    }

    /// Waits until a batch is announced; gives its slot.
    pub async fn slot(&mut self) -> u32 {
        let part = self.parts.message().await.unwrap().unwrap();
        assert!(part.header.is_some() && part.data.is_empty());
        part.slot.expect("a slot")
    }

    pub async fn release(&self, slots: Vec<u32>) {
        let release = Some(proto::ReleaseSlots { slots });
        self.wants.send(proto::Want { release, ..proto::Want::default() }).await.unwrap();
    }

    /// Fetches the memory.
    pub fn fetch(&self, server: &Server) -> Fetched {
        let lease = knock(server, &self.grant.token);
        Fetched { file: File::from(receive_descriptor(&lease).unwrap()), lease }
    }
}

/// Memory as a client has it that may keep everything.
pub struct Fetched {
    pub file: File,
    pub lease: UnixStream,
}

impl Fetched {
    /// Bytes of memory that the file takes.
    pub fn taken(&self) -> u64 {
        self.file.metadata().unwrap().st_blocks() * 512
    }

    /// The bytes of a slot.
    pub fn bytes(&self, grant: &proto::SharedMemoryGrant, slot: u32) -> Vec<u8> {
        let mut bytes = vec![0; grant.slot_bytes as usize];
        self.file.read_exact_at(&mut bytes, u64::from(slot) * grant.slot_bytes).unwrap();
        bytes
    }

    /// Says what is still held, after the stream.
    pub fn tell_held(&mut self, mask: u64) {
        self.lease.write_all(&mask.to_le_bytes()).unwrap();
    }
}

/// Brings the token to the second socket.
pub fn knock(server: &Server, token: &[u8]) -> UnixStream {
    let Address::Unix(path) = &server.daemon.addresses()[0] else { panic!("a Unix socket") };
    let mut door = UnixStream::connect(bandwise_shm::door_of(path)).unwrap();
    door.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    door.write_all(token).unwrap();
    door
}

/// The daemon's counters at a time.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    pub streams: u64,
    pub batch_bytes_in_use: u64,
    pub shared_bytes: u64,
    pub kept_bytes: u64,
}

pub fn counted(server: &Server) -> Counted {
    let stats = server.daemon.stats();
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Counted {
        streams: load(&stats.streams),
        batch_bytes_in_use: load(&stats.batch_bytes_in_use),
        shared_bytes: load(&stats.shared_bytes),
        kept_bytes: load(&stats.kept_bytes),
    }
}

/// Waits until what is counted is so.
pub async fn wait_for(server: &Server, what: &str, is_so: impl Fn(Counted) -> bool) {
    for _ in 0..3000 {
        if is_so(counted(server)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: {:?}", counted(server));
}

/// Waits until no memory and no place is taken.
pub async fn wait_for_nothing(server: &Server) {
    let sum = |it: Counted| it.streams + it.batch_bytes_in_use + it.shared_bytes + it.kept_bytes;
    wait_for(server, "nothing is left", |it| sum(it) == 0).await;
}
