//! Holds workers inside a row, so that tests need not race with them.
//!
//! A worker reports an undecodable sample to the log while it is at the row. The log of the tests waits there for as
//! long as a gate of the sample's name is closed.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write as _},
    sync::Once,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// What a sample's name holds if its log panics.
pub const LOG_PANICS: &str = "log_panics";

#[derive(Clone, Copy, Default)]
struct State {
    reached: bool,
    open: bool,
}

static GATES: Mutex<BTreeMap<String, State>> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();

fn gates() -> MutexGuard<'static, BTreeMap<String, State>> {
    GATES.lock()
}

fn wait_until(
    ready: impl Fn(&BTreeMap<String, State>) -> bool,
) -> MutexGuard<'static, BTreeMap<String, State>> {
    let mut gates = gates();
    CHANGED.wait_while(&mut gates, |gates| !ready(gates));
    gates
}

/// A closed gate; opens when dropped, so that a failing test ends.
pub struct Gate(String);

impl Gate {
    /// Closes the gate of the sample called `name`, which no other test of the file may use.
    pub fn close(name: &str) -> Self {
        gates().insert(name.to_owned(), State::default());
        Self(name.to_owned())
    }

    /// Waits until a worker stands before it.
    pub fn reached(&self) {
        drop(wait_until(|gates| gates[&self.0].reached));
    }

    /// Lets the worker go on.
    pub fn open(self) {
        drop(self);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(state) = gates().get_mut(&self.0) {
            state.open = true;
        }
        CHANGED.notify_all();
    }
}

fn pass(name: &str) {
    if let Some(state) = gates().get_mut(name) {
        state.reached = true;
        CHANGED.notify_all();
    }
    drop(wait_until(|gates| gates.get(name).is_none_or(|state| state.open)));
}

/// Makes the gates the log of this process.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
}

struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bandwise_pipeline")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        assert!(!fields.all.contains(LOG_PANICS), "nobody reads the log of {LOG_PANICS}");
        pass(&fields.name);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields {
    name: String,
    all: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "name" {
            self.name = value.to_owned();
        }
        self.all += value;
    }

    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        // A string takes everything.
        let _ = write!(self.all, "{value:?}");
    }
}
