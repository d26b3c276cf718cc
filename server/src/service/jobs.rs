//! Resolved jobs, kept so that a client that asks batch by batch does not have its job resolved each time. Resolving
//! takes a thread of its own, one job after the other: connections and workers do not wait for it.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use bandwise_dataset::Dataset;
use bandwise_decode::DecodeLimits;
use bandwise_job::Job;
use bandwise_proto::v1 as proto;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::oneshot;

use crate::{
    catalog::Catalog,
    service::{reject::Reject, wire::spec_of},
};

/// Jobs that are kept; trainings and validations at a time on one daemon are fewer.
const MAX_KEPT: usize = 16;

/// Refusals that are kept, of requests up to a size.
const MAX_REFUSALS: usize = 64;
const MAX_REFUSED_BYTES: usize = 64 << 10;

/// A job together with its dataset.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) job: Arc<Job>,
    /// Name of the curriculum, for display.
    pub(crate) curriculum: String,
}

type Answer = Result<Resolved, Reject>;
type Asked = (proto::Job, oneshot::Sender<Answer>);

/// The jobs that were resolved last. A memo: forgetting one costs time, never bytes.
#[derive(Debug)]
pub(crate) struct Jobs {
    memo: Arc<Memo>,
    /// To the thread, which ends with it.
    ask: mpsc::Sender<Asked>,
}

#[derive(Debug, Default)]
struct Memo(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    jobs: VecDeque<(proto::Job, Resolved)>,
    refusals: VecDeque<(proto::Job, Reject)>,
}

impl Jobs {
    /// Starts the thread that resolves jobs over the catalog's datasets.
    pub(crate) fn start(catalog: Catalog, limits: DecodeLimits) -> io::Result<Self> {
        let memo = Arc::new(Memo::default());
        let (ask, asked) = mpsc::channel::<Asked>();
        let kept = Arc::clone(&memo);
        thread::Builder::new().name("bw-jobs".to_owned()).spawn(move || {
            for (request, answer) in asked {
                // The caller has left, or another one has resolved the same job before.
                if answer.is_closed() {
                    continue;
                }
                // A bug that a job meets must not end the others' way to theirs.
                let resolved = catch_unwind(AssertUnwindSafe(|| kept.answer(request, &catalog, &limits)));
                let _ = answer.send(resolved.unwrap_or_else(|_| Err(unresolved())));
            }
        })?;
        Ok(Self { memo, ask })
    }

    /// Facts about a request.
    pub(crate) fn known(&self, request: &proto::Job) -> Option<Answer> {
        self.memo.find(request)
    }

    /// The job for a request.
    pub(crate) async fn resolve(&self, request: &proto::Job) -> Answer {
        if let Some(known) = self.known(request) {
            return known;
        }
        let (answer, resolved) = oneshot::channel();
        // The thread lives as long as this, unless a bug has ended it.
        let _ = self.ask.send((request.clone(), answer));
        resolved.await.unwrap_or_else(|_| Err(unresolved()))
    }
}

fn unresolved() -> Reject {
    Reject::internal("the job could not be resolved, by a fault of the daemon")
}

fn resolve(request: &proto::Job, catalog: &Catalog, limits: &DecodeLimits) -> Answer {
    let (name, spec) = spec_of(request, limits)?;
    let dataset = catalog.get(&name).ok_or_else(|| Reject::no_dataset(&name, &names(catalog)))?;
    let job = spec.resolve(*dataset.digest().as_bytes(), dataset.len())?;
    Ok(Resolved {
        dataset: Arc::clone(dataset),
        job: Arc::new(job),
        curriculum: spec.curriculum.name().to_owned(),
    })
}

impl Memo {
    fn answer(&self, request: proto::Job, catalog: &Catalog, limits: &DecodeLimits) -> Answer {
        self.find(&request).unwrap_or_else(|| {
            let answer = resolve(&request, catalog, limits);
            self.keep(request, &answer);
            answer
        })
    }

    fn find(&self, request: &proto::Job) -> Option<Answer> {
        let kept = self.0.lock();
        let job = kept.jobs.iter().find(|(known, _)| known == request);
        let refusal = || kept.refusals.iter().find(|(known, _)| known == request);
        match job {
            Some((_, resolved)) => Some(Ok(resolved.clone())),
            None => refusal().map(|(_, reject)| Err(reject.clone())),
        }
    }

    fn keep(&self, request: proto::Job, answer: &Answer) {
        let mut kept = self.0.lock();
        match answer {
            Ok(resolved) => {
                kept.jobs.truncate(MAX_KEPT - 1);
                kept.jobs.push_front((request, resolved.clone()));
            }
            Err(reject) if request.encoded_len() <= MAX_REFUSED_BYTES => {
                kept.refusals.truncate(MAX_REFUSALS - 1);
                kept.refusals.push_front((request, reject.clone()));
            }
            Err(_) => {}
        }
    }
}

/// The names of the datasets, for messages.
pub(crate) fn names(catalog: &Catalog) -> Vec<&str> {
    catalog.keys().map(String::as_str).collect()
}
