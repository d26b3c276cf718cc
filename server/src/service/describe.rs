//! A dataset as `Describe` tells of it.

use bandwise_dataset::{Dataset, Warning};
use bandwise_proto::v1 as proto;

/// Warnings that clients get of one dataset; the log has all.
const MAX_WARNINGS: usize = 20;

/// Characters of one of them: a file name alone may have hundreds, and more once it is escaped.
const MAX_WARNING_CHARS: usize = 500;

pub(crate) fn dataset(name: &str, dataset: &Dataset) -> proto::DatasetInfo {
    proto::DatasetInfo {
        name: name.to_owned(),
        samples: dataset.len(),
        classes: dataset.classes().len() as u32,
        digest: dataset.digest().as_bytes().to_vec().into(),
        warnings: for_clients(dataset.warnings()),
    }
}

/// The warnings that say something about the data; those about the daemon's own files are its operator's.
fn for_clients(warnings: &[Warning]) -> Vec<String> {
    let about_data: Vec<_> = warnings.iter().filter(|warning| warning.is_about_data()).collect();
    let (told, rest) = about_data.split_at(about_data.len().min(MAX_WARNINGS));
    let mut texts: Vec<String> = told.iter().map(|warning| shortened(warning.to_string())).collect();
    let more: u64 = rest.iter().map(|warning| warning.count()).sum();
    if more > 0 {
        texts.push(format!("{more} more warnings, which the log of the daemon has"));
    }
    texts
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_WARNING_CHARS) {
        None => text,
        // Room for the three points.
        Some(_) => text.chars().take(MAX_WARNING_CHARS - 3).chain("...".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(name: &str) -> Warning {
        Warning::NotAFile { name: name.to_owned() }
    }

    #[test]
    fn clients_get_the_first_warnings_about_data_and_a_count() {
        let cache = Warning::CacheNotWritten { path: "/secret/place".into(), reason: "full".to_owned() };
        assert!(for_clients(std::slice::from_ref(&cache)).is_empty());
        let mut warnings = vec![cache];
        warnings.extend((0..100).map(|n| odd(&format!("c/{n}.jpg"))));
        warnings.push(Warning::More { count: 1000 });
        let texts = for_clients(&warnings);
        assert_eq!(texts.len(), 21);
        assert!(texts[0].contains("c/0.jpg") && texts[19].contains("c/19.jpg"), "{texts:?}");
        assert!(texts[20].starts_with("1080 more"), "{}", texts[20]);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let texts = for_clients(&[odd(&"ä".repeat(4000))]);
        assert_eq!(texts[0].chars().count(), MAX_WARNING_CHARS);
        assert!(texts[0].ends_with("ää..."), "{}", texts[0]);
    }
}
