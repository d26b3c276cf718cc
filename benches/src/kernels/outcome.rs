//! The measurements of the kernels, as a table.

use serde::Serialize;

use crate::{
    report::{Table, short},
    stats::Spread,
};

/// Name of variants that are the same on each level.
pub(super) const ANY_LEVEL: &str = "any level";

/// The measurements of all kernels.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// One a kernel.
    pub subjects: Vec<SubjectOutcome>,
}

/// The measurements of a kernel.
#[derive(Clone, Debug, Serialize)]
pub struct SubjectOutcome {
    /// Name of the kernel.
    pub name: String,
    /// One a level, then the peer.
    pub variants: Vec<VariantOutcome>,
    /// Time of the peer over our best time; none without a peer.
    pub peer_over_ours: Option<f64>,
}

/// Microseconds per call of one variant.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VariantOutcome {
    /// SIMD level, or name of the peer.
    pub name: &'static str,
    /// Whether it is another library's.
    pub is_peer: bool,
    /// Microseconds per call over the samples.
    pub us: Spread,
}

impl SubjectOutcome {
    pub(super) fn new(name: String, variants: Vec<VariantOutcome>) -> Self {
        let ours = variants.iter().filter(|variant| !variant.is_peer).map(|variant| variant.us.median);
        let best = ours.fold(f64::INFINITY, f64::min);
        let peer = variants.iter().find(|variant| variant.is_peer);
        let peer_over_ours = peer.map(|peer| peer.us.median / best);
        Self { name, variants, peer_over_ours }
    }

    fn us(&self, name: &str) -> String {
        let found = self.variants.iter().find(|variant| variant.name == name);
        found.map(|variant| short(variant.us.median)).unwrap_or_default()
    }

    fn peer(&self) -> Option<&VariantOutcome> {
        self.variants.iter().find(|variant| variant.is_peer)
    }
}

impl Outcome {
    /// One row a kernel, one column a level.
    pub fn table(&self) -> Table {
        let mut columns: Vec<&str> = Vec::new();
        for variant in self.subjects.iter().flat_map(|subject| &subject.variants) {
            if !variant.is_peer && variant.name != ANY_LEVEL && !columns.contains(&variant.name) {
                columns.push(variant.name);
            }
        }
        columns.push(ANY_LEVEL);
        let mut head = vec!["µs per call"];
        head.extend(&columns);
        head.extend(["peer", "peer µs", "peer / ours"]);
        let mut table = Table::new(&head);
        for subject in &self.subjects {
            let mut cells = vec![subject.name.clone()];
            cells.extend(columns.iter().map(|column| subject.us(column)));
            cells.push(subject.peer().map_or_else(String::new, |peer| peer.name.to_owned()));
            cells.push(subject.peer().map_or_else(String::new, |peer| short(peer.us.median)));
            cells.push(subject.peer_over_ours.map(short).unwrap_or_default());
            table.row(cells);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &'static str, is_peer: bool, us: f64) -> VariantOutcome {
        VariantOutcome { name, is_peer, us: Spread::of(&[us]) }
    }

    #[test]
    fn a_peer_is_compared_with_our_best() {
        let resize =
            vec![variant("scalar", false, 90.0), variant("avx2", false, 30.0), variant("p", true, 45.0)];
        let resize = SubjectOutcome::new("resize".to_owned(), resize);
        assert_eq!(resize.peer_over_ours, Some(1.5));
        let tensor = SubjectOutcome::new("tensor".to_owned(), vec![variant(ANY_LEVEL, false, 7.0)]);
        let table = Outcome { subjects: vec![resize, tensor] }.table().markdown();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "| µs per call | scalar | avx2 | any level | peer | peer µs | peer / ours |");
        assert_eq!(lines[2], "| resize | 90.0 | 30.0 |  | p | 45.0 | 1.50 |");
        assert_eq!(lines[3], "| tensor |  |  | 7.00 |  |  |  |");
    }
}
