//! Two lists of the canonical fields of a job, and how they differ.

use std::collections::{BTreeMap, BTreeSet};

/// The fields in which two lists differ, as `name: expected -> here` (`-` where a list lacks the field), in the order of
/// the names: `ErrorDetail.differing_fields`.
pub fn differing<'a>(
    expected: impl IntoIterator<Item = (&'a str, &'a str)>,
    here: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let (expected, here): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (expected.into_iter().collect(), here.into_iter().collect());
    let names: BTreeSet<&str> = expected.keys().chain(here.keys()).copied().collect();
    let value = |fields: &BTreeMap<&'a str, &'a str>, name| fields.get(name).copied().unwrap_or("-");
    names
        .into_iter()
        .filter(|name| expected.get(name) != here.get(name))
        .map(|name| format!("{name}: {} -> {}", value(&expected, name), value(&here, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_differ_are_named_in_order() {
        let then = [("seed", "1"), ("tail", "keep"), ("order", "shuffled"), ("only.then", "x")];
        let here = [("order", "shuffled"), ("only.here", "y"), ("seed", "2"), ("tail", "keep")];
        assert_eq!(differing(then, here), ["only.here: - -> y", "only.then: x -> -", "seed: 1 -> 2"]);
        assert!(differing(here, here).is_empty());
        assert_eq!(differing([], [("a", "")]), ["a: - -> "]);
    }
}
