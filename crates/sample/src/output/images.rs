//! Drawn images in host memory.

use std::ops::Range;

use burn::tensor::Tensor;

use crate::error::SampleError;

/// Images as the sampler left them: f32, not clamped.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// Row-major `[N, C, H, W]`.
    pub values: Vec<f32>,
    /// N, C, H, W.
    pub shape: [usize; 4],
}

impl Images {
    /// No images of this size yet.
    pub fn empty([c, h, w]: [usize; 3]) -> Self {
        Self { values: Vec::new(), shape: [0, c, h, w] }
    }

    /// Reads `[B, C, H, W]` from the device.
    ///
    /// # Errors
    /// [`SampleError::Device`] if the device lost the result.
    pub fn read(tensor: Tensor<4>) -> Result<Self, SampleError> {
        let shape = tensor.dims();
        let data = tensor.try_into_data().map_err(SampleError::device)?;
        let values = data
            .convert::<f32>()
            .try_into_vec::<f32>()
            .map_err(|error| SampleError::Device(format!("{error:?}")))?;
        Ok(Self { values, shape })
    }

    /// Appends images of the same size.
    pub fn append(&mut self, more: Self) {
        self.values.extend(more.values);
        self.shape[0] += more.shape[0];
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shape[0] == 0
    }

    /// The values of image k, `[C, H, W]`.
    pub fn image(&self, k: usize) -> &[f32] {
        let each: usize = self.shape[1..].iter().product();
        &self.values[k * each..(k + 1) * each]
    }

    /// The first `count` images, or all if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        self.part(0..count.min(self.len()))
    }

    /// Images `which` of these.
    ///
    /// # Panics
    /// If the range goes beyond the images.
    pub fn part(&self, which: Range<usize>) -> Self {
        let [_, c, h, w] = self.shape;
        let each = c * h * w;
        let values = self.values[which.start * each..which.end * each].to_vec();
        Self { values, shape: [which.len(), c, h, w] }
    }

    /// Mean squared difference to other images, over all images, channels and pixels. This is the
    /// *teacher agreement* when both were drawn from the same start noise.
    pub fn mean_squared_difference(&self, other: &Self) -> f64 {
        let squares = self.values.iter().zip(&other.values).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>() / self.values.len().max(1) as f64
    }

    /// Bytes `[N, H, W, C]`: `[-1, 1]` to `0..=255`, clamped, rounded half to even as numpy does.
    pub fn to_pixels(&self) -> Vec<u8> {
        let [n, c, h, w] = self.shape;
        let mut pixels = Vec::with_capacity(self.values.len());
        for k in 0..n {
            let image = self.image(k);
            for at in 0..h * w {
                pixels.extend((0..c).map(|channel| to_byte(image[channel * h * w + at])));
            }
        }
        pixels
    }
}

fn to_byte(value: f32) -> u8 {
    ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_maps_to_bytes_and_is_clamped() {
        assert_eq!([-3.0, -1.0, 0.0, 1.0, 2.0].map(to_byte), [0, 0, 128, 255, 255]);
    }

    #[test]
    fn every_byte_survives_the_round_trip() {
        for byte in 0..=255u8 {
            assert_eq!(to_byte(f32::from(byte) / 127.5 - 1.0), byte);
        }
    }

    #[test]
    fn pixels_are_interleaved() {
        let images = Images { values: vec![-1.0, 1.0, 1.0, -1.0, -1.0, -1.0], shape: [1, 3, 1, 2] };
        assert_eq!(images.to_pixels(), [0, 255, 0, 255, 0, 0]);
    }

    #[test]
    fn the_difference_is_a_mean() {
        let a = Images { values: vec![0.0; 4], shape: [1, 1, 2, 2] };
        let b = Images { values: vec![2.0, 0.0, 0.0, 0.0], shape: [1, 1, 2, 2] };
        assert_eq!(a.mean_squared_difference(&b), 1.0);
    }
}
