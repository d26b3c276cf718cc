//! The factors of the transform, in 1/8192.

pub(super) const F0_298: i32 = 2446;
pub(super) const F0_390: i32 = 3196;
pub(super) const F0_541: i32 = 4433;
pub(super) const F0_765: i32 = 6270;
pub(super) const F0_899: i32 = 7373;
pub(super) const F1_175: i32 = 9633;
pub(super) const F1_501: i32 = 12299;
pub(super) const F1_847: i32 = 15137;
pub(super) const F1_961: i32 = 16069;
pub(super) const F2_053: i32 = 16819;
pub(super) const F2_562: i32 = 20995;
pub(super) const F3_072: i32 = 25172;
