//! Loss curves.

use halfstep_run::Metrics;

use crate::chart::axis::Scale;
use crate::chart::curve::{envelope, last_tenth, mean, smoothed};
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{Curve, Look};
use crate::figures::chart_over_steps;
use crate::figures::log::{MetricsLog, StageLog};
use crate::number::{count, short};

const TITLE: &str = "weighted loss";
const ROUNDS: &str = "One curve per student, with its sampling steps at the end. Fewer, longer steps are harder to learn \
                      and leave more loss.";

/// The teacher's loss.
pub(crate) fn teacher_loss(log: &MetricsLog<'_>) -> Option<Figure> {
    let teacher = log.teacher()?;
    let points = teacher.points(Scale::Log, loss);
    let (first, last) = (points.first()?, mean(last_tenth(&points))?);
    let caption = format!(
        "{} at step {}, {} over the last tenth of the steps so far. Pale: every line of the metrics. Strong: averaged \
         over a twentieth of the curve.",
        short(first.1),
        count(first.0 as u64),
        short(last.1)
    );
    let chart = chart_over_steps(TITLE, loss_curves(teacher, Ink::First).into());
    let left_out = teacher.left_out(Scale::Log, loss);
    Some(Figure { left_out, ..Figure::new("Loss of the teacher", caption, chart) })
}

/// The losses of all rounds.
pub(crate) fn round_losses(log: &MetricsLog<'_>) -> Figure {
    let rounds = log.rounds();
    let curves = rounds.iter().enumerate().flat_map(|(i, round)| {
        let [pale, strong] = loss_curves(round, Ink::in_order(i, rounds.len()));
        [pale, strong.with_name(round.name())]
    });
    let chart = chart_over_steps(TITLE, curves.collect());
    let left_out = rounds.iter().map(|round| round.left_out(Scale::Log, loss)).sum();
    Figure { left_out, ..Figure::new("Loss of every round", ROUNDS, chart) }
}

fn loss(line: &Metrics) -> Option<f64> {
    Some(line.loss)
}

/// Every line, and their trend.
fn loss_curves(stage: &StageLog<'_>, ink: Ink) -> [Curve; 2] {
    let points = stage.points(Scale::Log, loss);
    [Curve::line(ink, envelope(&points)).with_look(Look::Pale), Curve::line(ink, smoothed(&points))]
}
