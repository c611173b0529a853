//! What a run is going to do and how far it is.

use maud::{Markup, html};

use crate::data::{ReportData, StageProgress, StageState};
use crate::number::count;
use halfstep_run::human_time;

/// Whether the page loads itself again: only a run under way changes it.
pub(crate) fn reloads(data: &ReportData) -> bool {
    !data.finished && !data.stopped && data.problem.is_none()
}

/// For the window's title: `finished`, `stopped`, `43 %`.
pub(crate) fn in_a_word(data: &ReportData) -> String {
    match (&data.problem, data.finished) {
        (Some(_), _) => "stopped".to_owned(),
        (None, true) => "finished".to_owned(),
        (None, false) if data.stopped => "stopped".to_owned(),
        (None, false) => format!("{} %", percent(&data.stages)),
    }
}

/// Of all optimiser steps.
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
            p.banner.finished { strong { "Finished." } (learning_time(&data.stages)) }
        },
        (None, false) if data.stopped => html! {
            p.banner.stopped {
                strong { "Stopped: " (doing(&data.stages)) }
                " The state is saved; the same command continues it."
            }
        },
        (None, false) => html! {
            p.banner.running {
                strong { "Running: " (doing(&data.stages)) }
                " This page loads itself again every half a minute."
                @if !data.written.is_empty() {
                    " It was written at " (data.written) "; if that is long ago, the run was killed, and the same \
                    command continues it."
                }
            }
        },
    }
}

fn learning_time(stages: &[StageProgress]) -> Markup {
    let seconds: Option<f64> = stages.iter().map(|stage| stage.seconds).sum();
    html! { @if let Some(seconds) = seconds { " " (human_time(seconds)) " of learning." } }
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
            time_left(stage).map_or(String::new(), |time| format!(", about {time} left in it"))
        ),
        None if stages.is_empty() => "nothing done yet.".to_owned(),
        None => "all has been learned; measuring.".to_owned(),
    }
}

/// Of this stage, if it goes on as it has gone.
fn time_left(stage: &StageProgress) -> Option<String> {
    let left = stage.total.checked_sub(stage.done).filter(|&left| left > 0 && stage.done > 0)?;
    Some(human_time(stage.seconds? * left as f64 / stage.done as f64))
}

/// The plan and a bar for each stage.
pub(crate) fn plan(data: &ReportData) -> Option<Markup> {
    let stopped = data.problem.is_some();
    (!data.plan.is_empty() || !data.stages.is_empty()).then(|| {
        html! {
            @if !data.plan.is_empty() {
                dl.facts { @for (what, how) in &data.plan { div { dt { (what) } dd { (how) } } } }
            }
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
        StageState::Running => "under way",
        StageState::Waiting => "to come",
    };
    html! {
        tr {
            th scope="row" { (stage.label) }
            td.number.wide { (stage.num_steps) }
            td {
                progress max=(stage.total.max(1)) value=(stage.done.min(stage.total)) aria-hidden="true" {}
                span.of { (count(stage.done)) " of " (count(stage.total)) }
            }
            td.number { (stage.seconds.map_or("\u{2013}".to_owned(), human_time)) }
            td { (state) }
        }
    }
}
