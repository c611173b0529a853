//! The page as a whole: whatever the data, it is one well-formed file that shows what is known.

use serde_json::Map;

use super::html;
use crate::data::{ImageRow, NearestImages, PreviewImage, ReportData, StageProgress, StageState};
use halfstep_run::{Metrics, RoundResult, Sweep, SweepMeasure, SweepRow};

const EVIL: &str = "<script>alert('1')</script>\" onload=\"x&";

/// Elements that are never closed.
const VOID: [&str; 3] = ["meta", "img", "!DOCTYPE"];

fn line(stage: usize, step: u64, value: f64) -> Metrics {
    Metrics {
        stage,
        num_steps: if stage == 0 { 0 } else { 64 >> stage },
        step,
        loss: value,
        mse: value,
        grad_norm: value,
        lr: value,
        images_per_second: value,
        skipped: step / 10 % 2,
        ema_distance: Some(value),
        levels: vec![Some(value), None, Some(value)],
        ..Metrics::default()
    }
}

fn result(stage: usize, agreement: Option<f64>) -> RoundResult {
    RoundResult {
        stage,
        num_steps: 64 >> stage,
        train_steps: 400,
        loss: Some(0.1),
        output_mse: None,
        original_agreement: None,
        seconds: 12.0,
        agreement,
        teacher_agreement: agreement.map(|own| 4.0 * own),
    }
}

/// Two curves, all at one distance.
fn sweep(name: &str, distance: f64) -> Sweep {
    let row = |model: &str, calls: usize| SweepRow {
        model: model.to_owned(),
        sampler: name.to_owned(),
        num_steps: calls,
        calls,
        distance,
        agreement: Some(distance),
        measures: Map::new(),
    };
    Sweep {
        measure: SweepMeasure::FeatureFrechet,
        network: Some(name.to_owned()),
        reference: name.to_owned(),
        reference_images: Some(1797),
        images: 100,
        seed: 0,
        held_back: Some(distance),
        rows: vec![row("teacher", 64), row("teacher", 16), row("student", 16)],
    }
}

/// A finished run of a teacher and two rounds.
fn run() -> ReportData {
    let text = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
    let stage = |label: &str, num_steps| StageProgress {
        label: label.to_owned(),
        num_steps,
        done: 400,
        total: 400,
        seconds: Some(12.0),
        state: StageState::Done,
    };
    let steps = (0..3).flat_map(|stage| (1..=40).map(move |k| (stage, 10 * k)));
    ReportData {
        name: "digits".to_owned(),
        written: "2026-11-24 23:17 UTC".to_owned(),
        finished: true,
        stopped: false,
        problem: None,
        plan: text("network", "UNet2DModel"),
        stages: vec![stage("teacher", 64), stage("student 32", 32), stage("student 16", 16)],
        metrics: steps.map(|(stage, step)| line(stage, step, 1.0 / step as f64)).collect(),
        summary: vec![result(0, None), result(1, Some(1e-4)), result(2, Some(1e-3))],
        sweep: Some(sweep("ddim", 0.25)),
        rows: vec![ImageRow {
            label: "teacher, 64 steps".to_owned(),
            note: String::new(),
            png: vec![1],
        }],
        previews: vec![PreviewImage { label: "teacher".to_owned(), step: 200, png: vec![2] }],
        nearest: Some(NearestImages {
            png: vec![3],
            distances: vec![0.3, 0.01],
            typical: Some(0.3),
            metric: "the root mean squared difference".to_owned(),
        }),
        facts: text("device", "CPU"),
        config: "name = \"digits\"".to_owned(),
        commands: text("This page again:", "train --report runs/digits"),
    }
}

/// All opening and closing tags, without the comments and words between them. Panics at a stray `<`.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0).collect()
}

/// Panics unless every element is closed where it must be.
fn assert_well_formed(page: &str) {
    let mut open = Vec::new();
    for tag in tags(page) {
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "in {tag}"),
            None if tag.ends_with('/') || VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn charts(page: &str) -> Vec<&str> {
    page.split("<svg ")
        .skip(1)
        .map(|rest| rest.split_once("</svg>").expect("it is closed").0)
        .collect()
}

#[test]
fn a_page_of_nothing_is_a_page() {
    let page = html(&ReportData::default());
    assert_well_formed(&page);
    assert!(page.contains("Nothing has been measured yet"));
    assert!(charts(&page).is_empty());
}

#[test]
fn a_whole_run_has_all_of_its_parts() {
    let page = html(&run());
    assert_well_formed(&page);
    // Agreement, distance, two losses, two by level, and five of how the run went.
    assert_eq!(charts(&page).len(), 11);
    for words in
        ["4.00 times as far", "1 of 2 (in bold)", "train --report runs/digits", "Finished."]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn words_from_outside_are_never_markup() {
    let pairs = || vec![(EVIL.to_owned(), EVIL.to_owned())];
    let mut data = run();
    for stage in &mut data.stages {
        EVIL.clone_into(&mut stage.label);
    }
    let data = ReportData {
        name: EVIL.to_owned(),
        written: EVIL.to_owned(),
        finished: false,
        problem: Some(EVIL.to_owned()),
        plan: pairs(),
        sweep: Some(sweep(EVIL, 0.25)),
        rows: vec![ImageRow { label: EVIL.to_owned(), note: EVIL.to_owned(), png: Vec::new() }],
        previews: vec![PreviewImage { label: EVIL.to_owned(), step: 1, png: Vec::new() }],
        nearest: data
            .nearest
            .take()
            .map(|nearest| NearestImages { metric: EVIL.to_owned(), ..nearest }),
        facts: pairs(),
        config: EVIL.to_owned(),
        commands: pairs(),
        ..data
    };
    for data in [data.clone(), ReportData { problem: None, ..data }] {
        let page = html(&data);
        assert_well_formed(&page);
        assert!(
            tags(&page).iter().all(|tag| !tag.starts_with("script") && !tag.contains("onload=\""))
        );
        assert!(page.contains("&lt;script&gt;"));
    }
}

#[test]
fn no_number_breaks_the_page() {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, 1e300, 5e-324, 0.3];
    // Each alone, then all in turn.
    for only in values.iter().map(Some).chain([None]) {
        let mut data = run();
        for (i, line) in data.metrics.iter_mut().enumerate() {
            let value = only.copied().unwrap_or(values[i % values.len()]);
            *line = self::line(line.stage, line.step, value);
        }
        let value = only.copied().unwrap_or(f64::NAN);
        data.summary = vec![result(0, None), result(1, Some(value)), result(2, Some(0.1))];
        if let Some(nearest) = &mut data.nearest {
            nearest.distances = values.to_vec();
            nearest.typical = Some(value);
        }
        data.sweep = Some(sweep("ddim", value));
        data.stages[0].seconds = Some(value);
        data.stages[0].total = 0;
        let page = html(&data);
        assert_well_formed(&page);
        for chart in charts(&page) {
            assert!(!chart.contains("NaN") && !chart.contains("inf"), "{value}: {chart}");
        }
    }
}

/// The plot as a file: it stands alone, and has the page's colours.
#[test]
fn the_plot_of_a_sweep_is_a_file_of_its_own() {
    let svg = super::sweep::svg(&sweep(EVIL, 0.25)).unwrap();
    assert_well_formed(&svg);
    assert!(svg.starts_with("<svg xmlns=") && svg.contains("--first:"));
    assert!(tags(&svg).iter().all(|tag| !tag.starts_with("script")));
    assert_eq!(super::sweep::svg(&sweep("ddim", f64::NAN)), None);
}

#[test]
fn students_that_came_after_the_sweep_are_named() {
    let mut data = run();
    let missing = |data: &ReportData| {
        let page = html(data);
        let (_, rest) = page.split_once("Not measured yet: ")?;
        Some(rest.split_once('.')?.0.to_owned())
    };
    assert_eq!(missing(&data).as_deref(), Some("student 32"));
    data.stages[1].state = StageState::Running;
    assert_eq!(missing(&data), None);
}

#[test]
fn what_cannot_be_drawn_is_counted() {
    let mut data = run();
    data.metrics[3].loss = f64::NAN;
    data.metrics[4].loss = 0.0;
    assert!(html(&data).contains("Not shown: 2 values"));
    assert!(!html(&run()).contains("Not shown:"));
}

#[test]
fn a_single_line_is_drawn() {
    let data = ReportData { metrics: vec![line(0, 10, 0.5)], ..ReportData::default() };
    let page = html(&data);
    assert_well_formed(&page);
    assert!(charts(&page).iter().all(|chart| chart.contains("<circle")), "{page}");
}

#[test]
fn a_run_without_rounds_shows_its_teacher() {
    let mut data = run();
    data.metrics.retain(|line| line.stage == 0);
    data.summary.truncate(1);
    let page = html(&data);
    assert_well_formed(&page);
    assert!(page.contains("Loss of the teacher"));
    assert!(!page.contains("Loss of every round") && !page.contains("times as far"));
}

#[test]
fn a_long_run_makes_a_short_page() {
    let short = html(&run()).len();
    let noise = |k: u64| 1.0 + (k.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / 1e7;
    let metrics = (0..200_000).map(|k| line((k / 40_000) as usize, k % 40_000 + 1, noise(k)));
    let page = html(&ReportData { metrics: metrics.collect(), ..run() });
    assert!(page.len() < 1_000_000, "{} bytes, {short} for a short run", page.len());
}

#[test]
fn only_a_run_under_way_loads_its_page_again() {
    let reloads = |data: &ReportData| html(data).contains("http-equiv=\"refresh\" content=\"30\"");
    let finished = run();
    let running = ReportData { finished: false, ..run() };
    let failed = ReportData { problem: Some("no device".to_owned()), ..running.clone() };
    let stopped = ReportData { stopped: true, ..running.clone() };
    assert!(html(&stopped).contains("Stopped: "));
    let all = [finished, running, failed, stopped];
    assert_eq!(all.map(|data| reloads(&data)), [false, true, false, false]);
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = html(&run());
    for tag in tags(&page) {
        for source in tag.split("src=\"").skip(1) {
            assert!(source.starts_with("data:image/png;base64,"), "{tag}");
        }
        for target in tag.split("href=\"").skip(1) {
            let anchor = target.strip_prefix('#').and_then(|rest| rest.split('"').next());
            let anchor = anchor.unwrap_or_else(|| panic!("{tag}"));
            assert!(page.contains(&format!("section id=\"{anchor}\"")), "{tag}");
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
}

#[test]
fn pictures_and_charts_have_a_text() {
    let page = html(&run());
    for tag in tags(&page) {
        match tag.split(' ').next() {
            Some("img") => assert!(tag.contains("alt=\"") && !tag.contains("alt=\"\""), "{tag}"),
            Some("svg") => assert!(tag.contains("aria-label=\"Chart: "), "{tag}"),
            _ => {}
        }
    }
}

#[test]
fn the_same_data_make_the_same_page() {
    assert_eq!(html(&run()), html(&run()));
}
