//! The output of a measuring program: tables for people, JSON, and its section of RESULTS.md.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::report::{self, Table};

/// The flags of every measuring program.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Output {
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Write the tables into benches/RESULTS.md.
    #[arg(long)]
    write: bool,
}

impl Output {
    /// Whether documents are rewritten.
    pub fn writes(&self) -> bool {
        self.write
    }

    /// Prints `tables` under `head`, a Markdown list of conditions, or `json`; and writes both into the section.
    ///
    /// # Errors
    ///
    /// If RESULTS.md has no such section or cannot be written.
    pub fn give(&self, section: &str, head: &str, tables: &[Table], json: &Value) -> Result<()> {
        let body = |form: fn(&Table) -> String| {
            format!("{head}\n{}", tables.iter().map(form).collect::<Vec<String>>().join("\n"))
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(json)?);
        } else {
            println!("{}", body(Table::terminal));
        }
        if !self.write {
            return Ok(());
        }
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let written = report::write_section(&results, section, &body(Table::markdown))?;
        written.then_some(()).with_context(|| format!("no section '{section}' in {}", results.display()))
    }
}
