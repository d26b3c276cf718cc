//! Datasets: an indexed, immutable list of samples with a digest.
