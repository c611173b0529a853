//! The result of a comparison, as a picture and as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use halfstep_core::counted;
use image::RgbImage;

use crate::error::SampleError;
use crate::output::images::Images;
use crate::output::picture::{self, TableCell};

/// Images of a cell in the picture, two rows of two.
pub const SHOWN: usize = 4;

pub struct Comparison {
    pub rows: Vec<ComparisonRow>,
    /// Numbers of steps.
    pub columns: Vec<usize>,
    /// Images per cell.
    pub count: u64,
    pub reference_steps: usize,
    pub ode_reference: &'static str,
}

pub struct ComparisonRow {
    pub label: String,
    /// By column.
    pub cells: BTreeMap<usize, ComparisonCell>,
}

pub struct ComparisonCell {
    /// `None` for a sampler that chooses its own.
    pub steps: Option<usize>,
    /// Network calls per image.
    pub calls: u64,
    /// For all images.
    pub seconds: f64,
    /// Mean squared difference to the converged images.
    pub distance: f64,
    /// The first few.
    pub images: Option<Images>,
    /// Why there are none.
    pub refused: Option<String>,
}

impl ComparisonCell {
    pub fn refused(steps: Option<usize>, why: String) -> Self {
        let (calls, seconds, distance) = (0, 0.0, f64::NAN);
        Self { steps, calls, seconds, distance, images: None, refused: Some(why) }
    }

    /// As a cell of the picture.
    fn shown(&self) -> TableCell<'_> {
        let caption = match (&self.refused, self.steps) {
            (Some(_), _) => "refused".to_owned(),
            (None, Some(_)) => String::new(),
            (None, None) => counted(self.calls, "call"),
        };
        TableCell { images: self.images.as_ref(), caption }
    }
}

impl Comparison {
    /// The picture: rows of samplers, columns of steps.
    pub fn picture(&self, scale: u32) -> Result<RgbImage, SampleError> {
        let columns: Vec<String> =
            self.columns.iter().map(|&steps| counted(steps, "step")).collect();
        let rows: Vec<(&str, Vec<TableCell<'_>>)> = self
            .rows
            .iter()
            .map(|row| {
                let cell = |column| {
                    row.cells.get(column).map_or(TableCell::default(), ComparisonCell::shown)
                };
                (row.label.as_str(), self.columns.iter().map(cell).collect())
            })
            .collect();
        picture::table(&rows, &columns, scale)
    }

    /// The table, in Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| sampler | steps | network calls | seconds | distance |\n|---|---:|---:|---:|---:|\n",
        );
        let mut notes: Vec<&str> = Vec::new();
        for row in &self.rows {
            for cell in row.cells.values() {
                let steps = cell.steps.map_or("its own".to_owned(), |steps| steps.to_string());
                let ComparisonCell { calls, seconds, distance, .. } = cell;
                let line = match &cell.refused {
                    None => format!("{calls} | {seconds:.2} | {distance:.2e}"),
                    Some(why) => format!("- | - | refused ({})", note(&mut notes, why)),
                };
                let _ = writeln!(text, "| {} | {steps} | {line} |", row.label);
            }
        }
        let _ = writeln!(
            text,
            "\nDistance: mean squared difference to the converged images from the same {}, pixels in [-1, 1]. \
             Converged images are {} of {}; for a stochastic sampler, of the sampler itself along the same noise \
             path. Seconds are for all {} together.",
            counted(self.count, "noise"),
            counted(self.reference_steps, "step"),
            self.ode_reference,
            counted(self.count, "image")
        );
        for (number, note) in notes.iter().enumerate() {
            let _ = writeln!(text, "({}) {note}", number + 1);
        }
        text
    }
}

/// The number of a note, counted from 1.
fn note<'a>(notes: &mut Vec<&'a str>, why: &'a str) -> usize {
    let at = notes.iter().position(|note| *note == why).unwrap_or_else(|| {
        notes.push(why);
        notes.len() - 1
    });
    at + 1
}
