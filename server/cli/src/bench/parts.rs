//! One worker's CPU time, part by part: reading included (but not waiting for a disk), queues and transport not.
//!
//! CPU time, since the machine may be doing something else too.

use std::time::{Duration, Instant};

use bandwise_dataset::Dataset;
use bandwise_decode::{DecodeLimits, EncodedImage, JpegPath, SeekMemory};
use bandwise_kernels::SimdLevel;
use bandwise_pipeline::KeptPoints;
use bandwise_recipe::{ImageKey, Program, Work, WorkObserver, Workbench};

use super::decoding::{Decoding, WORKS};

/// The parts in the order in which they happen.
pub(crate) const PARTS: [Work; 8] = [
    Work::Header,
    Work::Decode,
    Work::Resize,
    Work::Flip,
    Work::Augment,
    Work::LowFrequency,
    Work::Normalize,
    Work::Erase,
];

/// Images that are made before the clock counts: memory has its size then, and caches are warm.
const WARM_UP: u64 = 64;

/// Images of which one is decoded once more with a clock inside the decoder.
const WATCHED: u64 = 4;

/// Time that was spent on some images.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkerTime {
    pub(crate) images: u64,
    /// Images that could not be decoded; their time is not counted.
    pub(crate) undecodable: u64,
    pub(crate) encoded_bytes: u64,
    pub(crate) read: Duration,
    /// As [`PARTS`].
    pub(crate) parts: [Duration; PARTS.len()],
    /// JPEGs by each path, as [`JpegPath::ALL`].
    pub(crate) jpegs: [u64; JpegPath::ALL.len()],
    /// Decoding by our own decoder, and the share of each of its parts, as [`WORKS`].
    pub(crate) own: Duration,
    pub(crate) own_shares: [f64; WORKS.len()],
}

impl WorkerTime {
    /// Microseconds an image of `time`.
    pub(crate) fn us(&self, time: Duration) -> f64 {
        1e6 * time.as_secs_f64() / self.images.max(1) as f64
    }

    /// Microseconds an image of everything.
    pub(crate) fn total_us(&self) -> f64 {
        self.us(self.read + self.parts.iter().sum::<Duration>())
    }
}

/// A clock that is read at the end of each part.
struct Clock {
    last: Duration,
    parts: [Duration; PARTS.len()],
}

impl WorkObserver for Clock {
    fn done(&mut self, work: Work) {
        let now = thread_time();
        if let Some(at) = PARTS.iter().position(|part| *part == work) {
            self.parts[at] += now.saturating_sub(self.last);
        }
        self.last = now;
    }
}

/// The place of [`Work::Decode`] in [`PARTS`].
const DECODE: usize = 1;
const _: () = assert!(matches!(PARTS[DECODE], Work::Decode));

/// Makes images of `dataset` for at least `time`, each in the draws of an epoch of its own turn. With a level some are
/// decoded once more at that level, for the shares of our decoder's parts.
pub(crate) fn measure(
    dataset: &Dataset,
    program: &Program,
    bench: &mut Workbench,
    level: Option<SimdLevel>,
    seed: u64,
    time: Duration,
) -> anyhow::Result<WorkerTime> {
    let mut decoding = level.map(|level| Decoding::new(level.name()));
    let limits = DecodeLimits::default();
    let points = dataset.seek_points().map(KeptPoints);
    let seek = points.as_ref().map(|points| points as &dyn SeekMemory);
    let (mut encoded, mut out) = (Vec::new(), vec![0; program.image_bytes()]);
    let mut spent = WorkerTime::default();
    let mut begun = Instant::now();
    for turn in 0.. {
        if turn == WARM_UP {
            spent = WorkerTime::default();
            begun = Instant::now();
        }
        if turn > WARM_UP && begun.elapsed() >= time {
            break;
        }
        let (epoch, sample) = (turn / dataset.len(), spread(turn % dataset.len(), dataset.len()));
        let key = ImageKey { seed, epoch, sample, view: 0 };
        let asked = thread_time();
        dataset.read(sample, limits.max_encoded_bytes, &mut encoded)?;
        let mut clock = Clock { last: thread_time(), parts: [Duration::ZERO; PARTS.len()] };
        let read = clock.last.saturating_sub(asked);
        let image = EncodedImage { bytes: &encoded, seek };
        let made = bench.make_watched(program, image, &limits, key, &mut out, &mut clock);
        let path = bench.take_jpeg_path();
        if let Some(path) = path {
            spent.jpegs[path as usize] += 1;
        }
        if made.is_err() {
            spent.undecodable += 1;
            continue;
        }
        spent.images += 1;
        spent.encoded_bytes += encoded.len() as u64;
        spent.read += read;
        for (sum, part) in spent.parts.iter_mut().zip(clock.parts) {
            *sum += part;
        }
        if matches!(path, Some(JpegPath::Own | JpegPath::OwnFromPoints)) {
            spent.own += clock.parts[DECODE];
            if let (Some(decoding), 0, Some(crop)) = (&mut decoding, turn % WATCHED, bench.drawn().crop) {
                decoding.add(&encoded, seek, crop, bench.drawn().half_scale);
            }
        }
    }
    spent.own_shares = decoding.map_or([0.0; WORKS.len()], |decoding| decoding.shares());
    anyhow::ensure!(spent.images > 0, "none of {} samples can be decoded", spent.undecodable);
    Ok(spent)
}

/// CPU time of this thread so far.
fn thread_time() -> Duration {
    duration(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime))
}

/// CPU time of all threads of this process so far.
pub(crate) fn process_time() -> Duration {
    duration(rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime))
}

fn duration(time: rustix::time::Timespec) -> Duration {
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// The samples in strides, so that a short run meets all classes; every sample comes once.
fn spread(turn: u64, len: u64) -> u64 {
    const STRIDE: u64 = 7919;
    if len.is_multiple_of(STRIDE) {
        turn
    } else {
        (u128::from(turn) * u128::from(STRIDE) % u128::from(len)) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_sample_has_its_turn() {
        for len in [1, 2, 12, 1000, 7919, 15838] {
            assert_eq!((0..len).map(|turn| spread(turn, len)).collect::<HashSet<_>>().len(), len as usize);
        }
    }
}
