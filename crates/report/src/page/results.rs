//! What was reached: the last student in a sentence, all rounds in a table.

use maud::{Markup, html};

use crate::number::{count, short};
use halfstep_run::RoundResult;
use halfstep_run::human_time;

/// What a distance is. Said once, above all that uses it.
const DISTANCE: &str = "A distance is the mean squared difference between pixels, which lie in [-1, 1], of two \
                        models' images from the same start noises.";

/// The last student against its teacher; `None` before the first has been measured.
pub(crate) fn key_result(summary: &[RoundResult]) -> Option<Markup> {
    let measured = summary.iter().filter(|row| row.stage > 0 && row.agreement.is_some());
    let last = measured.max_by_key(|row| row.stage)?;
    let own = last.agreement?;
    let full = summary.iter().find(|row| row.stage == 0).map(|teacher| teacher.num_steps);
    Some(html! {
        p.key {
            "In " strong { (steps(last.num_steps)) } " the student's images are at distance "
            strong { (short(own)) } " from "
            @match full {
                Some(full) => { "the teacher's in " (steps(full)) },
                None => "the teacher's in all its steps",
            }
            "."
            @if let Some(teacher) = last.teacher_agreement {
                " The teacher itself, in " (steps(last.num_steps)) " and not distilled, is at "
                strong { (short(teacher)) } (comparison(own, teacher)) "."
            }
        }
        p.note { (DISTANCE) }
    })
}

fn steps(count: usize) -> String {
    halfstep_run::counted(count, "step")
}

/// `: 7.7 times as far`
fn comparison(own: f64, teacher: f64) -> String {
    match teacher / own {
        factor if !factor.is_finite() => String::new(),
        factor if factor > 1.0 => format!(": {} times as far", short(factor)),
        _ => ": no farther, so distillation has not paid here".to_owned(),
    }
}

/// A row a stage.
pub(crate) fn table(summary: &[RoundResult]) -> Option<Markup> {
    (!summary.is_empty()).then(|| {
        html! {
            div.scroll {
                table {
                    thead {
                        tr {
                            th scope="col" { "model" }
                            th.number scope="col" { "sampling steps" }
                            th.number scope="col" { "optimiser steps" }
                            th.number scope="col" { "learning" }
                            th.number scope="col" { "loss" }
                            th.number scope="col" { "distance" }
                            th.number scope="col" { "teacher alone" }
                            th.number scope="col" { "better by" }
                        }
                    }
                    tbody { @for result in summary { (row(result)) } }
                }
            }
            p.note {
                "Loss: the mean over the last tenth of the steps. Teacher alone: the distance of the teacher's \
                 images, not distilled, in as many steps as the student's."
            }
            @if let Some(mse) = summary.iter().find_map(|row| row.output_mse) {
                p.note {
                    "The teacher's mean squared error in its own output, over uniform noise levels: "
                    (short(mse)) "."
                }
            }
            @if let Some(distance) = summary.iter().find_map(|row| row.original_agreement) {
                p.note {
                    "Distance of the adapted teacher's images to those that its original, which was trained \
                     elsewhere, draws without clipping from the same noises: " (short(distance)) "."
                }
            }
        }
    })
}

fn row(result: &RoundResult) -> Markup {
    html! {
        tr {
            th scope="row" { (result.model()) }
            td.number { (result.num_steps) }
            td.number { (count(result.train_steps)) }
            td.number { (human_time(result.seconds)) }
            td.number { (number(result.loss)) }
            td.number { (number(result.agreement)) }
            td.number { (number(result.teacher_agreement)) }
            td.number { @match result.factor() { Some(factor) => { (short(factor)) "\u{d7}" }, None => "\u{2013}" } }
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("\u{2013}".to_owned(), short)
}
