//! Quality against sampling steps, measured on a finished run.

use std::fmt::Write as _;
use std::path::Path;

use halfstep_files::write_file;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::RunError;
use crate::json::{read_json, write_json};
use crate::text::counted;

const FILE: &str = "report/sweep.json";
const TABLE: &str = "report/sweep.md";

/// The kind of distance between two sets of images.
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
    /// The measure in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Fid => "FID",
            Self::FeatureFrechet => "Frechet distance of features",
            Self::PixelFrechet => "Frechet distance of pixels in [0, 1]",
        }
    }
}

/// Distances of a run's teacher and students to real images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// The kind of distance.
    pub measure: SweepMeasure,
    /// The network whose features are compared, unless it is FID's.
    pub network: Option<String>,
    /// The real images, by name.
    pub reference: String,
    /// The number of real images; `None` if only their statistics were there.
    pub reference_images: Option<usize>,
    /// The number of images of each model, from the same noise.
    pub images: usize,
    /// The seed of the noise.
    pub seed: u64,
    /// The distance of as many real images that were not trained on; `None` where there are none.
    pub held_back: Option<f64>,
    /// The teacher's rows, then the students'.
    pub rows: Vec<SweepRow>,
}

/// One model with one sampler and one number of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepRow {
    /// `teacher` or `student`.
    pub model: String,
    /// The sampler's name: `ddim`.
    pub sampler: String,
    /// Sampling steps.
    pub num_steps: usize,
    /// Network calls per image.
    pub calls: usize,
    /// Distance to the real images.
    pub distance: f64,
    /// Mean squared difference, in pixels of 8 bits in [-1, 1], to what the teacher draws from the same noises by
    /// DDIM in all its steps; `None` for those images themselves.
    pub agreement: Option<f64>,
    /// Everything that was measured, by its key.
    pub measures: Map<String, Value>,
}

impl SweepRow {
    /// The name of its curve: `teacher, ddim` or `student`.
    pub fn curve(&self) -> String {
        match self.model.as_str() {
            "student" => self.model.clone(),
            model => format!("{model}, {}", self.sampler),
        }
    }
}

impl Sweep {
    /// Reads the sweep of a run; `None` if the run was not measured.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if it does not parse.
    pub fn read(run: &Path) -> Result<Option<Self>, RunError> {
        read_json(&run.join(FILE), "delete it, and measure the run again")
    }

    /// Writes it as JSON and as a Markdown table.
    ///
    /// # Errors
    /// [`RunError::File`].
    pub fn write(&self, run: &Path) -> Result<(), RunError> {
        write_json(&run.join(FILE), self)?;
        Ok(write_file(&run.join(TABLE), self.table().as_bytes())?)
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

    /// The distance of a curve at this number of network calls; `None` if it has no such row.
    pub fn distance(&self, curve: &str, calls: usize) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.calls == calls && row.curve() == curve)?;
        Some(row.distance)
    }

    /// The measure, the images and the reference in a sentence.
    pub fn caption(&self) -> String {
        let network = self.network.as_ref().map_or(String::new(), |name| format!(" of {name}"));
        let real = match self.reference_images {
            Some(count) => format!("{} of {}", counted(count, "image"), self.reference),
            None => self.reference.clone(),
        };
        let floor = self.held_back.map_or(String::new(), |distance| {
            format!(" As many real images held back from training are at {distance:.4}.")
        });
        format!(
            "{}{network}, {} of each model from the same noises (seed {}) against {real}.{floor}",
            self.measure.title(),
            counted(self.images, "image"),
            self.seed
        )
    }

    /// A Markdown table: one row per curve, one column per number of network calls.
    pub fn table(&self) -> String {
        let calls = self.calls();
        let header: String = calls.iter().map(|count| format!(" {count} |")).collect();
        let rule = "---:|".repeat(calls.len());
        let mut table = format!("{}\n\n| network calls |{header}\n|---|{rule}\n", self.caption());
        for curve in self.curves() {
            let cell = |&count: &usize| match self.distance(&curve, count) {
                Some(distance) => format!(" {distance:.4} |"),
                None => " |".to_owned(),
            };
            let cells: String = calls.iter().map(cell).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(table, "| {curve} |{cells}");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, sampler: &str, calls: usize, distance: f64) -> SweepRow {
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
    fn the_table_has_a_row_per_curve_and_a_column_per_number_of_calls() {
        let expected = "Frechet distance of pixels in [0, 1], 2000 images of each model from the same \
                        noises (seed 3) against 1797 images of digits. As many real images held back \
                        from training are at 0.1250.\n\n\
                        | network calls | 4 | 64 |\n|---|---:|---:|\n\
                        | teacher, ddim | 0.5000 | 0.2500 |\n\
                        | teacher, dpm-solver++-2m | 0.4375 | |\n\
                        | student | 0.2500 | |\n";
        assert_eq!(sweep().table(), expected);
    }

    #[test]
    fn a_sweep_is_read_as_it_was_written_and_a_damaged_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Sweep::read(dir.path()).unwrap(), None);
        sweep().write(dir.path()).unwrap();
        assert_eq!(Sweep::read(dir.path()).unwrap(), Some(sweep()));
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        let message = Sweep::read(dir.path()).unwrap_err().to_string();
        assert!(
            message.contains("sweep.json") && message.contains("measure the run again"),
            "{message}"
        );
    }
}
