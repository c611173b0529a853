//! Comparing small images without any network.

use crate::error::EvalError;
use crate::features::matrix::Features;
use crate::images::Pictures;

/// Values of an image: 32x32 pixels of three channels. A covariance of more takes minutes, and says little.
pub(crate) const MOST_PIXELS: usize = 3 * 32 * 32;

/// The pixels of each image as its features, in `[0, 1]`: RGB, or for `channels` = 1 grey, each pixel
/// once. Distances of these tell blur and noise from sharpness; of what a picture shows they know nothing.
///
/// # Errors
/// [`EvalError::Pixels`] for images that are large, of several sizes, or coloured where `channels` is 1;
/// what reading them returns.
pub fn pixel_features(pictures: &Pictures, channels: usize) -> Result<Features, EvalError> {
    let wrong = |what: String| EvalError::Pixels(format!("{} has {what}", pictures.name()));
    let (mut all, mut done): (Option<(Features, [usize; 2])>, usize) = (None, 0);
    while let Some(batch) = pictures.batch(done, 256)? {
        let [height, width] = batch.sides;
        let dim = channels * height * width;
        if dim > MOST_PIXELS {
            return Err(wrong(format!("{height}x{width} images")));
        }
        done += batch.len();
        let values = match channels {
            1 => grey(&batch.values, height * width)
                .ok_or_else(|| wrong("images with colours, and others are grey".to_owned()))?,
            _ => batch.values,
        };
        let more = Features::new(values, dim)?;
        match &mut all {
            None => all = Some((more, batch.sides)),
            Some((features, of)) if *of == batch.sides => features.append(more)?,
            Some(_) => return Err(wrong("images of several sizes".to_owned())),
        }
    }
    all.map(|(features, _)| features).ok_or_else(|| wrong("no images".to_owned()))
}

/// One of three equal planes of each image; `None` if they are not equal.
fn grey(values: &[f32], plane: usize) -> Option<Vec<f32>> {
    let mut grey = Vec::with_capacity(values.len() / 3);
    for image in values.chunks_exact(3 * plane) {
        let (red, rest) = image.split_at(plane);
        if rest.chunks_exact(plane).any(|other| other != red) {
            return None;
        }
        grey.extend_from_slice(red);
    }
    Some(grey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_pixels_count_once_and_colours_are_not_taken_for_grey() {
        let of = |bytes: &[u8], channels| {
            Pictures::from_bytes("some".to_owned(), bytes.to_vec(), [1, 2, channels]).unwrap()
        };
        let features = pixel_features(&of(&[0, 51], 1), 1).unwrap();
        assert_eq!(features.row(0), [0.0, 0.2]);
        let features = pixel_features(&of(&[0, 0, 0, 51, 51, 51], 3), 1).unwrap();
        assert_eq!(features.row(0), [0.0, 0.2]);
        let features = pixel_features(&of(&[0, 51], 1), 3).unwrap();
        assert_eq!(features.row(0), [0.0, 0.2, 0.0, 0.2, 0.0, 0.2]);
        let message = pixel_features(&of(&[0, 0, 0, 51, 51, 52], 3), 1).unwrap_err().to_string();
        assert!(message.contains("some has images with colours"), "{message}");
    }
}
