//! Resolved jobs, kept so that a client that asks batch by batch does not have its job resolved each time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bandwise_dataset::Dataset;
use bandwise_decode::DecodeLimits;
use bandwise_job::Job;
use bandwise_proto::v1 as proto;

use crate::{
    catalog::Catalog,
    service::{reject::Reject, wire::spec_of},
};

/// Jobs that are kept; trainings and validations at a time on one daemon are fewer.
const MAX_KEPT: usize = 16;

/// A job together with its dataset.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) job: Arc<Job>,
    /// Name of the curriculum, for display.
    pub(crate) curriculum: String,
}

/// The jobs that were resolved last. A memo: forgetting one costs time, never bytes.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<VecDeque<(proto::Job, Resolved)>>);

impl Jobs {
    /// The job for a request over the catalog's datasets.
    pub(crate) fn resolve(
        &self,
        request: &proto::Job,
        catalog: &Catalog,
        limits: &DecodeLimits,
    ) -> Result<Resolved, Reject> {
        if let Some(resolved) = self.find(request) {
            return Ok(resolved);
        }
        let (name, spec) = spec_of(request, limits)?;
        let dataset = catalog.get(&name).ok_or_else(|| Reject::no_dataset(&name, &names(catalog)))?;
        let job = spec.resolve(*dataset.digest().as_bytes(), dataset.len())?;
        let resolved = Resolved {
            dataset: Arc::clone(dataset),
            job: Arc::new(job),
            curriculum: spec.curriculum.name().to_owned(),
        };
        self.keep(request.clone(), resolved.clone());
        Ok(resolved)
    }

    fn find(&self, request: &proto::Job) -> Option<Resolved> {
        let kept = self.lock();
        kept.iter().find(|(known, _)| known == request).map(|(_, resolved)| resolved.clone())
    }

    fn keep(&self, request: proto::Job, resolved: Resolved) {
        let mut kept = self.lock();
        kept.truncate(MAX_KEPT - 1);
        kept.push_front((request, resolved));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(proto::Job, Resolved)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the datasets, for messages.
pub(crate) fn names(catalog: &Catalog) -> Vec<&str> {
    catalog.keys().map(String::as_str).collect()
}
