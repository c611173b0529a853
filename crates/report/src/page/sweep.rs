//! Distance to the data against network calls, as measured after the run.

use halfstep_run::Sweep;
use maud::{Markup, html};

use crate::chart::axis::Scale;
use crate::chart::curve::Point;
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look, SIZE};
use crate::commands::SWEEP;
use crate::data::{ReportData, StageState};
use crate::number::{MISSING, significant};
use crate::page::table;

/// Colours of the page, for a picture that stands alone.
const COLORS: &str = include_str!("colors.css");

/// The section of the page; `None` before the run was measured.
pub(crate) fn section(data: &ReportData) -> Option<Markup> {
    let sweep = data.sweep.as_ref()?;
    let missing = missing(data, sweep);
    Some(html! {
        @if !missing.is_empty() {
            p { "Not measured yet: " (missing.join(", ")) ". Run " (SWEEP) " again, with the same options." }
        }
        @if let Some(figure) = figure(sweep).markup() { div class="charts one" { (figure) } }
        @if let Some(distances) = distances(sweep) { (distances) }
        p.note {
            "In all its steps the teacher is drawn with ddim. Every student is drawn with ddim at the times it was \
             distilled for. All other measures, such as the distance to the teacher, are in sweep.json."
        }
    })
}

/// Students that were trained after the run was measured.
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
    let names = sweep.curves();
    let teachers = names.len().saturating_sub(1);
    let curve = |(k, name): (usize, &String)| {
        // The student in a colour of its own; the teacher's samplers in the brighter half of the ordered ones.
        let (ink, label) = match name.strip_prefix("teacher, ") {
            None => (Ink::First, name.as_str()),
            Some(sampler) => (Ink::in_order(k + teachers, 2 * teachers), sampler),
        };
        Curve::line(ink, points(sweep, name)).with_look(Look::Dots).with_name(label)
    };
    let ticks = sweep.calls().iter().map(|&calls| calls as f64).collect();
    let chart = Chart::new(
        AxisSpec::new("network calls per image", Scale::Log).with_ticks(ticks),
        AxisSpec::new(sweep.measure.title(), Scale::Log),
        names.iter().enumerate().map(curve).collect(),
    );
    let caption = format!("{} Lower is better. Both axes are logarithmic.", sweep.caption());
    let left_out = sweep.rows.iter().filter(|row| !Scale::Log.takes(row.distance)).count();
    Figure { left_out, ..Figure::new("Distance to the data", caption, chart) }
}

fn points(sweep: &Sweep, curve: &str) -> Vec<Point> {
    let points = sweep.calls().into_iter();
    points.filter_map(|calls| Some((calls as f64, sweep.distance(curve, calls)?))).collect()
}

fn distances(sweep: &Sweep) -> Option<Markup> {
    let calls = sweep.calls();
    let headings: Vec<String> = calls.iter().map(ToString::to_string).collect();
    let columns: Vec<&str> =
        std::iter::once("network calls").chain(headings.iter().map(String::as_str)).collect();
    let rows = sweep.curves().into_iter().map(|curve| {
        let cell = |&calls: &usize| match sweep.distance(&curve, calls) {
            Some(distance) => significant(distance, 3),
            None => MISSING.to_owned(),
        };
        let cells = calls.iter().map(cell).collect();
        (curve, cells)
    });
    table::table(&columns, rows)
}
