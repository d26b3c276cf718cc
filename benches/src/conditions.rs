//! The conditions without which a figure is worthless: date, machine and input of the measurement.

use std::{fs, process::Command, time::SystemTime};

use bandwise_kernels::SimdLevel;
use serde::Serialize;

/// The lock file knows the version of everything that was compiled.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Machine, date and versions of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Conditions {
    /// Day of the run (UTC), as 2026-01-31.
    pub date: String,
    /// Commit of the repository, with a mark if files differ from it.
    pub commit: String,
    /// Model name of the CPU.
    pub cpu: String,
    /// Cores of the machine.
    pub machine_cores: usize,
    /// Release of the operating system's kernel.
    pub kernel: String,
    /// Processes that wanted to run in the minute before: near 0 on a quiet machine.
    pub load_average: String,
    /// SIMD level of our kernels.
    pub simd: &'static str,
    /// Compiler.
    pub rustc: String,
    /// Libraries that matter for speed.
    pub libraries: String,
}

impl Conditions {
    /// Looks around. What cannot be found out is called unknown.
    pub fn gather() -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            date: date_of(seconds_since_1970()),
            commit: commit(),
            cpu: cpu().unwrap_or_else(unknown),
            machine_cores: count_of("processor"),
            kernel: read_line("/proc/sys/kernel/osrelease"),
            load_average: load.split(' ').next().unwrap_or_default().to_owned(),
            simd: SimdLevel::detect().name(),
            rustc: output_of("rustc", &["--version"]).unwrap_or_else(unknown),
            libraries: libraries(),
        }
    }

    /// The conditions as a Markdown list.
    pub fn markdown(&self) -> String {
        let Self { date, commit, cpu, machine_cores, kernel, load_average, simd, rustc, libraries } = self;
        format!(
            "- {date}, commit {commit}\n\
             - {cpu}, {machine_cores} cores, SIMD level {simd}; Linux {kernel}; load average before: {load_average}\n\
             - {rustc}; {libraries}\n"
        )
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn cpu() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn count_of(key: &str) -> usize {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines().filter(|line| line.starts_with(key)).count()
}

fn read_line(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn commit() -> String {
    let here = env!("CARGO_MANIFEST_DIR");
    let Some(hash) = output_of("git", &["-C", here, "rev-parse", "--short", "HEAD"]) else {
        return unknown();
    };
    let changed = output_of("git", &["-C", here, "status", "--porcelain", "--untracked-files=no"]);
    let mark = if changed.is_some_and(|files| !files.is_empty()) { " with changes" } else { "" };
    format!("{hash}{mark}")
}

fn libraries() -> String {
    let names = ["turbojpeg-sys", "tonic", "fast_image_resize"];
    let known = names.map(|name| format!("{name} {}", version_of(name, LOCK).unwrap_or("unknown")));
    known.join(", ")
}

/// The version of a package in a lock file.
fn version_of<'a>(name: &str, lock: &'a str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Day of the Gregorian calendar (UTC).
fn date_of(seconds: u64) -> String {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut month, mut day) = (1970, 0, seconds / 86_400);
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date_of(seconds), date);
        }
        assert_eq!(date_of(951_782_400), "2000-02-29");
    }

    #[test]
    fn the_lock_file_names_what_is_reported() {
        assert!(!libraries().contains("unknown"), "{}", libraries());
        assert_eq!(
            version_of("b", "name = \"ab\"\nversion = \"1\"\nname = \"b\"\nversion = \"2\"\n"),
            Some("2")
        );
    }
}
