//! What was reached: the last student in a sentence, all models in a table.

use halfstep_run::{RoundResult, counted, human_time};
use maud::{Markup, html};

use crate::number::{MISSING, count, short, short_or_missing};
use crate::page::table;

const DISTANCE: &str = "Distance: the mean squared difference of pixels in [-1, 1] between two models' images from the \
                        same noise.";
const COLUMNS: [&str; 8] = [
    "model",
    "sampling steps",
    "optimiser steps",
    "training time",
    "loss",
    "distance to the teacher",
    "teacher, not distilled",
    "improvement",
];

/// The last student against its teacher; `None` before the first has been measured.
pub(crate) fn key_result(summary: &[RoundResult]) -> Option<Markup> {
    let measured = summary.iter().filter(|row| row.stage > 0 && row.agreement.is_some());
    let last = measured.max_by_key(|row| row.stage)?;
    let own = last.agreement?;
    let full = summary.iter().find(|row| row.stage == 0).map(|teacher| teacher.num_steps);
    Some(html! {
        p.key {
            "In " strong { (steps(last.num_steps)) } " the student's images are at distance "
            strong { (short(own)) } " from the teacher's images in "
            @match full { Some(full) => { (steps(full)) }, None => "all its steps" }
            "."
            @if let Some(teacher) = last.teacher_agreement {
                " Without distillation, the teacher's images in " (steps(last.num_steps)) " are at "
                strong { (short(teacher)) } (comparison(own, teacher)) "."
            }
        }
        p.note { (DISTANCE) }
    })
}

fn steps(count: usize) -> String {
    counted(count, "step")
}

/// `, 7.74 times as far`
fn comparison(own: f64, teacher: f64) -> String {
    match teacher / own {
        factor if !factor.is_finite() => String::new(),
        factor if factor > 1.0 => format!(", {} times as far", short(factor)),
        _ => ", no farther: distillation did not help here".to_owned(),
    }
}

/// One row per stage.
pub(crate) fn all_models(summary: &[RoundResult]) -> Option<Markup> {
    let rows = summary.iter().map(|result| (result.model().to_owned(), cells(result)));
    let table = table::table(&COLUMNS, rows)?;
    let output_mse = summary.iter().find_map(|row| row.output_mse);
    let original = summary.iter().find_map(|row| row.original_agreement);
    Some(html! {
        (table)
        p.note {
            "Loss: the mean over the last tenth of the optimiser steps. Distance to the teacher: to its images in all \
             its steps. Teacher, not distilled: the same distance of its own images in as many steps as the \
             student's."
        }
        @if let Some(mse) = output_mse {
            p.note { "Mean squared error of the teacher's output, at uniform noise levels: " (short(mse)) "." }
        }
        @if let Some(distance) = original {
            p.note {
                "Distance of the adapted teacher's images to those of the pretrained model it comes from, drawn \
                 without clipping from the same noise: " (short(distance)) "."
            }
        }
    })
}

fn cells(result: &RoundResult) -> Vec<String> {
    vec![
        result.num_steps.to_string(),
        count(result.train_steps),
        human_time(result.seconds),
        short_or_missing(result.loss),
        short_or_missing(result.agreement),
        short_or_missing(result.teacher_agreement),
        result.factor().map_or(MISSING.to_owned(), |factor| format!("{}\u{d7}", short(factor))),
    ]
}
