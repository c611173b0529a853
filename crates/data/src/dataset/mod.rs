//! Images held as bytes.

mod classes;

use std::sync::OnceLock;

use halfstep_files::hex;
use sha2::{Digest, Sha256};

pub use self::classes::list_classes;
use crate::source::{Batch, ImageSource, Nearest, Outline, Pick};
use crate::{DataError, PassedOver};

/// A set of images of one shape, held as bytes, with or without class labels.
///
/// Every dataset of [`DataConfig`](crate::DataConfig) is one; so are images of your own that are bytes.
///
/// ```
/// use halfstep_data::{Dataset, Pick};
///
/// let pixels = vec![0, 255, 128, 64]; // one grey image of 2x2
/// let data = Dataset::new("mine", [1, 2, 2], pixels, None, None)?;
/// assert_eq!(data.batch(&[Pick::new(0)]).images[..2], [-1.0, 1.0]);
/// # Ok::<(), halfstep_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dataset {
    name: String,
    shape: [usize; 3],
    pixels: Vec<u8>,
    labels: Option<Vec<u32>>,
    num_classes: Option<usize>,
    class_names: Vec<String>,
    allows_flip: bool,
    passed_over: PassedOver,
    /// Computed at the first call of [`Dataset::sha256`].
    sha256: OnceLock<String>,
}

impl Dataset {
    /// Images of `shape = [C, H, W]`, one after another as `C` planes of `H` rows of `W` bytes.
    /// [`Dataset::with_flip`] allows flipping.
    ///
    /// # Errors
    /// [`DataError::Dataset`] if there is no image, a dimension is zero, the bytes are not a whole
    /// number of images, or labels and `num_classes` do not fit: either both or neither, one label per
    /// image, each below `num_classes`.
    pub fn new(
        name: impl Into<String>,
        shape: [usize; 3],
        pixels: Vec<u8>,
        labels: Option<Vec<u32>>,
        num_classes: Option<usize>,
    ) -> Result<Self, DataError> {
        let name = name.into();
        match check(shape, &pixels, labels.as_deref(), num_classes) {
            Ok(()) => Ok(Self {
                name,
                shape,
                pixels,
                class_names: (0..num_classes.unwrap_or(0)).map(|c| c.to_string()).collect(),
                labels,
                num_classes,
                allows_flip: false,
                passed_over: PassedOver::default(),
                sha256: OnceLock::new(),
            }),
            Err(problem) => Err(DataError::Dataset { name, problem }),
        }
    }

    /// Sets whether mirrored images belong to the same distribution.
    #[must_use]
    pub fn with_flip(mut self, allowed: bool) -> Self {
        self.allows_flip = allowed;
        self
    }

    /// Records what lay beside its pictures.
    #[must_use]
    pub(crate) fn with_passed_over(mut self, passed_over: PassedOver) -> Self {
        self.passed_over = passed_over;
        self
    }

    /// Names the classes, in the order of their labels.
    ///
    /// # Errors
    /// [`DataError::Dataset`] unless there is one name per class.
    pub fn with_class_names(mut self, names: Vec<String>) -> Result<Self, DataError> {
        let classes = self.num_classes.unwrap_or(0);
        if names.len() != classes {
            let problem = format!("{} class names for {classes} classes", names.len());
            return Err(DataError::Dataset { name: self.name, problem });
        }
        self.class_names = names;
        Ok(self)
    }

    /// The name in messages and reports, such as `cifar10-train`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that is known without looking at pixels.
    pub fn outline(&self) -> Outline {
        ImageSource::outline(self)
    }

    /// The number of images; never zero.
    #[expect(clippy::len_without_is_empty, reason = "a dataset is never empty")]
    pub fn len(&self) -> usize {
        self.pixels.len() / self.image_len()
    }

    /// `[C, H, W]` of every image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// One label per image, each below [`Dataset::num_classes`]; `None` for unlabelled data.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// The number of classes; `None` for unlabelled data.
    pub fn num_classes(&self) -> Option<usize> {
        self.num_classes
    }

    /// The classes' names in the order of their labels; empty for unlabelled data.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Whether a mirrored image belongs to the same distribution: true of photographs, false of digits.
    pub fn allows_flip(&self) -> bool {
        self.allows_flip
    }

    /// What lay beside the pictures of a folder and is not part of the dataset; nothing for other datasets.
    pub fn passed_over(&self) -> &PassedOver {
        &self.passed_over
    }

    /// The identity of the content in lower-case hexadecimal: SHA-256 over `"halfstep dataset 1\n"`; C, H,
    /// W and the number of images as little-endian u64; the pixels; and one little-endian u32 per label.
    /// Names and the flip setting do not count. The first call computes it.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| self.hashed())
    }

    fn hashed(&self) -> String {
        let labels = self.labels.iter().flatten().copied();
        self.hash_of(std::iter::once(&self.pixels[..]), labels)
    }

    /// The identity that these images would have with their bytes and labels in this order.
    fn hash_of<'a>(
        &self,
        pixels: impl Iterator<Item = &'a [u8]>,
        labels: impl Iterator<Item = u32>,
    ) -> String {
        let mut hasher = Sha256::new();
        hasher.update(b"halfstep dataset 1\n");
        for value in self.shape.into_iter().chain([self.len()]) {
            hasher.update((value as u64).to_le_bytes());
        }
        pixels.for_each(|part| hasher.update(part));
        labels.for_each(|label| hasher.update(label.to_le_bytes()));
        hex(&hasher.finalize())
    }

    /// The bytes of image `i`: `C` planes of `H` rows of `W`.
    ///
    /// # Panics
    /// If `i` is not below [`Dataset::len`].
    pub fn image(&self, i: usize) -> &[u8] {
        let len = self.image_len();
        &self.pixels[i * len..][..len]
    }

    /// The picked images in the given order, as floats in `[-1, 1]`: `pixel / 127.5 - 1`.
    ///
    /// # Panics
    /// If an index is not below [`Dataset::len`].
    pub fn batch(&self, picks: &[Pick]) -> Batch {
        ImageSource::batch(self, picks)
    }

    /// The image nearest to `values`; see [`ImageSource::nearest`].
    pub fn nearest(
        &self,
        values: &[f32],
        except: Option<usize>,
        mirrored: bool,
    ) -> Option<Nearest> {
        ImageSource::nearest(self, values, except, mirrored)
    }

    fn image_len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl ImageSource for Dataset {
    fn len(&self) -> usize {
        self.len()
    }

    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn image_into(&self, index: usize, values: &mut [f32]) {
        for (value, &byte) in values.iter_mut().zip(self.image(index)) {
            *value = to_unit(byte);
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn num_classes(&self) -> Option<usize> {
        self.num_classes
    }

    fn allows_flip(&self) -> bool {
        self.allows_flip
    }

    fn sha256(&self) -> String {
        self.sha256().to_owned()
    }

    fn earlier_order(&self, sha256: &str) -> Option<Vec<String>> {
        self.earlier_order(sha256)
    }
}

/// From a byte to `[-1, 1]`; 0 and 255 become the ends exactly.
fn to_unit(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

fn check(
    shape: [usize; 3],
    pixels: &[u8],
    labels: Option<&[u32]>,
    num_classes: Option<usize>,
) -> Result<(), String> {
    let image_len = shape
        .iter()
        .try_fold(1_usize, |product, &side| product.checked_mul(side))
        .filter(|&len| len > 0)
        .ok_or_else(|| format!("an image cannot have the shape {shape:?}"))?;
    if pixels.is_empty() {
        return Err("there are no images".into());
    }
    if !pixels.len().is_multiple_of(image_len) {
        return Err(format!("{} bytes are not a whole number of {shape:?} images", pixels.len()));
    }
    let images = pixels.len() / image_len;
    match (labels, num_classes) {
        (None, None) => Ok(()),
        (None, Some(classes)) => Err(format!("{classes} classes, but no labels")),
        (Some(_), None) => Err("labels, but no number of classes".into()),
        (Some(labels), Some(_)) if labels.len() != images => {
            Err(format!("{} labels for {images} images", labels.len()))
        }
        (Some(labels), Some(classes)) => {
            match labels.iter().position(|&label| label as usize >= classes) {
                Some(i) => Err(format!(
                    "image {i} has label {}, but labels go from 0 to below {classes}",
                    labels[i]
                )),
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two labelled images of shape [2, 1, 3]: bytes 0 to 11.
    fn tiny() -> Dataset {
        Dataset::new("tiny", [2, 1, 3], (0..12).collect(), Some(vec![1, 0]), Some(2)).unwrap()
    }

    fn problem(result: Result<Dataset, DataError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_batch_keeps_the_order_of_the_picks() {
        let batch = tiny().batch(&[Pick::new(1), Pick::new(0), Pick::new(1)]);
        assert_eq!(batch.shape, [3, 2, 1, 3]);
        assert_eq!(batch.labels, Some(vec![0, 1, 0]));
        let bytes: Vec<f32> = batch.images.iter().map(|x| ((x + 1.0) * 127.5).round()).collect();
        let expected = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        assert_eq!(bytes, expected.map(|byte| byte as f32));
    }

    #[test]
    fn a_flip_mirrors_every_row_and_nothing_else() {
        let shape = [1, 2, 3];
        let data = Dataset::new("rows", shape, (0..6).collect(), None, None).unwrap();
        let mirrored = Dataset::new("rows", shape, vec![2, 1, 0, 5, 4, 3], None, None).unwrap();
        let flipped = data.batch(&[Pick::new(0).flipped(true)]);
        assert_eq!(flipped, mirrored.batch(&[Pick::new(0)]));
    }

    #[test]
    fn bytes_fill_the_unit_range_exactly_and_come_back() {
        let data = Dataset::new("ramp", [1, 16, 16], (0..=255).collect(), None, None).unwrap();
        let images = data.batch(&[Pick::new(0)]).images;
        assert_eq!((images[0], images[255]), (-1.0, 1.0));
        for (byte, x) in images.into_iter().enumerate() {
            assert_eq!(((x + 1.0) * 127.5).round() as usize, byte);
        }
    }

    #[test]
    fn an_empty_batch_is_a_batch() {
        let batch = tiny().batch(&[]);
        assert_eq!((batch.shape, batch.images.len()), ([0, 2, 1, 3], 0));
    }

    #[test]
    fn the_hash_is_pinned_and_sees_shape_pixels_and_labels() {
        let tiny_set = tiny();
        let hash = tiny_set.sha256();
        assert_eq!(hash, "9cd9eceb28ec7ef6dd61f1ab4556803a2143f23506566032cb343e662efeb0e5");
        let pixels: Vec<u8> = (0..12).collect();
        let others = [
            Dataset::new("tiny", [1, 2, 3], pixels.clone(), Some(vec![1, 0]), Some(2)),
            Dataset::new("tiny", [2, 1, 3], pixels.clone(), Some(vec![0, 0]), Some(2)),
            Dataset::new("tiny", [2, 1, 3], pixels.clone(), None, None),
            Dataset::new("tiny", [2, 1, 3], vec![0; 12], Some(vec![1, 0]), Some(2)),
        ];
        for other in others {
            assert_ne!(other.unwrap().sha256(), hash);
        }
        assert_eq!(tiny().with_flip(true).sha256(), hash);
        assert!(std::ptr::eq(tiny_set.sha256(), hash), "taken once");
    }

    #[test]
    fn no_images_are_refused() {
        assert!(problem(Dataset::new("x", [1, 2, 2], vec![], None, None)).contains("no images"));
    }

    #[test]
    fn a_zero_or_overflowing_shape_is_refused() {
        for shape in [[0, 2, 2], [1, 0, 2], [usize::MAX, 2, 2]] {
            assert!(
                problem(Dataset::new("x", shape, vec![0; 4], None, None))
                    .contains("cannot have the shape")
            );
        }
    }

    #[test]
    fn a_part_of_an_image_is_refused() {
        let message = problem(Dataset::new("x", [1, 2, 2], vec![0; 7], None, None));
        assert!(message.contains("7 bytes are not a whole number"), "{message}");
    }

    #[test]
    fn labels_must_match_images_and_classes() {
        let new = |labels, classes| Dataset::new("x", [1, 1, 1], vec![0; 2], labels, classes);
        assert!(problem(new(Some(vec![0]), Some(2))).contains("1 labels for 2 images"));
        assert!(problem(new(Some(vec![0, 2]), Some(2))).contains("image 1 has label 2"));
        assert!(problem(new(Some(vec![0, 0]), None)).contains("no number of classes"));
        assert!(problem(new(None, Some(2))).contains("no labels"));
    }

    #[test]
    fn class_names_are_one_a_class() {
        assert_eq!(tiny().class_names(), ["0", "1"]);
        let named = tiny().with_class_names(vec!["cat".into(), "dog".into()]).unwrap();
        assert_eq!(named.class_names(), ["cat", "dog"]);
        assert!(problem(tiny().with_class_names(vec!["cat".into()])).contains("1 class names"));
    }
}
