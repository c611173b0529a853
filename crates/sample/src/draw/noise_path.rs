//! One Brownian path per image, for comparing stochastic samplers.
//!
//! A sampler that draws fresh noise in every step takes another path at every number of steps. Here
//! the noise of a jump is the increment of one path over it, so that with ever more steps the image
//! converges, and two samplers of the same SDE converge to the same one.

use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

use halfstep_core::NoiseLevel;
use halfstep_core::rng::{Purpose, noise};

/// The path lives on a lattice of 2^20 intervals of the angle phi: about a hundredth of the
/// shortest jump of a schedule of 1000 levels.
const DEPTH: u32 = 20;

/// The paths of images `which` of a seed, and how far along them the last increment came.
pub struct NoisePath {
    seed: u64,
    which: Range<u64>,
    each: usize,
    /// The lattice point of the last jump's end and the path there.
    last: Option<(u32, Vec<f64>)>,
}

impl NoisePath {
    /// Paths of images `which`, each of `each` values. They depend on (seed, image) alone.
    pub fn new(seed: u64, which: Range<u64>, each: usize) -> Self {
        Self { seed, which, each, last: None }
    }

    /// Standard normal values, `[len, each]` flat: the increment between two levels, divided by the
    /// root of its variance. Zero between levels that are one on the lattice.
    pub fn increment(&mut self, from: NoiseLevel, to: NoiseLevel) -> Vec<f32> {
        let (from, to) = (lattice_point(from), lattice_point(to));
        let before = match self.last.take() {
            Some((point, path)) if point == from => path,
            _ => self.at(from),
        };
        let after = self.at(to);
        let length = f64::from(from.abs_diff(to)) / f64::from(1_u32 << DEPTH);
        let scale = if length > 0.0 { 1.0 / length.sqrt() } else { 0.0 };
        let increment = before.iter().zip(&after).map(|(a, b)| ((b - a) * scale) as f32).collect();
        self.last = Some((to, after));
        increment
    }

    /// The path at a lattice point, by Levy's construction: the middle of an interval is the mean
    /// of its ends and a normal of its own.
    fn at(&self, point: u32) -> Vec<f64> {
        let count = (self.which.end - self.which.start) as usize * self.each;
        let (mut low, mut high) = (0_u32, 1_u32 << DEPTH);
        let mut at_low = vec![0.0; count];
        let mut at_high = self.normals(0);
        let mut node = 1;
        while point != low && point != high {
            let middle = (low + high) / 2;
            let std = (f64::from(high - low) / f64::from(1_u32 << DEPTH)).sqrt() / 2.0;
            let normals = self.normals(node);
            let ends = at_low.iter().zip(&at_high);
            let at_middle =
                ends.zip(normals).map(|((a, b), normal)| (a + b) / 2.0 + std * normal).collect();
            if point < middle {
                (high, at_high, node) = (middle, at_middle, 2 * node);
            } else {
                (low, at_low, node) = (middle, at_middle, 2 * node + 1);
            }
        }
        if point == low { at_low } else { at_high }
    }

    fn normals(&self, node: u32) -> Vec<f64> {
        let purpose = Purpose::NoisePath { node };
        noise(self.seed, purpose, self.which.clone(), self.each)
            .into_iter()
            .map(f64::from)
            .collect()
    }
}

fn lattice_point(level: NoiseLevel) -> u32 {
    (level.phi() / FRAC_PI_2 * f64::from(1_u32 << DEPTH)).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(u: f64) -> NoiseLevel {
        NoiseLevel::from_phi(u * FRAC_PI_2)
    }

    #[test]
    fn increments_add_up() {
        let mut path = NoisePath::new(1, 0..3, 5);
        let whole = path.increment(level(0.9), level(0.1));
        let mut parts = [0.0; 15];
        let times = [0.9, 0.7, 0.62, 0.3, 0.1];
        for pair in times.windows(2) {
            let part = path.increment(level(pair[0]), level(pair[1]));
            for (sum, x) in parts.iter_mut().zip(part) {
                *sum += f64::from(x) * (pair[0] - pair[1]).sqrt();
            }
        }
        for (sum, x) in parts.iter().zip(whole) {
            // The lattice moves the ends of a jump by up to 1e-6, and the path there by its root.
            assert!((sum - f64::from(x) * 0.8_f64.sqrt()).abs() < 5e-3, "{sum} {x}");
        }
    }

    #[test]
    fn increments_are_standard_and_independent() {
        let mut path = NoisePath::new(2, 0..1, 20_000);
        let jumps = [(1.0, 0.83), (0.83, 0.5), (0.5, 0.4999), (0.4999, 0.0)];
        let drawn = jumps.map(|(from, to)| path.increment(level(from), level(to)));
        let mean = |values: &[f32], other: &[f32]| {
            let products = values.iter().zip(other).map(|(a, b)| f64::from(a * b));
            products.sum::<f64>() / values.len() as f64
        };
        for (i, a) in drawn.iter().enumerate() {
            for (j, b) in drawn.iter().enumerate() {
                let want = f64::from(u8::from(i == j));
                // Five standard errors of a mean of 20000 products: sqrt(2 / n) at most.
                assert!((mean(a, b) - want).abs() < 0.05, "{i} {j}: {}", mean(a, b));
            }
        }
    }

    #[test]
    fn an_image_has_its_own_path_in_any_batch() {
        let mut both = NoisePath::new(3, 4..6, 2);
        let mut second = NoisePath::new(3, 5..6, 2);
        for (from, to) in [(1.0, 0.6), (0.6, 0.2)] {
            let together = both.increment(level(from), level(to));
            assert_eq!(together[2..], second.increment(level(from), level(to)));
        }
    }
}
