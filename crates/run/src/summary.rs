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
    /// The same of the teacher's own images by DDIM in `num_steps` steps.
    pub teacher_agreement: Option<f64>,
}

impl RoundResult {
    /// `teacher` or `student`.
    pub fn model(&self) -> &'static str {
        if self.stage == 0 { "teacher" } else { "student" }
    }

    /// How many times nearer to the teacher's images in all its steps a student is than the teacher in as many
    /// steps as the student; `None` without both distances, and where the quotient is not finite.
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
    /// Reads that of a run folder; empty if there is none yet.
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

    /// A Markdown table.
    pub fn table(&self) -> String {
        let mut table = String::from(
            "| model | steps | loss | learning | distance to the teacher's full grid | the teacher's own DDIM | better by |\n\
             |---|---:|---:|---:|---:|---:|---:|\n",
        );
        for row in &self.rounds {
            let number =
                |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.5}"));
            let factor = row.factor().map_or("-".to_owned(), |factor| format!("{factor:.1}x"));
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {factor} |",
                row.model(),
                row.num_steps,
                number(row.loss),
                human_time(row.seconds),
                number(row.agreement),
                number(row.teacher_agreement),
            );
        }
        if let Some(mse) = self.of_stage(0).and_then(|teacher| teacher.output_mse) {
            let _ =
                writeln!(table, "\nTeacher's error in its own output, at uniform times: {mse:.4}");
        }
        if let Some(distance) = self.of_stage(0).and_then(|teacher| teacher.original_agreement) {
            let _ = writeln!(
                table,
                "\nDistance of the adapted teacher's images to its original's, drawn without clipping from the same \
                 noises: {distance:.5}"
            );
        }
        table
    }
}
