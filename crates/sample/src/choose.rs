//! From flags and model to a sampler on a grid.

use std::sync::Arc;

use anyhow::{Context, bail};
use halfstep_core::{TimePoint, X0Clip, optimal_trajectory};
use halfstep_model::ModelFolder;
use halfstep_sample::{
    AnalyticStatistics, DiffusersCompat, GammaTable, GridKind, GridRule, Sampler, SamplerKind,
    SamplerOptions, Takes, Tolerance, continuous_grid, diffusers_ddim_targets, diffusers_dpm_grid,
    listed_grid, sampling_grid,
};

use crate::args::{Args, Compat};

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
        let kind = args.sampler;
        check_flags(args, &[kind])?;
        match student_grid(args, model)? {
            Some(grid) => {
                let options = options(args, model, kind, grid.len() - 1, &grid)?;
                let sampler = kind.build(&options)?;
                check_student_noise(args, model, sampler.as_ref())?;
                Ok(Self { sampler, grid })
            }
            None => {
                let num_steps = num_steps(args, model, kind)?;
                let choice = Self::with_steps(args, model, kind, num_steps)?;
                check_student_noise(args, model, choice.sampler.as_ref())?;
                Ok(choice)
            }
        }
    }

    /// This sampler in so many steps, with what else the flags say.
    pub fn with_steps(
        args: &Args,
        model: &ModelFolder,
        kind: SamplerKind,
        num_steps: usize,
    ) -> anyhow::Result<Self> {
        let grid = grid(args, model, kind, num_steps)?;
        let sampler = kind.build(&options(args, model, kind, num_steps, &grid)?)?;
        Ok(Self { sampler, grid })
    }
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

/// Students learned deterministic steps; fresh noise in between is what they never saw.
fn check_student_noise(
    args: &Args,
    model: &ModelFolder,
    sampler: &dyn Sampler,
) -> anyhow::Result<()> {
    if model.halfstep.distilled.is_some() && sampler.is_stochastic() && !args.force {
        bail!(
            "{} is a student: it was distilled for deterministic steps; leave out --eta / \
             --sampler {}, or add --force",
            args.model.display(),
            sampler.name()
        );
    }
    Ok(())
}

/// A student's own grid, unless another one is forced; `None` for other models.
fn student_grid(args: &Args, model: &ModelFolder) -> anyhow::Result<Option<Vec<TimePoint>>> {
    let (Some(own), Some(grid)) = (&model.halfstep.distilled, model.distilled_grid()) else {
        return Ok(None);
    };
    let one_call_a_step = args.sampler.entry().grid == GridRule::Any;
    let same_steps = args.steps.is_none_or(|steps| steps as usize == own.num_steps);
    let same_kind = args.grid_kind.is_none_or(|kind| kind == GridKind::Trailing);
    let same_times = args.timesteps.as_ref().is_none_or(|times| *times == own.timesteps);
    if one_call_a_step && same_steps && same_kind && same_times && args.nfe.is_none() {
        return Ok(Some(grid));
    }
    if !args.force {
        bail!(
            "{} is a student distilled for {} steps at times {:?}; on another grid it draws worse. \
             Leave out --steps, --nfe, --grid-kind and --timesteps, or add --force",
            args.model.display(),
            own.num_steps,
            own.timesteps
        );
    }
    Ok(None)
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
    if matches!(kind.entry().grid, GridRule::Budget) {
        return Ok(nfe);
    }
    let sampler = Choice::with_steps(args, model, kind, 1)?.sampler;
    let fits = |steps: &usize| sampler.calls(*steps).is_some_and(|calls| calls <= nfe);
    match (1..=nfe).take_while(fits).last() {
        Some(steps) => Ok(steps),
        None => bail!("--nfe {nfe}: not enough for a single step of --sampler {kind}"),
    }
}

fn grid(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    num_steps: usize,
) -> anyhow::Result<Vec<TimePoint>> {
    let schedule = &model.schedule;
    match kind.entry().grid {
        GridRule::Any => {}
        GridRule::Budget => {
            let mut grid = continuous_grid(schedule, GridKind::Lambda, num_steps / 3 + 2)?;
            grid.pop(); // its calls end at the first training level
            return Ok(grid);
        }
        GridRule::Own => {
            let ends = [schedule.len() - 1, 0];
            return Ok(listed_grid(schedule, &ends[..ends.len().min(schedule.len())])?);
        }
    }
    if let Some(times) = &args.timesteps {
        return listed_grid(schedule, times).context("--timesteps");
    }
    let wanted = args.grid_kind.unwrap_or(model.scheduler.timestep_spacing.into());
    let offset = model.scheduler.steps_offset;
    let mut grid = match (wanted.spacing(), wanted) {
        (Some(spacing), _) if args.compat.is_some() && !kind.takes(Takes::Eta) => {
            let clean = model.scheduler.final_sigma_is_zero();
            return diffusers_dpm_grid(schedule, spacing, num_steps, offset, clean)
                .with_context(|| format!("--steps {num_steps}"));
        }
        (Some(spacing), _) => sampling_grid(schedule, spacing, num_steps, offset)
            .with_context(|| format!("--steps {num_steps}"))?,
        (None, GridKind::Optimal) => {
            let table = GammaTable::load(&args.model, schedule)?;
            let times = optimal_trajectory(schedule, &table.eps_norm2, num_steps)
                .with_context(|| format!("--grid-kind optimal --steps {num_steps}"))?;
            listed_grid(schedule, &times)?
        }
        (None, continuous) => continuous_grid(schedule, continuous, num_steps)?,
    };
    if !model.scheduler.set_alpha_to_one
        && let Some(last) = grid.last_mut()
    {
        *last = schedule.point(0);
    }
    Ok(grid)
}

fn options(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    num_steps: usize,
    grid: &[TimePoint],
) -> anyhow::Result<SamplerOptions> {
    let defaults = SamplerOptions::default();
    let variance = match args.variance {
        Some(variance) => variance.into(),
        None if kind.takes(Takes::Variance) => model
            .scheduler
            .variance(&args.model.join("scheduler/scheduler_config.json"))
            .context("the model's own variance cannot be used; add --variance")?,
        None => defaults.variance,
    };
    let analytic =
        kind.takes(Takes::Gamma).then(|| analytic_statistics(args, model)).transpose()?;
    Ok(SamplerOptions {
        num_steps,
        eta: args.eta.unwrap_or(0.0),
        variance,
        clip: clip(args, model),
        variable: args.ode_variable,
        tolerance: Tolerance {
            relative: args.rtol.unwrap_or(defaults.tolerance.relative),
            absolute: args.atol.unwrap_or(defaults.tolerance.absolute),
        },
        analytic,
        diffusers: args.compat.map(|Compat::Diffusers| compat(model, grid)),
    })
}

fn compat(model: &ModelFolder, grid: &[TimePoint]) -> DiffusersCompat {
    let steps = grid.len() - 1;
    let times: Vec<usize> = grid[..steps].iter().map(|point| point.t as usize).collect();
    let to_one = model.scheduler.set_alpha_to_one;
    let ddim_targets = diffusers_ddim_targets(&model.schedule, &times, steps, to_one);
    DiffusersCompat { ddim_targets }
}

fn clip(args: &Args, model: &ModelFolder) -> Option<X0Clip> {
    let (own, own_max) = model.scheduler.thresholding();
    let bound = model.scheduler.clip_sample_range;
    match (args.threshold, args.clip) {
        (Some(ratio), _) => Some(X0Clip::Dynamic { ratio, max: own_max.unwrap_or(f64::INFINITY) }),
        (None, Some(true)) => Some(X0Clip::Static { bound }),
        (None, Some(false)) => None,
        (None, None) => match own {
            Some(ratio) => Some(X0Clip::Dynamic { ratio, max: own_max.unwrap_or(1.0) }),
            None => model.scheduler.clip_sample.then_some(X0Clip::Static { bound }),
        },
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
