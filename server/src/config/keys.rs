//! The names of the configuration's keys, and advice for a key that is not one of them.

use serde::{
    Deserialize,
    de::{self, Visitor},
    forward_to_deserialize_any,
};

use super::{Config, DatasetConfig, DecodeLimitsConfig};

/// Least similarity (Jaro-Winkler, 0 to 1) of a key that is named as the one that may be meant.
const SIMILAR: f64 = 0.85;

/// A sentence about an unknown key at `path`, such as `prefetch_mb` or `dataset.0.pth`.
pub(super) fn problem(path: &str) -> String {
    let advice = similar(path).map(|key| format!("; is {key} meant?")).unwrap_or_default();
    format!("{path} is not a key of the configuration{advice}")
}

/// The key that resembles `path` most, if one does.
fn similar(path: &str) -> Option<String> {
    let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
    let keys = all();
    let scored = keys.iter().map(|(of, key)| {
        // A key of the same table is the more likely one.
        let elsewhere = if table.starts_with(of) && table.is_empty() == of.is_empty() { 0.0 } else { 0.05 };
        (strsim::jaro_winkler(name, key) - elsewhere, of, key)
    });
    let (score, of, key) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= SIMILAR).then(|| if of.is_empty() { (*key).to_owned() } else { format!("{of}.{key}") })
}

/// Every key with the table that holds it; the top has no name.
fn all() -> Vec<(&'static str, &'static str)> {
    [
        ("", names::<Config>()),
        ("decode_limits", names::<DecodeLimitsConfig>()),
        ("dataset", names::<DatasetConfig>()),
    ]
    .into_iter()
    .flat_map(|(table, keys)| keys.iter().map(move |key| (table, *key)))
    .collect()
}

/// The names of a struct's fields, as it deserialises them.
fn names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // Ends with an error when it has seen the names.
    let _ = T::deserialize(Names(&mut fields));
    fields
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> de::Deserializer<'de> for Names<'_> {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(de::Error::custom("only the names are wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_recognised() {
        assert!(problem("prefetch_mb").ends_with("is prefetch_mib meant?"));
        assert!(problem("dataset.3.allow_empty_clases").ends_with("is dataset.allow_empty_classes meant?"));
        // In the wrong table.
        assert!(problem("max_megapixels").ends_with("is decode_limits.max_megapixels meant?"));
        assert_eq!(problem("wrongkey"), "wrongkey is not a key of the configuration");
    }

    #[test]
    fn every_key_stands_in_the_default_file() {
        let text = include_str!("../../../deploy/bandwise.toml");
        for (table, key) in all() {
            let stands = |line: &str| line.trim_start_matches('#').starts_with(&format!("{key} ="));
            // For tests alone.
            let hidden = key == "simd";
            // Tables by themselves.
            let is_table =
                text.lines().any(|line| line.trim_start_matches(['#', '[']).starts_with(&format!("{key}]")));
            assert!(hidden || is_table || text.lines().any(stands), "{table} {key}");
        }
    }
}
