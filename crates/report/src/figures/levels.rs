//! Error by noise level.

use halfstep_run::LEVELS;

use crate::chart::axis::Scale;
use crate::chart::curve::smoothed;
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look};
use crate::figures::chart_over_steps;
use crate::figures::log::MetricsLog;

const TITLE: &str = "mean squared error of the network's output";
const TEACHER: &str = "One curve per eighth of the noise levels; u is 0 at a clean image and 1 at pure noise. Averaged \
                       like the loss. Where a curve still falls, more training would help.";
const ROUNDS: &str = "Mean over the last tenth of each round; the student's sampling steps stand beside its curve. It \
                      shows at which noise levels a student still misses its teacher's two steps.";

/// The teacher's error in each part of the noise levels, as it learned.
pub(crate) fn teacher_levels(log: &MetricsLog<'_>) -> Option<Figure> {
    let teacher = log.teacher()?;
    let curve = |level: usize| {
        Curve::line(Ink::in_order(level, LEVELS), smoothed(&teacher.level(level)))
            .with_name(name(level))
    };
    let chart = chart_over_steps(TITLE, (0..LEVELS).map(curve).collect());
    Some(Figure::new("Teacher's error by noise level", TEACHER, chart))
}

/// The error in each part of the noise levels at the end of each round.
pub(crate) fn round_levels(log: &MetricsLog<'_>) -> Figure {
    let rounds = log.rounds();
    let curves = rounds.iter().enumerate().map(|(i, round)| {
        Curve::line(Ink::in_order(i, rounds.len()), round.profile())
            .with_look(Look::Dots)
            .with_name(round.name())
    });
    let x = AxisSpec::new("noise level u, from clean (0) to pure noise (1)", Scale::Unit)
        .with_ticks(vec![0.0, 0.25, 0.5, 0.75, 1.0]);
    let chart = Chart::new(x, AxisSpec::new(TITLE, Scale::Log), curves.collect());
    Figure::new("Rounds' error by noise level", ROUNDS, chart)
}

/// `u < 1/8`, `1/8 – 1/4`, ..., `u > 7/8`.
fn name(level: usize) -> String {
    const ENDS: [&str; LEVELS + 1] = ["0", "1/8", "1/4", "3/8", "1/2", "5/8", "3/4", "7/8", "1"];
    match level {
        0 => format!("u < {}", ENDS[1]),
        level if level + 1 == LEVELS => format!("u > {}", ENDS[level]),
        level => format!("{}\u{2013}{}", ENDS[level], ENDS[level + 1]),
    }
}
