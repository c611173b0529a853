//! Teacher agreement against sampling steps: what distillation is for.

use crate::chart::axis::Scale;
use crate::chart::curve::Point;
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look};
use halfstep_run::RoundResult;

/// Students and the undistilled teacher, from the same noises.
pub(crate) fn agreement(summary: &[RoundResult]) -> Option<Figure> {
    let points = |distance: fn(&RoundResult) -> Option<f64>| {
        let mut points: Vec<Point> = summary
            .iter()
            .filter(|row| row.stage > 0)
            .filter_map(|row| Some((row.num_steps as f64, distance(row)?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let student = points(|row| row.agreement);
    let teacher = points(|row| row.teacher_agreement);
    let all = student.iter().chain(&teacher);
    let left_out = all.clone().filter(|point| !Scale::Log.takes(point.1)).count();
    let mut steps: Vec<f64> = all.map(|point| point.0).collect();
    steps.sort_by(f64::total_cmp);
    steps.dedup();
    Some(Figure {
        heading: "Distance to the teacher's full grid".to_owned(),
        caption: "Lower is closer to what the teacher draws in all its steps. Both axes are logarithmic; the \
                  room between the curves is what distillation has brought."
            .to_owned(),
        legend: vec![(Ink::Second, "teacher, not distilled"), (Ink::First, "student")],
        left_out,
        chart: Chart {
            x: AxisSpec { ticks: Some(steps), ..AxisSpec::new("sampling steps", Scale::Log) },
            y: AxisSpec::new("mean squared distance, pixels in [-1, 1]", Scale::Log),
            curves: vec![
                Curve { look: Look::TrianglesAndValues, ..Curve::line(Ink::Second, teacher) },
                Curve { look: Look::DotsAndValues, ..Curve::line(Ink::First, student) },
            ],
            marks: Vec::new(),
        },
    })
}
