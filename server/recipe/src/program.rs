//! A recipe made ready for one stage: sides resolved, tables and Fourier matrices built, shared by all workers.

use bandwise_kernels::{Dtype, Filter, FourierCrop, FourierError, Normalization, PixelTable};
use thiserror::Error;

use crate::{
    draws::{DrawOp, ImageKey},
    erase::RandomErase,
    fidelity::{Fidelity, working_side},
    geometry::CropRange,
    output::OutputFormat,
    randaugment::RandAugment,
    recipe::{LowFrequency, Operation, Recipe, Side},
};

/// The start of a program: the part of the encoded image that becomes a square of `side` pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crop {
    pub(crate) kind: CropKind,
    pub(crate) filter: Filter,
    /// Side of the square that comes out.
    pub(crate) side: u32,
    /// The shortcut of the fast way; `None` for exact pixels.
    pub(crate) shortcut: Option<Shortcut>,
}

/// A square that is not made, because a Lanczos reduction would follow at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shortcut {
    /// Its side.
    pub(crate) between: u32,
    /// Whether samples must stay in place for a crop of the spectrum.
    pub(crate) for_spectrum: bool,
}

/// The position of the part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CropKind {
    Random(CropRange),
    Center,
}

/// An operation on 8-bit pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PixelStep {
    Flip { probability: f64 },
    RandAugment { policy: RandAugment, magnitude: f64, fill: [u8; 3] },
    Resize { filter: Filter, side: u32 },
}

impl PixelStep {
    /// Whether it mirrors the image of `key`.
    pub(crate) fn flips(self, key: ImageKey) -> bool {
        matches!(self, Self::Flip { probability } if key.draws(DrawOp::Flip).unit() < probability)
    }
}

/// An operation on normalised planes.
#[derive(Debug)]
pub(crate) enum PlaneStep {
    Erase(RandomErase),
    Fourier(FourierCrop),
}

/// A recipe compiled for a base size, a bandwidth and an output format. Immutable.
///
/// Every recipe has this shape: one crop, operations on 8-bit pixels, the normalisation, operations on planes.
#[derive(Debug)]
pub struct Program {
    crop: Crop,
    pixel_steps: Vec<PixelStep>,
    /// Not used for u8 output, which stays in 0..255 throughout.
    table: PixelTable,
    normalization: Normalization,
    plane_steps: Vec<PlaneStep>,
    side: u32,
    format: OutputFormat,
    /// Whether normalised values are rounded to f16 before they become elements of a wider or coarser type.
    through_half: bool,
}

/// A recipe that does not suit a stage.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The bandwidth is 0, odd or larger than the base size.
    #[error("bandwidth {bandwidth} must be even, at least 2 and at most the base size {base}")]
    Bandwidth {
        /// The bandwidth.
        bandwidth: u32,
        /// The base size.
        base: u32,
    },
    /// The order of the operations makes no sense.
    #[error("operation {position} ({name}) is in the wrong place: {problem}")]
    Order {
        /// Position of the operation, from 0.
        position: usize,
        /// Its name.
        name: &'static str,
        /// The reason.
        problem: &'static str,
    },
    /// The recipe ends before its output is a normalised tensor of the stage's size.
    #[error("the recipe is incomplete: {0}")]
    Incomplete(&'static str),
    /// The Fourier crop cannot be had in these sizes.
    #[error("fourier crop: {0}")]
    Fourier(#[from] FourierError),
}

/// The phase of a recipe while it is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Encoded,
    Pixels,
    Planes,
    Mixed,
}

/// Sides of the square images of a stage, in pixels.
#[derive(Clone, Copy)]
struct Sides {
    /// Of the crop.
    base: u32,
    /// Before the step for low frequencies.
    working: u32,
    /// As they are delivered.
    bandwidth: u32,
}

impl Program {
    /// Whether `recipe` can be compiled for this base size and bandwidth; costs nothing.
    ///
    /// # Errors
    ///
    /// As [`Program::new`].
    pub fn check(recipe: &Recipe, base: u32, bandwidth: u32) -> Result<(), ProgramError> {
        if bandwidth < 2 || bandwidth % 2 == 1 || bandwidth > base {
            return Err(ProgramError::Bandwidth { bandwidth, base });
        }
        let (mut phase, mut side) = (Phase::Encoded, base);
        for (position, operation) in recipe.operations().iter().enumerate() {
            let after = next_phase(operation, phase).map_err(|problem| ProgramError::Order {
                position,
                name: operation.name(),
                problem,
            })?;
            phase = after;
            side = match *operation {
                Operation::RandomResizedCrop { side, .. } | Operation::CenterCrop { side, .. } => {
                    side.pixels(base, bandwidth)
                }
                Operation::LowFrequency(_) => bandwidth,
                Operation::Flip { .. }
                | Operation::RandAugment(_)
                | Operation::Normalize(_)
                | Operation::RandomErase(_)
                | Operation::Mix(_) => side,
            };
        }
        match phase {
            Phase::Planes | Phase::Mixed if side == bandwidth => Ok(()),
            Phase::Planes | Phase::Mixed => {
                Err(ProgramError::Incomplete("its images do not have the bandwidth's size"))
            }
            _ => Err(ProgramError::Incomplete("it does not normalise")),
        }
    }

    /// Compiles `recipe` for images of `bandwidth` pixels out of a base of `base` pixels, in a stage of
    /// `magnitude`, for exact pixels. Costs some milliseconds where Fourier matrices must be made.
    ///
    /// # Errors
    ///
    /// If the bandwidth is 0, odd or above the base size, or the recipe's order has no meaning.
    pub fn new(
        recipe: &Recipe,
        base: u32,
        bandwidth: u32,
        magnitude: f64,
        format: OutputFormat,
    ) -> Result<Self, ProgramError> {
        Self::with_fidelity(Fidelity::Exact, recipe, base, bandwidth, magnitude, format)
    }

    /// Compiles `recipe` as [`Program::new`] does, for pixels of this fidelity.
    ///
    /// # Errors
    ///
    /// As [`Program::new`].
    pub fn with_fidelity(
        fidelity: Fidelity,
        recipe: &Recipe,
        base: u32,
        bandwidth: u32,
        magnitude: f64,
        format: OutputFormat,
    ) -> Result<Self, ProgramError> {
        Self::check(recipe, base, bandwidth)?;
        let normalization = recipe.normalization();
        let mut program = Self {
            crop: Crop { kind: CropKind::Center, filter: Filter::Bicubic, side: base, shortcut: None },
            pixel_steps: Vec::new(),
            table: PixelTable::new(&normalization),
            normalization,
            plane_steps: Vec::new(),
            side: bandwidth,
            format,
            through_half: false,
        };
        // The side of the image before the reduction.
        let working = match (fidelity, recipe.low_frequency()) {
            (Fidelity::Fast, Some(method)) if !recipe.is_evaluation() => {
                working_side(method, base, bandwidth)
            }
            _ => base,
        };
        for operation in recipe.operations() {
            program.add(operation, Sides { base, working, bandwidth }, magnitude)?;
        }
        if fidelity == Fidelity::Fast && !recipe.is_evaluation() {
            let between = program.crop.side;
            let for_spectrum = recipe.low_frequency() == Some(LowFrequency::Fourier);
            program.crop.shortcut = Some(Shortcut { between, for_spectrum });
            program.crop.side = if between == base { working } else { between };
        }
        Ok(program)
    }

    fn add(
        &mut self,
        operation: &Operation,
        Sides { base, working, bandwidth }: Sides,
        magnitude: f64,
    ) -> Result<(), ProgramError> {
        let crop = |kind, filter, side: Side| Crop {
            kind,
            filter,
            side: side.pixels(base, bandwidth),
            shortcut: None,
        };
        match *operation {
            Operation::RandomResizedCrop { range, filter, side } => {
                self.crop = crop(CropKind::Random(range), filter, side);
            }
            Operation::CenterCrop { filter, side } => self.crop = crop(CropKind::Center, filter, side),
            Operation::Flip { probability } => self.pixel_steps.push(PixelStep::Flip { probability }),
            Operation::RandAugment(policy) => {
                let fill =
                    self.normalization.mean.map(|mean| (255.0 * f64::from(mean)).round_ties_even() as u8);
                self.pixel_steps.push(PixelStep::RandAugment { policy, magnitude, fill });
            }
            Operation::LowFrequency(_) if bandwidth == working => {}
            Operation::LowFrequency(LowFrequency::Lanczos) => {
                self.pixel_steps.push(PixelStep::Resize { filter: Filter::Lanczos, side: bandwidth });
            }
            Operation::LowFrequency(LowFrequency::Fourier) => {
                let crop = FourierCrop::new(working as usize, bandwidth as usize)?;
                self.plane_steps.push(PlaneStep::Fourier(crop));
            }
            Operation::RandomErase(erase) => self.plane_steps.push(PlaneStep::Erase(erase)),
            // The table is made from it; rows are mixed outside the program.
            Operation::Normalize(_) | Operation::Mix(_) => {}
        }
        Ok(())
    }

    /// The same for images that the reference keeps in half precision until they are trained on: normalised values
    /// are rounded to f16 (half to even) before they become f32 or bf16. Changes nothing for u8 and f16.
    #[must_use]
    pub fn through_half(self) -> Self {
        let through_half = matches!(self.format.dtype, Dtype::F32 | Dtype::Bf16);
        Self { through_half, ..self }
    }

    /// Side of the images that come out, in pixels: the bandwidth.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// Element type and axis order of what is written.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Bytes of one image that comes out: side x side x 3 elements.
    pub fn image_bytes(&self) -> usize {
        self.side as usize * self.side as usize * 3 * self.format.dtype.size_in_bytes()
    }

    pub(crate) fn is_through_half(&self) -> bool {
        self.through_half
    }

    pub(crate) fn crop(&self) -> Crop {
        self.crop
    }

    pub(crate) fn pixel_steps(&self) -> &[PixelStep] {
        &self.pixel_steps
    }

    pub(crate) fn table(&self) -> &PixelTable {
        &self.table
    }

    pub(crate) fn normalization(&self) -> &Normalization {
        &self.normalization
    }

    pub(crate) fn plane_steps(&self) -> &[PlaneStep] {
        &self.plane_steps
    }
}

/// The phase after `operation`, or the reason why the operation cannot be here.
fn next_phase(operation: &Operation, phase: Phase) -> Result<Phase, &'static str> {
    let pixels = |then| if phase == Phase::Pixels { Ok(then) } else { Err("it needs 8-bit pixels") };
    let planes = |then| match phase {
        Phase::Planes => Ok(then),
        Phase::Mixed => Err("the mix must be last"),
        _ => Err("it needs normalised values"),
    };
    match operation {
        Operation::RandomResizedCrop { .. } | Operation::CenterCrop { .. } => match phase {
            Phase::Encoded => Ok(Phase::Pixels),
            _ => Err("a recipe has one crop, and it comes first"),
        },
        Operation::Flip { .. }
        | Operation::RandAugment(_)
        | Operation::LowFrequency(LowFrequency::Lanczos) => pixels(Phase::Pixels),
        Operation::Normalize(_) => pixels(Phase::Planes),
        Operation::LowFrequency(LowFrequency::Fourier) | Operation::RandomErase(_) => planes(Phase::Planes),
        Operation::Mix(_) => planes(Phase::Mixed),
    }
}
