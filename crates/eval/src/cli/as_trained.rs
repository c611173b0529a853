//! `--as-trained`: folders read as training reads them, at the size of the images on the other side.

use crate::Pictures;
use anyhow::{Context, bail};

use crate::evaluation::images::Reference;

/// Generated images whose folder, if they are of one, may be read again.
pub enum Generated<'a> {
    Kept(&'a mut Pictures),
    /// That a model draws, of shape C, H, W.
    Drawn([usize; 3]),
}

/// Has the folder of one side read at the shape of the other: the reference's if it is a folder, otherwise
/// that of `--samples`.
pub fn read_as_trained(generated: Generated<'_>, real: &mut Reference) -> anyhow::Result<()> {
    match (generated, real) {
        (Generated::Drawn(shape), Reference::Pictures(real)) if real.is_folder() => {
            read_at(shape, real)
        }
        (Generated::Kept(samples), Reference::Pictures(real)) if real.is_folder() => {
            read_at(shape_of(samples)?, real)
        }
        (Generated::Kept(samples), Reference::Pictures(real)) if samples.is_folder() => {
            read_at(shape_of(real)?, samples)
        }
        (Generated::Kept(samples), Reference::Statistics(_)) if samples.is_folder() => {
            bail!("--as-trained: --reference has statistics, which do not tell the size of images")
        }
        _ => bail!("--as-trained: neither side is a folder of pictures; leave it out"),
    }
}

fn read_at(shape: [usize; 3], folder: &mut Pictures) -> anyhow::Result<()> {
    *folder = folder.clone().as_trained_on(shape).context("--as-trained")?;
    Ok(())
}

/// C, H and W of images that are all of one size.
fn shape_of(pictures: &Pictures) -> anyhow::Result<[usize; 3]> {
    let sizes = pictures.sizes()?;
    let Some([height, width]) = sizes.only() else {
        bail!(
            "--as-trained: {} has images of {sizes}; the pictures of the other side are read at the size of \
             these, which must be one",
            pictures.name()
        );
    };
    Ok([pictures.channels()?, height, width])
}
