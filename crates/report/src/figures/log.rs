//! The lines of `metrics.jsonl` as curves, stage by stage.

use halfstep_run::{LEVELS, Metrics};

use crate::chart::axis::Scale;
use crate::chart::curve::{Point, last_tenth};

/// All stages that have lines, in their order.
pub(crate) struct MetricsLog<'a> {
    stages: Vec<StageLog<'a>>,
}

/// The lines of one stage, in the order of its steps.
pub(crate) struct StageLog<'a> {
    index: usize,
    num_steps: usize,
    lines: Vec<&'a Metrics>,
}

impl<'a> MetricsLog<'a> {
    /// Sorts the lines by stage and step.
    pub fn new(metrics: &'a [Metrics]) -> Self {
        let mut lines: Vec<&Metrics> = metrics.iter().collect();
        lines.sort_by_key(|line| (line.stage, line.step));
        let stages = lines.chunk_by(|a, b| a.stage == b.stage).map(|lines| StageLog {
            index: lines[0].stage,
            num_steps: lines[0].num_steps,
            lines: lines.to_vec(),
        });
        Self { stages: stages.collect() }
    }

    /// The teacher, then the rounds.
    pub fn stages(&self) -> &[StageLog<'a>] {
        &self.stages
    }

    /// The teacher, if it has begun.
    pub fn teacher(&self) -> Option<&StageLog<'a>> {
        self.stages.first().filter(|stage| stage.index == 0)
    }

    /// The rounds that have begun.
    pub fn rounds(&self) -> &[StageLog<'a>] {
        &self.stages[usize::from(self.teacher().is_some())..]
    }
}

impl StageLog<'_> {
    /// `teacher`, or a student's sampling steps.
    pub fn name(&self) -> String {
        if self.index == 0 { "teacher".to_owned() } else { self.num_steps.to_string() }
    }

    /// The step of the last line.
    pub fn last_step(&self) -> u64 {
        self.lines.last().map_or(0, |line| line.step)
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &Metrics> {
        self.lines.iter().copied()
    }

    /// A value of every line, where it is there and has a place on `scale`.
    pub fn points(&self, scale: Scale, value: impl Fn(&Metrics) -> Option<f64>) -> Vec<Point> {
        let points = self.lines.iter().filter_map(|line| Some((line.step as f64, value(line)?)));
        points.filter(|point| scale.takes(point.1)).collect()
    }

    /// The number of lines whose value is there and has no place on `scale`.
    pub fn left_out(&self, scale: Scale, value: impl Fn(&Metrics) -> Option<f64>) -> usize {
        let values = self.lines.iter().filter_map(|line| value(line));
        values.filter(|&value| !scale.takes(value)).count()
    }

    /// The error in one part of the noise levels.
    pub fn level(&self, level: usize) -> Vec<Point> {
        self.points(Scale::Log, |line| line.levels.get(level).copied().flatten())
    }

    /// The mean error in each part of the noise levels over the last tenth of the lines; x is the middle u of the part.
    pub fn profile(&self) -> Vec<Point> {
        let lines = last_tenth(&self.lines);
        let point = |level: usize| {
            let errors = lines.iter().filter_map(|line| line.levels.get(level).copied().flatten());
            let errors: Vec<f64> = errors.filter(|&error| Scale::Log.takes(error)).collect();
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            (!errors.is_empty()).then(|| ((level as f64 + 0.5) / LEVELS as f64, mean))
        };
        (0..LEVELS).filter_map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stage: usize, step: u64, levels: &[Option<f64>]) -> Metrics {
        Metrics {
            stage,
            num_steps: 32 * stage,
            step,
            levels: levels.to_vec(),
            ..Metrics::default()
        }
    }

    #[test]
    fn stages_are_told_apart_whatever_the_order_of_their_lines() {
        let lines = [line(1, 5, &[]), line(0, 20, &[]), line(0, 10, &[])];
        let log = MetricsLog::new(&lines);
        assert_eq!(log.teacher().unwrap().last_step(), 20);
        assert_eq!(log.rounds().iter().map(StageLog::name).collect::<Vec<_>>(), ["32"]);
    }

    #[test]
    fn a_log_without_its_teacher_still_has_rounds() {
        let lines = [line(2, 5, &[])];
        let log = MetricsLog::new(&lines);
        assert!(log.teacher().is_none());
        assert_eq!(log.rounds().len(), 1);
        assert!(MetricsLog::new(&[]).rounds().is_empty());
    }

    #[test]
    fn a_profile_is_the_mean_of_what_there_is() {
        let lines = [
            line(0, 1, &[Some(4.0), None, Some(f64::NAN)]),
            line(0, 2, &[Some(2.0), None, Some(0.0), Some(8.0)]),
        ];
        let log = MetricsLog::new(&lines);
        assert_eq!(log.teacher().unwrap().profile(), [(0.5 / 8.0, 2.0), (3.5 / 8.0, 8.0)]);
    }
}
