//! The density of a model's probability-flow ODE.

use std::ops::Range;

use burn::module::Module;
use halfstep_core::rng::{Purpose, Stream};
use serde_json::json;

use super::bits_per_dim;
use super::flow::ProbabilityFlow;
use super::model::{LikelihoodEstimate, ModelLikelihood, values};
use crate::error::EvalError;
use crate::progress::LikelihoodWork;

/// Distance between neighbouring bytes in `[-1, 1]`.
const BYTE_WIDTH: f64 = 2.0 / 255.0;

impl ModelLikelihood<'_> {
    /// The likelihood in bits per dimension of the first `count` images by the probability-flow ODE, solved in
    /// `steps` steps of four network calls each.
    ///
    /// A density becomes a probability of bytes by uniform dequantisation: uniform noise of one byte's width is added
    /// to each value (Theis et al. 2016, <https://arxiv.org/abs/1511.01844>).
    ///
    /// # Errors
    /// [`EvalError::NotFinite`]; [`EvalError::Device`]; [`EvalError::Cache`]; [`EvalError::Stopped`].
    pub fn density(&self, steps: usize, count: usize) -> Result<LikelihoodEstimate, EvalError> {
        let (schedule, context) = (&self.model.schedule, self.context);
        let (from, to) = (schedule.at(0), schedule.at(schedule.len() - 1));
        self.report(LikelihoodWork::Density, steps, count, &self.dataset);
        let flow = ProbabilityFlow {
            from,
            to,
            locate: &|level| schedule.point_at(level),
            num_steps: steps,
        };
        let device = context.device.device.clone().autodiff();
        let unet = self.model.unet.clone().train().no_grad();
        let alpha = from.alpha() as f32;
        let what = json!({ "bits": "ode", "steps": steps });
        let bits = self.rows(what, &self.dataset, 0..count, steps, |which, progress| {
            let denoiser = self.denoiser(&unet, &self.dataset, &which)?;
            let (z, probes) = self.dequantised(&which, alpha);
            let (z, probes) = (self.tensor(z, &device), self.tensor(probes, &device));
            let mut on_step = progress.batch(&which);
            let densities = flow.log_density(&denoiser, z, probes, &mut on_step)?;
            // From the density of z = alpha x to that of x, and to the probability of a byte.
            let width = self.dim() as f64 * (f64::from(alpha).ln() + BYTE_WIDTH.ln());
            Ok(densities.iter().map(|nats| bits_per_dim(-nats - width, self.dim())).collect())
        })?;
        Ok(LikelihoodEstimate { key: "ode", title: "probability-flow ODE", bits_per_dim: bits })
    }

    /// Images `which` with uniform noise of one byte's width, times alpha; and random probes of -1 and 1.
    fn dequantised(&self, which: &Range<usize>, alpha: f32) -> (Vec<f32>, Vec<f32>) {
        let mut images = values(&self.dataset, which);
        let mut probes = vec![0.0; images.len()];
        let each = self.dim();
        for (k, (image, probes)) in
            images.chunks_exact_mut(each).zip(probes.chunks_exact_mut(each)).enumerate()
        {
            let index = (which.start + k) as u64;
            let mut stream = Stream::new(self.context.seed, Purpose::Evaluation, index);
            for (value, probe) in image.iter_mut().zip(probes) {
                *value = alpha * (*value + (2.0 * stream.uniform() as f32 - 1.0) / 255.0);
                *probe = if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
            }
        }
        (images, probes)
    }
}
