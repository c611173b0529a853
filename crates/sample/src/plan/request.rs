//! What a caller wants of a drawing.

use std::path::PathBuf;

use halfstep_core::AncestralVariance;

use crate::grids::GridKind;
use crate::methods::ode_variable::OdeVariable;
use crate::registry::SamplerKind;

/// A sampler, its steps and its options, as far as they are wanted to be other than the model's own.
///
/// ```no_run
/// use std::path::Path;
/// use halfstep_model::ModelFolder;
/// use halfstep_sample::SamplingRequest;
///
/// let device = burn::tensor::Device::flex();
/// let model = ModelFolder::load(Path::new("runs/digits/teacher"), &device)?;
/// let heun = SamplingRequest {
///     sampler: Some("heun".parse()?),
///     calls: Some(33),
///     ..SamplingRequest::default()
/// };
/// assert_eq!(heun.resolve(&model)?.num_steps(), 17);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SamplingRequest {
    /// The sampler. `None`: the model's DPM-Solver, or DDIM.
    pub sampler: Option<SamplerKind>,
    /// Number of steps. `None`: a student's own; 50 for other models, or as many as they have times.
    pub steps: Option<usize>,
    /// Instead of `steps`: as many steps as take no more network calls than this.
    pub calls: Option<usize>,
    /// Where the steps lie. `None`: as the model's scheduler config has them.
    pub grid_kind: Option<GridKind>,
    /// Instead of `steps` and `grid_kind`: the discrete times to call the network at, noisiest first.
    pub timesteps: Option<Vec<usize>>,
    /// DDIM's noise: 0 is deterministic, 1 is DDPM. `None`: 0.
    pub eta: Option<f64>,
    /// DDPM's variance. `None`: as the model's scheduler config has it.
    pub variance: Option<AncestralVariance>,
    /// The variable that an ODE solver steps in. `None`: the solver's default.
    pub ode_variable: Option<OdeVariable>,
    /// Relative error of a step of an adaptive solver. `None`: 0.001.
    pub rtol: Option<f64>,
    /// Absolute error of a step of an adaptive solver, pixels in `[-1, 1]`. `None`: 0.001.
    pub atol: Option<f64>,
    /// Analytic-DPM's limit y on the noise of the step to t = 0: [`halfstep_core::noise_clip`]; 0 is no limit.
    /// `None`: the paper's.
    pub last_clip: Option<f64>,
    /// Whether the predicted image is clipped to `[-1, 1]` in every step. `None`: as the model's scheduler config
    /// has it.
    pub clip: Option<bool>,
    /// Dynamic thresholding instead: the share of the predicted image's values that are scaled into range, in
    /// `(0, 1]`.
    pub threshold: Option<f64>,
    /// Whether to do as diffusers does where that is not the published method: [`crate::DiffusersForm`].
    pub diffusers: bool,
    /// Whether a student may step off the grid that it was distilled for, or otherwise than DDIM.
    pub off_grid: bool,
    /// The model's folder, where Gamma's table lies. `None` is enough for samplers that need no Gamma.
    pub model_dir: Option<PathBuf>,
}
