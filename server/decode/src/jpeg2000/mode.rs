//! Modes: what Pillow takes the samples of a picture for, before it decodes them.

/// The modes that Pillow opens files in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    L,
    I16,
    La,
    P,
    Pa,
    Rgb,
    Rgba,
    Cmyk,
}
