//! One entry of the canonical field list, and how two lists differ.

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

    fn pair(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }
}

/// The fields in which two lists differ, as `name: expected -> here` (`-` where a list lacks the field), in the
/// order of the names.
pub fn differing(expected: &[Field], here: &[Field]) -> Vec<String> {
    bandwise_terms::differing(expected.iter().map(Field::pair), here.iter().map(Field::pair))
}
