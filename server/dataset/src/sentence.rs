//! Parts of sentences that errors and warnings share.

/// Names shown in one error.
pub(crate) const NAMES_SHOWN: usize = 10;

/// The way out of a layout that was taken for the wrong one.
pub(crate) const NEVER: &str = "set splits = \"never\" (--splits never)";

/// Names in a list, and how many more there are.
pub(crate) fn listed(names: &[String], count: u64) -> String {
    let more = count.saturating_sub(names.len() as u64);
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => names.join(", "),
        (false, _) => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_say_how_many_more_there_are() {
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(listed(&names, 2), "a, b");
        assert_eq!(listed(&names, 7), "a, b and 5 more");
        assert_eq!(listed(&[], 0), "none");
    }
}
