//! The image of a source that is most like a given one.

use rayon::prelude::*;

use super::ImageSource;

/// An image of a source, and its distance to the one looked up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// Position in the source.
    pub index: usize,
    /// Whether its mirror image is meant.
    pub flip: bool,
    /// Root of the mean squared difference over all values, pixels in `[-1, 1]`.
    pub distance: f64,
}

/// As [`ImageSource::nearest`]. Of equally near images it is the first, on any number of threads.
pub(super) fn search(
    source: &(impl ImageSource + ?Sized),
    values: &[f32],
    except: Option<usize>,
    mirrored: bool,
) -> Option<Nearest> {
    let [_, _, width] = source.shape();
    let size: usize = source.shape().iter().product();
    if values.len() != size {
        return None;
    }
    let flips: &[bool] = if mirrored { &[false, true] } else { &[false] };
    let nearer =
        |a: &Nearest, b: &Nearest| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index));
    (0..source.len())
        .into_par_iter()
        .filter(|&index| Some(index) != except)
        .map_init(
            || vec![0.0; size],
            |image, index| {
                source.image_into(index, image);
                let distance = |&flip: &bool| {
                    let rows = values.chunks_exact(width).zip(image.chunks_exact(width));
                    let sum: f32 = rows.map(|(to, from)| row_distance(to, from, flip)).sum();
                    Nearest { index, flip, distance: (f64::from(sum) / size as f64).sqrt() }
                };
                flips.iter().map(distance).min_by(nearer)
            },
        )
        .flatten()
        .min_by(nearer)
}

fn row_distance(values: &[f32], row: &[f32], flip: bool) -> f32 {
    let square = |(value, other): (&f32, &f32)| (value - other).powi(2);
    match flip {
        true => values.iter().zip(row.iter().rev()).map(square).sum(),
        false => values.iter().zip(row).map(square).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;

    /// Three images of 1x1x2.
    fn tiny() -> Dataset {
        Dataset::new("tiny", [1, 1, 2], vec![0, 0, 255, 0, 255, 255], None, None).unwrap()
    }

    #[test]
    fn the_nearest_is_found_and_its_distance_is_the_root_mean_square() {
        let found = tiny().nearest(&[1.0, 0.0], None, false).unwrap();
        assert_eq!((found.index, found.flip), (1, false)); // as near as the third: the first counts
        assert!((found.distance - 0.5_f64.sqrt()).abs() < 1e-7, "{found:?}");
        let exact = tiny().nearest(&[1.0, 1.0], None, false).unwrap();
        assert_eq!(exact, Nearest { index: 2, flip: false, distance: 0.0 });
    }

    #[test]
    fn mirror_images_count_when_asked_and_one_image_can_be_left_out() {
        let mirrored = tiny().nearest(&[-1.0, 1.0], None, true).unwrap();
        assert_eq!(mirrored, Nearest { index: 1, flip: true, distance: 0.0 });
        let plain = tiny().nearest(&[-1.0, 1.0], None, false).unwrap();
        assert!(plain.distance > 1.0);
        let other = tiny().nearest(&[1.0, 1.0], Some(2), false).unwrap();
        assert_eq!(other.index, 1);
    }

    #[test]
    fn another_size_or_no_other_image_has_none() {
        assert_eq!(tiny().nearest(&[1.0], None, false), None);
        let one = Dataset::new("one", [1, 1, 1], vec![0], None, None).unwrap();
        assert_eq!(one.nearest(&[1.0], Some(0), false), None);
    }
}
