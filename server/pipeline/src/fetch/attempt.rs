//! One fetch: with a time limit, and with further tries where the first one fails.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use bandwise_dataset::{Encoded, Fetch, Need, ReadError, Source};
use tokio::task::{self, JoinError, JoinHandle};

/// Pauses between tries: enough for a hiccup, too short to matter.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(50)];

/// A try that runs in a task of its own, so that a panic in it is an error of it.
type Running = JoinHandle<Result<Encoded, ReadError>>;

/// Fetches a sample. Returns the outcome and the try that continues beyond the time limit, in a thread that cannot be
/// stopped.
pub(super) async fn fetch(
    source: &Arc<dyn Source>,
    sample: u64,
    time_limit: Duration,
) -> (Result<Encoded, ReadError>, Option<Running>) {
    let mut pauses = PAUSES.iter();
    loop {
        let (mut running, can_stop) = start(source, sample);
        let Ok(ended) = tokio::time::timeout(time_limit, &mut running).await else {
            let timed_out = ReadError::TimedOut { path: source.location(sample), after: time_limit };
            if can_stop {
                running.abort();
            }
            return (Err(timed_out), (!can_stop).then_some(running));
        };
        let outcome = ended.unwrap_or_else(|defect| failed(&defect));
        match (outcome, pauses.next()) {
            (Err(_), Some(pause)) => tokio::time::sleep(*pause).await,
            (outcome, _) => return (outcome, None),
        }
    }
}

/// Begins a try; says whether it can be stopped.
fn start(source: &Arc<dyn Source>, sample: u64) -> (Running, bool) {
    match source.fetch(sample, Need::Whole) {
        Fetch::Blocking(read) => {
            // In a task, because a thread that cannot be started makes its caller panic.
            let in_thread =
                async move { task::spawn_blocking(read).await.unwrap_or_else(|defect| failed(&defect)) };
            (task::spawn(in_thread), false)
        }
        Fetch::Async(read) => (task::spawn(read), true),
    }
}

/// A try that panicked.
fn failed(defect: &JoinError) -> Result<Encoded, ReadError> {
    let reason = io::Error::other(format!("the fetch failed: {defect}"));
    Err(ReadError::Io { path: PathBuf::new(), reason })
}
