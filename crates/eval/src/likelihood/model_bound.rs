//! `--likelihood bound`: the variational bound of a model.

use std::ops::Range;

use crate::{Decoder, Walk, bits_per_dim};
use anyhow::Context;
use halfstep_core::{DiscreteSchedule, TimePoint, best_trajectory, optimal_trajectory};
use halfstep_data::{Dataset, Purpose, noise};
use halfstep_sample::{GammaTable, counted};
use serde_json::json;

use crate::cli::course::{Course, or_stopped};
use crate::cli::job::Job;
use crate::likelihood::model::{CALIBRATION, Found, Subject, values};

/// Times that the network's errors are measured at, to find its trajectory, and on how many images.
const PROBES: usize = 65;
const PROBE_IMAGES: usize = 64;
/// Beyond the numbers of all images that are judged.
const FAR: u64 = 1 << 32;

impl Subject<'_> {
    /// Bits per dimension of each image by the bound: with Analytic-DPM's variances on its trajectory, and
    /// with the network's mean squared errors in place of both.
    pub fn bounds(
        &self,
        table: &GammaTable,
        steps: usize,
        count: usize,
        job: &Job,
    ) -> anyhow::Result<Vec<Found>> {
        let schedule = &self.model.schedule;
        let asked = || format!("--steps {steps}");
        let times = optimal_trajectory(schedule, &table.eps_norm2, table.data_variance, steps);
        let grid = schedule.points(&times.with_context(asked)?);
        let analytic: Vec<f64> = grid.iter().map(|&at| table.posterior_data_variance(at)).collect();

        let times = best_trajectory(schedule, &self.variances(job)?, steps);
        let measured_grid = schedule.points(&times.with_context(asked)?);
        let measured = self.errors(&measured_grid, CALIBRATION, job)?;

        halfstep_sample::say!(
            "variational bound of {} of {} in {} of two trajectories",
            counted(count, "image"),
            self.dataset.name(),
            counted(steps, "step")
        );
        let bound = |grid: &[TimePoint], variance: &[f64]| {
            let what = json!({ "bits": "bound", "times": times_of(grid), "variance": variance });
            self.rows(what, &self.dataset, 0..count, steps, job, |which, course| {
                let walk = self.walk(grid, &self.dataset, which, 0, course)?;
                let parts = walk.bound(variance, Decoder::Bytes)?;
                Ok(parts.iter().map(|parts| bits_per_dim(parts.total(), self.dim())).collect())
            })
        };
        Ok(vec![
            Found {
                key: "bound",
                words: "variational bound, Analytic-DPM's trajectory and variances",
                bits: bound(&grid, &analytic)?,
            },
            Found {
                key: "bound_measured",
                words: "variational bound, trajectory and variances of measured errors",
                bits: bound(&measured_grid, &measured)?,
            },
        ])
    }

    /// The network's mean squared error at each time, on images that it may have learned from: those
    /// that are judged, and their noises, must have no part in it.
    fn errors(&self, grid: &[TimePoint], count: usize, job: &Job) -> anyhow::Result<Vec<f64>> {
        let dataset = self.calibration.as_ref().unwrap_or(&self.dataset);
        let images = dataset.len().saturating_sub(count)..dataset.len();
        let count = images.len();
        halfstep_sample::say!(
            "the network's errors at {}, on {} of {}",
            counted(grid.len(), "time"),
            counted(count, "image"),
            dataset.name()
        );
        let what = json!({ "errors": times_of(grid) });
        let errors = self.rows(what, dataset, images, grid.len(), job, |which, course| {
            Ok(self.walk(grid, dataset, which, FAR, course)?.squared_errors())
        })?;
        let mean =
            |time: usize| errors.iter().skip(time).step_by(grid.len()).sum::<f64>() / count as f64;
        Ok((0..grid.len()).map(mean).collect())
    }

    /// What z leaves unknown of x0 at each time of the schedule, to this network: its mean squared error,
    /// measured at some of the times.
    fn variances(&self, job: &Job) -> anyhow::Result<Vec<f64>> {
        let schedule = &self.model.schedule;
        let probes = probes(schedule.len());
        let noisiest_first: Vec<usize> = probes.iter().copied().rev().collect();
        let mut errors = self.errors(&schedule.points(&noisiest_first), PROBE_IMAGES, job)?;
        errors.reverse();
        Ok(filled_in(schedule, &probes, &errors))
    }

    /// Images `which` along a grid, with the noises of images `which` + `offset`.
    fn walk<'g>(
        &self,
        grid: &'g [TimePoint],
        dataset: &Dataset,
        which: Range<usize>,
        offset: u64,
        course: &mut Course<'_>,
    ) -> anyhow::Result<Walk<'g>> {
        let job = course.job();
        let device = &job.device.device;
        let denoiser = self.denoiser(&self.model.unet, dataset, &which)?;
        let x0 = self.tensor(values(dataset, &which), device);
        let mut on_step = course.batch(&which);
        let which = which.start as u64 + offset..which.end as u64 + offset;
        let mut noise = |index: usize| {
            let purpose = Purpose::SampleNoise { step: index as u32 };
            self.tensor(noise(job.seed, purpose, which.clone(), self.dim()), device)
        };
        or_stopped(Walk::of(grid, &denoiser, x0, &mut noise, &mut on_step))
    }
}

fn times_of(grid: &[TimePoint]) -> Vec<f64> {
    grid.iter().map(|at| at.t).collect()
}

/// Times from 0 to T - 1, evenly.
fn probes(times: usize) -> Vec<usize> {
    let count = PROBES.min(times);
    (0..count).map(|k| k * (times - 1) / (count - 1).max(1)).collect()
}

/// Errors of x0 at all times from those at `probes`, which rise from the first to the last: over sigma^2 they
/// are smooth at both ends, and linear here in between.
fn filled_in(schedule: &DiscreteSchedule, probes: &[usize], errors: &[f64]) -> Vec<f64> {
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

    /// Exact where it was measured. Furthest off, by 14 %, where sigma passes the deviation of a narrow direction
    /// between the first two probes; without the division by sigma^2 it is 180 % there.
    #[test]
    fn errors_between_the_probes_are_near_the_true_ones() {
        let data = GaussianOracle::new(vec![0.0; 2], vec![1e-4, 1.0]).unwrap();
        for times in [1, 3, 65, 1024] {
            let schedule =
                DiscreteSchedule::from_continuous(&CosineSchedule::unclipped(), times).unwrap();
            let truth: Vec<f64> = (0..times).map(|t| data.optimal_x0_mse(schedule.at(t))).collect();
            let probes = probes(times);
            let measured: Vec<f64> = probes.iter().map(|&t| truth[t]).collect();
            let filled = filled_in(&schedule, &probes, &measured);
            assert!(probes.iter().all(|&t| (filled[t] / truth[t] - 1.0).abs() < 1e-12));
            for (t, (filled, truth)) in filled.iter().zip(&truth).enumerate() {
                assert!((filled / truth - 1.0).abs() < 0.15, "{t} of {times}: {filled} {truth}");
            }
        }
    }
}
