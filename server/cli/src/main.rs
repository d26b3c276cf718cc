//! The `bandwise` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    bandwise::run()
}
