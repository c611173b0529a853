//! `--as-trained`: folders are read as training reads them, at the size of the images on the other side.

use anyhow::{Context, bail};

use crate::evaluation::ReferenceData;
use crate::images::ImageSet;

/// The generated side, as far as its size matters.
pub(super) enum GeneratedSide<'a> {
    /// `--samples`. If it is a folder, it may be read again at another size.
    Stored(&'a mut ImageSet),
    /// Samples of a model, of shape C, H, W.
    Sampled([usize; 3]),
}

/// Reads the folder of one side at the shape of the other: the reference if it is a folder, otherwise
/// `--samples`.
pub(super) fn read_as_trained(
    generated: GeneratedSide<'_>,
    real: &mut ReferenceData,
) -> anyhow::Result<()> {
    match (generated, real) {
        (GeneratedSide::Sampled(shape), ReferenceData::Images(real)) if real.is_folder() => {
            read_at(shape, real)
        }
        (GeneratedSide::Stored(samples), ReferenceData::Images(real)) if real.is_folder() => {
            read_at(shape_of(samples)?, real)
        }
        (GeneratedSide::Stored(samples), ReferenceData::Images(real)) if samples.is_folder() => {
            read_at(shape_of(real)?, samples)
        }
        (GeneratedSide::Stored(samples), ReferenceData::Statistics(_)) if samples.is_folder() => {
            bail!("--as-trained: --reference has statistics, which have no image size")
        }
        _ => bail!("--as-trained: neither side is a folder of pictures; leave it out"),
    }
}

fn read_at(shape: [usize; 3], folder: &mut ImageSet) -> anyhow::Result<()> {
    *folder = folder.clone().as_trained_on(shape).context("--as-trained")?;
    Ok(())
}

/// C, H and W of images that all have one size.
fn shape_of(images: &ImageSet) -> anyhow::Result<[usize; 3]> {
    let sizes = images.sizes()?;
    let Some([height, width]) = sizes.only() else {
        bail!(
            "--as-trained: {} has images of {sizes}; the other side is read at their size, which must be one",
            images.name()
        );
    };
    Ok([images.channels()?, height, width])
}
