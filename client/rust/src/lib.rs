//! The Rust client of Bandwise.
//!
//! ```no_run
//! # async fn example() -> Result<(), bandwise_client::ClientError> {
//! use bandwise_client::{Connection, Run, RunOptions, proto};
//!
//! let connection = Connection::open(&"unix:/run/bandwise/bandwise.sock".parse()?).await?;
//! let job = proto::Job {
//!     datasets: vec![proto::DatasetShare { name: "imagenet".into(), weight: None }],
//!     curriculum: Some(proto::job::Curriculum::CurriculumName("efficienttrain++".into())),
//!     epochs: 200.0,
//!     global_batch: 4096,
//!     ..Default::default()
//! };
//! let mut run = Run::start(&connection, job, &RunOptions::default()).await?;
//! while let Some(batch) = run.next().await? {
//!     println!("step {}: {} bytes of images", batch.step(), batch.images().len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`Connection`] speaks to one daemon. A [`BatchStream`] is one `StreamBatches` call: wants in, batches out. A
//! [`Run`] is what a trainer's rank uses: it turns rank, world size and accumulation into rows, keeps a window of wants
//! outstanding, and yields batches in step order. With several daemons ([`Run::with_daemons`]) it spreads its wants
//! over them, leaves those that die, hang or stop, and comes back to them; [`Run::state`] is all that is needed to
//! resume elsewhere.
//!
//! On the daemon's host, over its Unix socket, batches come through shared memory by default ([`Transport`]): a
//! [`Batch`] is then the memory into which the daemon's workers wrote it, and goes back to them when it is dropped.
//!
//! Losses of daemons are logged with `tracing`: a warning when one is lost, with what happens now, and one when it is
//! back.
//!
//! A trainer that is far from its daemons can keep the rows of a replay buffer itself: see [`ReplayBuffer`].

#![forbid(unsafe_code)]

mod ask;
mod backoff;
mod batch;
mod batch_memory;
mod buffers;
mod ceiling;
mod connection;
mod error;
mod expected;
mod handshake;
mod link;
mod loss_log;
mod opening;
mod options;
mod rank_share;
mod reader;
mod replay;
mod report;
mod run;
mod schedule;
mod spec;
mod state;
mod stream;
mod transport;
mod unreadable;
mod upcoming;
mod wire;

pub use ask::ask_any;
pub use bandwise_proto::{
    Address, AddressError, Cause, MAX_NAME_BYTES, Reason, Tensor, WireChoice, differing, element_bytes,
    v1 as proto,
};
pub use batch::Batch;
pub use batch_memory::SlotPlace;
pub use connection::Connection;
pub use error::ClientError;
pub use expected::Expected;
pub use options::RunOptions;
pub use rank_share::{RankShare, ShareError};
pub use replay::ReplayBuffer;
pub use report::DaemonReport;
pub use run::Run;
pub use state::RunState;
pub use stream::{BatchStream, Reply};
pub use transport::Transport;
