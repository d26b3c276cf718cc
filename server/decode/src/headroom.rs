//! Checks whether there is memory for a large allocation before it is made.
//!
//! An allocation that fails ends the process, except where the code asks first. Pixels, batches and slabs of replayed
//! rows ask; libraries and small allocations do not. So before a batch, a slab or a picture is begun, a probe checks
//! that its size and 48 MiB more can be had, and the caller does without if not: the rest stays free for small
//! allocations. The probe never touches a page.
//!
//! Only processes under a limit can run out before the machine does, so others skip the check.

use std::{fs, hint::black_box, sync::OnceLock};

/// Bytes left for small things. More than the largest allocation that the allocator keeps for later use.
const SPARE_BYTES: usize = 48 << 20;

/// Whether the system gives so many bytes and some more now. Always so in a process that has no limit.
pub fn has_room(bytes: usize) -> bool {
    static LIMITED: OnceLock<bool> = OnceLock::new();
    !*LIMITED.get_or_init(is_limited) || can_be_had(bytes)
}

fn can_be_had(bytes: usize) -> bool {
    let mut probe = Vec::<u8>::new();
    let had = bytes.checked_add(SPARE_BYTES).is_some_and(|bytes| probe.try_reserve_exact(bytes).is_ok());
    // Otherwise the compiler may leave out an unused allocation.
    black_box(probe.as_ptr());
    had
}

fn is_limited() -> bool {
    let overcommit = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    overcommit.trim() == "2" || limits_memory(&limits)
}

/// Whether the limits of a process bound its memory.
fn limits_memory(limits: &str) -> bool {
    ["Max address space", "Max data size"].iter().any(|name| {
        let soft = limits.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        soft.is_some_and(|soft| soft != "unlimited")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_cannot_be_had() {
        assert!(can_be_had(1000));
        assert!(!can_be_had(usize::MAX) && !can_be_had(isize::MAX as usize));
    }

    #[test]
    fn limits_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max data size             unlimited            unlimited            bytes\n\
                      Max address space         1024000000           unlimited            bytes\n";
        assert!(limits_memory(limits));
        assert!(!limits_memory(&limits.replace("1024000000", "unlimited ")));
        assert!(!limits_memory(""));
    }
}
