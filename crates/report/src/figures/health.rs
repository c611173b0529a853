//! Whether a run is well: learning rate, gradient, speed, moving average, skipped steps; all stages one after another.

use halfstep_run::Metrics;

use crate::chart::axis::Scale;
use crate::chart::curve::{Point, envelope, smoothed};
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look};
use crate::figures::log::MetricsLog;

/// A measured quantity.
struct Gauge {
    heading: &'static str,
    title: &'static str,
    scale: Scale,
    caption: &'static str,
    value: fn(&Metrics) -> Option<f64>,
    /// Whether the trend is drawn too, over a pale curve of all values.
    noisy: bool,
}

const GAUGES: [Gauge; 4] = [
    Gauge {
        heading: "Learning rate",
        title: "learning rate",
        scale: Scale::FromZero,
        caption: "The rate of the last step of each line of the metrics.",
        value: |line| Some(line.lr),
        noisy: false,
    },
    Gauge {
        heading: "Gradient norm",
        title: "global norm, before clipping",
        scale: Scale::Log,
        caption: "A stage whose norm keeps rising is about to diverge.",
        value: |line| Some(line.grad_norm),
        noisy: true,
    },
    Gauge {
        heading: "Speed",
        title: "images per second",
        scale: Scale::FromZero,
        caption: "Dips are previews, saved states, or other work on the machine. In a round each image also \
                  goes through the round's teacher, twice.",
        value: |line| Some(line.images_per_second),
        noisy: true,
    },
    Gauge {
        heading: "Distance of the moving average",
        title: "distance to the averaged weights",
        scale: Scale::Log,
        caption: "How far the weights in training are from their moving average, which becomes the model.",
        value: |line| line.ema_distance,
        noisy: true,
    },
];

/// A small figure for each quantity that was measured.
pub(crate) fn health(log: &MetricsLog<'_>) -> Vec<Figure> {
    GAUGES.iter().map(|gauge| gauge.figure(log)).chain(skipped(log)).collect()
}

impl Gauge {
    fn figure(&self, log: &MetricsLog<'_>) -> Figure {
        let stages = log.stages().iter();
        let left_out = stages.clone().map(|stage| stage.left_out(self.scale, self.value)).sum();
        let curves = stages.map(|stage| stage.points(self.scale, self.value)).collect();
        let chart = one_after_another(log, curves, self.noisy, self.title, self.scale);
        Figure { left_out, ..Figure::new(self.heading, self.caption, chart) }
    }
}

/// The total of skipped steps; `None` if there are none.
fn skipped(log: &MetricsLog<'_>) -> Option<Figure> {
    const CAPTION: &str = "The total of steps skipped because a number was not finite. In 16-bit precision a few are \
                           normal: they find the largest scale for the loss.";
    let mut sum = 0;
    let mut total = |line: &Metrics| {
        sum += line.skipped;
        (line.step as f64, sum as f64)
    };
    let stages = log.stages().iter();
    let curves = stages.map(|stage| stage.lines().map(&mut total).collect()).collect();
    let chart = one_after_another(log, curves, false, "skipped steps", Scale::FromZero);
    (sum > 0).then(|| Figure::new("Skipped steps", CAPTION, chart))
}

/// One curve per stage; each begins where the previous one ends.
fn one_after_another(
    log: &MetricsLog<'_>,
    stages: Vec<Vec<Point>>,
    noisy: bool,
    title: &'static str,
    scale: Scale,
) -> Chart {
    let (mut curves, mut marks, mut before) = (Vec::new(), Vec::new(), 0.0);
    for (stage, mut points) in log.stages().iter().zip(stages) {
        points.iter_mut().for_each(|point| point.0 += before);
        if !points.is_empty() {
            marks.push((before, stage.name()));
        }
        if noisy {
            curves.push(Curve::line(Ink::First, envelope(&points)).with_look(Look::Pale));
            points = smoothed(&points);
        }
        curves.push(Curve::line(Ink::First, envelope(&points)));
        before += stage.last_step() as f64;
    }
    let x = AxisSpec::new("optimiser steps, all stages", Scale::Steps);
    Chart { marks, ..Chart::new(x, AxisSpec::new(title, scale), curves) }
}
