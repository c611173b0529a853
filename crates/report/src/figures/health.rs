//! What tells whether a run is well: rate, gradient, speed, average, skipped steps; all stages one
//! after another.

use crate::chart::axis::Scale;
use crate::chart::curve::{Point, envelope, smoothed};
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve};
use crate::figures::log::Log;
use halfstep_run::Metrics;

/// A measured quantity.
struct Gauge {
    heading: &'static str,
    title: &'static str,
    scale: Scale,
    caption: &'static str,
    value: fn(&Metrics) -> Option<f64>,
    /// Of a curve that jumps about the general course is drawn too.
    noisy: bool,
}

const GAUGES: [Gauge; 4] = [
    Gauge {
        heading: "Learning rate",
        title: "learning rate",
        scale: Scale::FromZero,
        caption: "Of the last step before each line of the log.",
        value: |line| Some(line.lr),
        noisy: false,
    },
    Gauge {
        heading: "Gradient norm",
        title: "global norm, before clipping",
        scale: Scale::Log,
        caption: "A rise that does not end is a stage about to diverge.",
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
        heading: "Distance of the average",
        title: "distance to the averaged weights",
        scale: Scale::Log,
        caption: "How far the weights that learn are from their moving average, which becomes the model.",
        value: |line| line.ema_distance,
        noisy: true,
    },
];

/// A small figure for each quantity that was measured.
pub(crate) fn health(log: &Log<'_>) -> Vec<Figure> {
    GAUGES.iter().filter_map(|gauge| gauge.figure(log)).chain(skipped(log)).collect()
}

impl Gauge {
    fn figure(&self, log: &Log<'_>) -> Option<Figure> {
        let stages = log.stages().iter();
        let curves: Vec<Vec<Point>> =
            stages.clone().map(|stage| stage.points(self.scale, self.value)).collect();
        Some(Figure {
            heading: self.heading.to_owned(),
            caption: self.caption.to_owned(),
            legend: Vec::new(),
            left_out: stages.map(|stage| stage.left_out(self.scale, self.value)).sum(),
            chart: one_after_another(log, curves, self.noisy, self.title, self.scale),
        })
    }
}

/// Steps left out so far, in all; nothing if there are none.
fn skipped(log: &Log<'_>) -> Option<Figure> {
    let mut sum = 0;
    let mut count = |line: &Metrics| {
        sum += line.skipped;
        sum as f64
    };
    let stages = log.stages().iter();
    let curves =
        stages.map(|stage| stage.lines().map(|line| (line.step as f64, count(line))).collect());
    let curves: Vec<Vec<Point>> = curves.collect();
    (sum > 0).then(|| Figure {
        heading: "Skipped steps".to_owned(),
        caption: "Steps left out so far because a number was not finite. In 16 bits a few are as it should be: \
                  they find the largest scale for the loss."
            .to_owned(),
        legend: Vec::new(),
        left_out: 0,
        chart: one_after_another(log, curves, false, "steps left out", Scale::FromZero),
    })
}

/// A curve a stage; each begins where the one before has ended.
fn one_after_another(
    log: &Log<'_>,
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
            curves.push(Curve::pale(Ink::First, envelope(&points)));
            points = smoothed(&points);
        }
        curves.push(Curve::line(Ink::First, envelope(&points)));
        before += stage.last_step() as f64;
    }
    Chart {
        x: AxisSpec::new("optimiser steps, all stages", Scale::Steps),
        y: AxisSpec::new(title, scale),
        curves,
        marks,
    }
}
