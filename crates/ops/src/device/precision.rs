//! The precision that a network computes in: f32, or 16 bits with f32 where rounding would harm.

use std::fmt;

use burn::tensor::{FloatDType, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::device::selected::SelectedDevice;

/// The precision of the forward and backward pass (Micikevicius et al. 2018, "Mixed precision training",
/// arXiv:1710.03740). Parameters, optimiser, statistics, softmax and loss are f32 in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// 8 significant bits, the range of f32.
    Bf16,
    /// 11 significant bits, numbers from 6e-8 to 65504: the loss must be scaled, or gradients vanish.
    F16,
}

impl Precision {
    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// The type of convolutions and matrix products.
    pub fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
            Self::F16 => FloatDType::F16,
        }
    }

    /// Twice the largest relative error of one rounding: `2^-23`, `2^-7`, `2^-10`.
    pub fn epsilon(self) -> f64 {
        match self {
            Self::F32 => f64::from(f32::EPSILON),
            Self::Bf16 => 1.0 / 128.0,
            Self::F16 => 1.0 / 1024.0,
        }
    }

    /// Checks that the device computes in this precision: by asking the driver, and by trying, since a backend
    /// that lacks a type may return garbage.
    ///
    /// # Errors
    /// [`PrecisionError`] with the reason.
    pub fn check(self, device: &SelectedDevice) -> Result<(), PrecisionError> {
        if self == Self::F32 {
            return Ok(());
        }
        let refused = |problem: String| PrecisionError {
            precision: self,
            device: device.description.clone(),
            problem,
        };
        if !device.device.supports_dtype(self.dtype()) {
            return Err(refused("the driver does not offer arithmetic in it".to_owned()));
        }
        self.probe(device).map_err(refused)
    }

    /// Tries a convolution of small whole numbers, whose sums every type holds exactly.
    fn probe(self, device: &SelectedDevice) -> Result<(), String> {
        const CHANNELS: usize = 16;
        const OUTPUTS: usize = 8;
        const PIXELS: usize = 16;
        // At most 16 products of at most 2 x 2: 64, and bf16 counts to 256.
        let x = |c: usize, p: usize| ((c * 7 + p * 3) % 5) as f32 - 2.0;
        let w = |o: usize, c: usize| ((o * 3 + c * 5) % 4) as f32 - 1.0;
        let tensor = |values: Vec<f32>, shape: [usize; 4]| {
            Tensor::<4>::from_data(TensorData::new(values, shape), &device.device)
                .cast(self.dtype())
        };
        let pairs = |rows, columns, of: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..rows * columns).map(|i| of(i / columns, i % columns)).collect()
        };
        let y = crate::conv2d(
            tensor(pairs(CHANNELS, PIXELS, &x), [1, CHANNELS, 4, 4]),
            tensor(pairs(OUTPUTS, CHANNELS, &w), [OUTPUTS, CHANNELS, 1, 1]),
            None,
            1,
            0,
        );
        let y = y.cast(FloatDType::F32).try_into_data().map_err(|error| error.to_string())?;
        let expected =
            pairs(OUTPUTS, PIXELS, &|o, p| (0..CHANNELS).map(|c| w(o, c) * x(c, p)).sum::<f32>());
        if y.iter::<f32>().eq(expected) {
            return Ok(());
        }
        Err("a convolution of small whole numbers came out wrong".to_owned())
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device that does not compute in a precision.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device ({device}) cannot compute in {precision}: {problem}")]
pub struct PrecisionError {
    /// The precision.
    pub precision: Precision,
    /// The description of the device.
    pub device: String,
    /// Why it cannot.
    pub problem: String,
}
