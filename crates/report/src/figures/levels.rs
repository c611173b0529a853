//! Error by noise level.

use crate::chart::axis::Scale;
use crate::chart::curve::smoothed;
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look};
use crate::figures::log::Log;
use halfstep_run::LEVELS;

const TITLE: &str = "mean squared error of the network's output";

/// The teacher's error at each part of the noise levels, as it learned.
pub(crate) fn teacher_levels(log: &Log<'_>) -> Option<Figure> {
    let teacher = log.teacher()?;
    let curve = |level: usize| Curve {
        name: Some(name(level)),
        ..Curve::line(Ink::of(level, LEVELS), smoothed(&teacher.level(level)))
    };
    let caption = "A curve for each eighth of the noise levels: u is 0 at a clean image and 1 at pure noise. \
                   Averaged as above. Where a curve still falls, more steps would help."
        .to_owned();
    Some(Figure {
        heading: "Teacher's error by noise level".to_owned(),
        caption,
        legend: Vec::new(),
        left_out: 0,
        chart: Chart {
            x: AxisSpec::new("optimiser steps", Scale::Steps),
            y: AxisSpec::new(TITLE, Scale::Log),
            curves: (0..LEVELS).map(curve).collect(),
            marks: Vec::new(),
        },
    })
}

/// What error was left at each part of the noise levels at the end of each round.
pub(crate) fn round_levels(log: &Log<'_>) -> Option<Figure> {
    let rounds = log.rounds();
    let curves = rounds.iter().enumerate().map(|(i, round)| Curve {
        name: Some(round.name()),
        look: Look::Dots,
        ..Curve::line(Ink::of(i, rounds.len()), round.profile())
    });
    let caption = "The last tenth of each round, with the student's sampling steps beside its curve: at which \
                   noise levels it still misses what its teacher does in two steps."
        .to_owned();
    Some(Figure {
        heading: "Rounds' error by noise level".to_owned(),
        caption,
        legend: Vec::new(),
        left_out: 0,
        chart: Chart {
            x: AxisSpec {
                ticks: Some(vec![0.0, 0.25, 0.5, 0.75, 1.0]),
                ..AxisSpec::new("noise level u, from clean (0) to pure noise (1)", Scale::Unit)
            },
            y: AxisSpec::new(TITLE, Scale::Log),
            curves: curves.collect(),
            marks: Vec::new(),
        },
    })
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
