//! The admin HTTP server: metrics, health and a status page for programs. Never on the path of a batch.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json, Router,
    extract::{self, connect_info::Connected},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
    serve::IncomingStream,
};
use bandwise_dataset::Dataset;
use bandwise_decode::{Format, JpegPath};
use bandwise_pipeline::Pipeline;
use bandwise_seek::SeekStats;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    catalog::Catalog,
    net::{Acceptor, Caller, Guarded, NetStats, Peer},
};

/// The sources of the admin server's reports.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pipeline: Arc<Pipeline>,
    net: Arc<NetStats>,
    catalog: Arc<Catalog>,
    draining: watch::Receiver<bool>,
}

#[derive(Clone, Debug, Serialize)]
struct DatasetStatus {
    name: String,
    samples: u64,
    classes: usize,
    digest: String,
    index_bytes: u64,
    /// `None` where none are kept.
    seek_points: Option<SeekStatus>,
}

/// The seek points of a dataset.
#[derive(Clone, Copy, Debug, Serialize)]
struct SeekStatus {
    found: u64,
    missing: u64,
    added: u64,
    /// Not added, because the file or the queue before it was full, or the file cannot be written.
    left_out: u64,
    images: u64,
    file_bytes: u64,
}

impl From<SeekStats> for SeekStatus {
    fn from(stats: SeekStats) -> Self {
        Self {
            found: stats.hits,
            missing: stats.misses,
            added: stats.stored,
            left_out: stats.dropped + stats.refused,
            images: stats.entries,
            file_bytes: stats.bytes,
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
struct Status {
    version: &'static str,
    draining: bool,
    threads: usize,
    simd_level: &'static str,
    formats: Vec<&'static str>,
    connections: u64,
    connections_refused: u64,
    streams: u64,
    rows: u64,
    rows_from_memo: u64,
    replayed_rows_made: u64,
    batches: u64,
    encoded_bytes: u64,
    fetched_samples: u64,
    fetch_timeouts: u64,
    fetch_waiting_rows: u64,
    fetch_bytes_in_use: u64,
    fetch_bytes: u64,
    worker_busy_seconds: f64,
    batch_bytes_in_use: u64,
    prefetch_bytes: u64,
    shared_bytes_in_use: u64,
    shared_bytes_kept: u64,
    shared_bytes: u64,
    replay_bytes_in_use: u64,
    replay_reserved_bytes: u64,
    replay_bytes: u64,
    unreadable_samples: u64,
    unreadable_rows_substituted: u64,
    undecodable_samples: std::collections::BTreeMap<&'static str, u64>,
    jpeg_decodes: Vec<JpegDecodes>,
    worker_panics: u64,
    datasets: Vec<DatasetStatus>,
}

/// JPEGs that were decoded by one path.
#[derive(Clone, Debug, Serialize)]
struct JpegDecodes {
    decoder: &'static str,
    /// A word for the reason why it was not our own decoder; empty where it was.
    reason: &'static str,
    count: u64,
}

impl From<(JpegPath, u64)> for JpegDecodes {
    fn from((path, count): (JpegPath, u64)) -> Self {
        Self { decoder: path.decoder(), reason: path.reason(), count }
    }
}

impl State {
    pub(crate) fn new(
        catalog: &Catalog,
        pipeline: Arc<Pipeline>,
        net: &Arc<NetStats>,
        draining: watch::Receiver<bool>,
    ) -> Self {
        Self { catalog: Arc::new(catalog.clone()), pipeline, net: Arc::clone(net), draining }
    }

    fn datasets(&self) -> Vec<DatasetStatus> {
        let status = |(name, dataset): (&String, &Arc<Dataset>)| DatasetStatus {
            name: name.clone(),
            samples: dataset.len(),
            classes: dataset.classes().len(),
            digest: dataset.digest().to_string(),
            index_bytes: dataset.index_bytes(),
            seek_points: dataset.seek_points().map(|points| points.store.stats().into()),
        };
        self.catalog.iter().map(status).collect()
    }

    fn status(&self) -> Status {
        let (stats, config) = (self.pipeline.stats(), self.pipeline.config());
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            version: env!("CARGO_PKG_VERSION"),
            draining: *self.draining.borrow(),
            threads: config.threads,
            simd_level: config.simd.name(),
            formats: Format::all().map(Format::name).collect(),
            connections: load(&self.net.open),
            connections_refused: load(&self.net.refused),
            streams: load(&stats.streams),
            rows: load(&stats.rows),
            rows_from_memo: load(&stats.rows_from_memo),
            replayed_rows_made: load(&stats.replayed_rows_made),
            batches: load(&stats.batches),
            encoded_bytes: load(&stats.encoded_bytes),
            fetched_samples: load(&stats.fetched),
            fetch_timeouts: load(&stats.fetch_timeouts),
            fetch_waiting_rows: load(&stats.fetch_waiting),
            fetch_bytes_in_use: load(&stats.fetch_bytes),
            fetch_bytes: config.fetch.bytes,
            worker_busy_seconds: load(&stats.worker_busy_ns) as f64 / 1e9,
            batch_bytes_in_use: load(&stats.batch_bytes_in_use),
            prefetch_bytes: config.prefetch_bytes,
            shared_bytes_in_use: load(&stats.shared_bytes),
            shared_bytes_kept: load(&stats.kept_bytes),
            shared_bytes: config.shared_bytes,
            replay_bytes_in_use: load(&stats.replay_bytes),
            replay_reserved_bytes: load(&stats.replay_reserved_bytes),
            replay_bytes: config.replay.bytes,
            unreadable_samples: load(&stats.unreadable),
            unreadable_rows_substituted: load(&stats.unreadable_substituted),
            undecodable_samples: stats.undecodable(),
            jpeg_decodes: stats.jpeg_paths().into_iter().map(JpegDecodes::from).collect(),
            worker_panics: load(&stats.panics),
            datasets: self.datasets(),
        }
    }
}

/// Serves until the daemon drains.
pub(crate) async fn serve(
    acceptor: Acceptor<TcpListener>,
    state: State,
    mut draining: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route(
            "/api/status",
            get(|extract::State(state): extract::State<State>| async move { Json(state.status()) }),
        )
        .with_state(state)
        .layer(middleware::from_fn(counted))
        .into_make_service_with_connect_info::<Asking>();
    let drained = async move {
        // An error means that the daemon itself has ended.
        let _ = draining.wait_for(|&draining| draining).await;
    };
    if let Err(error) = axum::serve(Guard(acceptor), router).with_graceful_shutdown(drained).await {
        tracing::error!(%error, "admin server");
    }
    Ok(())
}

/// The listener of the admin server.
struct Guard(Acceptor<TcpListener>);

impl axum::serve::Listener for Guard {
    type Io = Guarded<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        let connection = self.0.guarded().await;
        let peer = connection.caller().peer();
        (connection, peer)
    }

    fn local_addr(&self) -> std::io::Result<Peer> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

/// The connection of a request.
#[derive(Clone, Debug)]
struct Asking(Caller);

impl Connected<IncomingStream<'_, Guard>> for Asking {
    fn connect_info(stream: IncomingStream<'_, Guard>) -> Self {
        Self(stream.io().caller().clone())
    }
}

/// Keeps the connection from being closed for others while it is answered.
async fn counted(
    extract::ConnectInfo(Asking(caller)): extract::ConnectInfo<Asking>,
    request: extract::Request,
    next: middleware::Next,
) -> Response {
    let _call = caller.begin();
    next.run(request).await
}

async fn readyz(extract::State(state): extract::State<State>) -> (StatusCode, &'static str) {
    if *state.draining.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn metrics(extract::State(state): extract::State<State>) -> impl IntoResponse {
    let (code, text) = match open_metrics(state.status()) {
        Ok(text) => (StatusCode::OK, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    (code, [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

/// The counters as `OpenMetrics` text.
fn open_metrics(status: Status) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("bandwise");
    registry.register_collector(Box::new(StatusCollector(status)));
    let mut text = String::new();
    encode(&mut text, &registry).map(|()| text)
}

/// One reading of the counters as metrics.
#[derive(Debug)]
struct StatusCollector(Status);

/// A metric without labels: name, help, unit, value.
type Plain<T> = (&'static str, &'static str, Option<&'static Unit>, T);

impl Collector for StatusCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let status = &self.0;
        for (name, help, unit, value) in counters(status) {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, help, unit, MetricType::Counter)?)?;
        }
        let (help, unit) = ("Time that workers spent on rows, summed over the workers", Some(&Unit::Seconds));
        let busy = ConstCounter::new(status.worker_busy_seconds);
        busy.encode(encoder.encode_descriptor("worker_busy", help, unit, MetricType::Counter)?)?;
        for (name, help, unit, value) in gauges(status) {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?)?;
        }
        let (name, help) = ("undecodable_samples", "Undecodable samples by reason");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (reason, count) in &status.undecodable_samples {
            let labels = [("reason", *reason)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        let (name, help) = ("jpeg_decodes", "JPEGs decoded, by decoder and the reason for it");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for JpegDecodes { decoder, reason, count } in &status.jpeg_decodes {
            let labels = [("decoder", *decoder), ("reason", *reason)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        for (name, help, value) in SEEK_COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (dataset, seek) in status.seek_points() {
                let labels = [("dataset", dataset)];
                ConstCounter::new(value(seek)).encode(family.encode_family(&labels)?)?;
            }
        }
        let (name, help, unit) = ("seek_file", "Files of seek points", Some(&Unit::Bytes));
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (dataset, seek) in status.seek_points() {
            let labels = [("dataset", dataset)];
            ConstGauge::new(seek.file_bytes as i64).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// A counter of the seek points of each dataset: name, help, value.
type OfSeekPoints = (&'static str, &'static str, fn(&SeekStatus) -> u64);

const SEEK_COUNTERS: [OfSeekPoints; 4] = [
    ("seek_points_found", "JPEGs whose seek points were found", |seek| seek.found),
    ("seek_points_missing", "JPEGs whose seek points were not kept, or not in memory", |seek| seek.missing),
    ("seek_points_added", "JPEGs whose seek points were added to the file", |seek| seek.added),
    ("seek_points_left_out", "JPEGs whose seek points were not added", |seek| seek.left_out),
];

impl Status {
    /// The seek points of each dataset that has any.
    fn seek_points(&self) -> impl Iterator<Item = (&str, &SeekStatus)> {
        self.datasets
            .iter()
            .filter_map(|dataset| Some((dataset.name.as_str(), dataset.seek_points.as_ref()?)))
    }
}

/// The counters.
fn counters(status: &Status) -> [Plain<u64>; 11] {
    let fetched = "Samples that were not in memory and so were fetched";
    let timeouts = "Fetches that storage did not answer in time";
    let from_memo = "Rows that were made before and copied, for replay";
    let refused = "Connections refused, or closed because they were idle";
    let substituted = "Rows that hold another sample since theirs could not be read here";
    let made_again = "Replayed rows that were not kept, and so were made";
    [
        ("rows", "Rows written", None, status.rows),
        ("rows_from_memo", from_memo, None, status.rows_from_memo),
        ("replayed_rows_made", made_again, None, status.replayed_rows_made),
        ("batches", "Batches completed", None, status.batches),
        ("encoded", "Encoded bytes read", Some(&Unit::Bytes), status.encoded_bytes),
        ("fetched_samples", fetched, None, status.fetched_samples),
        ("fetch_timeouts", timeouts, None, status.fetch_timeouts),
        ("unreadable_samples", "Samples that could not be read here", None, status.unreadable_samples),
        ("connections_refused", refused, None, status.connections_refused),
        ("unreadable_rows_substituted", substituted, None, status.unreadable_rows_substituted),
        ("worker_panics", "Panics of workers", None, status.worker_panics),
    ]
}

/// The gauges.
fn gauges(status: &Status) -> [Plain<i64>; 15] {
    let bytes = Some(&Unit::Bytes);
    let fetch_memory = "Samples that are being fetched or wait for a worker";
    let kept = "Shared memory that trainers keep beyond their streams";
    let shared_budget = "Memory that may be shared with trainers";
    let reserved = "Memory for such rows that open jobs may take";
    let replay_budget = "Memory for such rows that all jobs may take";
    [
        ("connections", "Open connections", None, status.connections as i64),
        ("streams", "Open streams", None, status.streams as i64),
        ("batch_memory", "Batch memory on loan", bytes, status.batch_bytes_in_use as i64),
        ("prefetch_budget", "Batch memory allowed", bytes, status.prefetch_bytes as i64),
        ("fetch_waiting_rows", "Rows that wait for a fetch to begin", None, status.fetch_waiting_rows as i64),
        ("fetch_memory", fetch_memory, bytes, status.fetch_bytes_in_use as i64),
        ("fetch_budget", "Memory for such samples allowed", bytes, status.fetch_bytes as i64),
        ("shared_memory", "Memory shared with trainers", bytes, status.shared_bytes_in_use as i64),
        ("shared_memory_kept", kept, bytes, status.shared_bytes_kept as i64),
        ("shared_memory_budget", shared_budget, bytes, status.shared_bytes as i64),
        ("replay_memory", "Rows kept for later steps", bytes, status.replay_bytes_in_use as i64),
        ("replay_memory_reserved", reserved, bytes, status.replay_reserved_bytes as i64),
        ("replay_memory_budget", replay_budget, bytes, status.replay_bytes as i64),
        ("threads", "Worker threads", None, status.threads as i64),
        ("draining", "1 while the daemon is about to stop", None, i64::from(status.draining)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dashboards and alerts know these names, units and labels: a change of them is a breaking one.
    #[test]
    fn metrics_are_written_as_ever() {
        let status = Status {
            draining: true,
            threads: 2,
            connections: 3,
            rows: 4,
            encoded_bytes: 5,
            worker_busy_seconds: 6.25,
            replay_bytes: u64::MAX >> 1,
            undecodable_samples: [("truncated", 7), ("unsupported", 8)].into(),
            datasets: vec![DatasetStatus {
                name: "d".to_owned(),
                samples: 1,
                classes: 1,
                digest: String::new(),
                index_bytes: 1,
                seek_points: Some(SeekStatus {
                    found: 11,
                    missing: 12,
                    added: 13,
                    left_out: 14,
                    images: 15,
                    file_bytes: 16,
                }),
            }],
            jpeg_decodes: vec![(JpegPath::Own, 9).into(), (JpegPath::Process, 10).into()],
            ..Status::default()
        };
        let text = open_metrics(status).unwrap();
        assert_eq!(text, include_str!("../tests/golden/metrics.txt"), "{text}");
    }

    #[test]
    fn every_metric_is_documented() {
        let (document, source) = (include_str!("../../deploy/metrics.md"), include_str!("admin.rs"));
        let named = |line: &str| {
            let rest = line.trim().strip_prefix("(\"")?;
            rest.split_once("\", ").map(|(name, _)| name.to_owned())
        };
        let mut names: Vec<String> = source.lines().filter_map(named).collect();
        names.push("worker_busy".to_owned());
        names.push("undecodable_samples".to_owned());
        names.push("jpeg_decodes".to_owned());
        names.push("seek_file".to_owned());
        assert!(names.len() > 15, "{names:?}");
        for name in names {
            assert!(document.contains(&format!("`bandwise_{name}")), "{name}");
        }
        let documented = document.lines().filter(|line| line.starts_with("| `bandwise_")).count();
        let counted = source.lines().filter_map(named).count() + 4;
        assert_eq!(documented, counted, "deploy/metrics.md lists a metric that is gone");
    }
}
