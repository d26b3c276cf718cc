//! Questions that any daemon can answer: all are asked at once, so that one that hangs holds nothing up.

use std::{sync::Arc, time::Duration};

use bandwise_proto::Address;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{connection::Connection, error::ClientError, handshake::ANSWER_GRACE};

/// Asks all daemons at once. The first of the list that answers counts, not the fastest: once one has answered, those
/// before it have a second more. Gives its place in the list with its answer, and takes `patience` at most, though a
/// second is always given.
///
/// # Errors
///
/// If no daemon answers: the first refusal, which says more than a daemon that is not there; else what is wrong with
/// each address.
pub async fn ask_any<T, Answer>(
    addresses: &[Address],
    patience: Duration,
    ask: impl Fn(Connection) -> Answer + Send + Sync + 'static,
) -> Result<(usize, T), ClientError>
where
    T: Send + 'static,
    Answer: Future<Output = Result<T, ClientError>> + Send,
{
    let patience = patience.max(ANSWER_GRACE);
    let ask = Arc::new(ask);
    let mut questions = JoinSet::new();
    for (i, address) in addresses.iter().cloned().enumerate() {
        let ask = Arc::clone(&ask);
        questions.spawn(async move {
            match Connection::open(&address).await {
                Ok(connection) => (i, ask(connection).await),
                Err(error) => (i, Err(error)),
            }
        });
    }
    let mut answers: Vec<Option<Result<T, ClientError>>> = addresses.iter().map(|_| None).collect();
    let mut until = Instant::now() + patience;
    while let Ok(Some(answered)) = timeout_at(until, questions.join_next()).await {
        let Ok((i, answer)) = answered else { continue };
        if answer.as_ref().err().is_none_or(ClientError::is_final) {
            until = until.min(Instant::now() + ANSWER_GRACE);
        }
        answers[i] = Some(answer);
        if is_decided(&answers) {
            break;
        }
    }
    judge(addresses, answers, patience)
}

/// Whether a good answer has come and none before it can follow.
fn is_decided<T>(answers: &[Option<Result<T, ClientError>>]) -> bool {
    let first = answers.iter().find(|answer| !matches!(answer, Some(Err(_))));
    matches!(first, Some(Some(Ok(_))))
}

fn judge<T>(
    addresses: &[Address],
    answers: Vec<Option<Result<T, ClientError>>>,
    patience: Duration,
) -> Result<(usize, T), ClientError> {
    let mut errors = Vec::new();
    for (i, (answer, address)) in answers.into_iter().zip(addresses).enumerate() {
        match answer {
            Some(Ok(answer)) => return Ok((i, answer)),
            Some(Err(error)) => errors.push((address.clone(), error)),
            None => {
                let late = ClientError::Late { address: address.clone(), seconds: patience.as_secs_f64() };
                errors.push((address.clone(), late));
            }
        }
    }
    let best = errors.iter().position(|(_, error)| error.is_final());
    match best.or((errors.len() == 1).then_some(0)) {
        Some(best) => Err(errors.swap_remove(best).1),
        None if errors.is_empty() => Err(ClientError::NoAddress),
        None => Err(ClientError::NoneAnswers { errors }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(number: usize) -> Vec<Address> {
        (0..number).map(|i| format!("unix:/{i}").parse().unwrap()).collect()
    }

    #[allow(clippy::unnecessary_wraps, reason = "an answer among others")]
    fn gone() -> Option<Result<u8, ClientError>> {
        Some(Err(ClientError::Broken { reason: "gone".to_owned() }))
    }

    #[allow(clippy::unnecessary_wraps, reason = "an answer among others")]
    fn refused() -> Option<Result<u8, ClientError>> {
        Some(Err(ClientError::Protocol("no".to_owned())))
    }

    #[test]
    fn the_first_of_the_list_decides() {
        for (answers, decided) in [
            (vec![Some(Ok(1)), None], true),
            (vec![None, Some(Ok(1))], false),
            (vec![gone(), Some(Ok(1))], true),
            (vec![gone(), None], false),
            (vec![gone(), gone()], false),
        ] {
            assert_eq!(is_decided(&answers), decided, "{answers:?}");
        }
    }

    #[test]
    fn answers_count_before_refusals_and_those_before_silence() {
        let judged = |answers: Vec<_>| judge(&addresses(answers.len()), answers, Duration::from_secs(5));
        assert!(matches!(judged(vec![refused(), None, Some(Ok(7)), Some(Ok(8))]), Ok((2, 7))));
        assert!(matches!(judged(vec![gone(), refused(), None]), Err(ClientError::Protocol(_))));
        assert!(matches!(judged(vec![None]), Err(ClientError::Late { .. })));
        assert!(matches!(judged(vec![]), Err(ClientError::NoAddress)));
        let all = judged(vec![gone(), None]).unwrap_err().to_string();
        assert!(all.contains("unix:/0: the connection broke: gone") && all.contains("for 5.0 s"), "{all}");
    }
}
