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

/// The reason why rows cannot be shared out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The rank is not one of the world.
    #[error("rank {rank} must be below the world size {world_size}: ranks count from 0")]
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
    #[error(
        "batches of {rows} rows would split groups of {granularity} rows that belong together; use a multiple of \
         {granularity} rows"
    )]
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

    /// The rank's batches of a step of `step_rows` rows, which are whole groups of `granularity` rows (0 counts as 1):
    /// consecutive rows, in order. Groups are spread evenly, over the ranks first and then over the batches of each. So
    /// a step of a whole global batch is cut into equal parts, and in a short last step no rank has more than one group
    /// more than another: a rank has nothing only where there are fewer groups than ranks.
    ///
    /// Call it only for shares of a global batch that [`RankShare::check`] has passed.
    pub fn batches(&self, step_rows: u64, granularity: u64) -> impl Iterator<Item = Range<u64>> + use<> {
        let granularity = granularity.max(1);
        let mine = part(0..step_rows.div_ceil(granularity), self.world_size, self.rank);
        let accumulate = self.accumulate;
        (0..accumulate)
            .map(move |batch| part(mine.clone(), accumulate, batch))
            .map(move |groups| groups.start * granularity..(groups.end * granularity).min(step_rows))
            .filter(|rows| rows.start < rows.end)
    }
}

/// One of so many parts of a range, of which the first may be longer by one than the last.
fn part(whole: Range<u64>, parts: u64, index: u64) -> Range<u64> {
    let len = whole.end - whole.start;
    let (least, longer) = (len / parts, len % parts);
    let start = whole.start + index * least + index.min(longer);
    start..start + least + u64::from(index < longer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(rank: u64, world_size: u64, accumulate: u64) -> RankShare {
        RankShare { rank, world_size, accumulate }
    }

    proptest! {
        #[test]
        fn every_row_goes_to_one_rank_and_the_shares_are_even(
            (world, accumulate, granularity, groups_each) in (1u64..9, 1u64..5, 0u64..7, 1u64..6),
            cut in 0u64..1000,
        ) {
            let group = granularity.max(1);
            let groups = world * accumulate * groups_each;
            // From one group to the whole global batch.
            let (groups, whole) = (groups - cut % groups, cut % groups == 0);
            let ranks: Vec<Vec<Range<u64>>> = (0..world)
                .map(|rank| share(rank, world, accumulate).batches(groups * group, granularity).collect())
                .collect();
            prop_assert!(ranks.iter().flatten().cloned().flatten().eq(0..groups * group), "every row once, in order");
            for batch in ranks.iter().flatten() {
                let rows = batch.end - batch.start;
                prop_assert!(batch.start % group == 0 && rows % group == 0, "no group is cut");
                prop_assert!(rows > 0 && rows <= groups_each * group, "no batch is empty, or larger than in a whole step");
                prop_assert!(!whole || rows == groups_each * group, "a whole step has equal batches");
            }
            let has = |rank: &Vec<Range<u64>>| rank.iter().map(|rows| rows.end - rows.start).sum::<u64>() / group;
            let (least, most) = (ranks.iter().map(has).min().unwrap(), ranks.iter().map(has).max().unwrap());
            prop_assert!(most - least <= 1, "{least} to {most} groups a rank");
            for (rank, batches) in ranks.iter().enumerate() {
                prop_assert_eq!(batches.is_empty(), groups <= rank as u64, "rank {} of {}", rank, world);
                prop_assert_eq!(batches.len() as u64, has(batches).min(accumulate));
            }
        }
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init, reason = "one batch is one range")]
    fn a_short_step_is_spread_over_the_ranks_before_it_is_over_their_batches() {
        let of = |rank, world, accumulate, rows| -> Vec<Range<u64>> {
            share(rank, world, accumulate).batches(rows, 1).collect()
        };
        assert_eq!([0, 1].map(|rank| of(rank, 2, 2, 3)), [vec![0..1, 1..2], vec![2..3]]);
        assert_eq!([0, 1, 2].map(|rank| of(rank, 3, 1, 2)), [vec![0..1], vec![1..2], vec![]]);
        assert_eq!(of(1, 2, 1, 10), [5..10]);
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
