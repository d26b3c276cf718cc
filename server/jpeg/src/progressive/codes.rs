//! The codes of a scan, as each kind of scan reads them.

use super::script::{Band, ScanHeader, Script};
use crate::{
    huffman::{HuffmanSpec, ac::AcTable, dc::DcTable, symbols::SymbolTable},
    refusal::Refusal,
};

/// The codes of a scan.
#[derive(Clone, Copy, Debug)]
pub(super) enum Codes<'a> {
    /// Differences of DC coefficients, for each component of the scan.
    Dc(&'a [DcTable]),
    /// None: there is one bit for each block.
    DcRefinement,
    /// Values of AC coefficients.
    First(&'a AcTable),
    /// Places of AC coefficients.
    Refinement(&'a SymbolTable),
}

/// Memory for the tables of a scan. No more than one of each kind is there, three of DC coefficients.
#[derive(Clone, Debug, Default)]
pub(super) struct CodeTables {
    dc: Vec<DcTable>,
    first: Vec<AcTable>,
    refinement: Vec<SymbolTable>,
}

impl CodeTables {
    /// Makes the tables of a scan, in the place of those of the last one.
    pub(super) fn set(&mut self, script: &Script<'_>, header: &ScanHeader) -> Result<Codes<'_>, Refusal> {
        let ScanHeader { components, count, band } = header;
        match (band.first, band.is_refinement) {
            (0, true) => Ok(Codes::DcRefinement),
            (0, false) => {
                self.dc.clear();
                for &(_, dc, _) in &components[..*count] {
                    self.dc.push(DcTable::new(spec(&script.dc, dc)?));
                }
                Ok(Codes::Dc(&self.dc))
            }
            (_, false) => Ok(Codes::First(self.first(spec(&script.ac, components[0].2)?, *band))),
            (_, true) => {
                let spec = spec(&script.ac, components[0].2)?;
                Ok(Codes::Refinement(only(&mut self.refinement, SymbolTable::new(spec))))
            }
        }
    }

    /// Makes the table of a first scan of AC coefficients.
    pub(super) fn first(&mut self, spec: &HuffmanSpec, band: Band) -> &AcTable {
        only(&mut self.first, AcTable::of_band(spec, band.low))
    }
}

/// Keeps a table alone, in memory that is there.
fn only<T>(tables: &mut Vec<T>, table: T) -> &T {
    tables.clear();
    tables.push(table);
    &tables[0]
}

fn spec(specs: &[Option<HuffmanSpec>; 4], number: usize) -> Result<&HuffmanSpec, Refusal> {
    specs.get(number).and_then(Option::as_ref).ok_or(Refusal::Tables)
}
