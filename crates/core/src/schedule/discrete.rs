//! T noise levels, the form every trained model has.

use super::{NoiseSchedule, ScheduleError, betas};
use crate::posterior::beta_between;
use crate::{NoiseLevel, TimePoint};

/// T levels, strictly noisier from one to the next; `t` in `0..T` stands for `u = (t + 1) / T`.
///
/// The levels are at least as precise as `sqrt(alphas_cumprod)` and `sqrt(1 - alphas_cumprod)`:
/// `sigma^2` is summed (`sigma_t^2 = sigma_{t-1}^2 + abar_{t-1} beta_t`), never subtracted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscreteSchedule {
    /// Never empty.
    levels: Vec<NoiseLevel>,
    alphas_cumprod: Vec<f64>,
    betas: Vec<f64>,
}

/// The most levels of a schedule: a thousand times the number that models are trained on, and few enough to hold in
/// memory, whatever number a file contains.
pub const MAX_TRAIN_TIMESTEPS: usize = 1_000_000;

fn check_count(levels: usize) -> Result<(), ScheduleError> {
    match levels {
        0 => Err(ScheduleError::Empty),
        1..=MAX_TRAIN_TIMESTEPS => Ok(()),
        found => Err(ScheduleError::TooLong { found }),
    }
}

impl DiscreteSchedule {
    /// From per-step betas (diffusers' `trained_betas`).
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Empty`], or [`ScheduleError::BetaOutOfRange`] unless all are in `(0, 1]`
    /// with at most the last 1.
    pub fn from_betas(betas: &[f64]) -> Result<Self, ScheduleError> {
        let last = betas.len().checked_sub(1).ok_or(ScheduleError::Empty)?;
        let mut levels = Vec::with_capacity(betas.len());
        let mut alphas_cumprod = Vec::with_capacity(betas.len());
        let (mut alpha2, mut sigma2) = (1.0, 0.0);
        for (index, &beta) in betas.iter().enumerate() {
            let in_range = beta > 0.0 && (beta < 1.0 || (beta == 1.0 && index == last));
            if !in_range {
                return Err(ScheduleError::BetaOutOfRange { index, value: beta });
            }
            sigma2 += alpha2 * beta;
            alpha2 *= 1.0 - beta;
            levels.push(NoiseLevel::from_squares(alpha2, sigma2));
            alphas_cumprod.push(alpha2);
        }
        Ok(Self { levels, alphas_cumprod, betas: betas.to_vec() })
    }

    /// From `alpha_bar = alpha^2` at every step.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Empty`], or [`ScheduleError::AlphaBarOutOfRange`] unless they fall strictly
    /// within `[0, 1)`.
    pub fn from_alphas_cumprod(alphas_cumprod: &[f64]) -> Result<Self, ScheduleError> {
        let levels =
            alphas_cumprod.iter().map(|&alpha_bar| NoiseLevel::from_alpha_bar(alpha_bar)).collect();
        Self::from_levels(levels, alphas_cumprod.to_vec())
    }

    /// "linear" betas from `beta_start` to `beta_end` (Ho et al. 2020, arXiv:2006.11239: 1e-4 to
    /// 0.02).
    ///
    /// # Errors
    ///
    /// As [`from_betas`](Self::from_betas), and [`ScheduleError::TooLong`].
    pub fn linear(t: usize, beta_start: f64, beta_end: f64) -> Result<Self, ScheduleError> {
        check_count(t)?;
        Self::from_betas(&betas::linear(t, beta_start, beta_end))
    }

    /// Betas linear in the square root (Rombach et al. 2022, arXiv:2112.10752: 0.00085 to 0.012).
    ///
    /// # Errors
    ///
    /// As [`from_betas`](Self::from_betas), and [`ScheduleError::TooLong`].
    pub fn scaled_linear(t: usize, beta_start: f64, beta_end: f64) -> Result<Self, ScheduleError> {
        check_count(t)?;
        Self::from_betas(&betas::scaled_linear(t, beta_start, beta_end))
    }

    /// The cosine of Nichol & Dhariwal 2021 (arXiv:2102.09672, equation 17), betas capped at 0.999.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Empty`] for `t = 0`, [`ScheduleError::TooLong`].
    pub fn squaredcos_cap_v2(t: usize) -> Result<Self, ScheduleError> {
        check_count(t)?;
        Self::from_betas(&betas::squaredcos_cap_v2(t))
    }

    /// The levels of a continuous schedule at `u = 1/T, 2/T, ..., 1`.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::Empty`] for `t = 0`, [`ScheduleError::TooLong`]; [`ScheduleError::AlphaBarOutOfRange`] where the
    /// schedule does not get noisier (T so large that a clip flattens an end, or parameters that
    /// are not numbers).
    pub fn from_continuous(schedule: &dyn NoiseSchedule, t: usize) -> Result<Self, ScheduleError> {
        check_count(t)?;
        let levels: Vec<_> = (1..=t).map(|i| schedule.level(i as f64 / t as f64)).collect();
        let alphas_cumprod = levels.iter().map(NoiseLevel::alpha_bar).collect();
        Self::from_levels(levels, alphas_cumprod)
    }

    /// The same schedule stretched to end at zero SNR: `sqrt(abar)` is shifted and scaled so that
    /// the last is 0 and the first stays (Lin et al. 2023, arXiv:2305.08891, Algorithm 1).
    ///
    /// # Errors
    ///
    /// [`ScheduleError::TooShortToRescale`] for a schedule of one level.
    pub fn rescale_zero_terminal_snr(&self) -> Result<Self, ScheduleError> {
        let (first, last) = (self.levels[0], self.last());
        if self.len() < 2 {
            return Err(ScheduleError::TooShortToRescale { found: self.len() });
        }
        let (alpha_0, alpha_end) = (first.alpha(), last.alpha());
        let mut levels = vec![first];
        let mut alphas_cumprod = vec![self.alphas_cumprod[0]];
        for level in &self.levels[1..] {
            let alpha = (level.alpha() - alpha_end) * (alpha_0 / (alpha_0 - alpha_end));
            // sigma^2 grows from the first level's by a product of small differences: nothing is
            // taken from 1.
            let sigma2 = first.sigma().powi(2) + (alpha_0 - alpha) * (alpha_0 + alpha);
            levels.push(NoiseLevel::from_squares(alpha * alpha, sigma2));
            alphas_cumprod.push(alpha * alpha);
        }
        if let Some(end) = levels.last_mut() {
            *end = NoiseLevel::PURE_NOISE;
        }
        Self::from_levels(levels, alphas_cumprod)
    }

    /// Number of levels, T; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// The level at discrete time `t`; a `t` past the end gives the noisiest level.
    pub fn at(&self, t: usize) -> NoiseLevel {
        self.levels[t.min(self.len() - 1)]
    }

    /// Per-step betas, `1 - abar_t / abar_{t-1}`: what diffusers takes as `trained_betas`.
    pub fn betas(&self) -> Vec<f64> {
        self.betas.clone()
    }

    /// `abar_t = alpha_t^2`, diffusers' `alphas_cumprod`.
    pub fn alphas_cumprod(&self) -> Vec<f64> {
        self.alphas_cumprod.clone()
    }

    /// Discrete time `t` with its level; a `t` past the end gives the last point.
    pub fn point(&self, t: usize) -> TimePoint {
        let t = t.min(self.len() - 1);
        TimePoint { t: t as f64, level: self.levels[t] }
    }

    /// [`point`](Self::point) of every time listed, in order.
    pub fn points(&self, times: &[usize]) -> Vec<TimePoint> {
        times.iter().map(|&t| self.point(t)).collect()
    }

    /// The point whose level is the given one: the inverse of [`level`](NoiseSchedule::level).
    ///
    /// `t` is fractional between two levels, in `[-1, T - 1]`: -1 for clean data, T - 1 for anything noisier than the
    /// last level. Samplers pass it to the network at levels of their own.
    pub fn point_at(&self, level: NoiseLevel) -> TimePoint {
        let phi = level.phi();
        let below = self.levels.partition_point(|grid| grid.phi() <= phi);
        let (low, high) = (self.on_grid(below), self.on_grid(below + 1));
        let part =
            if below < self.len() { (phi - low.phi()) / (high.phi() - low.phi()) } else { 0.0 };
        TimePoint { t: below as f64 - 1.0 + part, level }
    }

    /// Whether the last level is pure noise (alpha exactly 0).
    pub fn has_zero_terminal_snr(&self) -> bool {
        self.last().alpha() == 0.0
    }

    fn last(&self) -> NoiseLevel {
        self.levels[self.len() - 1]
    }

    fn from_levels(
        levels: Vec<NoiseLevel>,
        alphas_cumprod: Vec<f64>,
    ) -> Result<Self, ScheduleError> {
        if levels.is_empty() {
            return Err(ScheduleError::Empty);
        }
        let mut previous = 1.0;
        for (index, &value) in alphas_cumprod.iter().enumerate() {
            // This form refuses NaN too.
            let falls = value >= 0.0 && value < previous;
            if !falls {
                return Err(ScheduleError::AlphaBarOutOfRange { index, value });
            }
            previous = value;
        }
        let before = std::iter::once(&NoiseLevel::CLEAN).chain(&levels);
        let betas = before.zip(&levels).map(|(&to, &from)| beta_between(from, to)).collect();
        Ok(Self { levels, alphas_cumprod, betas })
    }
}

impl NoiseSchedule for DiscreteSchedule {
    /// Exact at `u = (t + 1) / T`, linear in the angle phi between, clean at 0.
    fn level(&self, u: f64) -> NoiseLevel {
        let position = u.clamp(0.0, 1.0) * self.len() as f64;
        let nearest = position.round();
        // (t + 1) / T times T need not give t + 1 back: a few roundings away is still that grid point.
        if (position - nearest).abs() <= 4.0 * f64::EPSILON * nearest {
            return self.on_grid(nearest as usize);
        }
        let below = position.floor();
        let (low, high) = (self.on_grid(below as usize), self.on_grid(below as usize + 1));
        NoiseLevel::from_phi(low.phi() + (position - below) * (high.phi() - low.phi()))
    }
}

impl DiscreteSchedule {
    /// Level after `count` steps of noise: clean at 0, then t = count - 1.
    fn on_grid(&self, count: usize) -> NoiseLevel {
        match count {
            0 => NoiseLevel::CLEAN,
            _ => self.at(count - 1),
        }
    }
}
