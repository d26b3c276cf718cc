//! Blocks that wait for each other, so that vectors are full.

use super::Task;

/// Most blocks of a batch.
const BATCH: usize = 4;

/// Blocks that are to be transformed together, as many as vectors take at once.
pub(crate) struct Batch<'a> {
    tasks: [Task<'a>; BATCH],
    len: usize,
}

impl<'a> Batch<'a> {
    pub(crate) fn new() -> Self {
        Self { tasks: [Task { coefficients: &[0; 64], component: 0, at: 0 }; BATCH], len: 0 }
    }

    /// Takes one more; says whether the batch is full.
    ///
    /// Number by number: a whole task would be put together elsewhere, and its copy wait for that.
    #[inline(always)]
    pub(crate) fn push(&mut self, coefficients: &'a [i16; 64], component: usize, at: usize) -> bool {
        let task = &mut self.tasks[self.len];
        task.coefficients = coefficients;
        task.component = component;
        task.at = at;
        self.len += 1;
        self.len == BATCH
    }

    /// All of them; the batch is empty afterwards.
    pub(crate) fn take(&mut self) -> &[Task<'a>] {
        &self.tasks[..std::mem::take(&mut self.len)]
    }
}
