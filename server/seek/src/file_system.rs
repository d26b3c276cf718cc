//! File systems on which a read may hang.
//!
//! Workers read records, and a worker must never wait for a network. Local disks are asked to read without a wait; a few
//! cannot (ZFS), and a short read of those is as quick as a page fault. But a server that does not answer holds a read for
//! ever, so files on network file systems are not used at all.

use std::os::fd::AsFd;

use rustix::fs::fstatfs;

/// Magic numbers (linux/magic.h, and those of file systems outside the kernel) of AFS twice, `BeeGFS`, Ceph, CIFS, Coda,
/// FUSE (behind which anything may be), GPFS, Lustre, NFS, `OrangeFS`, 9p, SMB twice and `VirtualBox`.
const REMOTE: [u64; 15] = [
    0x5346_414F,
    0x6B41_4653,
    0x1983_0326,
    0x00C3_6400,
    0xFF53_4D42,
    0x7375_7245,
    0x6573_5546,
    0x4750_4653,
    0x0BD0_0BD0,
    0x6969,
    0x2003_0528,
    0x0102_1997,
    0x517B,
    0xFE53_4D42,
    0x786F_4256,
];

/// Whether an open file or folder is on a network file system.
pub(crate) fn is_remote(file: impl AsFd) -> bool {
    // The kind of the number differs between platforms; some extend its sign.
    fstatfs(file).is_ok_and(|kind| is_remote_kind(kind.f_type as u64 & 0xFFFF_FFFF))
}

fn is_remote_kind(magic: u64) -> bool {
    REMOTE.contains(&magic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn only_networks_are_remote() {
        // ext, XFS, Btrfs, ZFS, tmpfs, OverlayFS.
        for local in [0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0x0102_1994, 0x794C_7630] {
            assert!(!is_remote_kind(local), "{local:x}");
        }
        assert!(is_remote_kind(0x6969) && is_remote_kind(0x6573_5546));
        assert!(!is_remote(File::open("/proc").unwrap()));
    }
}
