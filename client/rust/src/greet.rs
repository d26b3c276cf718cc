//! The begin of a run over several daemons: who answers, and what they make of the job.

use std::time::Duration;

use bandwise_proto::{
    Address,
    v1::{Job, PlanResponse},
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use crate::{connection::Connection, error::ClientError, lane::OPEN_TIMEOUT};

/// How long the others are waited for when one daemon has answered: the first of the list decides, not the fastest, so
/// that a run begins in the same way each time.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// A daemon, and a connection where there is one already.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) address: Address,
    pub(crate) connection: Option<Connection>,
}

/// A daemon that has answered.
#[derive(Debug)]
pub(crate) struct Greeted {
    pub(crate) connection: Connection,
    pub(crate) plan: PlanResponse,
}

/// Asks all daemons at once for the plan of the job; in the order of `origins`, with an error for each that does not
/// answer.
pub(crate) async fn greet(origins: &[Origin], job: &Job) -> Vec<Result<Greeted, ClientError>> {
    let mut greetings = JoinSet::new();
    for (i, origin) in origins.iter().cloned().enumerate() {
        let job = job.clone();
        greetings.spawn(async move { (i, greet_one(origin, job).await) });
    }
    let silent = |origin: &Origin| {
        let reason = "it has not answered yet".to_owned();
        Err(ClientError::Connect { address: origin.address.clone(), reason })
    };
    let mut answers: Vec<Result<Greeted, ClientError>> = origins.iter().map(silent).collect();
    let mut until = Instant::now() + OPEN_TIMEOUT;
    while let Ok(Some(answered)) = timeout_at(until, greetings.join_next()).await {
        let Ok((i, answer)) = answered else { continue };
        if answer.is_ok() {
            until = until.min(Instant::now() + GRACE);
        }
        answers[i] = answer;
    }
    answers
}

async fn greet_one(origin: Origin, job: Job) -> Result<Greeted, ClientError> {
    let late =
        || ClientError::Connect { address: origin.address.clone(), reason: "it does not answer".to_owned() };
    let greeting = async {
        let connection = match origin.connection {
            Some(connection) => connection,
            None => Connection::open(&origin.address).await?,
        };
        let plan = connection.plan(job).await?;
        Ok(Greeted { connection, plan })
    };
    timeout(OPEN_TIMEOUT, greeting).await.unwrap_or_else(|_| Err(late()))
}

/// The answer that counts: the first with the expected fingerprint, or else the first; `None` if there is none.
pub(crate) fn reference<'a>(
    answers: &'a [Result<Greeted, ClientError>],
    expected: &[u8],
) -> Option<&'a Greeted> {
    let fits = |greeted: &&Greeted| expected.is_empty() || greeted.plan.fingerprint == expected;
    let mut answered = answers.iter().filter_map(|answer| answer.as_ref().ok());
    answered.clone().find(fits).or_else(|| answered.next())
}

/// The error that says most, where nobody has answered.
pub(crate) fn worst(answers: Vec<Result<Greeted, ClientError>>) -> Option<ClientError> {
    let mut errors: Vec<ClientError> = answers.into_iter().filter_map(Result::err).collect();
    let worst = errors.iter().position(ClientError::is_final).unwrap_or(0);
    (worst < errors.len()).then(|| errors.swap_remove(worst))
}
