//! The two sides of a comparison: images wherever they come from, and what is known of real ones.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, bail};
use halfstep_data::DataConfig;
use halfstep_eval::{ImageSizes, Pictures, Statistics, listed_arrays, npz_arrays};
use serde_json::json;

use crate::args::Args;
use crate::drawing::{self, Drawn, Way};
use crate::job::Job;

/// Images to be measured.
pub enum Side<'a> {
    /// That are there.
    Kept {
        pictures: Pictures,
        /// SHA-256 of their content.
        sha256: String,
    },
    /// That a model draws.
    Drawn { of: &'a Drawn, way: Way, count: usize },
}

/// Real images, or what is known of them.
pub enum Reference {
    Pictures(Pictures),
    Statistics(Statistics),
}

impl Reference {
    /// How many images there are, if they are there.
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Pictures(pictures) => Some(pictures.len()),
            Self::Statistics(_) => None,
        }
    }
}

/// The published dataset of that name, as `--data-dir` and `--split` have it.
pub fn dataset(args: &Args, name: &str) -> anyhow::Result<Option<DataConfig>> {
    let Some(mut config) = DataConfig::named(name) else {
        if args.data_dir.is_some() || args.split.is_some() {
            bail!(
                "--data-dir, --split: are for published datasets, and {name} is none; leave them out"
            );
        }
        return Ok(None);
    };
    if let Some(dir) = &args.data_dir {
        if config == (DataConfig::Digits {}) {
            bail!("--data-dir: {name} is part of the program; leave it out");
        }
        config = config.in_dir(dir);
    }
    if let Some(split) = args.split {
        let of_split = config.of_split(split.into());
        config = of_split.with_context(|| format!("--split: {name} has none; leave it out"))?;
    }
    Ok(Some(config))
}

/// `--reference`.
pub fn reference(args: &Args, name: &str) -> anyhow::Result<Reference> {
    let path = Path::new(name);
    if let Some(config) = dataset(args, name)? {
        let dataset = halfstep_sample::load_dataset(&config)?;
        return Ok(Reference::Pictures(Pictures::from_dataset(&dataset)));
    }
    if path.is_dir() {
        return Ok(Reference::Pictures(pictures(path).context("--reference")?));
    }
    if !path.exists() {
        let known = DataConfig::NAMES.join(", ");
        bail!("--reference {name}: no such file or folder, nor one of {known}");
    }
    of_npz(path).context("--reference")
}

/// Images or statistics: npz files may have both. ADM's do, and its statistics are of another network.
fn of_npz(path: &Path) -> anyhow::Result<Reference> {
    let arrays = npz_arrays(path)?;
    let has = |name: &str| arrays.iter().any(|array| array == name);
    let has_statistics = has("mu") && has("sigma");
    let name = path.display();
    if has("arr_0") {
        let pictures = Pictures::from_npz(path)?;
        if has_statistics {
            halfstep_sample::say!(
                "note: {name} holds images and statistics; its images are measured, with the network here"
            );
        }
        return Ok(Reference::Pictures(pictures));
    }
    if !has_statistics {
        bail!(
            "{name}: has neither images (`arr_0`) nor statistics (`mu` and `sigma`); {}",
            listed_arrays(&arrays)
        );
    }
    let statistics = Statistics::from_npz(path)?;
    let features = halfstep_sample::counted(statistics.mean.len(), "feature");
    halfstep_sample::say!("{name}: statistics of {features}");
    Ok(Reference::Statistics(statistics))
}

/// A folder or an npz file of images. What lies beside the pictures of a folder is said.
pub fn pictures(path: &Path) -> anyhow::Result<Pictures> {
    if path.is_file() {
        return Ok(Pictures::from_npz(path)?);
    }
    let pictures = Pictures::from_folder(path)?;
    if let Some(passed_over) = pictures.passed_over() {
        halfstep_sample::say_passed_over(passed_over);
    }
    Ok(pictures)
}

impl<'a> Side<'a> {
    /// Images that are there.
    pub fn kept(pictures: Pictures) -> anyhow::Result<Self> {
        let sha256 = pictures.sha256()?;
        Ok(Self::Kept { pictures, sha256 })
    }

    /// For people.
    pub fn name(&self) -> String {
        match self {
            Self::Kept { pictures, .. } => pictures.name().to_owned(),
            Self::Drawn { of, way, .. } => format!("{}, {}", of.name(), way.name),
        }
    }

    /// 1 if they are grey, 3 otherwise.
    pub fn channels(&self) -> anyhow::Result<usize> {
        match self {
            Self::Kept { pictures, .. } => Ok(pictures.channels()?),
            Self::Drawn { of, .. } => Ok(of.shape[0]),
        }
    }

    /// Heights and widths of all images.
    pub fn sizes(&self) -> anyhow::Result<ImageSizes> {
        match self {
            Self::Kept { pictures, .. } => Ok(pictures.sizes()?),
            Self::Drawn { of, .. } => Ok(ImageSizes::one([of.shape[1], of.shape[2]])),
        }
    }

    /// Whether they are the files of a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Kept { pictures, .. } if pictures.is_folder())
    }

    /// How many images.
    pub fn len(&self) -> usize {
        match self {
            Self::Kept { pictures, .. } => pictures.len(),
            Self::Drawn { count, .. } => *count,
        }
    }

    /// All that they depend on.
    pub fn key(&self, job: &Job) -> String {
        match self {
            Self::Kept { sha256, .. } => json!({ "images": sha256 }).to_string(),
            Self::Drawn { of, way, .. } => of.key(way, job),
        }
    }

    /// Images `which`; `progress` is told how many of them are done.
    pub fn chunk(
        &self,
        which: Range<usize>,
        job: &Job,
        progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Pictures> {
        match self {
            Self::Kept { pictures, .. } => Ok(pictures.slice(which)),
            Self::Drawn { of, way, .. } => {
                let make = || Ok(vec![("images", of.chunk(way, which.clone(), job, progress)?)]);
                let images = job.cache.chunk(&of.key(way, job), &which, &["images"], make)?;
                let image = images.into_iter().next().context("no images")?;
                drawing::pictures(self.name(), image.1)
            }
        }
    }
}
