//! Numbers and tables for people, JSON for programs.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;

use crate::output;

/// A table with right-aligned columns and a rule under the head.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.iter().map(|title| Cell::new(title).set_alignment(CellAlignment::Right)));
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A whole number as it is, parts with two digits.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 { value.to_string() } else { format!("{value:.2}") }
}

/// Bytes in the largest unit that keeps the number above 1: `38.54 MB` (powers of 1000).
pub(crate) fn bytes(count: u64) -> String {
    DecimalBytes(count).to_string()
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One JSON object on a line of its own.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    output::line(&serde_json::to_string(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "1,281,167"],
            [0, 999, 1000, 1_281_167].map(grouped).each_ref().map(String::as_str)
        );
        assert_eq!((number(19.0), number(4.25)), ("19".to_owned(), "4.25".to_owned()));
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(38_535_168), "38.54 MB");
        assert_eq!(bytes(5_000_000_000_000), "5.00 TB");
    }
}
