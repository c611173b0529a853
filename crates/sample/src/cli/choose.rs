//! From flags and model to a sampler on a grid.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{
    AnalyticStatistics, DiffusersCompat, GammaTable, GridKind, GridRule, SampleError, Sampler,
    SamplerKind, SamplerOptions, Takes, Tolerance, counted, diffusers_ddim_targets,
};
use anyhow::{Context, anyhow, bail};
use halfstep_core::{TimePoint, X0Clip};
use halfstep_model::{ModelError, ModelFiles, ModelFolder};

use crate::cli::args::{Args, Compat};
use crate::cli::lay_out::{grid, is_ddim};

/// Steps of a model that was not distilled, as diffusers' pipelines default to.
const DEFAULT_STEPS: usize = 50;

/// A sampler on a grid.
pub struct Choice {
    pub sampler: Box<dyn Sampler>,
    pub grid: Vec<TimePoint>,
}

impl Choice {
    /// What the flags say about this model.
    pub fn of(args: &Args, model: &ModelFolder) -> anyhow::Result<Self> {
        let kind = sampler_kind(args, model)?;
        check_flags(args, &[kind])?;
        if model.halfstep.distilled.is_some() {
            return Self::of_student(args, model, kind);
        }
        let num_steps = num_steps(args, model, kind)?;
        Self::with_steps(args, model, kind, num_steps)
    }

    /// A student takes DDIM's steps on its own grid, unless something else is forced.
    fn of_student(args: &Args, model: &ModelFolder, kind: SamplerKind) -> anyhow::Result<Self> {
        let path = args.model.display();
        if kind.takes(Takes::Gamma) {
            bail!(
                "--sampler {kind}: {path} is a student; Analytic-DPM needs a network that knows every \
                 time, such as its teacher"
            );
        }
        let own = student_grid(args, model, kind);
        if own.is_none() && !args.force {
            let distilled = model.halfstep.distilled.as_ref();
            let (steps, times) =
                distilled.map_or((0, &[][..]), |own| (own.num_steps, &own.timesteps));
            let steps = counted(steps, "step");
            bail!(
                "{path} is a student distilled for {steps} at times {times:?}; on another grid \
                 it draws worse. Leave out --steps, --nfe, --grid-kind, --timesteps and --sampler, or \
                 add --force"
            );
        }
        let choice = match own {
            Some(grid) => Self::on_grid(args, model, kind, grid)?,
            None => Self::with_steps(args, model, kind, num_steps(args, model, kind)?)?,
        };
        if !choice.sampler.is_ddim() && !args.force {
            bail!(
                "{path} is a student: it was distilled for the deterministic steps of DDIM; leave out \
                 --sampler {kind}, --eta and --ode-variable, or add --force"
            );
        }
        Ok(choice)
    }

    /// This sampler in so many steps, with what else the flags say.
    pub fn with_steps(
        args: &Args,
        model: &ModelFolder,
        kind: SamplerKind,
        num_steps: usize,
    ) -> anyhow::Result<Self> {
        let grid = grid(args, model, kind, num_steps)?;
        Ok(Self { sampler: kind.build(&options(args, model, kind, &grid, num_steps)?)?, grid })
    }

    /// This sampler on a grid, with what else the flags say.
    pub fn on_grid(
        args: &Args,
        model: &ModelFolder,
        kind: SamplerKind,
        grid: Vec<TimePoint>,
    ) -> anyhow::Result<Self> {
        let num_steps = grid.len().saturating_sub(1);
        Ok(Self { sampler: kind.build(&options(args, model, kind, &grid, num_steps)?)?, grid })
    }
}

/// The sampler of the flag, or the model's own.
fn sampler_kind(args: &Args, model: &ModelFolder) -> anyhow::Result<SamplerKind> {
    match args.sampler {
        Some(kind) => Ok(kind),
        None => {
            SamplerKind::of_scheduler(&model.scheduler, &scheduler_path(args)).map_err(|error| {
                match error {
                    SampleError::Model(error) => solver_advice(error),
                    error => error.into(),
                }
            })
        }
    }
}

/// For messages; a model without the file says nothing that could be wrong.
fn scheduler_path(args: &Args) -> PathBuf {
    let files = ModelFiles::of(&args.model).ok();
    files.and_then(|files| files.scheduler).unwrap_or_else(|| args.model.clone())
}

/// A flag that none of the samplers takes is a mistake, not to be ignored.
pub fn check_flags(args: &Args, kinds: &[SamplerKind]) -> anyhow::Result<()> {
    let given = [
        ("--eta", Takes::Eta, args.eta.is_some()),
        ("--variance", Takes::Variance, args.variance.is_some()),
        ("--ode-variable", Takes::OdeVariable, args.ode_variable.is_some()),
        ("--rtol", Takes::Tolerance, args.rtol.is_some()),
        ("--atol", Takes::Tolerance, args.atol.is_some()),
        ("--last-clip", Takes::Gamma, args.last_clip.is_some()),
        ("--compat", Takes::Diffusers, args.compat.is_some()),
    ];
    let names = || kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    for (flag, option, is_given) in given {
        if is_given && !kinds.iter().any(|kind| kind.takes(option)) {
            let others = SamplerKind::that_take(option).join(", ");
            bail!("{flag}: {} does not take it ({others} do); leave one of them out", names());
        }
    }
    let spacing = args.grid_kind.is_none_or(|kind| kind.spacing().is_some());
    if args.compat.is_some() && (args.timesteps.is_some() || !spacing) {
        bail!(
            "--compat diffusers: goes with --grid-kind leading, trailing or linspace, and not with \
             --timesteps"
        );
    }
    let grid = args.grid_kind.is_some() || args.timesteps.is_some();
    let steps = args.steps.is_some() || args.nfe.is_some();
    match kinds {
        [kind] if kind.entry().grid == GridRule::Budget && grid => {
            bail!("--grid-kind, --timesteps: {kind} lays out its own times; leave them out")
        }
        [kind] if kind.entry().grid == GridRule::Own && (grid || steps) => bail!(
            "--steps, --nfe, --grid-kind, --timesteps: {kind} chooses its own steps; set --rtol and \
             --atol instead"
        ),
        _ => Ok(()),
    }
}

/// A student's own grid, unless the flags ask for another one.
fn student_grid(args: &Args, model: &ModelFolder, kind: SamplerKind) -> Option<Vec<TimePoint>> {
    let own = model.halfstep.distilled.as_ref()?;
    let follows_grids = kind.entry().grid.takes_any();
    let same_steps = [args.steps, args.nfe].iter().flatten().all(|&n| n as usize == own.num_steps);
    let same_kind = args.grid_kind.is_none_or(|kind| kind == GridKind::Trailing);
    let same_times = args.timesteps.as_ref().is_none_or(|times| *times == own.timesteps);
    let same = follows_grids && same_steps && same_kind && same_times;
    model.distilled_grid().filter(|_| same)
}

fn num_steps(args: &Args, model: &ModelFolder, kind: SamplerKind) -> anyhow::Result<usize> {
    if let Some(nfe) = args.nfe {
        return steps_for_calls(args, model, kind, nfe as usize);
    }
    let steps = args.steps.map(|steps| steps as usize);
    Ok(match &args.timesteps {
        Some(times) => times.len(),
        None => steps.unwrap_or(DEFAULT_STEPS.min(model.schedule.len())),
    })
}

/// The most steps that so many network calls are enough for.
fn steps_for_calls(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    nfe: usize,
) -> anyhow::Result<usize> {
    if kind.entry().grid == GridRule::Budget {
        return Ok(nfe);
    }
    let calls = |steps: usize| -> anyhow::Result<usize> {
        let Choice { sampler, grid } = Choice::with_steps(args, model, kind, steps)?;
        Ok(sampler.calls(&grid).unwrap_or(usize::MAX))
    };
    // One step of leading or linspace starts where there is no noise, and is refused; two are not.
    let least = if nfe > 1 && calls(1).is_err() { 2 } else { 1 };
    if calls(least)? > nfe {
        bail!("--nfe {nfe}: not enough for a single step of --sampler {kind}");
    }
    // The calls grow with the steps; more steps than the schedule has do not fit either.
    let (mut fits, mut too_many) = (least, nfe + 1);
    while too_many - fits > 1 {
        let middle = fits.midpoint(too_many);
        match calls(middle) {
            Ok(count) if count <= nfe => fits = middle,
            _ => too_many = middle,
        }
    }
    Ok(fits)
}

fn options(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    grid: &[TimePoint],
    num_steps: usize,
) -> anyhow::Result<SamplerOptions> {
    let defaults = SamplerOptions::default();
    let variance = match args.variance {
        Some(variance) => variance.into(),
        None if kind.takes(Takes::Variance) => model
            .scheduler
            .variance(&scheduler_path(args))
            .context("the model's own variance cannot be used; add --variance")?,
        None => defaults.variance,
    };
    let analytic =
        kind.takes(Takes::Gamma).then(|| analytic_statistics(args, model)).transpose()?;
    Ok(SamplerOptions {
        num_steps,
        eta: args.eta.unwrap_or(0.0),
        variance,
        clip: clip(args, model, kind),
        variable: args.ode_variable,
        tolerance: Tolerance {
            relative: args.rtol.unwrap_or(defaults.tolerance.relative),
            absolute: args.atol.unwrap_or(defaults.tolerance.absolute),
        },
        analytic,
        diffusers: match args.compat {
            Some(Compat::Diffusers) => Some(compat(args, model, kind, grid, num_steps)?),
            None => None,
        },
    })
}

/// `num_steps` as asked for: a grid that visits t = 0 and is to end there has a jump less.
fn compat(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    grid: &[TimePoint],
    num_steps: usize,
) -> anyhow::Result<DiffusersCompat> {
    if !is_ddim(kind) {
        // The scheduler that is to be equalled may have options that are not here.
        model.scheduler.dpm_solver(&scheduler_path(args)).map_err(solver_advice)?;
    }
    let times: Vec<usize> = grid[..grid.len() - 1].iter().map(|point| point.t as usize).collect();
    let to_one = model.scheduler.set_alpha_to_one;
    let ddim_targets = diffusers_ddim_targets(&model.schedule, &times, num_steps, to_one);
    Ok(DiffusersCompat { ddim_targets })
}

/// A solver of the model's own that is not here, with the flags that choose another one.
fn solver_advice(error: ModelError) -> anyhow::Error {
    match error {
        ModelError::SolverOption { .. } => {
            anyhow!("{error}. Choose a solver with --sampler, without --compat")
        }
        error => error.into(),
    }
}

fn clip(args: &Args, model: &ModelFolder, kind: SamplerKind) -> Option<X0Clip> {
    let (own, own_max) = model.scheduler.thresholding();
    let bound = model.scheduler.clip_sample_range;
    match (args.threshold, args.clip, own) {
        // diffusers writes its default of 1, plain clipping, into configs that do not threshold.
        (Some(ratio), _, None) => Some(X0Clip::Dynamic { ratio, max: f64::INFINITY }),
        (Some(ratio), _, Some(_)) | (None, None, Some(ratio)) => {
            Some(X0Clip::Dynamic { ratio, max: own_max.unwrap_or(1.0) })
        }
        (None, Some(true), _) => Some(X0Clip::Static { bound }),
        (None, Some(false), _) => None,
        // diffusers' DPM-Solver schedulers have no `clip_sample`.
        (None, None, None) if args.compat.is_some() && !is_ddim(kind) => None,
        (None, None, None) => model.scheduler.clip_sample.then_some(X0Clip::Static { bound }),
    }
}

fn analytic_statistics(args: &Args, model: &ModelFolder) -> anyhow::Result<AnalyticStatistics> {
    let table = Arc::new(GammaTable::load(&args.model, &model.schedule)?);
    Ok(AnalyticStatistics {
        posterior_data_variance: Arc::new(move |at| table.posterior_data_variance(at)),
        linear_betas: model.scheduler.has_linear_betas(),
        last_clip: args.last_clip,
    })
}
