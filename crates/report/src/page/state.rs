//! The plan of a run and how far it is.

use halfstep_run::human_time;
use maud::{Markup, html};

use crate::data::{ReportData, StageProgress, StageState};
use crate::number::{MISSING, count};
use crate::page::table::list;

/// Whether the page reloads: only a run under way changes it.
pub(crate) fn reloads(data: &ReportData) -> bool {
    !data.finished && !data.stopped && data.problem.is_none()
}

/// The state for the window's title: `finished`, `stopped`, `43 %`.
pub(crate) fn in_a_word(data: &ReportData) -> String {
    match (&data.problem, data.finished) {
        (Some(_), _) => "stopped".to_owned(),
        (None, true) => "finished".to_owned(),
        (None, false) if data.stopped => "stopped".to_owned(),
        (None, false) => format!("{} %", percent(&data.stages)),
    }
}

/// The share of all optimiser steps that is done.
fn percent(stages: &[StageProgress]) -> u64 {
    let done: u64 = stages.iter().map(|stage| stage.done.min(stage.total)).sum();
    let total: u64 = stages.iter().map(|stage| stage.total).sum();
    (done as f64 * 100.0 / total.max(1) as f64) as u64
}

/// The state in a sentence, or the error.
pub(crate) fn banner(data: &ReportData) -> Markup {
    match (&data.problem, data.finished) {
        (Some(problem), _) => html! {
            div.banner.stopped role="alert" {
                p { strong { "The run stopped with an error." } }
                p.problem { (problem) }
            }
        },
        (None, true) => html! {
            p.banner.finished { strong { "Finished." } (training_time(&data.stages)) }
        },
        (None, false) if data.stopped => html! {
            p.banner.stopped {
                strong { "Stopped: " (doing(&data.stages)) }
                " Its state is saved; the same command continues the run."
            }
        },
        (None, false) => html! {
            p.banner.running {
                strong { "Running: " (doing(&data.stages)) }
                " This page reloads every 30 seconds."
                @if !data.written.is_empty() {
                    " It was written at " (data.written) ". If that is long ago, the run was killed; the same \
                     command continues it."
                }
            }
        },
    }
}

fn training_time(stages: &[StageProgress]) -> Markup {
    let seconds: Option<f64> = stages.iter().map(|stage| stage.seconds).sum();
    html! { @if let Some(seconds) = seconds { " " (human_time(seconds)) " of training." } }
}

fn doing(stages: &[StageProgress]) -> String {
    let percent = percent(stages);
    let open = |wanted| stages.iter().find(|stage| stage.state == wanted);
    match open(StageState::Running).or_else(|| open(StageState::Waiting)) {
        Some(stage) => format!(
            "{}, step {} of {}{}; {percent} % of all steps.",
            stage.label,
            count(stage.done),
            count(stage.total),
            time_left(stage)
                .map_or(String::new(), |time| format!(", about {time} left in this stage"))
        ),
        None if stages.is_empty() => "nothing done yet.".to_owned(),
        None => "all models are trained; measuring.".to_owned(),
    }
}

/// The time left in this stage at the speed so far.
fn time_left(stage: &StageProgress) -> Option<String> {
    let left = stage.total.checked_sub(stage.done).filter(|&left| left > 0 && stage.done > 0)?;
    Some(human_time(stage.seconds? * left as f64 / stage.done as f64))
}

/// The plan and a bar for each stage.
pub(crate) fn plan(data: &ReportData) -> Option<Markup> {
    let stopped = data.problem.is_some();
    (!data.plan.is_empty() || !data.stages.is_empty()).then(|| {
        html! {
            @if let Some(plan) = list(&data.plan) { (plan) }
            @if !data.stages.is_empty() {
                div.scroll {
                    table.stages {
                        thead {
                            tr {
                                th scope="col" { "stage" }
                                th.number.wide scope="col" { "sampling steps" }
                                th scope="col" { "optimiser steps" }
                                th.number scope="col" { "time" }
                                th scope="col" { "state" }
                            }
                        }
                        tbody { @for stage in &data.stages { (row(stage, stopped)) } }
                    }
                }
            }
        }
    })
}

fn row(stage: &StageProgress, stopped: bool) -> Markup {
    let state = match stage.state {
        StageState::Done => "done",
        StageState::Running if stopped => "stopped",
        StageState::Running => "running",
        StageState::Waiting => "waiting",
    };
    html! {
        tr {
            th scope="row" { (stage.label) }
            td.number.wide { (stage.num_steps) }
            td {
                progress max=(stage.total.max(1)) value=(stage.done.min(stage.total)) aria-hidden="true" {}
                span.of { (count(stage.done)) " of " (count(stage.total)) }
            }
            td.number { (stage.seconds.map_or(MISSING.to_owned(), human_time)) }
            td { (state) }
        }
    }
}
