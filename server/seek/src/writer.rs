//! The thread that adds records to the file.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use crate::append::{Appended, Failure, append};
use crate::batch::Batch;
use crate::open::{Replace, open};
use crate::shared::Shared;
use crate::store_file::StoreFile;
use crate::trouble::SeekTrouble;

/// Times that a file may turn out to be another one before a batch is given up.
const ATTEMPTS: usize = 3;

/// Starts the thread; it ends when the queue does.
pub(crate) fn start(shared: Arc<Shared>) -> io::Result<()> {
    thread::Builder::new().name("seek-store".to_owned()).spawn(move || run(&shared)).map(drop)
}

fn run(shared: &Shared) {
    // Waiters are told of the end even if it is a panic.
    let _end = End(shared);
    let mut batch = Batch::default();
    while shared.queue.next(&mut batch) {
        let records = batch.len() as u64;
        add(shared, &mut batch, records);
        shared.queue.finish(records);
    }
}

struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.queue.end();
    }
}

/// Adds a batch, counts, and leaves word of what went wrong.
fn add(shared: &Shared, batch: &mut Batch, records: u64) {
    let counters = &shared.counters;
    let trouble = match try_add(shared, batch) {
        Ok(Appended { stored, repeated, refused, file_bytes }) => {
            counters.stored.fetch_add(stored, Relaxed);
            counters.repeated.fetch_add(repeated, Relaxed);
            counters.refused.fetch_add(refused, Relaxed);
            counters.bytes.store(file_bytes, Relaxed);
            let (path, max_bytes) = (shared.options.path.clone(), shared.options.bound());
            (refused > 0).then_some(SeekTrouble::Full { path, max_bytes })
        }
        Err(trouble) => {
            counters.refused.fetch_add(records, Relaxed);
            Some(trouble)
        }
    };
    match trouble {
        None => shared.is_well(),
        Some(trouble) => {
            shared.pause();
            shared.report(trouble);
        }
    }
}

fn try_add(shared: &Shared, batch: &mut Batch) -> Result<Appended, SeekTrouble> {
    let mut file = match shared.file() {
        Some(file) if file.is_writable => (*file).clone(),
        _ => reopened(shared)?,
    };
    for _ in 0..ATTEMPTS {
        match append(&mut file, batch, &shared.options) {
            Err(Failure::Stale) => file = reopened(shared)?,
            Err(failure) => return Err(failure.into_trouble(&shared.options)),
            Ok(appended) => {
                shared.set_file(file);
                return Ok(appended);
            }
        }
    }
    Err(Failure::Stale.into_trouble(&shared.options))
}

/// Opens what is at the path now. Until that is possible the workers keep what they have.
fn reopened(shared: &Shared) -> Result<StoreFile, SeekTrouble> {
    let (file, trouble) = open(&shared.options, Replace::Damaged)?;
    shared.set_file(file.clone());
    match trouble {
        Some(trouble @ SeekTrouble::ReadOnly { .. }) => Err(trouble),
        Some(trouble) => {
            shared.report(trouble);
            Ok(file)
        }
        None => Ok(file),
    }
}
