//! Loss curves.

use crate::chart::axis::Scale;
use crate::chart::curve::{envelope, last_tenth, mean, smoothed};
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve};
use crate::figures::log::{Log, StageLog};
use crate::number::{count, short};
use halfstep_run::Metrics;

const TITLE: &str = "weighted loss";

/// The teacher's loss.
pub(crate) fn teacher_loss(log: &Log<'_>) -> Option<Figure> {
    let teacher = log.teacher()?;
    let points = teacher.points(Scale::Log, loss);
    let (first, last) = (points.first()?, mean(last_tenth(&points))?);
    let caption = format!(
        "{} at step {}, {} over the last tenth of the steps so far. Pale: every line of the log. Strong: \
         the same, averaged over a twentieth of the curve.",
        short(first.1),
        count(first.0 as u64),
        short(last.1)
    );
    Some(Figure {
        heading: "Loss of the teacher".to_owned(),
        caption,
        legend: Vec::new(),
        left_out: teacher.left_out(Scale::Log, loss),
        chart: chart(loss_curves(teacher, Ink::First, None).to_vec()),
    })
}

/// The losses of all rounds.
pub(crate) fn round_losses(log: &Log<'_>) -> Option<Figure> {
    let rounds = log.rounds();
    let curves = rounds
        .iter()
        .enumerate()
        .flat_map(|(i, round)| loss_curves(round, Ink::of(i, rounds.len()), Some(round.name())));
    let caption =
        "A curve for each student, with its sampling steps at the end. The fewer and longer its \
                   steps, the more there is to learn and the more loss is left."
            .to_owned();
    Some(Figure {
        heading: "Loss of every round".to_owned(),
        caption,
        legend: Vec::new(),
        left_out: rounds.iter().map(|round| round.left_out(Scale::Log, loss)).sum(),
        chart: chart(curves.collect()),
    })
}

fn loss(line: &Metrics) -> Option<f64> {
    Some(line.loss)
}

/// Every line, and their general course over it.
fn loss_curves(stage: &StageLog<'_>, ink: Ink, name: Option<String>) -> [Curve; 2] {
    let points = stage.points(Scale::Log, loss);
    [Curve::pale(ink, envelope(&points)), Curve { name, ..Curve::line(ink, smoothed(&points)) }]
}

fn chart(curves: Vec<Curve>) -> Chart {
    Chart {
        x: AxisSpec::new("optimiser steps", Scale::Steps),
        y: AxisSpec::new(TITLE, Scale::Log),
        curves,
        marks: Vec::new(),
    }
}
