//! `--likelihood bound`: the variational bound of a model.

use std::ops::Range;

use anyhow::Context;
use halfstep_core::{TimePoint, optimal_trajectory};
use halfstep_data::{Dataset, Purpose, noise};
use halfstep_eval::{Decoder, Walk, bits_per_dim};
use halfstep_sample::GammaTable;

use crate::course::{Course, or_stopped};
use crate::job::Job;
use crate::likelihood_program::{CALIBRATION, Found, Subject, batches, values};

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
        let trajectory = |eps_norm2: &[f64]| {
            let times = optimal_trajectory(schedule, eps_norm2, table.data_variance, steps)
                .with_context(|| format!("--steps {steps}"))?;
            anyhow::Ok(schedule.points(&times))
        };
        let grid = trajectory(&table.eps_norm2)?;
        halfstep_sample::say!("first the network's errors, on {CALIBRATION} images");
        let measured_grid = trajectory(&self.measured_gamma(job)?)?;
        let measured = self.errors(&measured_grid, CALIBRATION, job)?;
        let analytic: Vec<f64> = grid.iter().map(|&at| table.posterior_data_variance(at)).collect();
        halfstep_sample::say!(
            "variational bound of {count} images of {} in {steps} steps of two trajectories",
            self.dataset.name()
        );
        let bound = |grid: &[TimePoint], variance: &[f64]| -> anyhow::Result<Vec<f64>> {
            let mut bits = Vec::with_capacity(count);
            let mut course = Course::new(count, steps, job);
            for which in batches(0..count, job) {
                let walk = self.walk(grid, &self.dataset, which, 0, &mut course)?;
                let parts = walk.bound(variance, Decoder::Bytes)?;
                bits.extend(parts.iter().map(|parts| bits_per_dim(parts.total(), self.dim())));
            }
            Ok(bits)
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
        let mut sums = vec![0.0; grid.len()];
        let mut course = Course::new(count, grid.len(), job);
        for which in batches(images, job) {
            let walk = self.walk(grid, dataset, which, FAR, &mut course)?;
            sums.iter_mut().zip(walk.squared_errors()).for_each(|(sum, error)| *sum += error);
        }
        Ok(sums.into_iter().map(|sum| sum / count as f64).collect())
    }

    /// What `eps_norm2` would be at each time of the schedule if the network's errors were all that there
    /// is to be known of x0: `1 - V alpha^2 / sigma^2`, V linear between the times where it is measured.
    fn measured_gamma(&self, job: &Job) -> anyhow::Result<Vec<f64>> {
        let schedule = &self.model.schedule;
        let last = schedule.len() - 1;
        let probes = PROBES.min(schedule.len());
        let times: Vec<usize> = (0..probes).map(|k| k * last / (probes - 1).max(1)).collect();
        let errors = self.errors(&schedule.points(&times), PROBE_IMAGES, job)?;
        let error_at = |t: usize| {
            let above = times.partition_point(|&probe| probe < t).min(probes - 1);
            let below = above.saturating_sub(1);
            let width = (times[above] - times[below]).max(1) as f64;
            let part = (t - times[below]) as f64 / width;
            errors[below] + part * (errors[above] - errors[below])
        };
        let gamma = |t: usize| 1.0 - error_at(t) * schedule.at(t).snr();
        Ok((0..schedule.len()).map(|t| gamma(t).clamp(0.0, 1.0)).collect())
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
        let count = which.len();
        let which = which.start as u64 + offset..which.end as u64 + offset;
        let mut noise = |index: usize| {
            let purpose = Purpose::SampleNoise { step: index as u32 };
            self.tensor(noise(job.seed, purpose, which.clone(), self.dim()), device)
        };
        or_stopped(Walk::of(grid, &denoiser, x0, &mut noise, &mut course.batch(count)))
    }
}
