//! The page: one file without scripts, which loads nothing.

mod nearest;
mod pictures;
mod repeat;
mod results;
mod state;
pub(crate) mod sweep;
mod table;
#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::figure::Figure;
use crate::data::ReportData;
use crate::figures::agreement::agreement;
use crate::figures::health::health;
use crate::figures::levels::{round_levels, teacher_levels};
use crate::figures::log::MetricsLog;
use crate::figures::losses::{round_losses, teacher_loss};

const STYLE: &str = concat!(include_str!("colors.css"), "\n", include_str!("style.css"));

/// What the page may load: pictures and styles within itself. Markup in a name is escaped. If it were not, it could
/// still do nothing.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// Seconds after which the page of a run under way reloads.
const RELOAD: u32 = 30;

/// A part of the page: its anchor, its heading and its contents, if it has any.
type Section = (&'static str, &'static str, Option<Markup>);

/// The whole page. The same data make the same page.
pub(crate) fn html(data: &ReportData) -> String {
    let log = MetricsLog::new(&data.metrics);
    let sections: Vec<Section> = sections(data, &log);
    let shown: Vec<(&str, &str, &Markup)> = sections
        .iter()
        .filter_map(|(anchor, heading, body)| Some((*anchor, *heading, body.as_ref()?)))
        .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(data))
            body {
                header {
                    h1 { (data.name) }
                    (state::banner(data))
                    nav aria-label="Parts of this page" {
                        @for (anchor, heading, _) in &shown {
                            a href={ "#" (anchor) } { (heading) } " "
                        }
                    }
                }
                main {
                    @for (anchor, heading, body) in &shown {
                        section id=(anchor) aria-labelledby={ (anchor) "-heading" } {
                            h2 id={ (anchor) "-heading" } { (heading) }
                            (body)
                        }
                    }
                }
                footer {
                    p { "Written by halfstep" @if !data.written.is_empty() { ", " (data.written) } "." }
                }
            }
        }
    };
    page.into_string()
}

fn sections(data: &ReportData, log: &MetricsLog<'_>) -> Vec<Section> {
    let losses = figures("charts", [teacher_loss(log), Some(round_losses(log))]);
    let levels = figures("charts", [teacher_levels(log), Some(round_levels(log))]);
    let plan = ("plan", "Plan and progress", state::plan(data));
    let mut sections = vec![
        ("result", "Result", results::key_result(&data.summary)),
        ("pictures", "Every model from the same noise", pictures::rows(&data.rows)),
        (
            "agreement",
            "Agreement with the teacher",
            figures("charts one", [Some(agreement(&data.summary))]),
        ),
        ("data", "Distance to the data", sweep::section(data)),
        ("table", "All models", results::all_models(&data.summary)),
        ("loss", "Loss", Some(losses.unwrap_or_else(no_metrics))),
        ("levels", "Error by noise level", levels),
        ("health", "Course of the training", figures("charts", health(log).into_iter().map(Some))),
        ("nearest", "Memorisation", data.nearest.as_ref().map(nearest::nearest)),
        ("previews", "Samples during training", pictures::previews(&data.previews)),
        ("facts", "Time, memory, versions", table::list(&data.facts)),
        ("commands", "Commands", repeat::commands(&data.commands)),
        ("config", "Configuration", repeat::config(&data.config)),
    ];
    // The plan comes first while the run is under way, and explains the results afterwards.
    sections.insert(if data.finished { 4 } else { 0 }, plan);
    sections
}

/// Charts beside each other. Those with nothing to show are left out.
fn figures(class: &str, figures: impl IntoIterator<Item = Option<Figure>>) -> Option<Markup> {
    let shown: Vec<Markup> =
        figures.into_iter().flatten().filter_map(|figure| figure.markup()).collect();
    (!shown.is_empty()).then(|| html! { div class=(class) { @for figure in &shown { (figure) } } })
}

fn no_metrics() -> Markup {
    html! { p { "Nothing has been measured yet." } }
}

fn head(data: &ReportData) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            @if state::reloads(data) { meta http-equiv="refresh" content=(RELOAD); }
            title { (data.name) ": " (state::in_a_word(data)) }
            style { (PreEscaped(STYLE)) }
        }
    }
}
