//! The receiving thread: it drives a run and hands over its batches, a few at a time.
//!
//! A run has a thread of its own, with a runtime of one thread: batches arrive while Python computes, nothing in it
//! takes the GIL, and ending it ends everything. It knows nothing of Python, so nothing in it can wait for the
//! interpreter. Credit bounds the batches that are ready here to one, because more would only hold slots; the run's
//! window bounds the requests ahead of that.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bandwise_client::{Address, Batch, ClientError, Run, RunOptions, proto::Job};
use tokio::sync::{Semaphore, oneshot};

use crate::log::{self, Line, Lines};

/// Batches that are ready. While the trainer has one, the next is received; more would only hold slots of shared
/// memory.
const READY: usize = 1;

/// A message of the thread.
pub(crate) enum Message {
    /// A batch, and the step at which a run would continue after it.
    Batch(Box<Batch>, u64),
    /// The run has ended.
    End,
    /// The run failed.
    Failed(ClientError),
}

/// A run in a thread of its own. Dropping it ends the run and waits for the thread, which takes milliseconds.
pub(crate) struct Feed {
    messages: Receiver<Message>,
    credit: Arc<Semaphore>,
    log: Lines,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Begins a run; what goes wrong with it is its first message. What it says from `log_level` on, one of Python's,
    /// waits to be taken.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub(crate) fn start(
        addresses: Vec<Address>,
        job: Job,
        options: RunOptions,
        log_level: u8,
    ) -> io::Result<Self> {
        let (sender, messages) = mpsc::channel();
        let credit = Arc::new(Semaphore::new(READY));
        let (stop, stopped) = oneshot::channel();
        let (sink, log) = log::queue(log_level);
        let thread = thread::Builder::new().name("bandwise-receive".to_owned()).spawn({
            let credit = Arc::clone(&credit);
            move || {
                sink.listen();
                receive(stopped, deliver(addresses, job, options, credit, sender));
            }
        })?;
        Ok(Self { messages, credit, log, stop: Some(stop), thread: Some(thread) })
    }

    /// The log lines of the run since the last call.
    pub(crate) fn logged(&self) -> Vec<Line> {
        self.log.take()
    }

    /// The next message; `None` if none comes in time.
    ///
    /// # Errors
    ///
    /// If the thread has ended without a last message, or after it.
    pub(crate) fn next(&self, time: Duration) -> Result<Option<Message>, Gone> {
        match self.messages.recv_timeout(time) {
            Ok(message) => {
                self.credit.add_permits(1);
                Ok(Some(message))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Gone),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so on standard error.
            let _ = thread.join();
        }
    }
}

/// The thread has ended.
pub(crate) struct Gone;

/// Drives `delivery` until it ends or is stopped.
fn receive(stopped: oneshot::Receiver<Infallible>, delivery: impl Future<Output = ()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = stopped => {}
            () = delivery => {}
        }
    });
    // A look-up of a name that hangs would otherwise be waited for.
    runtime.shutdown_background();
}

async fn deliver(
    addresses: Vec<Address>,
    job: Job,
    options: RunOptions,
    credit: Arc<Semaphore>,
    messages: Sender<Message>,
) {
    let mut run = match Run::with_daemons(&addresses, job, &options).await {
        Ok(run) => run,
        Err(error) => {
            // The receiver has gone, so the message is not needed.
            let _ = messages.send(Message::Failed(error));
            return;
        }
    };
    loop {
        let permit = loop {
            tokio::select! {
                biased;
                permit = credit.acquire() => break permit,
                // The trainer has enough for now; what is lost meanwhile is said at once.
                () = run.watch() => {}
            }
        };
        let Ok(permit) = permit else { return };
        permit.forget();
        let message = match run.next().await {
            Ok(Some(batch)) => Message::Batch(Box::new(batch), run.state().step),
            Ok(None) => Message::End,
            Err(error) => Message::Failed(error),
        };
        let last = !matches!(message, Message::Batch(..));
        if messages.send(message).is_err() || last {
            return;
        }
    }
}
