//! The inputs of each output of an axis, and how weights are padded.

/// Taps that one table entry of the quads (or two of the pairs) covers; all weights are padded to it.
pub(super) const GROUP: usize = 4;

/// Output pixels that the AVX2 kernel makes at once; weights are padded to it.
pub(super) const BLOCK: usize = 4;

/// The inputs of each output: neighbours.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans {
    outputs: usize,
    groups: usize,
    starts: Vec<u32>,
    counts: Vec<u32>,
}

impl Spans {
    /// Forgets all outputs.
    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.counts.clear();
    }

    /// Appends an output that reads `count` inputs from `start` on.
    pub(super) fn push(&mut self, start: usize, count: usize) {
        self.starts.push(start as u32);
        self.counts.push(count as u32);
    }

    /// Takes the outputs as they are; repeats the last one until whole blocks are full.
    pub(super) fn finish(&mut self) {
        self.outputs = self.starts.len();
        // A bound that follows from a filter's support is often a whole group more.
        self.groups = self.counts.iter().max().map_or(1, |&count| (count as usize).div_ceil(GROUP));
        let padded = self.outputs.next_multiple_of(BLOCK);
        let last = self.starts.last().copied().unwrap_or(0);
        self.starts.resize(padded, last);
        self.counts.resize(padded, 1);
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of_val(self.starts.as_slice()) + size_of_val(self.counts.as_slice())
    }

    /// Number of outputs that are wanted, without padding.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Stored groups of [`GROUP`] taps per output.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// Stored taps per output: a multiple of [`GROUP`], padded with zero weights.
    pub(super) fn taps(&self) -> usize {
        self.groups * GROUP
    }

    /// First input of each output; repeated up to a multiple of [`BLOCK`] outputs. Never falls.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// First input of an output.
    pub(super) fn start(&self, output: usize) -> usize {
        self.starts[output] as usize
    }

    /// Inputs that an output really reads, at least 1; all of them exist.
    pub(super) fn count(&self, output: usize) -> usize {
        self.counts[output] as usize
    }
}
