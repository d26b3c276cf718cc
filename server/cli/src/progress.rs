//! Progress on a terminal; nothing where standard error is a file.

use bandwise_dataset::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

const FINDING: &str = "{spinner} scanning {prefix}: {human_pos} samples found ({elapsed})";
const SIZING: &str = "{bar:40} {human_pos}/{human_len} sizes of {prefix} ({eta} left)";
const HASHING: &str = "{bar:40} {human_pos}/{human_len} contents of {prefix} ({eta} left)";

/// A bar for the scan of a dataset.
struct Scan {
    bar: ProgressBar,
    /// Text shown now.
    template: Mutex<&'static str>,
}

/// A bar for the scan of the dataset `name`; it removes itself at the end.
pub(crate) fn scan(name: &str) -> Box<dyn Progress> {
    let bar = ProgressBar::new_spinner();
    bar.set_prefix(name.to_owned());
    let scan = Scan { bar, template: Mutex::new("") };
    scan.show(FINDING, 0, None);
    Box::new(scan)
}

impl Scan {
    fn show(&self, template: &'static str, done: u64, total: Option<u64>) {
        let mut shown = self.template.lock();
        if *shown != template {
            *shown = template;
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.reset_eta();
        }
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }
}

impl Progress for Scan {
    fn update(&self, found: u64, sized: u64) {
        match sized {
            0 => self.show(FINDING, found, None),
            _ => self.show(SIZING, sized, Some(found)),
        }
    }

    fn hashed(&self, done: u64, total: u64) {
        self.show(HASHING, done, Some(total));
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar over `total` units of `what`.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template = format!("{{bar:40}} {{human_pos}}/{{human_len}} {what} {{msg}} ({{eta}} left)");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}
