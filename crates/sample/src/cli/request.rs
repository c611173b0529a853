//! From flags to a request.

use super::args::Args;
use crate::plan::SamplingRequest;

/// What the flags ask for.
pub fn request(args: &Args) -> SamplingRequest {
    let count = |number: Option<u32>| number.map(|number| number as usize);
    SamplingRequest {
        sampler: args.sampler,
        steps: count(args.steps),
        calls: count(args.nfe),
        grid_kind: args.grid_kind,
        timesteps: args.timesteps.clone(),
        eta: args.eta,
        variance: args.variance.map(Into::into),
        ode_variable: args.ode_variable,
        rtol: args.rtol,
        atol: args.atol,
        last_clip: args.last_clip,
        clip: args.clip,
        threshold: args.threshold,
        diffusers: args.compat.is_some(),
        off_grid: args.force,
        model_dir: Some(args.model.clone()),
    }
}
