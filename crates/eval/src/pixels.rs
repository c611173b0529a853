//! Comparing small images without any network.

use crate::error::EvalError;
use crate::features::Features;
use crate::pictures::Pictures;

/// Values of an image, RGB: 32x32 pixels. A covariance of more takes minutes, and says little.
pub(crate) const MOST_PIXELS: usize = 3 * 32 * 32;

/// The pixels of each image as its features, RGB in `[0, 1]`. Distances of these tell blur and noise from
/// sharpness; of what a picture shows they know nothing.
///
/// # Errors
/// [`EvalError::Pixels`] for images that are large, or of several sizes; what reading them returns.
pub fn pixel_features(
    pictures: &Pictures,
    on_images: &mut dyn FnMut(usize),
) -> Result<Features, EvalError> {
    let (mut all, mut done): (Option<(Features, [usize; 2])>, usize) = (None, 0);
    while let Some(batch) = pictures.batch(done, 256)? {
        let dim = batch.values.len() / batch.len();
        if dim > MOST_PIXELS {
            let [height, width] = batch.sides;
            return Err(EvalError::Pixels(format!(
                "{} has {height}x{width} images",
                pictures.name()
            )));
        }
        let (count, sides) = (batch.len(), batch.sides);
        let more = Features::new(batch.values, dim)?;
        match &mut all {
            None => all = Some((more, sides)),
            Some((features, of)) if *of == sides => features.append(more)?,
            Some(_) => {
                let problem = format!("{} has images of several sizes", pictures.name());
                return Err(EvalError::Pixels(problem));
            }
        }
        done += count;
        on_images(count);
    }
    match all {
        Some((features, _)) => Ok(features),
        None => Err(EvalError::Pixels(format!("{} has no images", pictures.name()))),
    }
}
