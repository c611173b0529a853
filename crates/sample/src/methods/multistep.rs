//! What the multistep solvers share: the predictions of earlier steps, and an update made of them.

use burn::tensor::Tensor;
use halfstep_core::{NoiseLevel, X0Clip};

use super::clip::clipped_everywhere;
use super::exponential::{Correction, Node, SolverForm};
use crate::error::SampleError;
use crate::sampler::{Jump, Trajectory, walk};

/// Grids shorter than this end with lower orders, as in the authors' code and diffusers.
const FEW_STEPS: usize = 15;

/// A multistep solver over a grid. `update` takes z over a jump that is not to the clean image, from the latest
/// predictions, latest first, at most `order` of them; noise is added afterwards if the form is an SDE's.
pub(crate) fn walk_multistep(
    run: Trajectory<'_>,
    name: &'static str,
    form: SolverForm,
    order: usize,
    clip: Option<X0Clip>,
    mut update: impl FnMut(&Trajectory<'_>, Tensor<4>, Jump, &[Node]) -> Result<Tensor<4>, SampleError>,
) -> Result<Tensor<4>, SampleError> {
    if form.needs_signal() {
        run.needs_signal(name, "lambda")?;
    }
    let mut latest: Vec<Node> = Vec::new();
    walk(run, |run, z, jump| {
        let prediction = clipped_everywhere(run.predict(z.clone(), jump.from)?, clip);
        if jump.is_final() {
            return Ok((prediction.x0(), prediction));
        }
        latest.insert(0, Node { level: jump.from.level, value: form.value(&prediction) });
        latest.truncate(order);
        let next = update(run, z, jump, &latest)?;
        let next = match form.step(jump.from.level, jump.to.level).std() {
            0.0 => next,
            std => next + (run.noise)(jump) * std,
        };
        Ok((next, prediction))
    })
}

/// The order of a step. It never exceeds the number of predictions. On a short grid it can also be limited to the
/// number of remaining steps.
pub(crate) fn order_of_step(
    order: usize,
    lower_order_final: bool,
    known: usize,
    index: usize,
    num_steps: usize,
) -> usize {
    let ends_low = lower_order_final && num_steps < FEW_STEPS;
    let by_end = if ends_low { num_steps - index } else { order };
    order.min(known).min(by_end)
}

/// How far a step goes beyond the predictions that it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extrapolation {
    /// The step's length in lambda.
    pub h: f64,
    /// Distances in lambda between neighbouring predictions, latest first.
    pub gaps: [f64; 2],
    /// How far a step of order 2 follows the first derivative.
    pub reach: f64,
    /// The part of the second derivative that a step of order 3 takes.
    pub curvature: f64,
}

impl Extrapolation {
    /// The published method's, from the latest predictions to a level.
    pub fn published(nodes: &[Node], to: NoiseLevel) -> Self {
        let lambda = |k: usize| nodes[k].level.lambda();
        let gap = |k: usize| if k + 1 < nodes.len() { lambda(k) - lambda(k + 1) } else { f64::NAN };
        let h = to.lambda() - lambda(0);
        Self { h, gaps: [gap(0), gap(1)], reach: h, curvature: 1.0 }
    }
}

/// z at `to` from the latest predictions, latest first: as many as the order.
pub(crate) fn multistep_update(
    form: SolverForm,
    correction: Correction,
    z: Tensor<4>,
    to: NoiseLevel,
    nodes: &[Node],
    Extrapolation { h, gaps, reach, curvature }: Extrapolation,
) -> Tensor<4> {
    let step = form.step(nodes[0].level, to);
    // D1 between two neighbouring predictions times a distance; one that lies infinitely far away
    // counts for nothing.
    let slope_over = |k: usize, distance: f64| {
        (nodes[k].value.clone() - nodes[k + 1].value.clone()) * (distance / gaps[k])
    };
    let first = step.first(z, nodes[0].value.clone());
    match nodes.len() {
        1 => first,
        2 => first + step.second(slope_over(0, reach), correction),
        _ => {
            let (near, far) = (gaps[0] / h, gaps[1] / h);
            let latest = slope_over(0, h);
            let difference = latest.clone() - slope_over(1, h);
            // far may be infinite where the walk began at pure noise: both then vanish.
            let d1 = latest + difference.clone() * (near / (near + far));
            let d2 = difference * (2.0 * curvature / (near + far));
            first + step.second(d1, Correction::Heun) + step.third(d2)
        }
    }
}
