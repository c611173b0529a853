//! Distance to the data against network calls, as `eval --sweep` measured it.

use maud::{Markup, html};

use crate::chart::axis::Scale;
use crate::chart::curve::Point;
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look, SIZE};
use crate::data::{ReportData, StageState};
use crate::number::significant;
use halfstep_run::Sweep;

/// Colours of the page, for a picture that stands alone.
const COLORS: &str = include_str!("colors.css");

/// The part of the page, once it was measured.
pub(crate) fn section(data: &ReportData) -> Option<Markup> {
    let sweep = data.sweep.as_ref()?;
    let missing = missing(data, sweep);
    Some(html! {
        @if !missing.is_empty() {
            p { "Not measured yet: " (missing.join(", ")) ". Run eval --sweep again, with the same options." }
        }
        @if let Some(figure) = figure(sweep).markup() { div class="charts one" { (figure) } }
        (table(sweep))
        p.note {
            "The teacher on its full grid draws with ddim; every student with ddim on the grid that it was \
             distilled for. Teacher agreement and all other measures are in sweep.json."
        }
    })
}

/// Students that the run came to after it was measured.
fn missing(data: &ReportData, sweep: &Sweep) -> Vec<String> {
    let students = data.stages.iter().skip(1).filter(|stage| stage.state == StageState::Done);
    let measured =
        |steps| sweep.rows.iter().any(|row| row.model == "student" && row.num_steps == steps);
    students.filter(|stage| !measured(stage.num_steps)).map(|stage| stage.label.clone()).collect()
}

/// The chart as a file of its own; `None` if there is nothing to draw.
pub(crate) fn svg(sweep: &Sweep) -> Option<String> {
    let inner = figure(sweep).chart.svg().ok()??;
    let (width, height) = SIZE;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, \
         DejaVu Sans, sans-serif\">\n<style>\n{COLORS}svg {{ background: var(--paper); font-size: 44px \
         }}\ntext {{ font-size: 44px }}\n</style>\n{inner}\n</svg>\n"
    ))
}

fn figure(sweep: &Sweep) -> Figure {
    let teachers = sweep.curves().len().saturating_sub(1);
    let curves: Vec<Curve> = sweep
        .curves()
        .iter()
        .enumerate()
        .map(|(k, name)| {
            let points = points(sweep, name);
            match name.strip_prefix("teacher, ") {
                None => Curve {
                    name: Some(name.clone()),
                    look: Look::Dots, // the values are in the table below
                    ..Curve::line(Ink::First, points)
                },
                Some(sampler) => Curve {
                    name: Some(sampler.to_owned()),
                    look: Look::Dots,
                    ..Curve::line(Ink::of(k + teachers, 2 * teachers), points)
                },
            }
        })
        .collect();
    let left_out = sweep.rows.iter().filter(|row| !Scale::Log.takes(row.distance)).count();
    let ticks = sweep.calls().iter().map(|&calls| calls as f64).collect();
    Figure {
        heading: "Distance to the data".to_owned(),
        caption: format!("{} Lower is better. Both axes are logarithmic.", sweep.caption()),
        legend: Vec::new(),
        left_out,
        chart: Chart {
            x: AxisSpec {
                ticks: Some(ticks),
                ..AxisSpec::new("network calls an image", Scale::Log)
            },
            y: AxisSpec::new(sweep.measure.title(), Scale::Log),
            curves,
            marks: Vec::new(),
        },
    }
}

fn points(sweep: &Sweep, curve: &str) -> Vec<Point> {
    let points = sweep.calls().into_iter();
    points.filter_map(|calls| Some((calls as f64, sweep.distance(curve, calls)?))).collect()
}

fn table(sweep: &Sweep) -> Markup {
    let calls = sweep.calls();
    let cell = |distance: Option<f64>| match distance {
        Some(distance) => significant(distance, 3),
        None => "\u{2013}".to_owned(),
    };
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th scope="col" { "network calls" }
                        @for count in &calls { th.number scope="col" { (count) } }
                    }
                }
                tbody {
                    @for curve in sweep.curves() {
                        tr {
                            th scope="row" { (curve) }
                            @for &count in &calls {
                                td.number { (cell(sweep.distance(&curve, count))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
