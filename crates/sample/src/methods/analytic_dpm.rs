//! Analytic-DPM (Bao et al. 2022, <https://arxiv.org/abs/2201.06503>): DDPM and DDIM with the
//! variance that is best on average, from the network itself.

use burn::tensor::Tensor;
use halfstep_core::{X0Clip, analytic_variance, ddim_step, noise_clip};

use super::clip::clipped;
use super::entry::{SamplerEntry, SamplerOption};
use super::options::{AnalyticStatistics, SamplerOptions};
use crate::error::SampleError;
use crate::sampler::{Family, GridRule, Jump, Sampler, Trajectory, walk};

/// Analytic-DDPM.
pub static DDPM: SamplerEntry = SamplerEntry {
    name: "analytic-ddpm",
    about: "DDPM with the optimal variance (Bao et al. 2022); needs Gamma",
    order: None,
    takes: &[SamplerOption::Gamma],
    grid: GridRule::Any,
    build: |options| boxed(AnalyticDpm::ddpm, DDPM.name, options),
};

/// Analytic-DDIM.
pub static DDIM: SamplerEntry = SamplerEntry {
    name: "analytic-ddim",
    about: "DDIM with the optimal variance (Bao et al. 2022); needs Gamma",
    order: None,
    takes: &[SamplerOption::Gamma],
    grid: GridRule::Any,
    build: |options| boxed(AnalyticDpm::ddim, DDIM.name, options),
};

/// Half of the range of pixels, which bounds the variance.
const HALF_RANGE: f64 = 1.0;

/// DDIM's mean with the optimal variance, within its bounds. The step to the clean image adds no
/// noise; the one to the first training time (t = 0) no more than can be seen.
#[derive(Clone)]
pub struct AnalyticDpm {
    /// Its short name.
    pub name: &'static str,
    /// 1 is Analytic-DDPM, 0 is Analytic-DDIM.
    pub eta: f64,
    /// Gamma and what follows from it.
    pub statistics: AnalyticStatistics,
    /// Half of the range of the data: 1 for images; infinite for data without bounds.
    pub half_range: f64,
    /// Keep x0 in range; eps stays what it was, as in DDIM.
    pub clip: Option<X0Clip>,
}

impl Sampler for AnalyticDpm {
    fn name(&self) -> &'static str {
        self.name
    }

    fn family(&self) -> Family {
        // The optimal noise of Analytic-DDIM vanishes with the length of the step.
        if self.eta > 0.0 { Family::Sde } else { Family::Ode }
    }

    fn is_stochastic(&self) -> bool {
        true
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        walk(run, |run, z, jump| {
            let prediction = clipped(run.predict(z, jump.from)?, self.clip);
            let (from, to) = ([jump.from.level], [jump.to.level]);
            let mean = ddim_step(&prediction, &from, &to, self.eta, None);
            if jump.is_final() {
                return Ok((mean, prediction));
            }
            Ok((mean + (run.noise)(jump) * self.std(jump), prediction))
        })
    }
}

impl AnalyticDpm {
    /// Analytic-DDPM for images in `[-1, 1]`, without clipping.
    pub fn ddpm(statistics: AnalyticStatistics) -> Self {
        Self { name: "analytic-ddpm", eta: 1.0, statistics, half_range: HALF_RANGE, clip: None }
    }

    /// Analytic-DDIM for images in `[-1, 1]`, without clipping.
    pub fn ddim(statistics: AnalyticStatistics) -> Self {
        Self { name: "analytic-ddim", eta: 0.0, ..Self::ddpm(statistics) }
    }

    /// Standard deviation of the noise of a jump.
    pub fn std(&self, jump: Jump) -> f64 {
        let data_variance = (self.statistics.posterior_data_variance)(jump.from);
        let (from, to) = (jump.from.level, jump.to.level);
        let variance = analytic_variance(from, to, self.eta, data_variance, self.half_range);
        let std = variance.value.sqrt();
        if jump.to.t <= 0.0 { std.min(self.largest_last_std()) } else { std }
    }

    fn largest_last_std(&self) -> f64 {
        let of_the_paper = if self.eta > 0.0 && self.statistics.linear_betas { 2.0 } else { 1.0 };
        match self.statistics.last_clip.unwrap_or(of_the_paper) {
            0.0 => f64::INFINITY,
            y => noise_clip(y),
        }
    }
}

fn boxed(
    new: fn(AnalyticStatistics) -> AnalyticDpm,
    name: &'static str,
    options: &SamplerOptions,
) -> Result<Box<dyn Sampler>, SampleError> {
    let statistics = options.analytic.clone().ok_or(SampleError::NeedsGamma { sampler: name })?;
    Ok(Box::new(AnalyticDpm { clip: options.clip, ..new(statistics) }))
}
