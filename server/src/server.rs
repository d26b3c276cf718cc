//! The daemon's life: open datasets, start the pipeline, listen, serve, drain, stop.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};

use bandwise_choice::Choice as _;
use bandwise_dataset::{Dataset, Progress};
use bandwise_pipeline::{Pipeline, Stats};
use bandwise_proto::Address;
use bandwise_proto::v1::loader_server::LoaderServer;
use futures_util::stream;
use tokio::{sync::watch, task::JoinSet};
use tonic::{service::Routes, transport::Server as Transport};

use crate::{
    admin,
    catalog::Catalog,
    config::{Settings, Source},
    handover::{self, Offers},
    listen::{self, Bound, BoundDoor},
    net::{Acceptor, AnyAuthority, Counted, Gate, Limits, NetStats, Readers, Shares, Source as Listener},
    service::{HandoverSocket, LoaderService, WithoutEncoder},
    socket_file::SocketFile,
    start_error::StartError,
};

/// Largest request message: jobs with the text of a curriculum file fit, floods do not.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// HTTP/2 frames: large ones cost least CPU.
const FRAME_BYTES: u32 = 1 << 20;

/// Interval at which the peers of silent connections are asked whether they are still there, and how long they have to answer.
/// A host can vanish without a word; a process on this one cannot, and may be stopped for a while.
const KEEPALIVE_TCP: Duration = Duration::from_secs(10);
const KEEPALIVE_UNIX: Duration = Duration::from_secs(20);

/// Opens the datasets; split folders become `NAME/train`, `NAME/val`, `NAME/test`.
///
/// # Errors
///
/// The first dataset that cannot be opened.
pub fn open_datasets(
    settings: &Settings,
    progress: impl Fn(&str) -> Box<dyn Progress>,
) -> Result<Catalog, StartError> {
    let mut catalog: Catalog = BTreeMap::new();
    for (name, options) in &settings.datasets {
        let opened = Dataset::open_splits(options, progress(name).as_ref())
            .map_err(|source| StartError::Dataset { name: name.clone(), source: Box::new(source) })?;
        let mut told = BTreeSet::new();
        for (split, mut dataset) in opened {
            let name = split.map_or_else(|| name.clone(), |split| format!("{name}/{split}"));
            if let Some((folder, options)) = &settings.seek_points
                && let Some(trouble) = dataset.open_seek_points(folder, *options)
            {
                tracing::warn!(dataset = name, "{trouble}");
            }
            for warning in dataset.warnings().iter().map(ToString::to_string) {
                // Splits share what is said of their folder.
                if !told.contains(&warning) {
                    tracing::warn!(dataset = name, "{warning}");
                    told.insert(warning);
                }
            }
            tracing::info!(
                dataset = name,
                samples = dataset.len(),
                classes = dataset.classes().len(),
                digest = %dataset.digest(),
                index = ?dataset.index_source(),
                "dataset ready"
            );
            if catalog.insert(name.clone(), Arc::new(dataset)).is_some() {
                return Err(StartError::SameName { name });
            }
        }
    }
    if let Some(source) = settings.source {
        let dataset = match source {
            Source::Synthetic => Dataset::synthetic(),
        };
        tracing::info!(dataset = source.as_str(), samples = dataset.len(), "dataset ready");
        catalog.insert(source.to_string(), Arc::new(dataset));
    }
    Ok(catalog)
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    addresses: Vec<Address>,
    admin: Option<Address>,
    stats: Arc<Stats>,
    drain: Duration,
    draining: watch::Sender<bool>,
    servers: JoinSet<Result<(), tonic::transport::Error>>,
}

impl Daemon {
    /// Starts the pipeline, binds every address and serves them. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started or an address cannot be bound; nothing is left running then.
    pub async fn start(settings: &Settings, catalog: Catalog) -> Result<Self, StartError> {
        let mut pipeline = settings.pipeline;
        let readers =
            Readers { threads: pipeline.threads, datasets: catalog.len(), fetches: pipeline.fetch.parallel };
        let shares = Shares::of_limit(readers, settings.net.max_connections)?;
        if shares.fetches < pipeline.fetch.parallel {
            let (max_fetches, fetches) = (pipeline.fetch.parallel, shares.fetches);
            tracing::warn!(
                max_fetches,
                fetches,
                "the limit of open files (ulimit -Hn) allows fewer fetches of a dataset"
            );
        }
        pipeline.fetch.parallel = shares.fetches;
        let mut bound = Vec::new();
        let mut doors = Vec::new();
        for address in &settings.listen {
            bound.push(listen::bind(address).await?);
            if settings.pipeline.shared_bytes > 0 {
                doors.extend(listen::bind_door(address).await);
            }
        }
        let admin_listener = match &settings.admin {
            None => None,
            Some(address) => Some(listen::bind_tcp(address).await?),
        };
        let pipeline = Arc::new(Pipeline::start(pipeline)?);
        let (draining, drained) = watch::channel(false);
        let stats = Arc::clone(pipeline.stats());
        let gates = Gates::new(settings, &shares);
        let mut servers = JoinSet::new();
        let mut admin_address = None;
        if let Some(listener) = admin_listener {
            admin_address = listen::local_address(&listener);
            let state = admin::State::new(&catalog, Arc::clone(&pipeline), &gates.stats, drained.clone());
            servers.spawn(admin::serve(Acceptor::new(listener, gates.admin), state, drained.clone()));
        }
        let offers = Arc::new(Offers::new(shares.leases));
        let handover_socket = serve_doors(doors, &gates.handover_socket, &offers, &mut servers, &drained);
        let service = LoaderService::new(catalog, pipeline, settings.limits, drained.clone())
            .map_err(StartError::Thread)?
            .with_handover_socket(handover_socket)
            .with_first_want_in(settings.net.handshake);
        let routes = routes(service, &drained).await?;
        let mut addresses = Vec::new();
        for listener in bound {
            addresses.extend(listener.address());
            let (gate, routes, drained) = (Arc::clone(&gates.trainers), routes.clone(), drained.clone());
            match listener {
                Bound::Tcp(listener) => {
                    let acceptor = Acceptor::new(listener, gate);
                    servers.spawn(serve(acceptor, None, KEEPALIVE_TCP, routes, drained));
                }
                Bound::Unix(listener, file) => {
                    let acceptor = Acceptor::new(AnyAuthority::new(listener), gate);
                    servers.spawn(serve(acceptor, Some(file), KEEPALIVE_UNIX, routes, drained));
                }
            }
        }
        Ok(Self { addresses, admin: admin_address, stats, drain: settings.drain, draining, servers })
    }

    /// The addresses of the daemon, with the real ports even if 0 was requested.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Address of the admin server.
    pub fn admin(&self) -> Option<&Address> {
        self.admin.as_ref()
    }

    /// The counters of the pipeline.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Refers clients to other daemons, lets open streams finish until the drain time ends, and stops.
    pub async fn stop(mut self) {
        // Every server may already have ended.
        let _ = self.draining.send(true);
        let finished = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain, finished).await.is_err() {
            tracing::warn!(
                seconds = self.drain.as_secs(),
                "streams were still open at the end of the drain time"
            );
        }
        self.servers.shutdown().await;
    }
}

async fn routes(service: LoaderService, draining: &watch::Receiver<bool>) -> Result<Routes, StartError> {
    let loader = LoaderServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<LoaderServer<LoaderService>>().await;
    let mut drained = draining.clone();
    tokio::spawn(async move {
        if drained.wait_for(|&draining| draining).await.is_ok() {
            reporter.set_not_serving::<LoaderServer<LoaderService>>().await;
        }
    });
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(bandwise_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(Routes::new(WithoutEncoder(loader)).add_service(health).add_service(reflection))
}

/// The limits of connections: of trainers on all listeners together, of trainers that fetch shared memory, and of
/// monitoring, which works also when there is no room for more trainers.
struct Gates {
    trainers: Arc<Gate>,
    handover_socket: Arc<Gate>,
    admin: Arc<Gate>,
    stats: Arc<NetStats>,
}

impl Gates {
    fn new(settings: &Settings, shares: &Shares) -> Self {
        let stats = Arc::default();
        let gate = |name, connections: usize, per_peer: usize| {
            let limits = Limits { connections, per_peer, first_request: settings.net.handshake };
            Gate::new(name, limits, &stats)
        };
        let half = |connections: usize| (connections / 2).max(1);
        let per_peer = settings.net.max_connections_per_peer.min(half(shares.connections));
        Self {
            trainers: gate("gRPC", shares.connections, per_peer),
            handover_socket: gate("shared memory", shares.handover_socket, half(shares.handover_socket)),
            // Monitoring comes from few hosts.
            admin: gate("admin", shares.admin, shares.admin),
            stats,
        }
    }
}

async fn serve<L: Listener>(
    acceptor: Acceptor<L>,
    file: Option<SocketFile>,
    keepalive: Duration,
    routes: Routes,
    mut draining: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let drained = async move {
        // An error means that the daemon itself has ended.
        let _ = draining.wait_for(|&draining| draining).await;
    };
    // The file of a socket is removed as soon as the daemon stops listening.
    let connections = stream::unfold((acceptor, file), |(mut acceptor, file)| async {
        let connection = acceptor.guarded().await;
        Some((Ok::<_, io::Error>(connection), (acceptor, file)))
    });
    Transport::builder()
        .max_frame_size(FRAME_BYTES)
        .http2_keepalive_interval(Some(keepalive))
        .http2_keepalive_timeout(Some(keepalive))
        .serve_with_incoming_shutdown(Counted(routes.prepare()), connections, drained)
        .await
}

/// Serves the second sockets, which share their offers; the first of them is the one that is announced.
fn serve_doors(
    doors: Vec<BoundDoor>,
    gate: &Arc<Gate>,
    offers: &Arc<Offers>,
    servers: &mut JoinSet<Result<(), tonic::transport::Error>>,
    draining: &watch::Receiver<bool>,
) -> Option<HandoverSocket> {
    let (_, first) = doors.first()?;
    let socket = first.absolute();
    for (listener, file) in doors {
        let acceptor = Acceptor::new(listener, Arc::clone(gate));
        let (offers, draining) = (Arc::clone(offers), draining.clone());
        servers.spawn(async move {
            handover::serve(acceptor, file, offers, draining).await;
            Ok(())
        });
    }
    Some(HandoverSocket { offers: Arc::clone(offers), socket })
}
