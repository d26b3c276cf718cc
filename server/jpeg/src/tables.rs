//! The decoding tables of a frame, and those of the last frames: many files have the same.

use std::sync::Arc;

use crate::{
    frame::Frame,
    huffman::{HuffmanSpec, ac::AcTable, dc::DcTable, skip::SkipTable},
    refusal::Refusal,
};

/// Tables that are kept, of each kind: more would push each other out of the caches of a core. With 240 of them decoding
/// was slower than with tables that are built for each image.
const KEPT: usize = 6;

/// The tables of a component.
#[derive(Clone, Debug)]
pub(crate) struct ComponentTables {
    pub(crate) dc: Arc<DcTable>,
    pub(crate) ac: Arc<AcTable>,
    pub(crate) skip: Arc<SkipTable>,
}

/// The tables of all components of a frame; grey has the same ones three times.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) components: [ComponentTables; 3],
}

/// The tables that were used last. A table is found by all of its codes, so that no file changes what another means.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableCache {
    dc: Recent<DcTable>,
    ac: Recent<AcTable>,
    skip: Recent<SkipTable>,
}

impl TableCache {
    /// The tables of a frame. A new pair for AC coefficients takes about 20 microseconds.
    pub(crate) fn get(&mut self, frame: &Frame) -> Result<Tables, Refusal> {
        let mut tables = |number: usize| -> Result<_, Refusal> {
            let numbers = frame.tables[number];
            let dc = frame.dc[numbers.dc].as_ref().ok_or(Refusal::Tables)?;
            let ac = frame.ac[numbers.ac].as_ref().ok_or(Refusal::Tables)?;
            Ok(ComponentTables {
                dc: self.dc.get(dc, DcTable::new),
                ac: self.ac.get(ac, AcTable::new),
                skip: self.skip.get(ac, SkipTable::new),
            })
        };
        Ok(Tables { components: [tables(0)?, tables(1)?, tables(2)?] })
    }
}

/// Tables of one kind, the last used first.
#[derive(Clone, Debug)]
struct Recent<T>(Vec<(HuffmanSpec, Arc<T>)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Recent<T> {
    fn get(&mut self, spec: &HuffmanSpec, build: impl FnOnce(&HuffmanSpec) -> T) -> Arc<T> {
        if let Some(found) = self.0.iter().position(|(known, _)| known == spec) {
            self.0[..=found].rotate_right(1);
            return Arc::clone(&self.0[0].1);
        }
        if self.0.len() < KEPT {
            self.0.push((spec.clone(), Arc::new(build(spec))));
        } else if let Some((known, table)) = self.0.last_mut() {
            // In the place of the one that was not used for longest.
            known.clone_from(spec);
            match Arc::get_mut(table) {
                Some(place) => *place = build(spec),
                None => *table = Arc::new(build(spec)),
            }
        }
        self.0.rotate_right(1);
        Arc::clone(&self.0[0].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tables_are_found_again_and_no_others() {
        let spec = |number: u8| {
            let mut bytes = [0; 17];
            (bytes[0], bytes[16]) = (1, number);
            HuffmanSpec::read(&bytes, false).unwrap().0
        };
        let (mut recent, mut built) = (Recent::default(), Vec::new());
        let mut get = |number: u8| {
            *recent.get(&spec(number), |_| {
                built.push(number);
                number
            })
        };
        // 0 is used again before it would go, 1 is not.
        for number in [0, 1, 2, 3, 0, 4, 5, 6, 0, 1] {
            assert_eq!(get(number), number);
        }
        assert_eq!(built, [0, 1, 2, 3, 4, 5, 6, 1]);
    }
}
