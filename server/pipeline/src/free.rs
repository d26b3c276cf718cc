//! Blocks that wait for another batch of their size: fresh memory costs page faults, used memory does not.
//!
//! The dispatcher decides how much may wait.

use std::collections::VecDeque;

use crate::block::Block;

/// Free blocks, the one that came back last at the end.
#[derive(Debug, Default)]
pub(crate) struct FreeBlocks {
    blocks: VecDeque<Block>,
    bytes: usize,
}

impl FreeBlocks {
    /// Takes the block of exactly `size` bytes that came back last.
    pub(crate) fn take(&mut self, size: usize) -> Option<Block> {
        let index = self.blocks.iter().rposition(|block| block.len() == size)?;
        let block = self.blocks.remove(index)?;
        self.bytes -= block.len();
        Some(block)
    }

    /// Keeps a block.
    pub(crate) fn put(&mut self, block: Block) {
        self.bytes += block.len();
        self.blocks.push_back(block);
    }

    /// Gives the oldest blocks back to the system until the others take at most `room` bytes.
    pub(crate) fn shrink_to(&mut self, room: usize) {
        while self.bytes > room
            && let Some(block) = self.blocks.pop_front()
        {
            self.bytes -= block.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn free(pages: &[usize]) -> FreeBlocks {
        let mut free = FreeBlocks::default();
        for pages in pages {
            free.put(Block::allocate(pages * PAGE).unwrap());
        }
        free
    }

    fn pages(free: &FreeBlocks) -> Vec<usize> {
        free.blocks.iter().map(|block| block.len() / PAGE).collect()
    }

    #[test]
    fn only_a_block_of_the_very_size_is_taken() {
        let mut free = free(&[1, 2, 1, 3]);
        assert!(free.take(4 * PAGE).is_none());
        assert_eq!(free.take(PAGE).map(|block| block.len()), Some(PAGE));
        assert_eq!((pages(&free), free.bytes), (vec![1, 2, 3], 6 * PAGE));
    }

    #[test]
    fn the_oldest_go_first() {
        let mut free = free(&[1, 2, 1, 3]);
        free.shrink_to(4 * PAGE);
        assert_eq!((pages(&free), free.bytes), (vec![1, 3], 4 * PAGE));
        free.shrink_to(0);
        assert_eq!((pages(&free), free.bytes), (vec![], 0));
    }
}
