//! What training and measuring need of images.

mod batch;
mod identity;
mod nearest;
mod outline;

use rayon::prelude::*;

pub use batch::{Batch, Pick};
pub use nearest::Nearest;
pub use outline::Outline;

/// Images of one shape to train on or to measure against. Implement it to train on images of your own.
///
/// Three methods are required. Override the others where the images have names, classes or an identity, or
/// where a batch can be made faster. The same index must always give the same image and label: a run that
/// resumes relies on it.
///
/// ```
/// use halfstep_data::{ImageSource, Pick};
///
/// /// Grey images of 8x8 that grow brighter.
/// struct Ramp;
///
/// impl ImageSource for Ramp {
///     fn len(&self) -> usize {
///         100
///     }
///
///     fn shape(&self) -> [usize; 3] {
///         [1, 8, 8]
///     }
///
///     fn image_into(&self, index: usize, values: &mut [f32]) {
///         values.fill(index as f32 / 50.0 - 1.0);
///     }
/// }
///
/// let batch = Ramp.batch(&[Pick::new(0), Pick::new(50)]);
/// assert_eq!(batch.shape, [2, 1, 8, 8]);
/// assert_eq!((batch.images[0], batch.images[64]), (-1.0, 0.0));
/// ```
#[expect(clippy::len_without_is_empty, reason = "a source is never empty")]
pub trait ImageSource: Send + Sync {
    /// The number of images; never zero.
    fn len(&self) -> usize;

    /// `[C, H, W]` of every image; no side is zero.
    fn shape(&self) -> [usize; 3];

    /// Writes image `index` as C planes of H rows of W finite values in `[-1, 1]`. `index` is below
    /// [`len`](Self::len), and `values` holds C H W values.
    fn image_into(&self, index: usize, values: &mut [f32]);

    /// A name for messages and reports.
    fn name(&self) -> &str {
        "images"
    }

    /// The class of image `index`, below [`num_classes`](Self::num_classes); `None` for unlabelled images.
    /// Either every image has a label or none has.
    fn label(&self, index: usize) -> Option<u32> {
        let _ = index;
        None
    }

    /// The classes' names in the order of their numbers; empty for unlabelled images.
    fn class_names(&self) -> &[String] {
        &[]
    }

    /// The number of classes; `None` for unlabelled images.
    fn num_classes(&self) -> Option<usize> {
        let names = self.class_names().len();
        (names > 0).then_some(names)
    }

    /// Whether a mirrored image belongs to the same distribution: true of photographs, false of digits.
    fn allows_flip(&self) -> bool {
        false
    }

    /// The identity of pixels and labels in lower-case hexadecimal: a run refuses to resume on images of
    /// another identity. Unless overridden it reads every image each time.
    fn sha256(&self) -> String {
        identity::sha256(self)
    }

    /// The classes' names as an earlier version numbered them, if `sha256` was the identity of these images
    /// then; `None` if it was not.
    fn earlier_order(&self, sha256: &str) -> Option<Vec<String>> {
        let _ = sha256;
        None
    }

    /// Everything that is known without looking at pixels.
    fn outline(&self) -> Outline {
        Outline {
            shape: self.shape(),
            len: self.len(),
            num_classes: self.num_classes(),
            class_names: self.class_names().to_vec(),
            allows_flip: self.allows_flip(),
        }
    }

    /// The picked images in the given order, as floats in `[-1, 1]`. Uses all threads.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    fn batch(&self, picks: &[Pick]) -> Batch {
        let [channels, height, width] = self.shape();
        let image_len = channels * height * width;
        let mut images = vec![0.0; picks.len() * image_len];
        images.par_chunks_exact_mut(image_len).zip(picks).for_each(|(values, pick)| {
            self.image_into(pick.index, values);
            if pick.flip {
                values.chunks_exact_mut(width).for_each(<[f32]>::reverse);
            }
        });
        let labels = || picks.iter().map(|pick| self.label(pick.index)).collect();
        Batch {
            images,
            shape: [picks.len(), channels, height, width],
            labels: self.num_classes().and_then(|_| labels()),
        }
    }

    /// The image nearest to `values`, `[C, H, W]` in `[-1, 1]`, among all images except `except`; their
    /// mirror images count too if `mirrored`. `None` if there is no other image or `values` has another
    /// length.
    fn nearest(&self, values: &[f32], except: Option<usize>, mirrored: bool) -> Option<Nearest> {
        nearest::search(self, values, except, mirrored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two labelled images of shape [2, 1, 3].
    struct Own(Vec<String>);

    impl Own {
        fn new() -> Self {
            Self(vec!["cat".into(), "dog".into()])
        }
    }

    impl ImageSource for Own {
        fn len(&self) -> usize {
            2
        }

        fn shape(&self) -> [usize; 3] {
            [2, 1, 3]
        }

        fn image_into(&self, index: usize, values: &mut [f32]) {
            for (place, value) in values.iter_mut().enumerate() {
                *value = (6 * index + place) as f32 / 127.5 - 1.0;
            }
        }

        fn label(&self, index: usize) -> Option<u32> {
            Some(1 - index as u32)
        }

        fn class_names(&self) -> &[String] {
            &self.0
        }
    }

    /// The same images as bytes.
    fn dataset() -> crate::Dataset {
        let pixels = (0..12).collect();
        let labels = Some(vec![1, 0]);
        let data = crate::Dataset::new("images", [2, 1, 3], pixels, labels, Some(2)).unwrap();
        data.with_class_names(Own::new().0).unwrap()
    }

    #[test]
    fn an_own_source_gives_what_a_dataset_of_the_same_images_gives() {
        let (own, data): (&dyn ImageSource, _) = (&Own::new(), dataset());
        let picks = [Pick::new(1).flipped(true), Pick::new(0), Pick::new(1)];
        for picks in [&picks[..], &[]] {
            assert_eq!(own.batch(picks), data.batch(picks));
        }
        assert_eq!(own.outline(), data.outline());
        assert_eq!((own.name(), own.num_classes()), (data.name(), data.num_classes()));
        let (image, far) = (data.batch(&picks[..1]).images, Some(1));
        assert_eq!(own.nearest(&image, None, true), data.nearest(&image, None, true));
        assert_eq!(own.nearest(&image, far, true), data.nearest(&image, far, true));
        assert_eq!(own.earlier_order("1234"), None);
    }

    /// The literal comes from Python's hashlib and struct.
    #[test]
    fn the_usual_identity_is_pinned_and_sees_labels() {
        struct Unlabelled;
        impl ImageSource for Unlabelled {
            fn len(&self) -> usize {
                2
            }

            fn shape(&self) -> [usize; 3] {
                [2, 1, 3]
            }

            fn image_into(&self, index: usize, values: &mut [f32]) {
                Own::new().image_into(index, values);
            }
        }
        let expected = "bd5dc8ddc70fc108f2c6f09fb290be3a0ae44efd6d98f89906b5503987bb2945";
        assert_eq!(Own::new().sha256(), expected);
        assert_ne!(Unlabelled.sha256(), expected);
        assert_eq!(Unlabelled.batch(&[]).labels, None);
    }
}
