//! `plan --plot`: bandwidth, magnitude, learning rate and image demand over the compute of a training.

use bandwise_curriculum::StagePlan;
use image::RgbImage;

use super::{
    Resolved,
    image_demand::image_demand,
    report::{Report, StageReport},
};
use crate::{
    format::{grouped, number},
    picture::chart::{Chart, Curve, Note, Panel},
};

const BLUE: [u8; 3] = [31, 100, 180];
const GREEN: [u8; 3] = [44, 140, 80];
const VIOLET: [u8; 3] = [130, 70, 170];
const ORANGE: [u8; 3] = [205, 95, 20];
const GREY: [u8; 3] = [140, 144, 152];

/// Points of a learning-rate curve in each stage.
const LR_POINTS: u32 = 200;

/// A stage that has steps, with the part of the axis that it takes.
struct Span<'a> {
    stage: &'a StagePlan,
    report: &'a StageReport,
    from: f64,
    to: f64,
}

/// The picture.
pub(super) fn draw(resolved: &Resolved, report: &Report) -> RgbImage {
    let pairs = resolved.plan.stages().iter().zip(&report.stages);
    let spans: Vec<Span<'_>> = pairs
        .filter(|(stage, _)| stage.steps > 0)
        .map(|(stage, report)| Span {
            stage,
            report,
            from: report.progress_start,
            to: report.progress_start + report.compute_share,
        })
        .collect();
    let mut borders: Vec<f64> = spans.iter().map(|span| span.from).collect();
    borders.push(1.0);
    let model = report.model.as_ref().map_or(String::new(), |model| format!(" for {}", model.name));
    Chart {
        title: format!("{}{model}: {} epochs ({})", report.curriculum, report.epochs, report.epochs_count),
        subtitle: format!(
            "{} samples, {} steps, {} passes decoded, compute of {:.2} epochs at {} x {}",
            grouped(report.dataset_samples),
            grouped(report.steps),
            number(report.decode_passes),
            report.compute_equivalent_epochs,
            report.base,
            report.base
        ),
        axis: "progress: share of the training's compute that is spent".to_owned(),
        marks: (0..=10).map(|tenth| (f64::from(tenth) / 10.0, format!("{} %", 10 * tenth))).collect(),
        spans_name: "stage".to_owned(),
        spans: spans.iter().map(|span| span.report.index.to_string()).collect(),
        borders,
        panels: vec![
            bandwidth(&spans, report.base),
            magnitude(&spans),
            learning_rate(&spans, resolved, report),
            demand(&spans, resolved, report),
        ],
    }
    .draw()
}

/// A curve that stays at one value in each stage.
fn steps(spans: &[Span<'_>], colour: [u8; 3], name: &str, value: impl Fn(&Span<'_>) -> f64) -> Curve {
    let points = spans.iter().flat_map(|span| [(span.from, value(span)), (span.to, value(span))]).collect();
    Curve { colour, points, name: name.to_owned() }
}

/// The value of each run of stages that share it.
fn notes(spans: &[Span<'_>], value: impl Fn(&Span<'_>) -> f64, text: impl Fn(f64) -> String) -> Vec<Note> {
    let note = |run: &[Span<'_>]| {
        let (from, to, value) = (run[0].from, run[run.len() - 1].to, value(&run[0]));
        Note { from, to, value, text: text(value) }
    };
    spans.chunk_by(|a, b| value(a) == value(b)).map(note).collect()
}

fn bandwidth(spans: &[Span<'_>], base: u32) -> Panel {
    let value = |span: &Span<'_>| f64::from(span.stage.bandwidth);
    let quarter = |i: u32| f64::from(base) * f64::from(i) / 4.0;
    Panel {
        title: "bandwidth B: side of the shown images (pixels)".to_owned(),
        marks: (0..=4).map(|i| (quarter(i), quarter(i).to_string())).collect(),
        curves: vec![steps(spans, BLUE, "", value)],
        notes: notes(spans, value, |side| side.to_string()),
    }
}

fn magnitude(spans: &[Span<'_>]) -> Panel {
    Panel {
        title: "RandAugment magnitude m (0 to 10)".to_owned(),
        marks: [0, 2, 4, 6, 8, 10].map(|mark| (f64::from(mark), mark.to_string())).to_vec(),
        curves: vec![steps(spans, GREEN, "", |span| span.stage.magnitude)],
        notes: Vec::new(),
    }
}

fn learning_rate(spans: &[Span<'_>], resolved: &Resolved, report: &Report) -> Panel {
    let min_factor = resolved.min_lr_factor();
    let points = spans.iter().flat_map(|span| {
        (0..=LR_POINTS).map(move |i| {
            let part = f64::from(i) / f64::from(LR_POINTS);
            let epoch = span.stage.clock_start + part * (span.stage.clock_end - span.stage.clock_start);
            (span.from + part * (span.to - span.from), span.stage.lr_factor_at(epoch, min_factor))
        })
    });
    let peak = report.model.as_ref().map_or(String::new(), |model| format!(", peak {}", model.peak_lr));
    Panel {
        title: format!("learning rate (factor of its peak{peak})"),
        marks: (0..=4).map(|i| (f64::from(i) / 4.0, format!("{:.2}", f64::from(i) / 4.0))).collect(),
        curves: vec![Curve { colour: VIOLET, points: points.collect(), name: String::new() }],
        notes: Vec::new(),
    }
}

fn demand(spans: &[Span<'_>], resolved: &Resolved, report: &Report) -> Panel {
    let decoded = |span: &Span<'_>| span.report.image_demand;
    let trained = |span: &Span<'_>| image_demand(resolved.plan.base(), span.stage);
    let replays = spans.iter().any(|span| span.stage.replay_times > 1);
    let most = spans.iter().map(trained).fold(1.0, f64::max);
    let mut curves = vec![steps(spans, ORANGE, if replays { "decoded" } else { "" }, decoded)];
    if replays {
        curves.push(steps(spans, GREY, "trained on", trained));
    }
    let rate = report.sizing.as_ref().map(|sizing| sizing.images_per_gpu_s * f64::from(sizing.gpus));
    let text = |times: f64| match rate {
        Some(rate) => format!("{times:.2}x = {} images/s", grouped((times * rate).round() as u64)),
        None => format!("{times:.2}x"),
    };
    Panel {
        title: format!(
            "image demand (decoded images per second, times those of training at {0} x {0})",
            report.base
        ),
        marks: marks(most),
        curves,
        notes: notes(spans, decoded, text),
    }
}

/// At most eight round marks from 0 to at least `most`.
fn marks(most: f64) -> Vec<(f64, String)> {
    let mut unit = 1.0;
    while most / unit > 8.0 {
        unit *= 2.0;
    }
    (0..=(most / unit).ceil() as u32)
        .map(|i| (f64::from(i) * unit, format!("{}x", f64::from(i) * unit)))
        .collect()
}
