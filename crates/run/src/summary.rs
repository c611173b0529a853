//! What a run reached: one row per stage.

use std::fmt::Write as _;
use std::path::Path;

use halfstep_files::write_file;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::json::{read_json, write_json};
use crate::text::human_time;

const FILE: &str = "report/summary.json";
const TABLE: &str = "report/summary.md";
const HEADER: &str = "\
| model | steps | loss | training time | distance to the teacher | teacher, not distilled | improvement |
|---|---:|---:|---:|---:|---:|---:|
";

/// What a trained model reached: the teacher, or the student of a round.
///
/// An *agreement* is a mean squared difference of pixels in `[-1, 1]` between the images of two models from the same
/// start noises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundResult {
    /// The stage's number: 0 for the teacher, then the rounds.
    pub stage: usize,
    /// Sampling steps.
    pub num_steps: usize,
    /// Optimiser steps.
    pub train_steps: u64,
    /// Mean weighted loss over the last tenth of them; `None` if the metrics are gone.
    pub loss: Option<f64>,
    /// Mean squared error of the teacher's own output (v for a v-model) at uniform times, with averaged weights;
    /// `None` for students.
    #[serde(default)]
    pub output_mse: Option<f64>,
    /// Agreement of an adapted teacher with the pretrained model that it comes from; `None` for other models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_agreement: Option<f64>,
    /// Seconds of training.
    pub seconds: f64,
    /// Agreement of its `num_steps`-step images with the teacher's images in all its steps; `None` for the teacher
    /// itself.
    pub agreement: Option<f64>,
    /// Agreement of the teacher's own images, drawn by DDIM in `num_steps` steps, with the same images.
    pub teacher_agreement: Option<f64>,
}

impl RoundResult {
    /// `teacher` or `student`.
    pub fn model(&self) -> &'static str {
        if self.stage == 0 { "teacher" } else { "student" }
    }

    /// The improvement: `teacher_agreement` over `agreement`. `None` if one of them is missing or the quotient is not
    /// finite.
    pub fn factor(&self) -> Option<f64> {
        let factor = self.teacher_agreement? / self.agreement?;
        factor.is_finite().then_some(factor)
    }
}

/// All results of a run, in the order of the stages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// One row per stage.
    pub rounds: Vec<RoundResult>,
}

impl Summary {
    /// Reads the summary of a run; empty if there is none yet.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if it does not parse.
    pub fn read(run: &Path) -> Result<Self, RunError> {
        Ok(read_json(&run.join(FILE), "delete it to measure again")?.unwrap_or_default())
    }

    /// Writes it as JSON and as a Markdown table.
    ///
    /// # Errors
    /// [`RunError::File`].
    pub fn write(&self, run: &Path) -> Result<(), RunError> {
        write_json(&run.join(FILE), self)?;
        Ok(write_file(&run.join(TABLE), self.table().as_bytes())?)
    }

    /// The row of a stage.
    pub fn of_stage(&self, stage: usize) -> Option<&RoundResult> {
        self.rounds.iter().find(|row| row.stage == stage)
    }

    /// Adds or replaces the row of a stage.
    pub fn set(&mut self, row: RoundResult) {
        self.rounds.retain(|other| other.stage != row.stage);
        self.rounds.push(row);
        self.rounds.sort_by_key(|row| row.stage);
    }

    /// A Markdown table, followed by the measurements of the teacher alone.
    pub fn table(&self) -> String {
        let number =
            |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.5}"));
        let mut table = HEADER.to_owned();
        // Writing to a String cannot fail.
        for row in &self.rounds {
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.model(),
                row.num_steps,
                number(row.loss),
                human_time(row.seconds),
                number(row.agreement),
                number(row.teacher_agreement),
                row.factor().map_or("-".to_owned(), |factor| format!("{factor:.1}x")),
            );
        }
        let teacher = self.of_stage(0);
        if let Some(mse) = teacher.and_then(|teacher| teacher.output_mse) {
            let what = "Mean squared error of the teacher's output, at uniform noise levels";
            let _ = writeln!(table, "\n{what}: {mse:.4}");
        }
        if let Some(distance) = teacher.and_then(|teacher| teacher.original_agreement) {
            let what = "Distance of the adapted teacher's images to those of the pretrained model it comes from, drawn \
                        without clipping from the same noise";
            let _ = writeln!(table, "\n{what}: {distance:.5}");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let teacher = RoundResult {
            stage: 0,
            num_steps: 64,
            train_steps: 1500,
            loss: Some(0.0625),
            output_mse: Some(0.25),
            original_agreement: None,
            seconds: 76.0,
            agreement: None,
            teacher_agreement: None,
        };
        let student = RoundResult {
            stage: 1,
            num_steps: 32,
            output_mse: None,
            agreement: Some(0.5),
            teacher_agreement: Some(2.0),
            ..teacher.clone()
        };
        Summary { rounds: vec![teacher, student] }
    }

    #[test]
    fn the_table_has_a_row_per_model() {
        let expected = "| teacher | 64 | 0.06250 | 1m 16s | - | - | - |\n\
                        | student | 32 | 0.06250 | 1m 16s | 0.50000 | 2.00000 | 4.0x |\n\n\
                        Mean squared error of the teacher's output, at uniform noise levels: 0.2500\n";
        assert_eq!(summary().table(), format!("{HEADER}{expected}"));
    }

    #[test]
    fn a_stage_has_one_row_and_stages_are_in_order() {
        let Summary { rounds } = summary();
        let mut again = Summary::default();
        for row in [&rounds[1], &rounds[0], &rounds[1]] {
            again.set(row.clone());
        }
        assert_eq!(again, summary());
        assert_eq!(again.of_stage(1), Some(&rounds[1]));
    }

    #[test]
    fn a_summary_is_read_as_it_was_written_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Summary::read(dir.path()).unwrap(), Summary::default());
        summary().write(dir.path()).unwrap();
        assert_eq!(Summary::read(dir.path()).unwrap(), summary());
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        let message = Summary::read(dir.path()).unwrap_err().to_string();
        assert!(
            message.contains("summary.json: damaged (") && message.contains("delete it"),
            "{message}"
        );
    }
}
