//! The outputs of a drawing.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use halfstep_core::counted;
use halfstep_files::{check_dir, check_file, check_room, human_bytes};
use halfstep_model::ModelFiles;
use halfstep_terminal::{answer, say};

use super::args::{Args, GridSize};
use crate::error::SampleError;
use crate::output::formats::{PictureFormat, check_ending};
use crate::output::images::Images;
use crate::output::kept::{Destination, Drawing, FileFormat, ImageSink, KeptError};
use crate::output::places::{NamedPath, clash, place, writes_over};
use crate::output::{picture, write_picture};

/// Every output that was asked for.
pub struct Outputs {
    /// `--out`, or `grid.png` if nothing was asked for.
    grid: Option<PathBuf>,
    /// `--scale`
    scale: Option<u32>,
    /// `--dir`, `--npz`, `--raw`
    places: Vec<(&'static str, Destination)>,
    /// `--overwrite`
    overwrite: bool,
}

impl Outputs {
    /// Where pictures go, by flag: files that a folder of training pictures would take for its own.
    pub fn pictures(&self) -> Vec<(&'static str, Option<&Path>)> {
        let dirs = self.places.iter().filter(|(_, place)| matches!(place, Destination::Folder(_)));
        let dirs = dirs.map(|(flag, place)| (*flag, Some(place.path())));
        std::iter::once(("--out", self.grid.as_deref())).chain(dirs).collect()
    }

    /// # Errors
    /// For names that promise another format, for two outputs in one place, and for an output that would be written
    /// over an input.
    pub fn from_args(args: &Args) -> anyhow::Result<Self> {
        let file = |flag, format, path: &PathBuf| (flag, Destination::File(format, path.clone()));
        let places = [
            args.dir.as_ref().map(|dir| ("--dir", Destination::Folder(dir.clone()))),
            args.npz.as_ref().map(|path| file("--npz", FileFormat::Npz, path)),
            args.raw.as_ref().map(|path| file("--raw", FileFormat::Raw, path)),
        ];
        let places: Vec<_> = places.into_iter().flatten().collect();
        let grid = args.out.clone().or_else(|| places.is_empty().then(|| "grid.png".into()));
        let outputs = Self { grid, scale: args.scale, places, overwrite: args.overwrite };
        outputs.check_formats()?;
        outputs.check_places(args.noise.as_deref())?;
        outputs.spare_model(&args.model)?;
        Ok(outputs)
    }

    fn check_formats(&self) -> anyhow::Result<()> {
        for (flag, place) in &self.places {
            match place {
                Destination::Folder(_) => Ok(()),
                Destination::File(FileFormat::Npz, path) => check_ending(path, "npz"),
                Destination::File(FileFormat::Raw, path) => check_ending(path, "safetensors"),
            }
            .context(*flag)?;
        }
        if let Some(grid) = &self.grid {
            PictureFormat::from_path(grid).context("--out")?;
        }
        Ok(())
    }

    /// `--out`, `--npz`, `--raw`
    fn files(&self) -> Vec<NamedPath<'_>> {
        let grid = self.grid.as_deref().map(|path| ("--out", path));
        let files = self.places.iter().filter(|(_, place)| matches!(place, Destination::File(..)));
        grid.into_iter().chain(files.map(|(flag, place)| (*flag, place.path()))).collect()
    }

    fn check_places(&self, noise: Option<&Path>) -> anyhow::Result<()> {
        let (noise, written) = (noise.map(|path| ("--noise", path)), self.files());
        let files: Vec<NamedPath<'_>> = noise.into_iter().chain(written.iter().copied()).collect();
        let mut dirs =
            self.places.iter().filter(|(_, place)| matches!(place, Destination::Folder(_)));
        let through_a_link = || {
            let (flag, read) = noise?;
            let over = written.iter().find(|(_, path)| writes_over(path, read))?;
            Some(((flag, read), *over))
        };
        let clash = clash(&files)
            .or_else(through_a_link)
            .or_else(|| dirs.find_map(|dir| folder_clash(dir, &files)));
        match clash {
            Some(((a, path), (b, other))) => bail!(
                "{a} {} and {b} {} overlap; choose separate paths",
                path.display(),
                other.display()
            ),
            None => Ok(()),
        }
    }

    /// Nothing is written over the files of the model. A folder that is no model has none; loading it fails later.
    fn spare_model(&self, model: &Path) -> anyhow::Result<()> {
        let Ok(ModelFiles { weights, scheduler }) = ModelFiles::read(model) else { return Ok(()) };
        let read: Vec<PathBuf> = weights.into_iter().chain(scheduler).collect();
        for (flag, path) in self.files() {
            if read.iter().any(|read| writes_over(path, read)) {
                bail!(
                    "{flag} {} would overwrite a file of --model {}; choose another file",
                    path.display(),
                    model.display()
                );
            }
        }
        Ok(())
    }

    /// Refuses, before anything is drawn, what could not be written after it. `layout` is the grid's.
    pub fn check(&self, [c, h, w]: [usize; 3], layout: GridSize) -> anyhow::Result<()> {
        if let Some(path) = &self.grid {
            check_file(path)?;
            let (columns, rows) = (layout.columns, layout.rows);
            picture::check_grid(
                [h, w],
                [columns, rows],
                self.scale(h),
                PictureFormat::from_path(path)?,
            )
            .context("--grid, --scale, --count")?;
        }
        for (_, place) in &self.places {
            match place {
                Destination::Folder(dir) => check_dir(dir)?,
                Destination::File(_, path) => check_file(path)?,
            }
        }
        let pictures = self.places.iter().any(|(_, place)| matches!(place, Destination::Folder(_)));
        if self.grid.is_some() || pictures {
            picture::check_channels(c)?;
        }
        Ok(())
    }

    /// Whether images are kept as they are drawn.
    pub fn keeps(&self) -> bool {
        !self.places.is_empty()
    }

    fn scale(&self, height: usize) -> u32 {
        self.scale.unwrap_or_else(|| picture::comfortable_scale(height))
    }

    /// How many of `count` images must be drawn: only those that the grid shows if nothing else is written. Prints a
    /// note if the grid does not show every image.
    pub fn needed(&self, count: u64, layout: GridSize) -> u64 {
        let shown = layout.shown(count);
        if self.grid.is_some() && shown < count {
            let first = if shown == 1 { "image".to_owned() } else { format!("{shown} images") };
            say!("note: the grid shows the first {first} of {count}; see --grid");
        }
        if self.places.is_empty() { shown } else { count }
    }

    /// Opens every destination to continue after the images that are there, and prints what the rest takes on the
    /// disk.
    ///
    /// # Errors
    /// For images of another drawing, unless they may be removed, and for a disk that is too small. Nothing
    /// is written or removed then.
    pub fn open(&self, drawing: &Drawing, layout: GridSize) -> anyhow::Result<OpenOutputs> {
        let mut cleared = Vec::new();
        let mut wanted = Vec::new();
        for (flag, place) in &self.places {
            let kept = match place.images(drawing) {
                Err(KeptError::Other { .. } | KeptError::More { .. }) if self.overwrite => {
                    cleared.push((flag, place));
                    0
                }
                kept => kept.map_err(|error| advised(error, flag))?,
            };
            wanted.push((place, place.bytes(drawing, kept)));
        }
        say_sizes(&wanted);
        // Before an earlier drawing is removed, although that makes room.
        let needed: Vec<_> = wanted.iter().map(|(place, bytes)| (place.path(), *bytes)).collect();
        check_room(&needed).context("--count")?;
        for (flag, place) in cleared {
            place.clear().map_err(|error| advised(error, flag))?;
            say!("the earlier drawing in {} is removed", place.path().display());
        }
        let open = |(flag, place): &(&'static str, Destination)| {
            let kept = place.begin(drawing).map_err(|error| advised(error, flag))?;
            if let Some(lost) = kept.lost() {
                say!("note: {lost}");
            }
            anyhow::Ok((place.path().to_path_buf(), kept))
        };
        let places = self.places.iter().map(open).collect::<Result<_, _>>()?;
        let grid = self.grid.clone().map(|path| Grid {
            path,
            layout,
            scale: self.scale(drawing.shape[1]),
            images: Images::empty(drawing.shape),
        });
        Ok(OpenOutputs { count: drawing.count, grid, places })
    }
}

/// `--dir` may hold other outputs, but no picture that would be taken for one of its images; it may not lie
/// within an output or be one.
fn folder_clash<'a>(
    (flag, folder): &'a (&'static str, Destination),
    files: &[NamedPath<'a>],
) -> Option<(NamedPath<'a>, NamedPath<'a>)> {
    let dir = folder.path();
    let clashes = |(flag, file): &&NamedPath<'_>| {
        let (dir, file) = (place(dir), place(file));
        dir.starts_with(&file) || *flag == "--out" && file.parent() == Some(&dir)
    };
    files.iter().find(clashes).map(|file| ((*flag, dir), *file))
}

/// The error with the flag, and what to do about it.
fn advised(error: KeptError, flag: &str) -> anyhow::Error {
    let advice = match &error {
        KeptError::Other { .. } => {
            "choose another path, or add --overwrite to remove the earlier drawing"
        }
        KeptError::More { .. } => {
            "raise --count, choose another path, or add --overwrite to remove the earlier drawing"
        }
        KeptError::Foreign { .. } => "choose another folder, or move the pictures",
        KeptError::InUse { .. } | KeptError::File(_) => {
            return anyhow::Error::new(error).context(flag.to_owned());
        }
    };
    anyhow::anyhow!("{flag}: {error}; {advice}")
}

fn say_sizes(wanted: &[(&Destination, u64)]) {
    let size = |(place, bytes): &(&Destination, u64)| {
        let most = if matches!(place, Destination::Folder(_)) { "at most " } else { "" };
        format!("{most}{} in {}", human_bytes(*bytes), place.path().display())
    };
    let sizes: Vec<String> = wanted.iter().map(size).collect();
    if !sizes.is_empty() {
        say!("on the disk: {}", sizes.join(", "));
    }
}

/// Outputs that are being written.
pub struct OpenOutputs {
    count: u64,
    grid: Option<Grid>,
    places: Vec<(PathBuf, Box<dyn ImageSink>)>,
}

/// A picture of the first images, which stay in memory until it is written.
struct Grid {
    path: PathBuf,
    layout: GridSize,
    scale: u32,
    images: Images,
}

impl Grid {
    fn write(&self) -> Result<(), SampleError> {
        let picture = picture::grid(&self.images, self.layout.columns, self.scale)?;
        write_picture(&self.path, picture)
    }
}

impl OpenOutputs {
    /// How many images every place has.
    pub fn kept(&self) -> u64 {
        self.places.iter().map(|(_, place)| place.images()).min().unwrap_or(0)
    }

    /// The images to draw, in whole batches so that they come out as if drawn without a stop: those that
    /// the grid shows, and those that a place misses.
    pub fn missing(&self, batch_size: u64) -> Vec<std::ops::Range<u64>> {
        let shown = self.grid.as_ref().map_or(0, |grid| grid.layout.shown(self.count));
        let shown = shown.next_multiple_of(batch_size).min(self.count);
        let kept = if self.places.is_empty() { self.count } else { self.kept() };
        let from = if kept == self.count { kept } else { kept - kept % batch_size };
        let ranges = [0..shown.min(from), from..self.count];
        ranges.into_iter().filter(|range| !range.is_empty()).collect()
    }

    /// Writes a batch wherever it is missing.
    pub fn take(&mut self, first: u64, images: Images) -> Result<(), SampleError> {
        for (_, place) in &mut self.places {
            place.add(first, &images)?;
        }
        if let Some(grid) = &mut self.grid {
            let wanted = grid.layout.shown(self.count).saturating_sub(first);
            grid.images.append(images.first(wanted as usize));
        }
        Ok(())
    }

    /// Writes everything but the names of files. A file with its name is never continued, so none gets its name
    /// before all are complete.
    pub fn seal(&mut self) -> Result<(), SampleError> {
        for (_, place) in &mut self.places {
            place.seal()?;
        }
        match &self.grid {
            Some(grid) => grid.write(),
            None => Ok(()),
        }
    }

    /// Gives files their names and prints them, after [`OpenOutputs::seal`].
    pub fn finish(self) -> Result<(), SampleError> {
        if let Some(grid) = self.grid {
            answer!("{}", grid.path.display());
        }
        for (path, place) in self.places {
            place.finish()?;
            answer!("{}", path.display());
        }
        Ok(())
    }

    /// Prints `128 of 500 images are kept.`, and how to continue if that helps after this error; or that nothing was
    /// written.
    pub fn say_kept(&self, error: &SampleError) {
        match self.places.is_empty() {
            true => say!("nothing was written."),
            false => say!("{}", kept_line(self.kept(), self.count, error)),
        }
    }
}

fn kept_line(kept: u64, count: u64, error: &SampleError) -> String {
    let are = if kept == 1 || count == 1 { "is" } else { "are" };
    // These errors would come again.
    let again = match error {
        SampleError::NotFinite { .. } | SampleError::TooManySteps { .. } => "",
        _ => " Run the same command again to continue.",
    };
    format!("{kept} of {} {are} kept.{again}", counted(count, "image"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place on a disk that is full.
    struct Full;

    impl ImageSink for Full {
        fn images(&self) -> u64 {
            2
        }

        fn append(&mut self, _: &Images) -> Result<(), SampleError> {
            Ok(())
        }

        fn seal(&mut self) -> Result<(), SampleError> {
            Err(SampleError::Stopped)
        }

        fn finish(self: Box<Self>) -> Result<(), SampleError> {
            Err(SampleError::Stopped)
        }
    }

    #[test]
    fn no_file_gets_its_name_while_another_lacks_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let drawing = Drawing { settings: Default::default(), count: 2, shape: [1, 1, 1] };
        let path = dir.path().join("x.npz");
        let place = Destination::File(FileFormat::Npz, path.clone());
        let images = Images { values: vec![0.0; 2], shape: [2, 1, 1, 1] };
        let outputs = |other: Option<Box<dyn ImageSink>>| {
            let mut places = vec![(path.clone(), place.begin(&drawing).unwrap())];
            places.extend(other.map(|other| (PathBuf::from("full"), other)));
            let mut outputs = OpenOutputs { count: 2, grid: None, places };
            outputs.take(0, images.clone()).unwrap();
            outputs
        };
        outputs(Some(Box::new(Full))).seal().unwrap_err();
        assert!(!path.exists());
        assert_eq!(place.images(&drawing).unwrap(), 2, "the drawing can continue");
        let mut alone = outputs(None);
        alone.seal().unwrap();
        alone.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == FileFormat::Npz.whole(&images));
    }

    #[test]
    fn the_line_about_kept_images_has_the_advice_that_helps() {
        let stopped = |kept, count| kept_line(kept, count, &SampleError::Stopped);
        let advice = "Run the same command again to continue.";
        assert_eq!(stopped(128, 500), format!("128 of 500 images are kept. {advice}"));
        assert_eq!(stopped(1, 500), format!("1 of 500 images is kept. {advice}"));
        assert_eq!(stopped(0, 1), format!("0 of 1 image is kept. {advice}"));
        let not_finite = SampleError::NotFinite { sampler: "ddim", step: 3 };
        assert_eq!(kept_line(64, 500, &not_finite), "64 of 500 images are kept.");
    }
}
