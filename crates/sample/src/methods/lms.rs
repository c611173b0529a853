//! Linear multistep (Adams-Bashforth on uneven steps) in sigma / alpha, as k-diffusion's `sample_lms`
//! and diffusers' `LMSDiscreteScheduler`: one network call a step.

use burn::tensor::Tensor;
use halfstep_core::X0Clip;

use super::clip::clipped_everywhere;
use super::entry::SamplerEntry;
use super::ode_variable::OdeVariable;
use crate::error::SampleError;
use crate::sampler::{GridRule, Sampler, Trajectory, walk};

/// Its place in the list of samplers.
pub static ENTRY: SamplerEntry = SamplerEntry {
    name: "lms",
    about: "Linear multistep of up to four predictions in sigma / alpha (k-diffusion)",
    // It begins with a step of order 1, as k-diffusion's does: order 2 in the limit, more over the
    // numbers of steps in use.
    order: None,
    takes: &[],
    grid: GridRule::Any,
    build: |options| Ok(Box::new(Lms { clip: options.clip })),
};

/// Predictions that a step is made of; the first steps have fewer.
const PREDICTIONS: usize = 4;

/// eps as a polynomial in sigma / alpha through the last predictions, integrated over the step; to the
/// clean image too, where sigma / alpha is 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lms {
    /// Keep x0 in range.
    pub clip: Option<X0Clip>,
}

impl Lms {
    /// Without clipping.
    pub const fn new() -> Self {
        Self { clip: None }
    }
}

impl Sampler for Lms {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn sample(&self, run: Trajectory<'_>) -> Result<Tensor<4>, SampleError> {
        run.needs_signal(self.name(), "sigma / alpha")?;
        let variable = OdeVariable::Karras;
        let mut predictions: Vec<(f64, Tensor<4>)> = Vec::new();
        walk(run, |run, z, jump| {
            let p = clipped_everywhere(run.predict(z.clone(), jump.from)?, self.clip);
            let (from, to) = (jump.from.level, jump.to.level);
            predictions.insert(0, (variable.position(from), p.eps()));
            predictions.truncate(PREDICTIONS);
            let nodes: Vec<f64> = predictions.iter().map(|(position, _)| *position).collect();
            let mut y = variable.state(z, &[from]);
            for (j, (_, eps)) in predictions.iter().enumerate() {
                y = y + eps.clone() * weight(&nodes, j, to.karras_sigma());
            }
            Ok((variable.z(y, &[to]), p))
        })
    }
}

/// The integral from the first node to `end` of the polynomial that is 1 at node j and 0 at the
/// others.
fn weight(nodes: &[f64], j: usize, end: f64) -> f64 {
    let (middle, half) = ((nodes[0] + end) / 2.0, (end - nodes[0]) / 2.0);
    let others = || nodes.iter().enumerate().filter(|(k, _)| *k != j).map(|(_, &node)| node);
    let at = |x: f64| others().map(|node| (x - node) / (nodes[j] - node)).product::<f64>();
    // Gauss's two points are exact for polynomials up to degree 3.
    let offset = half / 3_f64.sqrt();
    half * (at(middle - offset) + at(middle + offset))
}
