//! The number of images of a stage that cost a trainer as much as one of the base size.

use bandwise_curriculum::StagePlan;

/// Images of a stage that cost as much as one of the base size.
pub(super) fn image_demand(base: u32, stage: &StagePlan) -> f64 {
    (f64::from(base) / f64::from(stage.bandwidth)).powi(2)
}
