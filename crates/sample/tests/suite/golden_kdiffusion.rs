//! k-diffusion's samplers on a toy denoiser, in its own variance-exploding terms.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, Prediction, PredictionType, TimePoint};
use halfstep_sample::{DpmMultistep, OdeVariable, Sampler, SamplerOptions};

use crate::oracles::*;
use crate::support::*;

/// `D(x, sigma) = tanh(0.3 x + 0.05 sigma) / (1 + sigma)` of `x = z / alpha`, sigma of k-diffusion.
fn toy(z: Tensor<4>, at: &[TimePoint]) -> Prediction {
    let level = at[0].level;
    let sigma = level.karras_sigma();
    let x = z.clone() / level.alpha();
    let x0 = (x * 0.3 + 0.05 * sigma).tanh() / (1.0 + sigma);
    Prediction::new(PredictionType::Sample, x0, z, &[level])
}

#[test]
fn samplers() {
    let golden = fixture("h_kdiffusion");
    let sigmas = numbers(&golden["sigmas_karras_8_0p02_10_rho7"]);
    let levels: Vec<_> =
        sigmas.iter().map(|sigma| NoiseLevel::from_log_snr(-2.0 * sigma.ln())).collect();
    assert_eq!(levels.last(), Some(&NoiseLevel::CLEAN));
    let start: Vec<f64> =
        numbers(&golden["x_init"]).iter().map(|x| x * levels[0].alpha()).collect();
    let ode = |name: &str| {
        let variable = Some(OdeVariable::Karras);
        by_name(name).build(&SamplerOptions { variable, ..SamplerOptions::default() }).unwrap()
    };
    let second = DpmMultistep { lower_order_final: false, eased: false, ..DpmMultistep::new(2) };
    let samplers: [(&str, Box<dyn Sampler>); 5] = [
        ("sample_euler", ode("euler")),
        ("sample_heun", ode("heun")),
        ("sample_dpmpp_2m", Box::new(second)),
        // The geometric middle in sigma / alpha is the middle in lambda.
        ("sample_dpm_2", build(by_name("dpm-solver-2"), 8)),
        ("sample_lms", build(by_name("lms"), 8)),
    ];
    for (name, sampler) in samplers {
        let got = walk_ode(sampler.as_ref(), &toy, &start, &points(&levels)).unwrap();
        assert_close(&got, &numbers(&golden["final"][name]), 1e-10, name);
    }
}
