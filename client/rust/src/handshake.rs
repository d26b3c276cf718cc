//! The start of a run over several daemons: asks all of them for the plan of the job.

use std::time::Duration;

use bandwise_proto::{
    Address,
    v1::{Job, PlanResponse},
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::{connection::Connection, error::ClientError, link::OPEN_TIMEOUT};

/// Time that the other daemons have once one has answered: the first of the list decides, not the fastest, so that a run
/// starts in the same way each time.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_secs(1);

/// A daemon, and a connection where there is one already.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: Address,
    pub(crate) connection: Option<Connection>,
}

/// The answer of a daemon.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) connection: Connection,
    pub(crate) plan: PlanResponse,
}

/// Asks all daemons at once for the plan of the job; in the order of `endpoints`, with an error for each that does not
/// answer.
pub(crate) async fn ask_all(endpoints: &[Endpoint], job: &Job) -> Vec<Result<Answer, ClientError>> {
    let mut requests = JoinSet::new();
    for (i, endpoint) in endpoints.iter().cloned().enumerate() {
        let job = job.clone();
        requests.spawn(async move { (i, ask_one(endpoint, job).await) });
    }
    let silent = |endpoint: &Endpoint| {
        let reason = "it has not answered yet".to_owned();
        Err(ClientError::Connect { address: endpoint.address.clone(), reason })
    };
    let mut answers: Vec<Result<Answer, ClientError>> = endpoints.iter().map(silent).collect();
    let mut until = Instant::now() + OPEN_TIMEOUT;
    while let Ok(Some(answered)) = timeout_at(until, requests.join_next()).await {
        let Ok((i, answer)) = answered else { continue };
        if answer.is_ok() {
            until = until.min(Instant::now() + ANSWER_GRACE);
        }
        answers[i] = answer;
    }
    answers
}

async fn ask_one(endpoint: Endpoint, job: Job) -> Result<Answer, ClientError> {
    let late = || ClientError::Connect {
        address: endpoint.address.clone(),
        reason: "it does not answer".to_owned(),
    };
    let request = async {
        let connection = match endpoint.connection {
            Some(connection) => connection,
            None => Connection::open(&endpoint.address).await?,
        };
        let plan = connection.plan(job).await?;
        Ok(Answer { connection, plan })
    };
    timeout(OPEN_TIMEOUT, request).await.unwrap_or_else(|_| Err(late()))
}

/// The answer that counts: the first with the expected fingerprint, or else the first; `None` if there is none.
pub(crate) fn reference<'a>(
    answers: &'a [Result<Answer, ClientError>],
    expected: &[u8],
) -> Option<&'a Answer> {
    let fits = |answer: &&Answer| expected.is_empty() || answer.plan.fingerprint == expected;
    let mut answered = answers.iter().filter_map(|answer| answer.as_ref().ok());
    answered.clone().find(fits).or_else(|| answered.next())
}

/// The error that says most, where no daemon has answered.
pub(crate) fn worst(answers: Vec<Result<Answer, ClientError>>) -> Option<ClientError> {
    let mut errors: Vec<ClientError> = answers.into_iter().filter_map(Result::err).collect();
    let worst = errors.iter().position(ClientError::is_final).unwrap_or(0);
    (worst < errors.len()).then(|| errors.swap_remove(worst))
}
