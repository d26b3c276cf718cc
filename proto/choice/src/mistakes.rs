//! Everything that is wrong with a configuration, a recipe or a curriculum, reported at once.

use std::{
    fmt::{self, Display},
    ops::Deref,
};

/// A list of mistakes. It reads as `2 mistakes:` and a line for each, so that a sentence can end with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes<M = String> {
    list: Vec<M>,
    /// Stands before each further mistake.
    place: String,
}

impl<M> Mistakes<M> {
    /// Adds a mistake that is described already.
    pub fn add(&mut self, mistake: M) {
        self.list.push(mistake);
    }

    /// The value that was checked.
    ///
    /// # Errors
    ///
    /// All mistakes, if there is one.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.list.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl Mistakes {
    /// Sets the part of the text that further mistakes are in, as `operation 3: `; empty for none.
    pub fn within(&mut self, place: String) {
        self.place = place;
    }

    /// Adds a mistake.
    pub fn push(&mut self, mistake: impl Display) {
        self.list.push(format!("{}{mistake}", self.place));
    }

    /// Adds `KEY RULE` unless the rule holds.
    pub fn require(&mut self, holds: bool, key: &str, rule: &str) {
        if !holds {
            self.push(format_args!("{key} {rule}"));
        }
    }

    /// Adds a mistake unless the value is in the range, ends included, and gives a value that is: `low` in place of one
    /// that is not.
    pub fn in_range<N: PartialOrd + Display>(&mut self, key: &str, value: N, low: N, high: N) -> N {
        if low <= value && value <= high {
            return value;
        }
        self.push(format_args!("{key} = {value}: must be from {low} to {high}"));
        low
    }

    /// The value, or a mistake.
    pub fn parsed<T>(&mut self, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }
}

impl<M> Default for Mistakes<M> {
    fn default() -> Self {
        Self { list: Vec::new(), place: String::new() }
    }
}

impl<M> Deref for Mistakes<M> {
    type Target = [M];

    fn deref(&self) -> &[M] {
        &self.list
    }
}

impl<M> Extend<M> for Mistakes<M> {
    fn extend<I: IntoIterator<Item = M>>(&mut self, mistakes: I) {
        self.list.extend(mistakes);
    }
}

impl<M> FromIterator<M> for Mistakes<M> {
    fn from_iter<I: IntoIterator<Item = M>>(mistakes: I) -> Self {
        Self { list: mistakes.into_iter().collect(), place: String::new() }
    }
}

impl<M: Display> Display for Mistakes<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.list.len() == 1 { "" } else { "s" };
        write!(f, "{} mistake{plural}:", self.list.len())?;
        self.list.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_listed_with_their_places() {
        let mut mistakes = Mistakes::default();
        assert_eq!(mistakes.in_range("threads", 4, 1, 8), 4);
        assert_eq!(mistakes.clone().or(()), Ok(()));
        assert_eq!(mistakes.in_range("threads", 9, 1, 8), 1);
        assert_eq!(mistakes.to_string(), "1 mistake:\n  - threads = 9: must be from 1 to 8");
        mistakes.within("operation 2: ".to_owned());
        assert_eq!(mistakes.in_range("area", f64::NAN, 0.5, 1.0), 0.5);
        mistakes.require(true, "group", "must be even");
        mistakes.require(false, "group", "must be even");
        assert_eq!(mistakes.parsed("x".parse::<u8>().map_err(|_| "no number")), None);
        let text = "4 mistakes:\n  - threads = 9: must be from 1 to 8\n  - operation 2: area = NaN: must be from 0.5 to 1\n  \
                    - operation 2: group must be even\n  - operation 2: no number";
        assert_eq!(mistakes.or(()).unwrap_err().to_string(), text);
    }
}
