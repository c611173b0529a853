//! Quality against sampling steps, as `eval --sweep` measures it of a run.

use std::fmt::Write as _;
use std::path::Path;

use halfstep_model::read_text;
use halfstep_sample::counted;
use halfstep_sample::output::write_file;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::TrainError;

const FILE: &str = "report/sweep.json";

/// What images are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepMeasure {
    /// Frechet Inception distance.
    Fid,
    /// Frechet distance of the features of some other network.
    FeatureFrechet,
    /// Frechet distance of pixels.
    PixelFrechet,
}

impl SweepMeasure {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fid => "FID",
            Self::FeatureFrechet => "Frechet distance of features",
            Self::PixelFrechet => "Frechet distance of pixels in [0, 1]",
        }
    }
}

/// Teacher and students of a run against real images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// By what.
    pub measure: SweepMeasure,
    /// The network, if it is not FID's.
    pub network: Option<String>,
    /// The real images.
    pub reference: String,
    /// How many of them; `None` if only their statistics were there.
    pub reference_images: Option<usize>,
    /// Images of each model, from the same noises.
    pub images: usize,
    /// Of the noises.
    pub seed: u64,
    /// What as many real images, held back from training, are at; `None` where there are none.
    pub held_back: Option<f64>,
    /// The teacher's, then the students'.
    pub rows: Vec<SweepRow>,
}

/// One way to draw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// `teacher` or `student`.
    pub model: String,
    /// By its name on the command line.
    pub sampler: String,
    /// Sampling steps.
    pub num_steps: usize,
    /// Network calls an image.
    pub calls: usize,
    /// To the real images.
    pub distance: f64,
    /// Mean squared difference, in pixels of 8 bits in [-1, 1], to what the teacher draws from the same
    /// noises on its full grid by DDIM; `None` for that itself.
    pub agreement: Option<f64>,
    /// All that was measured, by its key.
    pub measures: Map<String, Value>,
}

impl SweepRow {
    /// `teacher, ddim` or `student`: what its curve is called.
    pub fn curve(&self) -> String {
        match self.model.as_str() {
            "student" => self.model.clone(),
            model => format!("{model}, {}", self.sampler),
        }
    }
}

impl Sweep {
    /// Reads the run's; `None` if it was not measured.
    ///
    /// # Errors
    /// [`TrainError::File`] if it is damaged.
    pub fn read(run: &Path) -> Result<Option<Self>, TrainError> {
        let path = run.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_text(&path).map_err(|error| TrainError::file(&path, error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let problem = format!("damaged ({error}); delete it, and run eval --sweep again");
            TrainError::file(&path, problem)
        })
    }

    /// Writes it into the run's report, as JSON and as a table.
    ///
    /// # Errors
    /// [`TrainError::Files`] naming the file.
    pub fn write(&self, run: &Path) -> Result<(), TrainError> {
        let path = run.join(FILE);
        let text =
            serde_json::to_string_pretty(self).map_err(|error| TrainError::file(&path, error))?;
        write_file(&path, text.as_bytes())?;
        write_file(&run.join("report/sweep.md"), self.table().as_bytes())?;
        Ok(())
    }

    /// Names of the curves, in the order of the rows.
    pub fn curves(&self) -> Vec<String> {
        let mut curves = Vec::new();
        for row in &self.rows {
            if !curves.contains(&row.curve()) {
                curves.push(row.curve());
            }
        }
        curves
    }

    /// All numbers of network calls, from few to many.
    pub fn calls(&self) -> Vec<usize> {
        let mut calls: Vec<usize> = self.rows.iter().map(|row| row.calls).collect();
        calls.sort_unstable();
        calls.dedup();
        calls
    }

    /// The distance of a curve at so many calls.
    pub fn distance(&self, curve: &str, calls: usize) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.calls == calls && row.curve() == curve)?;
        Some(row.distance)
    }

    /// What is measured against what, in a sentence.
    pub fn caption(&self) -> String {
        let network = self.network.as_ref().map_or(String::new(), |name| format!(" of {name}"));
        let real = match self.reference_images {
            Some(count) => format!("{} of {}", counted(count, "image"), self.reference),
            None => self.reference.clone(),
        };
        let floor = self.held_back.map_or(String::new(), |distance| {
            format!(" As many real images that were not trained on are at {distance:.4}.")
        });
        format!(
            "{}{network}, {} of each model from the same noises (seed {}) against {real}.{floor}",
            self.measure.title(),
            counted(self.images, "image"),
            self.seed
        )
    }

    /// A Markdown table: a row a curve, a column a number of network calls.
    pub fn table(&self) -> String {
        let calls = self.calls();
        let mut table = format!("{}\n\n| network calls |", self.caption());
        // Writing to a String cannot fail.
        for count in &calls {
            let _ = write!(table, " {count} |");
        }
        let _ = write!(table, "\n|---|{}\n", "---:|".repeat(calls.len()));
        for curve in self.curves() {
            let _ = write!(table, "| {curve} |");
            for &count in &calls {
                match self.distance(&curve, count) {
                    Some(distance) => {
                        let _ = write!(table, " {distance:.4} |");
                    }
                    None => table.push_str(" |"),
                }
            }
            table.push('\n');
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn row(model: &str, sampler: &str, calls: usize, distance: f64) -> SweepRow {
        SweepRow {
            model: model.to_owned(),
            sampler: sampler.to_owned(),
            num_steps: calls,
            calls,
            distance,
            agreement: None,
            measures: Map::new(),
        }
    }

    fn sweep() -> Sweep {
        Sweep {
            measure: SweepMeasure::PixelFrechet,
            network: None,
            reference: "digits".to_owned(),
            reference_images: Some(1797),
            images: 2000,
            seed: 3,
            held_back: Some(0.125),
            rows: vec![
                row("teacher", "ddim", 64, 0.25),
                row("teacher", "ddim", 4, 0.5),
                row("teacher", "dpm-solver++-2m", 4, 0.4375),
                row("student", "ddim", 4, 0.25),
            ],
        }
    }

    #[test]
    fn the_table_has_a_row_a_curve_and_a_column_a_number_of_calls() {
        let expected = "Frechet distance of pixels in [0, 1], 2000 images of each model from the same \
                        noises (seed 3) against 1797 images of digits. As many real images that were not \
                        trained on are at 0.1250.\n\n\
                        | network calls | 4 | 64 |\n|---|---:|---:|\n\
                        | teacher, ddim | 0.5000 | 0.2500 |\n\
                        | teacher, dpm-solver++-2m | 0.4375 | |\n\
                        | student | 0.2500 | |\n";
        assert_eq!(sweep().table(), expected);
    }

    #[test]
    fn it_is_read_as_it_was_written_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Sweep::read(dir.path()).unwrap(), None);
        sweep().write(dir.path()).unwrap();
        assert_eq!(Sweep::read(dir.path()).unwrap(), Some(sweep()));
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        let message = Sweep::read(dir.path()).unwrap_err().to_string();
        assert!(message.contains("sweep.json") && message.contains("eval --sweep"), "{message}");
    }
}
