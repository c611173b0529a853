//! What images are judged by: FID's network, a network of the user's, or their pixels.

use std::path::Path;

use anyhow::{Context, bail};
use burn::tensor::Device;
use halfstep_data::cli::show_progress;
use halfstep_data::hash::sha256;
use halfstep_eval::{
    FeatureNetwork, Features, INCEPTION, Inception, Pictures, Statistics, pixel_features,
};
use halfstep_sample::{Watch, counted};
use halfstep_train::SweepMeasure;
use serde_json::json;

use crate::args::Args;
use crate::cache::{Array, Arrays, Values, chunks};
use crate::course::or_stopped;
use crate::device_check::check_features;
use crate::job::Job;
use crate::measures::{Measure, Real, measures};
use crate::sides::{Reference, Side};

/// Makes features of images.
pub enum Judge {
    /// Of images of so many channels: grey ones count once.
    Pixels {
        channels: usize,
    },
    Own {
        network: Box<FeatureNetwork>,
        sha256: String,
    },
    Inception {
        network: Box<Inception>,
        sha256: String,
    },
}

/// What a judge says of a side.
pub struct Said {
    pub features: Features,
    /// Of Inception alone: for its score.
    pub logits: Option<Features>,
}

impl Judge {
    /// The one that the flags name, for these two sides.
    pub fn of(
        args: &Args,
        generated: &Side<'_>,
        real: &Reference,
        job: &Job,
    ) -> anyhow::Result<Self> {
        let device = &job.device.device;
        let of_file = |path: &Path| -> anyhow::Result<String> {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            Ok(sha256(&bytes))
        };
        if let Some(path) = &args.features {
            let load = |device: &Device| FeatureNetwork::load(path, device);
            let network = load(device).context("--features")?;
            say_note(network.weights(), network.note());
            check_features(&network, job, load, FeatureNetwork::features)?;
            let sha256 = format!("{} {}", of_file(path)?, of_file(network.weights())?);
            return Ok(Self::Own { network: Box::new(network), sha256 });
        }
        match args.inception.as_deref() {
            None => Ok(Self::Pixels { channels: channels(generated, real)? }),
            Some(path) if path == Path::new("download") => {
                let dir = job.cache.dir().join("weights");
                INCEPTION.ensure(&dir, &mut show_progress())?;
                INCEPTION.verified(&dir, &INCEPTION.files[0])?;
                let path = dir.join(INCEPTION.files[0].name);
                let network = inception(&path, job)?;
                let sha256 = INCEPTION.files[0].sha256.to_owned();
                Ok(Self::Inception { network: Box::new(network), sha256 })
            }
            Some(path) => {
                let network = inception(path, job).context("--inception")?;
                let sha256 = of_file(path)?;
                if sha256 != INCEPTION.files[0].sha256 {
                    halfstep_sample::say!(
                        "note: {} is not the published {} byte for byte. As safetensors it cannot be; the numbers \
                         are FID only if its tensors are the same",
                        path.display(),
                        INCEPTION.files[0].name
                    );
                }
                Ok(Self::Inception { network: Box::new(network), sha256 })
            }
        }
    }

    /// What its Frechet distance is called.
    pub fn measure(&self) -> SweepMeasure {
        match self {
            Self::Pixels { .. } => SweepMeasure::PixelFrechet,
            Self::Own { .. } => SweepMeasure::FeatureFrechet,
            Self::Inception { .. } => SweepMeasure::Fid,
        }
    }

    /// Features an image; `None` for pixels, which depend on the image.
    fn dim(&self) -> Option<usize> {
        match self {
            Self::Pixels { .. } => None,
            Self::Own { network, .. } => Some(network.dim()),
            Self::Inception { .. } => Some(Inception::DIM),
        }
    }

    /// The user's network, by its own name.
    pub fn network(&self) -> Option<&str> {
        match self {
            Self::Own { network, .. } => Some(network.name()),
            Self::Pixels { .. } | Self::Inception { .. } => None,
        }
    }

    /// What it says of all images of a side, from what is kept or made now.
    pub fn say(&self, side: &Side<'_>, job: &Job) -> anyhow::Result<Said> {
        let (mut watch, total) = (Watch::new("images"), side.len() as u64);
        let key = self.key(&side.key(job), job);
        let mut all: Option<Said> = None;
        for which in chunks(side.len()) {
            job.check()?;
            let first = which.start as u64;
            let names: &[&'static str] = match self {
                Self::Inception { .. } => &["features", "logits"],
                Self::Own { .. } | Self::Pixels { .. } => &["features"],
            };
            let mut make = || {
                watch.show(first, total); // what was kept costs no time
                let images =
                    side.chunk(which.clone(), job, &mut |done| watch.show(first + done, total))?;
                // Of images that are drawn, the drawing is what takes long.
                let is_there = matches!(side, Side::Kept { .. });
                self.arrays(&images, job, &mut |done| {
                    if is_there {
                        watch.show(first + done, total);
                    }
                })
            };
            let arrays = match self {
                Self::Pixels { .. } => make()?, // as quick to make as to read
                _ => job.cache.chunk(&key, &which, names, make)?,
            };
            let more = said(arrays)?;
            match &mut all {
                None => all = Some(more),
                Some(all) => {
                    all.features.append(more.features)?;
                    if let (Some(all), Some(more)) = (&mut all.logits, more.logits) {
                        all.append(more)?;
                    }
                }
            }
        }
        all.context("no images")
    }

    /// All that its features depend on. Devices round differently.
    fn key(&self, images: &str, job: &Job) -> String {
        let (network, sha256) = match self {
            Self::Pixels { .. } => ("pixels", ""),
            Self::Own { sha256, .. } => ("own", sha256.as_str()),
            Self::Inception { sha256, .. } => ("inception", sha256.as_str()),
        };
        json!({
            "features": network, "made_by": halfstep_sample::MAKING, "sha256": sha256, "of": images,
            "device": job.device.kind(),
        })
        .to_string()
    }

    fn arrays(
        &self,
        images: &Pictures,
        job: &Job,
        progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Arrays> {
        if let Self::Pixels { channels } = self {
            return Ok(vec![("features", array(pixel_features(images, *channels)?))]);
        }
        let (mut features, mut logits) = (None, None);
        let mut done = 0;
        while let Some(batch) = images.batch(done, job.batch_size)? {
            job.check()?;
            done += batch.len();
            match self {
                Self::Inception { network, .. } => {
                    let answers = network.answers(&batch.values, batch.sides)?;
                    append(&mut features, answers.features)?;
                    append(&mut logits, answers.logits)?;
                }
                Self::Own { network, .. } => append(&mut features, network.features(&batch)?)?,
                Self::Pixels { .. } => {}
            }
            progress(done as u64);
        }
        let features = features.map(|features| ("features", array(features)));
        let logits = logits.map(|logits| ("logits", array(logits)));
        Ok(features.into_iter().chain(logits).collect())
    }
}

fn inception(path: &Path, job: &Job) -> anyhow::Result<Inception> {
    let load = |device: &Device| Inception::load(path, device);
    let network = load(&job.device.device)?;
    say_note(path, network.note());
    check_features(&network, job, load, |network, images| {
        Ok(network.answers(&images.values, images.sides)?.features)
    })?;
    Ok(network)
}

fn say_note(path: &Path, note: Option<&str>) {
    if let Some(note) = note {
        halfstep_sample::say!("note: {} {note}", path.display());
    }
}

/// 1 if all images of both sides are grey, 3 otherwise. They are of one size.
fn channels(generated: &Side<'_>, real: &Reference) -> anyhow::Result<usize> {
    let Reference::Pictures(real) = real else { return generated.channels() };
    let (ours, theirs) = (generated.sizes()?, real.sizes()?);
    if ours.only().is_none() || ours != theirs {
        // A folder is read at the size of the other side, which must be one.
        let helps = match real.is_folder() {
            true => ours.only().is_some(),
            false => generated.is_folder() && theirs.only().is_some(),
        };
        let advice = match helps {
            true => "; --as-trained reads the pictures of a folder at the size of the others",
            false => "",
        };
        bail!(
            "--reference: {} has images of {theirs}, those of {} are {ours}: their pixels cannot be \
             compared{advice}",
            real.name(),
            generated.name()
        );
    }
    Ok(real.channels()?.max(generated.channels()?))
}

fn append(all: &mut Option<Features>, more: Features) -> anyhow::Result<()> {
    match all {
        None => *all = Some(more),
        Some(all) => all.append(more)?,
    }
    Ok(())
}

fn array(features: Features) -> Array {
    let shape = vec![features.len(), features.dim()];
    Array { shape, values: Values::Numbers(features.into_values()) }
}

fn said(arrays: Arrays) -> anyhow::Result<Said> {
    let mut named = arrays.into_iter().map(|(name, array)| match array.values {
        Values::Numbers(values) => {
            Ok((name, Features::new(values, array.shape[1..].iter().product())?))
        }
        Values::Bytes(_) => bail!("features as bytes"),
    });
    let (_, features) = named.next().context("no features")??;
    Ok(Said { features, logits: named.next().transpose()?.map(|(_, logits)| logits) })
}

/// A judge and what it says of the real images.
pub struct Court {
    pub judge: Judge,
    pub real: Real,
}

impl Court {
    /// Hears what there is to be said of the reference.
    pub fn open(judge: Judge, reference: Reference, job: &Job) -> anyhow::Result<Self> {
        let real = match reference {
            Reference::Pictures(pictures) => {
                let side = Side::kept(pictures)?;
                halfstep_sample::say!("{} of {}", counted(side.len(), "image"), side.name());
                let features = judge.say(&side, job)?.features;
                let statistics = Statistics::of(&features)?;
                Real::new(Some(features), statistics)
            }
            Reference::Statistics(_) if matches!(judge, Judge::Pixels { .. }) => bail!(
                "--reference: statistics of a network are of no use without it; add --inception or \
                 --features"
            ),
            Reference::Statistics(statistics) if Some(statistics.mean.len()) != judge.dim() => {
                bail!(
                    "--reference: statistics of {}, and the network makes {}: they are of another one",
                    counted(statistics.mean.len(), "feature"),
                    judge.dim().unwrap_or_default()
                )
            }
            Reference::Statistics(statistics) => Real::new(None, statistics),
        };
        Ok(Self { judge, real })
    }

    /// All measures of a side.
    pub fn measures(&self, side: &Side<'_>, job: &Job) -> anyhow::Result<Vec<Measure>> {
        let said = self.judge.say(side, job)?;
        let mut watch = None;
        let mut progress = |done, total| {
            let begun = || {
                let mut watch = Watch::new("pairs of images");
                watch.show(0, total);
                watch
            };
            watch.get_or_insert_with(begun).show(done, total);
            job.flow()
        };
        or_stopped(measures(self.judge.measure(), &said, &self.real, &mut progress))
    }
}
