//! The sizes of the images of a set.

use std::collections::BTreeSet;
use std::fmt;

/// The heights and widths that occur in an image set, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSizes(BTreeSet<[usize; 2]>);

impl ImageSizes {
    /// From heights and widths, of which there must be at least one.
    pub(super) fn new(sizes: BTreeSet<[usize; 2]>) -> Self {
        Self(sizes)
    }

    /// One size that all images have.
    pub fn single(size: [usize; 2]) -> Self {
        Self([size].into())
    }

    /// Height and width, if all images have the same.
    pub fn only(&self) -> Option<[usize; 2]> {
        self.0.first().filter(|_| self.0.len() == 1).copied()
    }
}

/// `32x32`, height first, or `3 sizes from 8x8 to 60x80`.
impl fmt::Display for ImageSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let area = |size: &&[usize; 2]| size[0] * size[1];
        match (self.0.iter().min_by_key(area), self.0.iter().max_by_key(area)) {
            (Some([height, width]), _) if self.0.len() == 1 => write!(f, "{height}x{width}"),
            (Some([low, across]), Some([high, wide])) => {
                write!(f, "{} sizes from {low}x{across} to {high}x{wide}", self.0.len())
            }
            _ => f.write_str("no size"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_size_is_printed_alone_and_several_by_their_extremes() {
        let of = |sizes: &[[usize; 2]]| ImageSizes::new(sizes.iter().copied().collect());
        assert_eq!((of(&[[2, 3]]).only(), of(&[[2, 3]]).to_string()), (Some([2, 3]), "2x3".into()));
        let many = of(&[[60, 80], [8, 8], [1, 90]]);
        assert_eq!((many.only(), many.to_string()), (None, "3 sizes from 8x8 to 60x80".into()));
    }
}
