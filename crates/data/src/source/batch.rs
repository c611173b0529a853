//! Images taken from a source: which ones, and the values that come back.

/// One image to take from a source, and whether to mirror it left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Position in the source, from zero.
    pub index: usize,
    /// Mirror the image left to right.
    pub flip: bool,
}

impl Pick {
    /// The image as it is.
    pub fn new(index: usize) -> Self {
        Self { index, flip: false }
    }

    /// The image mirrored if `flip`.
    pub fn flipped(self, flip: bool) -> Self {
        Self { flip, ..self }
    }
}

/// Images ready to become a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `[B, C, H, W]`, row-major, in `[-1, 1]`.
    pub images: Vec<f32>,
    /// `[B, C, H, W]`.
    pub shape: [usize; 4],
    /// `[B]`, each below the source's number of classes; `None` for unlabelled images.
    pub labels: Option<Vec<u32>>,
}
