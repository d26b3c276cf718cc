//! The report of `plan` as tables for people.

use super::{
    report::{ModelReport, RecipeReport, Report, StageReport},
    sizing::{Sizing, StageSizing},
};
use crate::{
    format::{grouped, number, table},
    output::outln,
};

impl Report {
    pub(super) fn print(&self) {
        outln!(
            "{}: {} epochs ({}), {} samples, stages split in {}\n",
            self.curriculum,
            self.epochs,
            self.epochs_count,
            grouped(self.dataset_samples),
            self.split
        );
        self.print_stages();
        self.print_totals();
        self.memory.print();
        if let Some(model) = &self.model {
            model.print(&self.curriculum, &self.stages);
        }
        if let Some(sizing) = &self.sizing {
            sizing.print(self.base);
        }
        self.recipe.print();
    }

    fn print_stages(&self) {
        let replays = self.stages.iter().any(|stage| stage.replay_times > 1);
        let mut head = vec![
            "stage", "B", "m", "epochs", "clock", "of", "warm-up", "steps", "images", "compute", "demand",
            "lr",
        ];
        if replays {
            head.insert(3, "r");
            head.insert(10, "decoded");
        }
        let mut rows = table(&head);
        for stage in &self.stages {
            let mut row = stage.cells();
            if replays {
                row.insert(3, stage.replay_times.to_string());
                row.insert(10, grouped(stage.decoded_images));
            }
            rows.add_row(row);
        }
        outln!("{rows}\n");
    }

    fn print_totals(&self) {
        let images = if self.trained_images == self.decoded_images {
            format!(
                "{} images in {} passes over the data",
                grouped(self.trained_images),
                number(self.decode_passes)
            )
        } else {
            format!(
                "{} images trained on in {} passes, {} of them decoded in {} passes over the data",
                grouped(self.trained_images),
                number(self.training_passes),
                grouped(self.decoded_images),
                number(self.decode_passes)
            )
        };
        outln!(
            "{} steps; {images}; compute of {:.2} epochs at {}",
            grouped(self.steps),
            self.compute_equivalent_epochs,
            self.base
        );
        outln!(
            "clock: epochs of the reference's learning-rate clock; demand: decoded images per second relative to \
             training at {0} x {0};\nlr: learning rate at the stage's borders, relative to its peak",
            self.base
        );
    }
}

impl StageReport {
    fn cells(&self) -> Vec<String> {
        vec![
            self.index.to_string(),
            self.bandwidth.to_string(),
            self.magnitude.to_string(),
            number(self.epochs),
            format!("{}-{}", number(self.clock_start), number(self.clock_end)),
            number(self.clock_epochs),
            number(self.warmup_epochs),
            grouped(self.steps),
            grouped(self.trained_images),
            format!("{:.1} %", self.compute_share * 100.0),
            format!("{:.2}x", self.image_demand),
            format!("{:.4}-{:.4}", self.lr_factor_start, self.lr_factor_end),
        ]
    }
}

impl ModelReport {
    fn print(&self, curriculum: &str, stages: &[StageReport]) {
        outln!("\nmodel {}, as in the papers on {} processes", self.name, self.processes);
        let optional = |value: Option<f64>| value.map_or("none".to_owned(), |value| value.to_string());
        outln!(
            "  drop path {:.3}, {}, peak lr {:e}, lowest lr {:e}, weight decay {}, clip {}, EMA {}, {}",
            self.drop_path,
            self.optimizer,
            self.peak_lr,
            self.min_lr,
            self.weight_decay,
            optional(self.clip_norm),
            optional(self.ema_decay),
            self.precision
        );
        for run in stages.chunk_by(|a, b| a.share() == b.share()) {
            outln!("  {}: {}", span(run), run[0].share());
        }
        if let Some(replay) = self.replay_curriculum.filter(|replay| *replay != curriculum) {
            outln!("  with replay: --curriculum {replay}");
        }
    }
}

/// The numbers of consecutive stages.
fn span(run: &[StageReport]) -> String {
    match run {
        [only] => format!("stage {}", only.index),
        _ => format!("stages {}-{}", run[0].index, run[run.len() - 1].index),
    }
}

impl StageReport {
    /// The batches of a process; empty without a model.
    fn share(&self) -> String {
        let (Some(batch), Some(update_freq), Some(fresh)) =
            (self.batch_per_process, self.update_freq, self.fresh_batch_per_process)
        else {
            return String::new();
        };
        let fresh = if fresh == batch { String::new() } else { format!(", {fresh} of them fresh") };
        format!("batch {batch} a process{fresh}, update_freq {update_freq}")
    }
}

impl Sizing {
    fn print(&self, base: u32) {
        let Self { images_per_gpu_s, gpus, .. } = self;
        outln!(
            "\n{gpus} GPUs that train on {images_per_gpu_s} images/s each at {base} x {base} need, together:"
        );
        let mut head = vec!["stages", "B", "trained/s", "decoded/s"];
        if self.measured_on.is_some() {
            head.extend(["us/image", "images/s per core", "cores"]);
        }
        let mut rows = table(&head);
        for run in self.stages.chunk_by(StageSizing::same) {
            rows.add_row(StageSizing::cells(run));
        }
        outln!("{rows}");
        self.print_answer();
    }

    fn print_answer(&self) {
        let peak = self.stages.iter().map(|stage| stage.decoded_images_per_s).fold(0.0, f64::max);
        outln!("images per second: {peak:.0} at most, {:.0} on average", self.mean_decoded_images_per_s);
        let cores: Option<Vec<f64>> = self.stages.iter().map(|stage| stage.cores).collect();
        match (&self.measured_on, cores, self.mean_cores) {
            (Some(dataset), Some(cores), Some(mean)) => outln!(
                "this needs {:.0} cores like those of this machine at most, {:.1} on average; it has {}\n\
                 (CPU time of one worker on {dataset}, {} pixels; sending the batches takes up to a tenth more)",
                cores.into_iter().fold(0.0, f64::max).ceil(),
                mean,
                self.cores_here,
                self.fidelity.as_deref().unwrap_or_default(),
            ),
            _ => {
                outln!("to see how many cores that needs, add --measure PATH with a folder of class folders");
            }
        }
    }
}

impl StageSizing {
    /// Whether two stages need the same.
    fn same(&self, other: &Self) -> bool {
        (self.bandwidth, self.decoded_images_per_s) == (other.bandwidth, other.decoded_images_per_s)
    }

    /// The row of stages that need the same.
    fn cells(run: &[Self]) -> Vec<String> {
        let [first, ..] = run else { return Vec::new() };
        let last = &run[run.len() - 1];
        let stages =
            if run.len() == 1 { first.index.to_string() } else { format!("{}-{}", first.index, last.index) };
        let rounded = |value: f64| grouped(value.round() as u64);
        let mut cells = vec![
            stages,
            first.bandwidth.to_string(),
            rounded(first.trained_images_per_s),
            rounded(first.decoded_images_per_s),
        ];
        if let (Some(us), Some(rate), Some(cores)) =
            (first.worker_us_per_image, first.images_per_core_s, first.cores)
        {
            cells.extend([rounded(us), rounded(rate), format!("{cores:.1}")]);
        }
        cells
    }
}

impl RecipeReport {
    fn print(&self) {
        let views =
            if self.views == 1 { String::new() } else { format!(", {} views of each sample", self.views) };
        outln!("\nrecipe {}{views}", self.name);
        for (i, operation) in self.operations.iter().enumerate() {
            let parameters: Vec<String> =
                operation.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            outln!("  {}. {:<20} {}", i + 1, operation.name, parameters.join(", "));
        }
    }
}
