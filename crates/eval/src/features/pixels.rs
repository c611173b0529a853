//! Pixels as features: what can be compared of small images without a network.

use crate::error::EvalError;
use crate::features::matrix::Features;
use crate::images::ImageSet;

/// Largest number of values per image: 32x32 RGB pixels. A larger covariance takes minutes and tells little.
const MAX_VALUES: usize = 3 * 32 * 32;

/// The pixels of each image as its features, in `[0, 1]`, row by row: RGB planes for `channels` = 3, one grey
/// plane for `channels` = 1.
///
/// Distances between pixels tell blur and noise from sharpness. They tell nothing about what a picture shows.
///
/// # Errors
/// [`EvalError::Pixels`] for images above 3072 values, of several sizes, or coloured where `channels` is 1;
/// [`EvalError::Data`] naming a picture that cannot be read.
pub fn pixel_features(images: &ImageSet, channels: usize) -> Result<Features, EvalError> {
    let wrong = |what: String| EvalError::Pixels {
        problem: format!("{} has {what}", images.name()),
        most: MAX_VALUES,
    };
    let (mut all, mut done): (Option<(Features, [usize; 2])>, usize) = (None, 0);
    while let Some(batch) = images.batch(done, 256)? {
        let [height, width] = batch.sides;
        let dim = channels * height * width;
        if dim > MAX_VALUES {
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

/// The first of three equal planes of each image; `None` if the planes differ.
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
            ImageSet::from_bytes("some".to_owned(), bytes.to_vec(), [1, 2, channels]).unwrap()
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
