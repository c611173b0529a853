//! The images that the command line names.

use std::path::Path;

use anyhow::{Context, bail};
use halfstep_core::counted;
use halfstep_data::DataConfig;
use halfstep_sample::cli::{load_dataset, say_passed_over};

use super::args::Args;
use crate::evaluation::ReferenceData;
use crate::images::{ImageSet, npz_arrays};

/// The published dataset `name`, with `--data-dir` and `--split`; `None` if no dataset has this name.
pub(super) fn dataset(args: &Args, name: &str) -> anyhow::Result<Option<DataConfig>> {
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

/// `--reference` and `--reference-count`.
pub(super) fn reference(args: &Args, name: &str) -> anyhow::Result<ReferenceData> {
    let path = Path::new(name);
    let data = if let Some(config) = dataset(args, name)? {
        let dataset = load_dataset(&config, false)?;
        ReferenceData::Images(ImageSet::from_dataset(&dataset))
    } else if path.is_dir() {
        ReferenceData::Images(image_set(path).context("--reference")?)
    } else if path.exists() {
        from_npz(path).context("--reference")?
    } else {
        let known = DataConfig::NAMES.join(", ");
        bail!("--reference {name}: no such file or folder, nor one of {known}");
    };
    reference_part(args, data)
}

/// Images or statistics. What is taken of an unusual file is printed.
fn from_npz(path: &Path) -> anyhow::Result<ReferenceData> {
    let (data, name) = (ReferenceData::from_npz(path)?, path.display());
    match &data {
        ReferenceData::Images(_) => {
            let arrays = npz_arrays(path)?;
            let has = |name: &str| arrays.iter().any(|array| array == name);
            if has("mu") && has("sigma") {
                halfstep_terminal::say!(
                    "note: {name} contains images and statistics; the images are used, because the statistics \
                     belong to another network"
                );
            }
        }
        ReferenceData::Statistics(statistics) => {
            let features = counted(statistics.mean.len(), "feature");
            halfstep_terminal::say!("{name}: statistics of {features}");
        }
    }
    Ok(data)
}

/// `--reference-count`
pub(super) fn reference_part(args: &Args, data: ReferenceData) -> anyhow::Result<ReferenceData> {
    let Some(count) = args.reference_count.map(|count| count as usize) else {
        return Ok(data);
    };
    match data {
        ReferenceData::Images(images) => {
            Ok(ReferenceData::Images(part("--reference-count", count, images)?))
        }
        ReferenceData::Statistics(_) => {
            bail!("--reference-count: --reference has statistics and no images; leave it out")
        }
    }
}

/// `--samples` and `--count`
pub(super) fn samples(path: &Path, count: Option<usize>) -> anyhow::Result<ImageSet> {
    let images = image_set(path).context("--samples")?;
    match count {
        Some(count) => part("--count", count, images),
        None => Ok(images),
    }
}

/// `count` images, evenly spaced. `flag` names the number.
fn part(flag: &str, count: usize, images: ImageSet) -> anyhow::Result<ImageSet> {
    if count > images.len() {
        bail!("{flag} {count}: {} has {}", images.name(), counted(images.len(), "image"));
    }
    Ok(images.evenly_spaced(count))
}

/// A folder or an npz file of images. What is skipped in a folder is printed.
fn image_set(path: &Path) -> anyhow::Result<ImageSet> {
    if path.is_file() {
        return Ok(ImageSet::from_npz(path)?);
    }
    let images = ImageSet::from_folder(path)?;
    if let Some(passed_over) = images.passed_over() {
        say_passed_over(passed_over);
    }
    Ok(images)
}
