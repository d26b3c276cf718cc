//! The native half of the Python package: connections, the receiving thread, and arrays without a copy.
//!
//! Everything that users see is Python (`python/bandwise`): options, plans, epochs and private daemons cost nothing
//! there and read like the code that users know. Rust has what must not hold the GIL or needs memory. `describe`,
//! `plan` and `samples` ask a daemon once, `Run` receives the batches of a rank in a thread of its own, `Batch` and
//! `Array` are its results. Python cuts waits into slices, so that signals are seen; no thread from here ever takes the
//! GIL.
//!
//! The module needs no GIL for its safety, hence `gil_used = false`: classes are frozen, their mutable state is in a
//! `Mutex` or an atomic, the compiler holds them to `Send` and `Sync`, and deleters may be called by any thread. Two
//! threads that write to one batch have to order their writes themselves. `abi3` is for builds with a GIL; for a
//! free-threaded Python the same sources make a module of that version.
//!
//! | file | contents |
//! | --- | --- |
//! | `job.rs` | Python's options -> job and run options |
//! | `ask.rs` | `describe`, `plan` and `samples` |
//! | `feed.rs` | the receiving thread, without Python |
//! | `run.rs` | `Run`: the feed as Python has it |
//! | `batch.rs`, `array.rs` | received batches and their arrays |
//! | `array_memory.rs`, `dlpack.rs` | the bytes of arrays and how they are lent: all unsafe code |
//! | `log.rs` | the client's log -> lines for Python's `logging` |
//! | `fork.rs` | values that a forked child must not touch |
//! | `errors.rs` | the client's errors -> the package's exceptions |

mod array;
mod array_memory;
mod ask;
mod batch;
mod dlpack;
mod errors;
mod feed;
mod fork;
mod job;
mod log;
mod run;

/// `bandwise._native`.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::{
        Bound, PyResult,
        types::{PyDict, PyDictMethods as _, PyModule, PyModuleMethods as _, PyTuple},
    };

    #[pymodule_export]
    use super::{
        array::{Array, Slot},
        ask::{describe, plan, samples},
        batch::Batch,
        job::differing,
        run::Run,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::log::start();
        let choices = super::job::choices().map(|(option, names)| (option, PyTuple::new(module.py(), names)));
        let lists = PyDict::new(module.py());
        for (option, names) in choices {
            lists.set_item(option, names?)?;
        }
        module.add("CHOICES", lists)?;
        module.add("MAX_NAME_BYTES", bandwise_client::MAX_NAME_BYTES)?;
        module.add("FINGERPRINT_DIFFERS", bandwise_client::Reason::FingerprintDiffers.to_string())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
