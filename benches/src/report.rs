//! Tables for people, and sections of files that only benches write.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Boxes, presets};

/// A table: the first column is text, the others are numbers.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|&title| title.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row, which has a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// For a terminal.
    pub fn terminal(&self) -> String {
        let mut boxes = Boxes::new();
        boxes
            .load_style(presets::UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(aligned(&self.head));
        for row in &self.rows {
            boxes.add_row(aligned(row));
        }
        boxes.to_string()
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<&str> =
            (0..self.head.len()).map(|column| if column == 0 { "---" } else { "---:" }).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}| {} |\n{rows}", line(&self.head), rule.join(" | "))
    }
}

fn aligned(cells: &[String]) -> Vec<Cell> {
    let alignment = |column| if column == 0 { CellAlignment::Left } else { CellAlignment::Right };
    cells.iter().enumerate().map(|(column, text)| Cell::new(text).set_alignment(alignment(column))).collect()
}

/// `text` with `body` between its markers `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`; `None` where it does
/// not have both, in this order.
pub fn replace_section(text: &str, name: &str, body: &str) -> Option<String> {
    let (open, close) = (format!("<!-- bench:{name} -->"), format!("<!-- /bench:{name} -->"));
    let (before, rest) = text.split_once(&open)?;
    let (_, after) = rest.split_once(&close)?;
    Some(format!("{before}{open}\n{}\n{close}{after}", body.trim_end()))
}

/// Rewrites the section `name` of the file at `path`. Says whether it did: not if there is no such file, or no
/// such section in it.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write_section(path: &Path, name: &str, body: &str) -> Result<bool> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(false) };
    let Some(changed) = replace_section(&text, name, body) else { return Ok(false) };
    fs::write(path, changed).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// A number with as many digits after the point as three significant ones need.
pub fn short(number: f64) -> String {
    match number.abs() {
        magnitude if magnitude >= 100.0 => format!("{number:.0}"),
        magnitude if magnitude >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nend\n";

    #[test]
    fn a_section_is_replaced_and_nothing_else() {
        let once = replace_section(TEXT, "x", "new\nlines\n").unwrap();
        assert_eq!(once, "# A\n<!-- bench:x -->\nnew\nlines\n<!-- /bench:x -->\nend\n");
        assert_eq!(replace_section(&once, "x", "new\nlines\n").unwrap(), once);
    }

    #[test]
    fn without_both_markers_nothing_happens() {
        assert_eq!(replace_section(TEXT, "y", "new"), None);
        assert_eq!(replace_section("<!-- /bench:x --> <!-- bench:x -->", "x", "new"), None);
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("text.md");
        assert!(!write_section(&path, "x", "new").unwrap());
        fs::write(&path, TEXT).unwrap();
        assert!(!write_section(&path, "y", "new").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        assert!(write_section(&path, "x", "new").unwrap());
        assert!(fs::read_to_string(&path).unwrap().contains("\nnew\n"));
    }

    #[test]
    fn tables_are_markdown() {
        let mut table = Table::new(&["what", "µs"]);
        table.row(vec!["flip".to_owned(), short(12.345)]);
        assert_eq!(table.markdown(), "| what | µs |\n| --- | ---: |\n| flip | 12.3 |\n");
        assert!(table.terminal().contains("flip"));
    }

    #[test]
    fn three_digits_are_enough() {
        assert_eq!([0.1234, 9.876, 98.76, 987.6].map(short), ["0.12", "9.88", "98.8", "988"]);
    }
}
