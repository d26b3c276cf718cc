//! Names and labels of samples, from the index.
//!
//! Names are requested, not sent with batches: few trainers want them, and at 30 bytes a row they would be most of a
//! header. One call answers for as many ids as the largest batch has rows, cut at 1 MiB. Names are bytes, so that
//! Python decodes them as it decodes file names and they equal ImageFolder's; errors and logs escape them.

use bandwise_dataset::{Dataset, Digest};
use bandwise_proto::{Limit, MAX_SAMPLE_IDS, MAX_SAMPLES_BYTES, v1 as proto};
use prost::Message as _;

use crate::{
    catalog::Catalog,
    service::{jobs, reject::Reject},
};

/// Bytes at most that a sample takes in its list beside its own: key and length.
const ENTRY_BYTES: usize = 6;

/// One sample for each id, as many as an answer holds. At most 8192 times a look-up of some hundred nanoseconds, so an
/// async thread does it.
pub(crate) fn answer(
    request: &proto::SamplesRequest,
    catalog: &Catalog,
) -> Result<proto::SamplesResponse, Reject> {
    let name = &request.dataset;
    let dataset = catalog.get(name).ok_or_else(|| Reject::no_dataset(name, &jobs::names(catalog)))?;
    check_digest(dataset, &request.expected_digest)?;
    let ids = &request.sample_ids;
    if ids.len() > MAX_SAMPLE_IDS {
        return Err(Reject::limit(
            Limit::MaxSampleIds,
            MAX_SAMPLE_IDS as u64,
            format!("{} samples were requested; one call answers at most {MAX_SAMPLE_IDS}", ids.len()),
        ));
    }
    if let Some(&beyond) = ids.iter().find(|&&id| id >= dataset.len()) {
        return Err(Reject::no_sample(beyond, dataset.len()));
    }
    let mut left = MAX_SAMPLES_BYTES;
    let fits = |sample: &proto::Sample| {
        let fits = left == MAX_SAMPLES_BYTES || sample.encoded_len() + ENTRY_BYTES <= left;
        left = left.saturating_sub(sample.encoded_len() + ENTRY_BYTES);
        fits
    };
    let sample = |&id| proto::Sample { name: dataset.name(id).into(), label: dataset.label(id) };
    Ok(proto::SamplesResponse { samples: ids.iter().map(sample).take_while(fits).collect() })
}

fn check_digest(dataset: &Dataset, expected: &[u8]) -> Result<(), Reject> {
    if expected.is_empty() || expected == dataset.digest().as_bytes().as_slice() {
        return Ok(());
    }
    let Ok(bytes) = <[u8; 32]>::try_from(expected) else {
        let problem = "a digest has 32 bytes";
        return Err(Reject::field("expected_digest", format!("{} bytes", expected.len()), problem));
    };
    Err(Reject::digest(Digest::from_bytes(bytes), dataset.digest()))
}
