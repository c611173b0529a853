//! Where the images go.

use std::io::Write;
use std::path::{Path, PathBuf};

use halfstep_sample::{Images, SampleError, output, picture};

use crate::args::{Args, GridSize};

/// Every output that was asked for.
pub struct Outputs {
    /// `--out`, or `grid.png` if nothing was asked for.
    grid: Option<PathBuf>,
    /// `--scale`
    scale: Option<u32>,
    dir: Option<PathBuf>,
    npz: Option<PathBuf>,
    raw: Option<PathBuf>,
}

impl Outputs {
    pub fn of(args: &Args) -> Self {
        let nothing_else = args.dir.is_none() && args.npz.is_none() && args.raw.is_none();
        Self {
            grid: args.out.clone().or_else(|| nothing_else.then(|| "grid.png".into())),
            scale: args.scale,
            dir: args.dir.clone(),
            npz: args.npz.clone(),
            raw: args.raw.clone(),
        }
    }

    /// Where pictures go, by flag: files that a folder of training pictures would take for its own.
    pub fn pictures(&self) -> [(&'static str, Option<&Path>); 2] {
        [("--out", self.grid.as_deref()), ("--dir", self.dir.as_deref())]
    }

    /// Finds out before drawing what would fail after it.
    pub fn check(&self, channels: usize) -> Result<(), SampleError> {
        for path in [&self.grid, &self.npz, &self.raw].into_iter().flatten() {
            output::check_file(path)?;
        }
        if let Some(dir) = &self.dir {
            output::check_dir(dir)?;
        }
        match self.grid.is_some() || self.dir.is_some() {
            true => picture::check_channels(channels),
            false => Ok(()),
        }
    }

    /// Says if the grid will not show every image.
    pub fn announce(&self, layout: GridSize, count: usize) {
        let shown = layout.columns * layout.rows;
        if self.grid.is_some() && shown < count {
            halfstep_sample::say!(
                "note: the grid shows the first {shown} of {count} images; see --grid"
            );
        }
    }

    /// Tries every output, whatever becomes of the others, and names those that were written.
    /// Returns the first error.
    pub fn write(&self, images: &Images, layout: GridSize) -> Result<(), SampleError> {
        let attempts = [
            (&self.grid, write_grid as Writer),
            (&self.dir, |path, images, _, _| output::write_png_files(path, images, 0)),
            (&self.npz, |path, images, _, _| output::write_npz(path, images)),
            (&self.raw, |path, images, _, _| output::write_raw(path, images)),
        ];
        let scale = self.scale.unwrap_or_else(|| picture::comfortable_scale(images.shape[2]));
        let mut result = Ok(());
        for (path, write) in attempts {
            let Some(path) = path else { continue };
            let written = write(path, images, layout, scale);
            if written.is_ok() {
                // The images are on the disk whether or not anybody reads their names.
                let _ = writeln!(std::io::stdout(), "{}", path.display());
            }
            result = result.and(written);
        }
        result
    }
}

/// Writes images to a path; only a grid has a layout and a scale.
type Writer = fn(&Path, &Images, GridSize, u32) -> Result<(), SampleError>;

fn write_grid(
    path: &Path,
    images: &Images,
    layout: GridSize,
    scale: u32,
) -> Result<(), SampleError> {
    let shown = images.first(layout.columns * layout.rows);
    output::write_png(path, picture::grid(&shown, layout.columns, scale)?)
}
