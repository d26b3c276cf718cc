//! `corpus`: makes a corpus of JPEGs like ImageNet's out of photographs.

use std::path::PathBuf;

use anyhow::Result;
use bandwise_benches::corpus::{MakeOptions, SUMMARY_FILE, make};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Make a corpus of JPEGs that are distributed like ImageNet's, out of photographs.
///
/// The same photographs, seed and numbers give the same bytes.
#[derive(Debug, Parser)]
#[command(name = "corpus", max_term_width = 110)]
struct Args {
    /// Folder to write to, new or empty: class folders and corpus.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of files.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    images: u64,
    /// Number of class folders.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    classes: u64,
    /// Seed of all draws.
    #[arg(long, value_name = "X", default_value_t = 0)]
    seed: u64,
    /// Folder of photographs, searched with the folders below it; benches/photos.sh fetches some.
    #[arg(long, value_name = "FOLDER", default_value = "target/photos")]
    from: PathBuf,
    /// Mean size of a file in kB (1000 bytes): the JPEG quality is chosen to fit. ImageNet has about 105.
    #[arg(long, value_name = "KB", default_value_t = 105.0)]
    mean_kb: f64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let options = MakeOptions {
        from: args.from,
        out: args.out,
        images: args.images,
        classes: args.classes,
        seed: args.seed,
        mean_bytes: args.mean_kb * 1e3,
    };
    let bar = ProgressBar::new(options.images).with_style(ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} images ({elapsed}, {eta} left)",
    )?);
    bar.tick();
    let (summary, passed_over) = make(&options, || bar.inc(1))?;
    bar.finish_and_clear();
    for reason in passed_over {
        eprintln!("passed over {reason}");
    }
    println!("{}", summary.sentence());
    println!(
        "quality around {:.1}, 4:4:4 {:.0} %, progressive {:.0} %; {} classes, seed {}; written down in {}",
        summary.base_quality,
        100.0 * summary.share_444,
        100.0 * summary.share_progressive,
        summary.classes,
        summary.seed,
        options.out.join(SUMMARY_FILE).display()
    );
    Ok(())
}
