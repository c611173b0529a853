//! What a run reached: a row a round, and the pictures.

use std::fmt::Write as _;
use std::path::Path;

use halfstep_model::read_text;
use halfstep_sample::output::write_file;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::progress::human_time;

const FILE: &str = "report/summary.json";

/// A trained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundResult {
    /// 0 for the teacher, then the rounds.
    pub stage: usize,
    /// Sampling steps.
    pub num_steps: usize,
    /// Optimiser steps.
    pub train_steps: u64,
    /// Weighted loss over the last tenth of them; `None` if the metrics are gone.
    pub loss: Option<f64>,
    /// Mean squared error of the teacher's own output (v for a v-model) at uniform times, averaged
    /// weights; `None` for students.
    #[serde(default)]
    pub output_mse: Option<f64>,
    /// Mean squared distance of an adapted teacher's full-grid images to those that its original, which
    /// was trained elsewhere, draws from the same noises; `None` for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_agreement: Option<f64>,
    /// Seconds of learning.
    pub seconds: f64,
    /// Mean squared distance between its `num_steps`-step images and the teacher's full-grid images;
    /// `None` for the teacher itself.
    pub agreement: Option<f64>,
    /// The same for the teacher's own `num_steps`-step DDIM images.
    pub teacher_agreement: Option<f64>,
}

impl RoundResult {
    /// `teacher` or `student`.
    pub fn model(&self) -> &'static str {
        if self.stage == 0 { "teacher" } else { "student" }
    }

    /// How many times nearer a student is than its teacher in as many steps; `None` without both
    /// distances, and where it is not a number.
    pub fn factor(&self) -> Option<f64> {
        let factor = self.teacher_agreement? / self.agreement?;
        factor.is_finite().then_some(factor)
    }
}

/// All results of a run, in the order of the stages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// A row a stage.
    pub rounds: Vec<RoundResult>,
}

impl Summary {
    /// Reads the run's summary; empty if there is none yet.
    ///
    /// # Errors
    /// [`TrainError::File`] if it is damaged.
    pub fn read(folder: &Path) -> Result<Self, TrainError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = read_text(&path).map_err(|error| TrainError::file(&path, error))?;
        serde_json::from_str(&text).map_err(|error| {
            TrainError::file(&path, format!("damaged ({error}); delete it to measure again"))
        })
    }

    /// Writes it, as JSON and as a table.
    ///
    /// # Errors
    /// [`TrainError::Files`] naming the file.
    pub fn write(&self, folder: &Path) -> Result<(), TrainError> {
        let path = folder.join(FILE);
        let text =
            serde_json::to_string_pretty(self).map_err(|error| TrainError::file(&path, error))?;
        write_file(&path, text.as_bytes())?;
        write_file(&folder.join("report/summary.md"), self.table().as_bytes())?;
        Ok(())
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
