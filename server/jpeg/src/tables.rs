//! The decoding tables of a frame.

use crate::{
    frame::Frame,
    huffman::{ac::AcTable, dc::DcTable, skip::SkipTable},
    refusal::Refusal,
};

/// The tables of a component.
#[derive(Clone, Debug)]
pub(crate) struct ComponentTables {
    pub(crate) dc: DcTable,
    pub(crate) ac: AcTable,
    pub(crate) skip: SkipTable,
}

/// The tables of all components of a frame.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) components: Vec<ComponentTables>,
}

impl Tables {
    /// Builds them, in about 100 microseconds.
    pub(crate) fn new(frame: &Frame) -> Result<Self, Refusal> {
        let tables = |component: &crate::frame::Component| {
            let dc = frame.dc[component.dc].as_ref().ok_or(Refusal::Tables)?;
            let ac = frame.ac[component.ac].as_ref().ok_or(Refusal::Tables)?;
            Ok(ComponentTables { dc: DcTable::new(dc), ac: AcTable::new(ac), skip: SkipTable::new(ac) })
        };
        frame.components.iter().map(tables).collect::<Result<_, _>>().map(|components| Self { components })
    }
}
