//! The state of a run: all that is needed to resume it, on any machine, with any daemon.

use bandwise_proto::v1::{JobField, PlanResponse};
use serde::{Deserialize, Serialize};

/// The state of a run. Serialised it is `{"fingerprint": "64 hex digits", "step": 7, "fields": [["name", "value"],
/// ...]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// The job's fingerprint: 32 bytes.
    #[serde(with = "hex")]
    pub fingerprint: Vec<u8>,
    /// The step that comes next. A step of which some batches were delivered counts as not begun.
    pub step: u64,
    /// The fields behind the fingerprint, as name and value, so that a mismatch can name those that differ.
    pub fields: Vec<(String, String)>,
}

impl RunState {
    pub(crate) fn new(plan: &PlanResponse, step: u64) -> Self {
        let fields = plan.fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect();
        Self { fingerprint: plan.fingerprint.to_vec(), step, fields }
    }

    /// The fields as the wire has them.
    pub(crate) fn job_fields(&self) -> Vec<JobField> {
        let field = |(name, value): &(String, String)| JobField { name: name.clone(), value: value.clone() };
        self.fields.iter().map(field).collect()
    }
}

/// Bytes as a text of hex digits.
mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
        match digits {
            Some(digits) if digits.len() == 64 => {
                Ok(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
            }
            _ => Err(D::Error::custom("a fingerprint has 64 hex digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_text_and_come_back() {
        let state = RunState {
            fingerprint: (0..32).collect(),
            step: 7,
            fields: vec![("seed".to_owned(), "3".to_owned())],
        };
        let text = serde_json::to_string(&state).unwrap();
        assert!(text.contains(r#""fingerprint":"000102"#) && text.contains(r#""step":7"#), "{text}");
        assert_eq!(serde_json::from_str::<RunState>(&text).unwrap(), state);
        for wrong in [text.replace("0001", "00"), text.replace("0001", "00x1"), text.replace("0001", "é01")]
        {
            assert!(serde_json::from_str::<RunState>(&wrong).is_err(), "{wrong}");
        }
    }
}
