//! The page: one file, no scripts, nothing loaded from anywhere.

mod facts;
mod nearest;
mod pictures;
mod results;
mod state;
pub(crate) mod sweep;
#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::figure::Figure;
use crate::data::ReportData;
use crate::figures::agreement::agreement;
use crate::figures::health::health;
use crate::figures::levels::{round_levels, teacher_levels};
use crate::figures::log::Log;
use crate::figures::losses::{round_losses, teacher_loss};

const STYLE: &str = concat!(include_str!("colors.css"), "\n", include_str!("style.css"));

/// What the page may load: pictures and style within itself. A name with markup in it is escaped, and
/// could do nothing if it were not.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// Seconds after which the page of a run under way loads itself again.
const RELOAD: u32 = 30;

/// A part of the page: its anchor, its heading, and what is in it.
type Section = (&'static str, &'static str, Option<Markup>);

/// The whole page. It is the same for the same data.
pub(crate) fn html(data: &ReportData) -> String {
    let log = Log::new(&data.metrics);
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

fn sections(data: &ReportData, log: &Log<'_>) -> Vec<Section> {
    let losses = figures("charts", [teacher_loss(log), round_losses(log)]);
    let levels = figures("charts", [teacher_levels(log), round_levels(log)]);
    let plan = ("plan", "Plan and progress", state::plan(data));
    let mut sections = vec![
        ("result", "Result", results::key_result(&data.summary)),
        ("pictures", "Same noises, every model", pictures::rows(&data.rows)),
        (
            "agreement",
            "Agreement with the teacher",
            figures("charts one", [agreement(&data.summary)]),
        ),
        ("data", "Distance to the data", sweep::section(data)),
        ("table", "All rounds", results::table(&data.summary)),
        ("loss", "Loss", Some(losses.unwrap_or_else(no_metrics))),
        ("levels", "Error by noise level", levels),
        ("health", "How the run went", figures("charts", health(log).into_iter().map(Some))),
        ("nearest", "Is it copying?", data.nearest.as_ref().map(nearest::nearest)),
        ("previews", "Samples while it learned", pictures::previews(&data.previews)),
        ("facts", "Time, memory, versions", facts::facts(&data.facts)),
        ("commands", "Do it again", facts::commands(&data.commands)),
        ("config", "Configuration", facts::config(&data.config)),
    ];
    // Where a run is matters while it runs; afterwards its plan explains what was reached.
    sections.insert(if data.finished { 4 } else { 0 }, plan);
    sections
}

/// Charts beside each other, those that have something to show.
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
