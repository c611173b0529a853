//! Distance to the teacher's images against sampling steps: the purpose of distillation.

use halfstep_run::RoundResult;

use crate::chart::axis::Scale;
use crate::chart::curve::Point;
use crate::chart::figure::Figure;
use crate::chart::ink::Ink;
use crate::chart::{AxisSpec, Chart, Curve, Look};

const CAPTION: &str = "Distance to the images that the teacher draws in all its steps; lower is closer. Both axes are \
                       logarithmic. The gap between the curves is what distillation gained.";

/// Students and the undistilled teacher, from the same noise.
pub(crate) fn agreement(summary: &[RoundResult]) -> Figure {
    let points = |distance: fn(&RoundResult) -> Option<f64>| {
        let rounds = summary.iter().filter(|row| row.stage > 0);
        let mut points: Vec<Point> =
            rounds.filter_map(|row| Some((row.num_steps as f64, distance(row)?))).collect();
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
    let chart = Chart::new(
        AxisSpec::new("sampling steps", Scale::Log).with_ticks(steps),
        AxisSpec::new("mean squared distance, pixels in [-1, 1]", Scale::Log),
        vec![
            Curve::line(Ink::Second, teacher).with_look(Look::TrianglesAndValues),
            Curve::line(Ink::First, student).with_look(Look::DotsAndValues),
        ],
    );
    Figure {
        legend: vec![(Ink::Second, "teacher, not distilled"), (Ink::First, "student")],
        left_out,
        ..Figure::new("Distance to the teacher's images", CAPTION, chart)
    }
}
