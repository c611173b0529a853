//! The beta schedules that diffusers names, in f64 and by its own arithmetic.

use std::f64::consts::FRAC_PI_2;

/// torch's `linspace`: symmetric, both ends exact.
fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    if count < 2 {
        return vec![start; count];
    }
    let step = (end - start) / (count - 1) as f64;
    (0..count)
        .map(|i| {
            if i < count / 2 {
                start + step * i as f64
            } else {
                end - step * (count - 1 - i) as f64
            }
        })
        .collect()
}

/// "linear" (Ho et al. 2020, arXiv:2006.11239, section 4).
pub fn linear(count: usize, start: f64, end: f64) -> Vec<f64> {
    linspace(start, end, count)
}

/// "scaled_linear": linear in the square root (Rombach et al. 2022, arXiv:2112.10752).
pub fn scaled_linear(count: usize, start: f64, end: f64) -> Vec<f64> {
    linspace(start.sqrt(), end.sqrt(), count).into_iter().map(|root| root * root).collect()
}

/// "squaredcos_cap_v2" (Nichol & Dhariwal 2021, arXiv:2102.09672, equation 17): offset 0.008, betas
/// capped at 0.999.
pub fn squaredcos_cap_v2(count: usize) -> Vec<f64> {
    let alpha_bar = |u: f64| ((u + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
    (0..count)
        .map(|i| {
            let (from, to) = (i as f64 / count as f64, (i as f64 + 1.0) / count as f64);
            (1.0 - alpha_bar(to) / alpha_bar(from)).min(0.999)
        })
        .collect()
}
