//! A connection to one daemon.

use std::time::Duration;

use bandwise_proto::{
    Address, MAX_SAMPLE_IDS,
    v1::{
        DescribeRequest, DescribeResponse, Job, PlanRequest, PlanResponse, Sample, SamplesRequest,
        loader_client::LoaderClient,
    },
};
use hyper_util::client::legacy::connect::HttpConnector;
use tonic::transport::{Channel, Endpoint};

use crate::error::{ClientError, root_cause};

/// Time that a daemon may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP/2 window of a stream: large enough that it never waits for credit on a local link.
const STREAM_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// HTTP/2 window of a connection: the most that the protocol has, so that a stream which is not read does not hold up
/// the others of its connection. What is really buffered is bounded by the streams' own windows.
const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;

/// Interval at which a silent daemon is asked whether it is still there, and its time to answer.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// HTTP/2 frames: large ones cost least CPU.
const FRAME_BYTES: u32 = 1024 * 1024;

/// Bytes of headers that are taken, errors among them: more than any daemon sends.
const HEADER_LIST_BYTES: u32 = 64 << 10;

/// Time within which bytes sent over TCP must be acknowledged: a host that has vanished confirms nothing.
const TCP_UNCONFIRMED: Duration = Duration::from_secs(20);

/// Interval at which the system asks a silent host of a TCP connection whether it is still there, and how many times more.
const TCP_ASK: Duration = Duration::from_secs(5);
const TCP_ASKS: u32 = 2;

/// Connects over TCP.
fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(TCP_ASK));
    connector.set_keepalive_retries(Some(TCP_ASKS));
    connector.set_tcp_user_timeout(Some(TCP_UNCONFIRMED));
    connector
}

/// A connection to one daemon. Cheap to clone; all clones share one HTTP/2 connection, which is made again by
/// itself when it breaks.
#[derive(Clone, Debug)]
pub struct Connection {
    address: Address,
    pub(crate) channel: Channel,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If no daemon answers within 5 seconds.
    pub async fn open(address: &Address) -> Result<Self, ClientError> {
        let failed = |error: tonic::transport::Error| ClientError::Connect {
            address: address.clone(),
            reason: root_cause(&error),
        };
        let uri = match address {
            Address::Unix(path) => format!("unix:{}", path.display()),
            Address::Tcp { host, port } => format!("http://{host}:{port}"),
        };
        let endpoint = Endpoint::from_shared(uri)
            .map_err(failed)?
            .connect_timeout(CONNECT_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .max_frame_size(FRAME_BYTES)
            .http2_max_header_list_size(HEADER_LIST_BYTES);
        let channel = match address {
            Address::Unix(_) => endpoint.connect().await,
            Address::Tcp { .. } => endpoint.connect_with_connector(tcp()).await,
        };
        let channel = channel.map_err(failed)?;
        Ok(Self { address: address.clone(), channel })
    }

    /// The address of the daemon.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn client(&self) -> LoaderClient<Channel> {
        LoaderClient::new(self.channel.clone())
    }

    /// The description of the daemon; with the class names of one dataset if `classes_of` is not empty.
    ///
    /// # Errors
    ///
    /// If the daemon cannot be reached or has no such dataset.
    pub async fn describe(&self, classes_of: &str) -> Result<DescribeResponse, ClientError> {
        let request = DescribeRequest { classes_of: classes_of.to_owned() };
        Ok(self.client().describe(request).await?.into_inner())
    }

    /// Resolves a job.
    ///
    /// # Errors
    ///
    /// If the daemon cannot be reached or refuses the job.
    pub async fn plan(&self, job: Job) -> Result<PlanResponse, ClientError> {
        Ok(self.client().plan(PlanRequest { job: Some(job) }).await?.into_inner())
    }

    /// Names and labels of samples of a dataset, one for each id, in their order. If `digest` is not empty (32 bytes), it
    /// must be the dataset's. Asks for 8192 at a time; some milliseconds each.
    ///
    /// # Errors
    ///
    /// If the daemon cannot be reached, has no such dataset or one of another digest, or an id is beyond it.
    pub async fn samples(
        &self,
        dataset: &str,
        digest: &[u8],
        sample_ids: &[u64],
    ) -> Result<Vec<Sample>, ClientError> {
        let mut samples = Vec::with_capacity(sample_ids.len());
        while samples.len() < sample_ids.len() {
            let left = &sample_ids[samples.len()..];
            let some = &left[..left.len().min(MAX_SAMPLE_IDS)];
            let request = SamplesRequest {
                dataset: dataset.to_owned(),
                expected_digest: digest.to_vec().into(),
                sample_ids: some.to_vec(),
            };
            let answer = self.client().samples(request).await?.into_inner().samples;
            if answer.is_empty() || answer.len() > some.len() {
                let (asked, got) = (some.len(), answer.len());
                return Err(ClientError::Protocol(format!("{got} samples for {asked} ids")));
            }
            samples.extend(answer);
        }
        Ok(samples)
    }
}
