//! `Run`: the feed as Python has it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use pyo3::{exceptions::PyStopIteration, prelude::*};

use crate::{
    array::Array,
    batch::Batch,
    errors::{self, error},
    feed::{Feed, Gone, Message},
    fork::OwnProcess,
    job::{JobSpec, RunSpec, read_addresses},
    log::Line,
};

/// The batches of a rank, received in a thread of their own.
#[pyclass(frozen, module = "bandwise._native")]
pub(crate) struct Run {
    /// `None` once it is closed.
    feed: OwnProcess<Mutex<Option<Feed>>>,
}

#[pymethods]
impl Run {
    #[new]
    fn new(py: Python<'_>, addresses: Vec<String>, job: JobSpec, run: RunSpec) -> PyResult<Self> {
        let (addresses, job) = (read_addresses(py, &addresses)?, job.to_wire(py)?);
        let feed = Feed::start(addresses, job, run.to_options(py)?, run.log_level)?;
        Ok(Self { feed: OwnProcess::new(Mutex::new(Some(feed))) })
    }

    /// The images of the next batch, and the rest of it; `None` if none comes within `seconds`. `StopIteration` at the
    /// end.
    fn next(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<(Array, Batch)>> {
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let feed = self.feed.get().ok_or_else(|| forked(py))?;
        let message = py.detach(|| {
            let feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
            feed.as_ref().map(|feed| feed.next(time))
        });
        match message {
            None => Err(error(py, "Error", "the loader is closed")),
            Some(Err(Gone)) => {
                Err(error(py, "Error", "the receiving thread has ended; start another iteration"))
            }
            Some(Ok(None)) => Ok(None),
            Some(Ok(Some(Message::Batch(batch, next_step)))) => Batch::new(py, *batch, next_step).map(Some),
            Some(Ok(Some(Message::End))) => Err(PyStopIteration::new_err(())),
            Some(Ok(Some(Message::Failed(failure)))) => Err(errors::of_client(py, &failure)),
        }
    }

    /// The client's log since the last call, as levels and lines of `logging`.
    fn logged(&self) -> Vec<Line> {
        // Without a wait: another thread of Python may be in `next`, and then takes the lines itself.
        let Some(feed) = self.feed.get().and_then(|feed| feed.try_lock().ok()) else { return Vec::new() };
        feed.as_ref().map(Feed::logged).unwrap_or_default()
    }

    /// Ends the run and all work for it on the daemons. Batches that were handed out stay.
    fn close(&self, py: Python<'_>) {
        let Some(feed) = self.feed.get() else { return };
        py.detach(|| drop(feed.lock().unwrap_or_else(PoisonError::into_inner).take()));
    }
}

fn forked(py: Python<'_>) -> PyErr {
    error(
        py,
        "Error",
        "this loader was made before a fork and belongs to the parent process; make a new one in the child",
    )
}
