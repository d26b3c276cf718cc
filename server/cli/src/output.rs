//! Standard output, which may be closed early: `bandwise plan ... | head`.
//!
//! Text for people is then no longer written, and the command continues to its end; a command that writes lines of JSON
//! ends, because its reader has had enough. Neither is a failure.

use std::{
    fmt,
    io::{self, ErrorKind, Write as _},
    process,
};

use thiserror::Error;

/// Nobody reads the results any more.
#[derive(Debug, Error)]
#[error("standard output is closed")]
pub(crate) struct Closed;

/// `println!` that does not panic.
macro_rules! outln {
    ($($text:tt)*) => { $crate::output::text(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use outln;

/// Writes text for people.
pub(crate) fn text(text: fmt::Arguments<'_>) {
    if let Err(error) = io::stdout().write_fmt(text)
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("error: cannot write to standard output: {error}");
        process::exit(1);
    }
}

/// Writes a line for programs.
///
/// # Errors
///
/// [`Closed`], or that it cannot be written.
pub(crate) fn line(line: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{line}").map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Closed.into(),
        _ => anyhow::Error::new(error).context("cannot write to standard output"),
    })
}
