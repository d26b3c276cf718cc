//! Progress on a terminal; nothing where standard error is a file.

use std::sync::Mutex;

use bandwise_dataset::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar for the scan of a dataset.
struct Scan {
    bar: ProgressBar,
    /// Whether the sizes are being read, so that the total is known.
    sizing: Mutex<bool>,
}

/// A bar for the scan of the dataset `name`; it removes itself at the end.
pub(crate) fn scan(name: &str) -> Box<dyn Progress> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} scanning {prefix}: {human_pos} samples found ({elapsed})")
    {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    Box::new(Scan { bar, sizing: Mutex::new(false) })
}

impl Progress for Scan {
    fn update(&self, found: u64, sized: u64) {
        if sized == 0 {
            self.bar.set_position(found);
            return;
        }
        let Ok(mut sizing) = self.sizing.lock() else { return };
        if !*sizing {
            *sizing = true;
            self.bar.set_length(found);
            let template = "{bar:40} {human_pos}/{human_len} sizes of {prefix} ({eta} left)";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_position(sized);
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
