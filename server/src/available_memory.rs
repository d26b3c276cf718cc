//! The memory that this process may still take: what the machine has left, and what the control groups around the
//! process and its own limits (`ulimit -v`, `ulimit -d`) leave.
//!
//! Pages of files that the system can drop count as available, as in the kernel's own figure.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes, or `None` where the system does not say.
pub(crate) fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let rooms = folders(&groups).into_iter().filter_map(|folder| room(&folder));
    machine.into_iter().chain(rooms).chain(own_limits()).min()
}

/// Bytes that the limits of the process leave.
fn own_limits() -> Vec<u64> {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let left =
        |(limit, used): (&str, &str)| Some(soft_limit(&limits, limit)?.saturating_sub(kib(&status, used)?));
    [("Max address space", "VmSize:"), ("Max data size", "VmData:")].into_iter().filter_map(left).collect()
}

/// A limit of `/proc/self/limits` in bytes; `None` if there is no limit.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// `MemAvailable` of `/proc/meminfo`.
fn meminfo(text: &str) -> Option<u64> {
    kib(text, "MemAvailable:")
}

/// The bytes of a line of `/proc` that says how many kB something is.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The folders of the groups that hold the process, with all their parents.
fn folders(groups: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        // `0::/path` in version 2, `N:controllers:/path` in version 1.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let root = match controllers {
            "" => Path::new("/sys/fs/cgroup"),
            _ if controllers.split(',').any(|name| name == "memory") => Path::new("/sys/fs/cgroup/memory"),
            _ => continue,
        };
        let whole = root.join(path.trim_start_matches('/'));
        folders.extend(whole.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned));
    }
    folders
}

/// The bytes that a group leaves of its limit, if it has one.
fn room(folder: &Path) -> Option<u64> {
    let number = |file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
    // Beyond `memory.high` a group is slowed down until it hardly moves.
    let limits = [number("memory.max"), number("memory.high")];
    let (limit, used) = match limits.into_iter().flatten().min() {
        Some(limit) => (limit, number("memory.current")?),
        None => (number("memory.limit_in_bytes")?, number("memory.usage_in_bytes")?),
    };
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let droppable = |line: &str| {
        let bytes = line.strip_prefix("total_inactive_file ").or_else(|| line.strip_prefix("inactive_file "));
        bytes.and_then(|bytes| bytes.parse::<u64>().ok())
    };
    let droppable = stat.lines().filter_map(droppable).max().unwrap_or_default();
    Some(limit.saturating_sub(used.saturating_sub(droppable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_some() {
        assert!(available().is_none_or(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn the_machines_figure_is_read() {
        assert_eq!(meminfo("MemTotal: 9 kB\nMemAvailable:   12 kB\n"), Some(12 * 1024));
        assert_eq!(meminfo("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn limits_of_the_process_are_read() {
        let limits = "Limit   Soft Limit  Hard Limit  Units\nMax data size   unlimited  unlimited  bytes\n\
                      Max address space   1024000  unlimited  bytes\n";
        assert_eq!(soft_limit(limits, "Max address space"), Some(1_024_000));
        assert_eq!(soft_limit(limits, "Max data size"), None);
    }

    #[test]
    fn groups_and_their_parents_are_found() {
        let found = folders("0::/a/b\n4:cpu,memory:/c\n5:pids:/d\nnonsense\n");
        let expected = [
            "/sys/fs/cgroup/a/b",
            "/sys/fs/cgroup/a",
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/memory/c",
            "/sys/fs/cgroup/memory",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn a_group_leaves_its_limit_less_what_cannot_be_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        assert_eq!(room(folder.path()), None);
        write("memory.max", "max\n");
        assert_eq!(room(folder.path()), None, "no limit");
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        assert_eq!(room(folder.path()), Some(300));
        write("memory.stat", "anon 5\ninactive_file 250\n");
        assert_eq!(room(folder.path()), Some(550));
        write("memory.high", "900\n");
        assert_eq!(room(folder.path()), Some(450));
        write("memory.current", "2000\n");
        assert_eq!(room(folder.path()), Some(0));
    }
}
