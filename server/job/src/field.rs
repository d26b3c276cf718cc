//! One entry of the canonical field list, and how two lists differ.

use std::collections::BTreeMap;

/// One entry of the canonical list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, for example `stage.0.bandwidth`.
    pub name: String,
    /// Canonical text of the value, without line feeds.
    pub value: String,
}

impl Field {
    pub(crate) fn new(name: impl Into<String>, value: &dyn ToString) -> Self {
        Self { name: name.into(), value: value.to_string() }
    }
}

/// The fields in which two lists differ, as `name: expected -> here` (`-` where a list lacks the field), in the
/// order of the names.
pub fn differing(expected: &[Field], here: &[Field]) -> Vec<String> {
    let index = |fields: &[Field]| -> BTreeMap<String, String> {
        fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect()
    };
    let (expected, here) = (index(expected), index(here));
    let mut names: Vec<&String> = expected.keys().chain(here.keys()).collect();
    names.sort();
    names.dedup();
    let value =
        |map: &BTreeMap<String, String>, name: &str| map.get(name).map_or("-".to_owned(), Clone::clone);
    names
        .into_iter()
        .filter(|name| expected.get(*name) != here.get(*name))
        .map(|name| format!("{name}: {} -> {}", value(&expected, name), value(&here, name)))
        .collect()
}
