//! The variational bound of a model, with optimal variances and trajectories.

use std::fmt::Display;
use std::ops::Range;

use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{DiscreteSchedule, TimePoint, best_trajectory, optimal_trajectory};
use halfstep_data::Dataset;
use halfstep_sample::GammaTable;
use serde_json::json;

use super::bits_per_dim;
use super::bound::DenoisingErrors;
use super::decoder::Decoder;
use super::model::{LikelihoodEstimate, ModelLikelihood, StepProgress, values};
use crate::error::{EvalError, UnsuitableModel};
use crate::progress::LikelihoodWork;

/// Number of times at which errors are measured to find the trajectory, and number of images for it.
const PROBES: usize = 65;
const PROBE_IMAGES: usize = 64;
/// Index of the first noise for measured errors: beyond those of the images whose likelihood is computed.
const ERROR_NOISE: u64 = 1 << 32;

impl ModelLikelihood<'_> {
    /// The variational bound in bits per dimension for the first `count` images, in `steps` steps, by two choices
    /// of variances and trajectory:
    ///
    /// - Analytic-DPM's, from the statistics `table` (Bao et al. 2022, <https://arxiv.org/abs/2201.06503>). They are
    ///   optimal for a network without errors.
    /// - From the network's mean squared errors, measured on other images. They are optimal for this network (Bao et
    ///   al. 2022, <https://arxiv.org/abs/2206.07309>).
    ///
    /// # Errors
    /// [`EvalError::Unsuitable`] if there is no trajectory of `steps` steps; [`EvalError::NotFinite`];
    /// [`EvalError::Device`]; [`EvalError::Cache`]; [`EvalError::Stopped`].
    pub fn bounds(
        &self,
        table: &GammaTable,
        steps: usize,
        count: usize,
    ) -> Result<Vec<LikelihoodEstimate>, EvalError> {
        let schedule = &self.model.schedule;
        let times = optimal_trajectory(schedule, &table.eps_norm2, table.data_variance, steps);
        let grid = schedule.points(&times.map_err(|error| self.no_trajectory(steps, error))?);
        let analytic: Vec<f64> = grid.iter().map(|&at| table.posterior_data_variance(at)).collect();

        let times = best_trajectory(schedule, &self.variances()?, steps);
        let measured_grid =
            schedule.points(&times.map_err(|error| self.no_trajectory(steps, error))?);
        let measured = self.mean_errors(&measured_grid, Self::CALIBRATION_IMAGES)?;

        self.report(LikelihoodWork::Bound, steps, count, &self.dataset);
        Ok(vec![
            LikelihoodEstimate {
                key: "bound",
                title: "variational bound, Analytic-DPM's trajectory and variances",
                bits_per_dim: self.bound(&grid, &analytic, count)?,
            },
            LikelihoodEstimate {
                key: "bound_measured",
                title: "variational bound, trajectory and variances of measured errors",
                bits_per_dim: self.bound(&measured_grid, &measured, count)?,
            },
        ])
    }

    fn no_trajectory(&self, steps: usize, error: impl Display) -> EvalError {
        let problem = UnsuitableModel::Steps { steps, problem: error.to_string() };
        EvalError::unsuitable(&self.dir, problem)
    }

    /// Bits per dimension of each image.
    fn bound(
        &self,
        grid: &[TimePoint],
        variance: &[f64],
        count: usize,
    ) -> Result<Vec<f64>, EvalError> {
        let what = json!({ "bits": "bound", "times": times_of(grid), "variance": variance });
        self.rows(what, &self.dataset, 0..count, grid.len(), |which, progress| {
            let errors = self.denoising_errors(grid, &self.dataset, which, 0, progress)?;
            let parts = errors.bound(variance, Decoder::Bytes)?;
            Ok(parts.iter().map(|parts| bits_per_dim(parts.total(), self.dim())).collect())
        })
    }

    /// The network's mean squared error at each time of `grid`, over the last `count` calibration images.
    fn mean_errors(&self, grid: &[TimePoint], count: usize) -> Result<Vec<f64>, EvalError> {
        let dataset = self.calibration.as_ref().unwrap_or(&self.dataset);
        let images = dataset.len().saturating_sub(count)..dataset.len();
        let count = images.len();
        self.report(LikelihoodWork::Errors, grid.len(), count, dataset);
        let what = json!({ "errors": times_of(grid) });
        let errors = self.rows(what, dataset, images, grid.len(), |which, progress| {
            let errors = self.denoising_errors(grid, dataset, which, ERROR_NOISE, progress)?;
            Ok(errors.mean_squares())
        })?;
        let mean =
            |time: usize| errors.iter().skip(time).step_by(grid.len()).sum::<f64>() / count as f64;
        Ok((0..grid.len()).map(mean).collect())
    }

    /// The variance of x0 given z, for this network, at each time of the schedule: its mean squared error, measured
    /// at some of the times.
    fn variances(&self) -> Result<Vec<f64>, EvalError> {
        let schedule = &self.model.schedule;
        let probes = probes(schedule.len());
        let noisiest_first: Vec<usize> = probes.iter().copied().rev().collect();
        let mut errors = self.mean_errors(&schedule.points(&noisiest_first), PROBE_IMAGES)?;
        errors.reverse();
        Ok(interpolated(schedule, &probes, &errors))
    }

    /// The errors for images `which` along a grid, with the noises of images `which` + `offset`.
    fn denoising_errors<'g>(
        &self,
        grid: &'g [TimePoint],
        dataset: &Dataset,
        which: Range<usize>,
        offset: u64,
        progress: &StepProgress<'_>,
    ) -> Result<DenoisingErrors<'g>, EvalError> {
        let device = &self.context.device.device;
        let denoiser = self.denoiser(&self.model.unet, dataset, &which)?;
        let x0 = self.tensor(values(dataset, &which), device);
        let mut on_step = progress.batch(&which);
        let which = which.start as u64 + offset..which.end as u64 + offset;
        let mut noise = |index: usize| {
            let purpose = Purpose::SampleNoise { step: index as u32 };
            self.tensor(noise(self.context.seed, purpose, which.clone(), self.dim()), device)
        };
        DenoisingErrors::measure(grid, &denoiser, x0, &mut noise, &mut on_step)
    }
}

fn times_of(grid: &[TimePoint]) -> Vec<f64> {
    grid.iter().map(|at| at.t).collect()
}

/// Evenly spaced times from 0 to T - 1.
fn probes(times: usize) -> Vec<usize> {
    let count = PROBES.min(times);
    (0..count).map(|k| k * (times - 1) / (count - 1).max(1)).collect()
}

/// Errors of x0 at all times, from those at `probes`, which rise from the first time to the last. Errors divided by
/// sigma^2 are smooth at both ends, so this quotient is interpolated linearly.
fn interpolated(schedule: &DiscreteSchedule, probes: &[usize], errors: &[f64]) -> Vec<f64> {
    let variance = |t: usize| schedule.at(t).sigma().powi(2);
    let relative: Vec<f64> =
        probes.iter().zip(errors).map(|(&t, error)| error / variance(t)).collect();
    let at = |t: usize| {
        let above = probes.partition_point(|&probe| probe < t).min(probes.len() - 1);
        let below = above.saturating_sub(1);
        let width = (probes[above] - probes[below]).max(1) as f64;
        let part = (t - probes[below]) as f64 / width;
        variance(t) * (relative[below] + part * (relative[above] - relative[below]))
    };
    (0..schedule.len()).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use halfstep_core::{CosineSchedule, GaussianOracle};

    #[test]
    fn probes_rise_from_the_first_time_to_the_last() {
        for times in [1, 2, 64, 65, 66, 1000, 1024] {
            let probes = probes(times);
            assert_eq!((probes.len(), probes[0]), (PROBES.min(times), 0));
            assert_eq!(*probes.last().unwrap(), times - 1);
            assert!(probes.is_sorted_by(|a, b| a < b));
        }
    }

    /// Interpolation is exact at the probes. It is furthest off, by 14 %, where sigma passes the deviation of a narrow
    /// direction between the first two probes; without the division by sigma^2 it would be off by 180 % there.
    #[test]
    fn interpolated_errors_are_near_the_true_ones() {
        let data = GaussianOracle::new(vec![0.0; 2], vec![1e-4, 1.0]).unwrap();
        for times in [1, 3, 65, 1024] {
            let schedule =
                DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), times).unwrap();
            let truth: Vec<f64> = (0..times).map(|t| data.optimal_x0_mse(schedule.at(t))).collect();
            let probes = probes(times);
            let measured: Vec<f64> = probes.iter().map(|&t| truth[t]).collect();
            let found = interpolated(&schedule, &probes, &measured);
            assert!(probes.iter().all(|&t| (found[t] / truth[t] - 1.0).abs() < 1e-12));
            for (t, (found, truth)) in found.iter().zip(&truth).enumerate() {
                assert!((found / truth - 1.0).abs() < 0.15, "{t} of {times}: {found} {truth}");
            }
        }
    }
}
