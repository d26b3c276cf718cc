//! Which rows of a step belong to a rank: arithmetic of the client, never part of the job.

use std::ops::Range;

use thiserror::Error;

/// A rank's place in the world, and into how many batches it cuts its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankShare {
    /// The rank, from 0.
    pub rank: u64,
    /// Number of ranks, at least 1.
    pub world_size: u64,
    /// Batches in which a rank takes its rows of a step (gradient accumulation), at least 1.
    pub accumulate: u64,
}

impl Default for RankShare {
    /// The only rank, without accumulation.
    fn default() -> Self {
        Self { rank: 0, world_size: 1, accumulate: 1 }
    }
}

/// Why rows cannot be shared out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The rank is not one of the world.
    #[error("rank {rank} is not below the world size {world_size}")]
    Rank {
        /// The rank.
        rank: u64,
        /// The world size.
        world_size: u64,
    },
    /// World size or accumulation is 0.
    #[error("world size and accumulate must be at least 1")]
    Zero,
    /// A batch would cut a group of rows that are mixed.
    #[error("batches of {rows} rows cut the groups of {granularity} rows that the recipe mixes")]
    CutsGroup {
        /// Rows of a batch.
        rows: u64,
        /// Rows of a group.
        granularity: u64,
    },
    /// The global batch does not divide.
    #[error(
        "a global batch of {global_batch} rows cannot be shared by {world_size} ranks in {accumulate} batches each: \
         world size x accumulate must divide it; its divisors are {}", divisors(*.global_batch)
    )]
    Indivisible {
        /// Rows of a step.
        global_batch: u64,
        /// The world size.
        world_size: u64,
        /// Batches a rank and step.
        accumulate: u64,
    },
}

fn divisors(number: u64) -> String {
    let all: Vec<String> =
        (1..=number.min(65_536)).filter(|d| number.is_multiple_of(*d)).map(|d| d.to_string()).collect();
    all.join(", ")
}

impl RankShare {
    /// Whether steps of `global_batch` rows can be shared out like this, in whole groups of `granularity` rows (0
    /// counts as 1).
    ///
    /// # Errors
    ///
    /// If the rank is not below the world size, the rows do not divide, or a group would be cut.
    pub fn check(&self, global_batch: u64, granularity: u64) -> Result<(), ShareError> {
        let Self { rank, world_size, accumulate } = *self;
        if world_size == 0 || accumulate == 0 {
            return Err(ShareError::Zero);
        }
        if rank >= world_size {
            return Err(ShareError::Rank { rank, world_size });
        }
        let parts = world_size.checked_mul(accumulate);
        match parts {
            Some(parts) if global_batch > 0 && global_batch.is_multiple_of(parts) => {
                let rows = global_batch / parts;
                let whole = rows.is_multiple_of(granularity.max(1));
                if whole { Ok(()) } else { Err(ShareError::CutsGroup { rows, granularity }) }
            }
            _ => Err(ShareError::Indivisible { global_batch, world_size, accumulate }),
        }
    }

    /// The rank's batches of a step that has `step_rows` of `global_batch` rows: consecutive rows, in order. In a
    /// short last step some may be shorter or missing.
    ///
    /// Call it only for a global batch that [`RankShare::check`] has passed.
    pub fn batches(&self, global_batch: u64, step_rows: u64) -> impl Iterator<Item = Range<u64>> + use<> {
        let rows = global_batch / (self.world_size * self.accumulate);
        let first = self.rank * self.accumulate;
        (first..first + self.accumulate)
            .map(move |i| i * rows..((i + 1) * rows).min(step_rows))
            .filter(|range| range.start < range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(rank: u64, world_size: u64, accumulate: u64) -> RankShare {
        RankShare { rank, world_size, accumulate }
    }

    #[test]
    fn every_split_covers_the_step_once_in_order() {
        for (world, accumulate) in [(1, 1), (1, 4), (2, 2), (4, 1), (8, 3)] {
            for step_rows in [96, 95, 49, 48, 1] {
                let rows: Vec<u64> = (0..world)
                    .flat_map(|rank| share(rank, world, accumulate).batches(96, step_rows))
                    .flatten()
                    .collect();
                assert!(rows.iter().copied().eq(0..step_rows), "{world} x {accumulate}, {step_rows} rows");
            }
        }
    }

    #[test]
    fn what_does_not_divide_names_the_divisors() {
        let error = share(0, 5, 1).check(12, 1).unwrap_err().to_string();
        assert!(error.contains("1, 2, 3, 4, 6, 12"), "{error}");
        assert_eq!(share(2, 2, 1).check(4, 1), Err(ShareError::Rank { rank: 2, world_size: 2 }));
        assert_eq!(share(0, 0, 1).check(4, 1), Err(ShareError::Zero));
        assert_eq!(share(1, 2, 2).check(8, 2), Ok(()));
        assert_eq!(share(1, 2, 2).check(8, 4), Err(ShareError::CutsGroup { rows: 2, granularity: 4 }));
    }
}
