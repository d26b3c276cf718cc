//! Strands: every `count`-th number of a line, folded with the strand that mirrors it.
//!
//! A line of `count * group` numbers `x` has `count` strands `x[count * b + j]`, `b` below `group`. Mirroring
//! the line exchanges strands `j` and `-j`, so they enter as sums and differences. Strand 0 is its own
//! mirror image, and so is, moved by one, the one in the middle of an even count.
//!
//! The order is fixed: strand 0, the sums, the middle one, the differences.

/// The kind of a strand in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strand {
    /// Strand 0.
    First,
    /// The sum of strands `j` and `-j`.
    Sum(usize),
    /// Strand `count / 2` of an even count.
    Middle,
    /// The difference of strands `j` and `-j`.
    Difference(usize),
}

impl Strand {
    /// Number `index` of `count`.
    pub(super) fn of(count: usize, index: usize) -> Self {
        if index == 0 {
            Self::First
        } else if 2 * index < count {
            Self::Sum(index)
        } else if 2 * index == count {
            Self::Middle
        } else {
            Self::Difference(index - count / 2)
        }
    }

    /// `j`.
    pub(super) fn offset(self, count: usize) -> usize {
        match self {
            Self::First => 0,
            Self::Middle => count / 2,
            Self::Sum(j) | Self::Difference(j) => j,
        }
    }

    pub(super) fn is_difference(self) -> bool {
        matches!(self, Self::Difference(_))
    }
}

/// The number of strands of `count`, from the first on, that a mirrored line leaves unchanged at frequency 0 (`slot` 0)
/// or half the length (`slot` 1); it negates the others.
pub(super) fn unchanged(count: usize, slot: usize) -> usize {
    if slot == 0 { differences_from(count) } else { count.div_ceil(2) }
}

/// The number of the first strand of differences.
pub(super) fn differences_from(count: usize) -> usize {
    count / 2 + 1
}

#[cfg(test)]
mod tests {
    use super::Strand::{self, Difference, First, Middle, Sum};

    #[test]
    fn strands_stand_in_order() {
        let all = |count| (0..count).map(|index| Strand::of(count, index)).collect::<Vec<_>>();
        assert_eq!(all(1), [First]);
        assert_eq!(all(2), [First, Middle]);
        assert_eq!(all(5), [First, Sum(1), Sum(2), Difference(1), Difference(2)]);
        assert_eq!(all(6), [First, Sum(1), Sum(2), Middle, Difference(1), Difference(2)]);
    }
}
