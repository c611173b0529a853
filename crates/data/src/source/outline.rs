//! What is known of images without looking at their pixels.

/// Shape, number and classes of a set of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// C, H, W.
    pub shape: [usize; 3],
    /// Number of images.
    pub len: usize,
    /// Number of classes; `None` for unlabelled images.
    pub num_classes: Option<usize>,
    /// The classes' names in the order of their numbers; empty for unlabelled images.
    pub class_names: Vec<String>,
    /// Whether a mirrored image belongs to the same distribution.
    pub allows_flip: bool,
}
