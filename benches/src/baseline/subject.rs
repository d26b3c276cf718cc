//! The subjects of the measurement.

use bandwise_client::proto;
use bandwise_recipe::LowFrequency;
use clap::ValueEnum;

/// One line of the report.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// Files in memory, on bare threads.
    Loop(BareLoop),
    /// Batches out of a daemon.
    Pull(Pull),
}

/// The work of a bare loop on each file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BareLoop {
    /// libjpeg-turbo decodes the whole frame to RGB, and nothing else: the ceiling.
    WholeFrames,
    /// Our decoder and resize: a random crop of the image, bicubic to 224 pixels.
    CropAndResize,
    /// All of a worker's work on a sample: the recipe `plain` at 224 pixels, u8.
    Sample,
}

/// A job to pull, and the stage of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pull {
    /// Curriculum by name.
    pub curriculum: &'static str,
    /// Recipe by name.
    pub recipe: &'static str,
    /// Low-frequency method, for recipes that have one.
    pub low_frequency: Option<LowFrequency>,
    /// Element type.
    pub dtype: proto::Dtype,
    /// Side of the images: the first stage that has it is pulled.
    pub bandwidth: u32,
}

/// Budget of the jobs: enough steps for any round.
const EPOCHS: f64 = 2000.0;

impl Subject {
    /// All subjects, in the order of the report. The first two are what the others are compared with.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<_> = BareLoop::value_variants().iter().copied().map(Self::Loop).collect();
        all.push(Self::Pull(Pull::PLAIN));
        let stages = [
            (96, LowFrequency::Lanczos),
            (160, LowFrequency::Lanczos),
            (96, LowFrequency::Fourier),
            (160, LowFrequency::Fourier),
            // At the base size neither method does anything: one line is enough.
            (224, LowFrequency::Lanczos),
        ];
        all.extend(stages.map(|(bandwidth, method)| Self::Pull(Pull::stage(bandwidth, method))));
        all
    }

    /// The name in reports.
    pub fn name(&self) -> String {
        match self {
            Self::Loop(BareLoop::WholeFrames) => "a: libjpeg-turbo, whole frames".to_owned(),
            Self::Loop(BareLoop::CropAndResize) => "b: our decode of a crop + bicubic to 224".to_owned(),
            Self::Loop(BareLoop::Sample) => "b': b + flip + tensor".to_owned(),
            Self::Pull(pull) => pull.name(),
        }
    }
}

impl Pull {
    /// 224-pixel u8 batches without a curriculum.
    pub const PLAIN: Self = Self {
        curriculum: "none",
        recipe: "plain",
        low_frequency: None,
        dtype: proto::Dtype::U8,
        bandwidth: 224,
    };

    /// A stage of EfficientTrain++ in half precision.
    pub fn stage(bandwidth: u32, method: LowFrequency) -> Self {
        let name = "efficienttrain++";
        let dtype = proto::Dtype::F16;
        Self { curriculum: name, recipe: name, low_frequency: Some(method), dtype, bandwidth }
    }

    fn name(&self) -> String {
        match self.low_frequency {
            None => format!("c: daemon, {}, {} px, u8", self.recipe, self.bandwidth),
            Some(_) if self.bandwidth == 224 => format!("daemon, {}, 224 px, f16", self.recipe),
            Some(method) => format!("daemon, {}, {} px {method}, f16", self.recipe, self.bandwidth),
        }
    }

    /// The job, with steps of `batch` rows.
    pub fn job(&self, dataset: &str, batch: u64) -> proto::Job {
        let low_frequency = match self.low_frequency {
            None => proto::LowFrequency::Unspecified,
            Some(LowFrequency::Lanczos) => proto::LowFrequency::Lanczos,
            Some(LowFrequency::Fourier) => proto::LowFrequency::Fourier,
        };
        proto::Job {
            datasets: vec![proto::DatasetShare { name: dataset.to_owned(), weight: None }],
            curriculum: Some(proto::job::Curriculum::CurriculumName(self.curriculum.to_owned())),
            epochs: EPOCHS,
            global_batch: batch,
            recipe: Some(proto::job::Recipe::RecipeName(self.recipe.to_owned())),
            dtype: self.dtype.into(),
            low_frequency: low_frequency.into(),
            ..proto::Job::default()
        }
    }
}
