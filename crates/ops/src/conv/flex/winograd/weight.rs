//! The transformed weight.

use pulp::{Arch, Simd, WithSimd};

use super::tiles::element_stride;
use super::{ELEMENTS, TAPS, transform};
use crate::conv::flex::shape::ConvShape;
use crate::cpu::buffer::Buffer;
use crate::cpu::product::panel_width;
use crate::cpu::transpose::transpose;

/// A weight `[O, C, 3, 3]`: unchanged for the forward pass, or rotated by 180 degrees and with its
/// channels swapped for the gradient of x.
pub(crate) struct Weight<'a> {
    values: &'a [f32],
    inputs: usize,
    outputs: usize,
    /// Values from one input channel to the next.
    input_stride: usize,
    /// Values from one output channel to the next.
    output_stride: usize,
    rotated: bool,
}

impl<'a> Weight<'a> {
    pub(crate) fn unchanged(values: &'a [f32], shape: &ConvShape) -> Self {
        let (inputs, outputs) = (shape.channels, shape.outputs);
        let (input_stride, output_stride) = (TAPS, shape.patch());
        Self { values, inputs, outputs, input_stride, output_stride, rotated: false }
    }

    pub(crate) fn rotated(values: &'a [f32], shape: &ConvShape) -> Self {
        let (inputs, outputs) = (shape.outputs, shape.channels);
        let (input_stride, output_stride) = (shape.patch(), TAPS);
        Self { values, inputs, outputs, input_stride, output_stride, rotated: true }
    }

    /// Transforms the panel of output channels from channel `first` on; it is zero past the last.
    pub(crate) fn panel(&self, first: usize) -> WeightPanel {
        let width = panel_width(self.outputs);
        let count = width.min(self.outputs - first);
        let mut taps = Buffer::zeros(self.inputs * TAPS * width); // [C, 9, width]
        let values = &self.values[first * self.output_stride..];
        if self.input_stride == TAPS {
            transpose(values, self.output_stride, &mut taps, width, count, self.inputs * TAPS);
        } else {
            for (c, taps) in taps.chunks_exact_mut(TAPS * width).enumerate() {
                let values = &values[c * self.input_stride..];
                transpose(values, self.output_stride, taps, width, count, TAPS);
            }
        }
        let stride = element_stride(self.inputs, width);
        let mut panel = WeightPanel {
            values: Buffer::zeros(ELEMENTS * stride),
            stride,
            len: self.inputs * width,
        };
        let (rotated, values) = (self.rotated, &mut *panel.values);
        Arch::new().dispatch(Elements { taps: &taps, width, rotated, stride, values });
        panel
    }
}

/// `G w G^T` for a panel of output channels: `[36, C, panel_width]`, with gaps.
pub(crate) struct WeightPanel {
    values: Buffer,
    /// Values from one element to the next.
    stride: usize,
    len: usize,
}

impl WeightPanel {
    /// Returns one element: `[C, panel_width]`.
    pub(crate) fn element(&self, element: usize) -> &[f32] {
        &self.values[element * self.stride..][..self.len]
    }
}

struct Elements<'a> {
    /// `[C, 9, width]`
    taps: &'a [f32],
    width: usize,
    rotated: bool,
    stride: usize,
    values: &'a mut [f32],
}

impl WithSimd for Elements<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (width, stride) = (self.width / S::F32_LANES, self.stride / S::F32_LANES);
        let taps = S::as_simd_f32s(self.taps).0;
        let values = S::as_mut_simd_f32s(self.values).0;
        for (c, taps) in taps.chunks_exact(TAPS * width).enumerate() {
            for v in 0..width {
                let mut w = [[simd.splat_f32s(0.0); 3]; 3];
                for (t, w) in w.as_flattened_mut().iter_mut().enumerate() {
                    let t = if self.rotated { TAPS - 1 - t } else { t };
                    *w = taps[t * width + v];
                }
                let u = transform::both_axes(
                    simd,
                    w,
                    #[inline(always)]
                    |w| transform::weight(simd, w),
                );
                for (element, &value) in u.as_flattened().iter().enumerate() {
                    values[element * stride + c * width + v] = value;
                }
            }
        }
    }
}
