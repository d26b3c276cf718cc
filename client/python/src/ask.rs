//! Questions to a daemon: its datasets, the plan of a job, the names of samples.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use bandwise_client::{
    Address, ClientError, Connection, ask_any,
    proto::{DescribeResponse, PlanResponse, Sample, StagePlan},
};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::{
    errors::{self, error},
    job::{self, JobSpec, read_addresses},
};

/// Time that signals may wait.
const SLICE: Duration = Duration::from_millis(100);

/// The datasets of the first daemon that answers: `version`, `datasets` (name -> (samples, classes)), and the class
/// names of `classes_of`, if it is not empty, as `os.fsdecode` gives them; `place`, where it is in the list; `warnings`
/// about each dataset; `curricula` and `recipes` by name.
#[pyfunction]
pub(crate) fn describe(
    py: Python<'_>,
    addresses: Vec<String>,
    classes_of: String,
    patience: f64,
) -> PyResult<Bound<'_, PyDict>> {
    let addresses = read_addresses(py, &addresses)?;
    let ask = move |connection: Connection| {
        let classes_of = classes_of.clone();
        async move { connection.describe(&classes_of).await }
    };
    let (place, answer): (usize, DescribeResponse) = any(py, addresses, patience, ask)?;
    let datasets = PyDict::new(py);
    let warnings = PyDict::new(py);
    for dataset in answer.datasets {
        datasets.set_item(&dataset.name, (dataset.samples, dataset.classes))?;
        warnings.set_item(dataset.name, dataset.warnings)?;
    }
    let described = PyDict::new(py);
    described.set_item("place", place)?;
    described.set_item("warnings", warnings)?;
    described.set_item("curricula", answer.curricula)?;
    described.set_item("recipes", answer.recipes)?;
    described.set_item("version", answer.version)?;
    described.set_item("datasets", datasets)?;
    described.set_item("classes", class_names(answer.classes, &answer.class_names))?;
    Ok(described)
}

/// Names as the file system has them; what is not UTF-8 becomes surrogates in Python, as everywhere there.
fn class_names(texts: Vec<String>, names: &[impl AsRef<[u8]>]) -> Vec<OsString> {
    // An older daemon gives texts alone.
    if names.is_empty() {
        return texts.into_iter().map(OsString::from).collect();
    }
    names.iter().map(|name| OsString::from_vec(name.as_ref().to_vec())).collect()
}

/// The plan of a job, by the first daemon that makes one.
#[pyfunction]
pub(crate) fn plan(
    py: Python<'_>,
    addresses: Vec<String>,
    job: JobSpec,
    patience: f64,
) -> PyResult<Bound<'_, PyDict>> {
    let (addresses, job) = (read_addresses(py, &addresses)?, job.to_wire(py)?);
    let ask = move |connection: Connection| {
        let job = job.clone();
        async move { connection.plan(job).await }
    };
    let (_, answer): (_, PlanResponse) = any(py, addresses, patience, ask)?;
    let plan = PyDict::new(py);
    plan.set_item("steps", answer.steps)?;
    plan.set_item("dataset_samples", answer.dataset_samples)?;
    plan.set_item("fingerprint", answer.fingerprint.as_ref())?;
    plan.set_item("curriculum", answer.curriculum)?;
    plan.set_item("recipe", answer.recipe)?;
    plan.set_item("recipe_text", answer.recipe_text)?;
    plan.set_item("warnings", answer.warnings)?;
    plan.set_item("same_every_epoch", answer.same_every_epoch)?;
    let fields: Vec<_> = answer.fields.into_iter().map(|field| (field.name, field.value)).collect();
    plan.set_item("fields", fields)?;
    let stages: PyResult<Vec<_>> = answer.stages.iter().map(|stage| stage_dict(py, stage)).collect();
    plan.set_item("stages", stages?)?;
    Ok(plan)
}

/// Names of samples of a dataset whose digest (32 bytes) is this, by the first daemon that has it: paths below the folder
/// as the file system has them.
#[pyfunction]
pub(crate) fn samples(
    py: Python<'_>,
    addresses: Vec<String>,
    dataset: String,
    digest: Vec<u8>,
    sample_ids: Vec<u64>,
    patience: f64,
) -> PyResult<Vec<Bound<'_, PyBytes>>> {
    let addresses = read_addresses(py, &addresses)?;
    let asked = Arc::new((dataset, digest, sample_ids));
    let ask = move |connection: Connection| {
        let asked = Arc::clone(&asked);
        async move { connection.samples(&asked.0, &asked.1, &asked.2).await }
    };
    let (_, samples): (_, Vec<Sample>) = any(py, addresses, patience, ask)?;
    Ok(samples.iter().map(|sample| PyBytes::new(py, &sample.name)).collect())
}

fn stage_dict<'py>(py: Python<'py>, stage: &StagePlan) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("index", stage.index)?;
    dict.set_item("bandwidth", stage.bandwidth)?;
    dict.set_item("magnitude", stage.magnitude)?;
    dict.set_item("replay_times", stage.replay_times)?;
    dict.set_item("global_batch", stage.global_batch)?;
    dict.set_item("row_granularity", stage.row_granularity)?;
    dict.set_item("first_step", stage.first_step)?;
    dict.set_item("steps", stage.steps)?;
    dict.set_item("first_epoch", stage.first_epoch)?;
    dict.set_item("steps_per_epoch", stage.steps_per_epoch)?;
    dict.set_item("last_step_rows", stage.last_step_rows)?;
    dict.set_item("first_epoch_steps", stage.first_epoch_steps)?;
    dict.set_item("first_epoch_last_step_rows", stage.first_epoch_last_step_rows)?;
    Ok(dict)
}

/// The answer of any daemon, within `patience` seconds.
fn any<T: Send + 'static, Answer: Future<Output = Result<T, ClientError>> + Send + 'static>(
    py: Python<'_>,
    addresses: Vec<Address>,
    patience: f64,
    ask: impl Fn(Connection) -> Answer + Send + Sync + 'static,
) -> PyResult<(usize, T)> {
    let patience = job::patience(py, patience)?;
    interruptible(py, async move { ask_any(&addresses, patience, ask).await })
}

/// Waits for `work` in a thread of its own, without the GIL, and sees signals. After a signal the thread ends when its
/// work does.
fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    work: impl Future<Output = Result<T, ClientError>> + Send + 'static,
) -> PyResult<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, mut receiver) = mpsc::channel();
    thread::Builder::new().name("bandwise-ask".to_owned()).spawn(move || {
        // After a signal the answer is not needed.
        let _ = sender.send(runtime.block_on(work));
        runtime.shutdown_background();
    })?;
    loop {
        let answer;
        (answer, receiver) = py.detach(move || (receiver.recv_timeout(SLICE), receiver));
        match answer {
            Ok(answer) => return answer.map_err(|failure| errors::of_client(py, &failure)),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(error(py, "Error", "the asking thread has ended without an answer"));
            }
        }
    }
}
