//! The client's log on its way to Python's `logging`.
//!
//! The client logs with `tracing`, mostly in the receiving thread, which must never wait for the interpreter. So an
//! event only becomes a line in a bounded queue of its run. The iterating thread takes the lines between two waits,
//! every 100 ms at the latest, and hands them to `logging`, under `bandwise`. Levels are those that the logger has when
//! an iterator is made; events below them are not formatted. When a daemon is lost, the line comes out when the trainer
//! next asks for a batch.
//!
//! Libraries that bridge the two (pyo3-log, for the crate `log`; pyo3-pylogger) take the GIL in the thread that logs. A
//! thread of our own that takes it would have to be kept out of interpreter shutdown and forks.
//!
//! There is one subscriber for the process, set when the module is loaded, and each thread knows the queue of its
//! lines: nothing here takes a lock that a fork could leave locked. Other libraries have their own `tracing`, if any,
//! since each extension module is linked with its own.

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
};

use tracing::{
    Event, Level, Metadata, Subscriber, callsite,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

/// Lines that wait for the iterating thread; a run says few.
const WAITING_LINES: usize = 256;

/// The prefix of the targets of events from this package's crates. Those of HTTP/2 stay out.
const OURS: &str = "bandwise";

/// A line with its level, as `logging` counts levels.
pub(crate) type Line = (u8, String);

/// `logging.WARNING`.
const WARNING: u8 = 30;

/// The destination of a thread's events.
#[derive(Debug)]
pub(crate) struct Sink {
    level: LevelFilter,
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

/// The lines that have come.
#[derive(Debug)]
pub(crate) struct Lines {
    lines: Receiver<Line>,
    dropped: Arc<AtomicU64>,
}

/// The lowest level of `logging` that any run has asked for: events below, which HTTP/2 has many of, cost a comparison.
static LOWEST: AtomicU8 = AtomicU8::new(u8::MAX);

/// A queue for events from `level` on, which is one of `logging`.
pub(crate) fn queue(level: u8) -> (Sink, Lines) {
    if LOWEST.fetch_min(level, Ordering::Relaxed) > level {
        callsite::rebuild_interest_cache();
    }
    let (sender, lines) = mpsc::sync_channel(WAITING_LINES);
    let dropped = Arc::new(AtomicU64::new(0));
    let sink = Sink { level: filter(level), lines: sender, dropped: Arc::clone(&dropped) };
    (sink, Lines { lines, dropped })
}

/// The levels of `tracing` from one of `logging` on.
fn filter(level: u8) -> LevelFilter {
    match level {
        0..=10 => LevelFilter::DEBUG,
        11..=20 => LevelFilter::INFO,
        21..=WARNING => LevelFilter::WARN,
        31..=40 => LevelFilter::ERROR,
        _ => LevelFilter::OFF,
    }
}

thread_local! {
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

impl Sink {
    /// Takes the events of this thread from now on.
    pub(crate) fn listen(self) {
        SINK.set(Some(self));
    }

    /// Never waits: what finds no room is counted.
    fn send(&self, line: Line) {
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lines {
    /// The lines since the last call, in order.
    pub(crate) fn take(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.lines.try_iter().collect();
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            lines.push((
                WARNING,
                format!("{dropped} more lines came while no loop was running, and are lost"),
            ));
        }
        lines
    }
}

/// Begins to listen, once for the process.
pub(crate) fn start() {
    // Fails only where it was done before, as in another interpreter of this process.
    let _ = tracing::subscriber::set_global_default(ToSinks);
}

/// Gives each event to the sink of its thread.
struct ToSinks;

impl Subscriber for ToSinks {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target().starts_with(OURS) { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(filter(LOWEST.load(Ordering::Relaxed)))
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let takes = |sink: &RefCell<Option<Sink>>| {
            sink.borrow().as_ref().is_some_and(|sink| *metadata.level() <= sink.level)
        };
        metadata.target().starts_with(OURS) && SINK.try_with(takes).unwrap_or(false)
    }

    fn event(&self, event: &Event<'_>) {
        let mut sentence = Sentence::default();
        event.record(&mut sentence);
        let line = (number(*event.metadata().level()), sentence.into_text());
        // The thread may be about to end.
        let _ = SINK.try_with(|sink| sink.borrow().as_ref().inspect(|sink| sink.send(line)).is_some());
    }

    /// The client has no spans.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A level as `logging` counts it.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => WARNING,
        Level::INFO => 20,
        _ => 10,
    }
}

/// `message (field=value, ...)`.
#[derive(Default)]
struct Sentence {
    message: String,
    fields: String,
}

impl Sentence {
    fn field(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name if self.fields.is_empty() => write!(self.fields, "{name}={value}"),
            name => write!(self.fields, ", {name}={value}"),
        };
    }

    fn into_text(self) -> String {
        let Self { message, fields } = self;
        if fields.is_empty() { message } else { format!("{message} ({fields})") }
    }
}

impl Visit for Sentence {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, format_args!("{value}"));
    }
}
