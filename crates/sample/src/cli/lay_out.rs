//! From flags and model to a grid.

use crate::{
    GammaTable, GridKind, GridRule, SampleError, SamplerKind, Takes, continuous_grid,
    diffusers_dpm_grid, end_at_first_time, listed_grid, multistep_grid, sampling_grid,
};
use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use halfstep_core::{TimePoint, TimestepSpacing, optimal_trajectory};
use halfstep_model::ModelFolder;

use crate::cli::args::Args;

/// The grid of a sampler in so many steps.
pub fn grid(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    num_steps: usize,
) -> anyhow::Result<Vec<TimePoint>> {
    let schedule = &model.schedule;
    let grid = match (kind.own_grid(schedule, num_steps)?, &args.timesteps) {
        (Some(own), _) => own,
        (None, Some(times)) => listed_grid(schedule, times).context("--timesteps")?,
        (None, None) if args.compat.is_some() && !is_ddim(kind) => {
            return diffusers_grid(args, model, kind, num_steps);
        }
        (None, None) => laid_out_grid(args, model, kind, num_steps)?,
    };
    let grid = match model.scheduler.set_alpha_to_one {
        true => grid,
        false => end_at_first_time(schedule, grid)
            .with_context(|| format!("{}; take more steps", asked_for(args, num_steps)))?,
    };
    if args.last_clip.is_some() && kind.takes(Takes::Gamma) && grid.iter().all(|at| at.t != 0.0) {
        bail!(
            "--last-clip: limits the step to t = 0, which this grid does not visit; leave it out, or \
             use --grid-kind leading or linspace"
        );
    }
    Ok(grid)
}

/// DDIM's compatibility mode changes where a step goes; the others', where the grid lies.
pub fn is_ddim(kind: SamplerKind) -> bool {
    kind == SamplerKind::default()
}

fn laid_out_grid(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    num_steps: usize,
) -> anyhow::Result<Vec<TimePoint>> {
    let schedule = &model.schedule;
    let wanted = args.grid_kind.unwrap_or(model.scheduler.timestep_spacing.into());
    Ok(match (wanted.spacing(), wanted) {
        (Some(spacing), _) => {
            let offset = model.scheduler.steps_offset;
            let grid = match kind.entry().grid {
                GridRule::Multistep => multistep_grid(schedule, spacing, num_steps, offset),
                _ => sampling_grid(schedule, spacing, num_steps, offset),
            };
            grid.map_err(|error| refused(error, args, wanted, num_steps))?
        }
        (None, GridKind::Optimal) => {
            let table = GammaTable::load(&args.model, schedule)?;
            let times =
                optimal_trajectory(schedule, &table.eps_norm2, table.data_variance, num_steps)
                    .with_context(|| {
                        format!("--grid-kind optimal, {}", asked_for(args, num_steps))
                    })?;
            listed_grid(schedule, &times)?
        }
        (None, continuous) => continuous_grid(schedule, continuous, num_steps)?,
    })
}

/// diffusers' singlestep scheduler knows linspace only.
fn diffusers_grid(
    args: &Args,
    model: &ModelFolder,
    kind: SamplerKind,
    num_steps: usize,
) -> anyhow::Result<Vec<TimePoint>> {
    let multistep = kind.entry().grid == GridRule::Multistep;
    let wanted = args.grid_kind.unwrap_or(model.scheduler.timestep_spacing.into());
    let spacing = match wanted.spacing() {
        Some(spacing) if multistep => spacing,
        _ if args.grid_kind.is_none_or(|kind| kind == GridKind::Linspace) => {
            TimestepSpacing::Linspace
        }
        _ => bail!("--compat diffusers: its {kind} knows --grid-kind linspace only"),
    };
    let (offset, clean) = (model.scheduler.steps_offset, model.scheduler.final_sigma_is_zero());
    diffusers_dpm_grid(&model.schedule, spacing, num_steps, offset, clean)
        .with_context(|| asked_for(args, num_steps))
}

/// A grid that does not exist, by the flags that asked for it and with the spacing that would do.
fn refused(error: SampleError, args: &Args, kind: GridKind, num_steps: usize) -> anyhow::Error {
    let steps = asked_for(args, num_steps);
    match (&error, kind.to_possible_value()) {
        (SampleError::Start { .. }, Some(kind)) => anyhow!(
            "{steps} with --grid-kind {}: {error}; use --grid-kind trailing",
            kind.get_name()
        ),
        _ => anyhow::Error::new(error).context(steps),
    }
}

/// By its flag, if that is where the number comes from.
fn asked_for(args: &Args, num_steps: usize) -> String {
    match args.steps {
        Some(steps) if steps as usize == num_steps => format!("--steps {steps}"),
        _ if num_steps == 1 => "1 step".to_owned(),
        _ => format!("{num_steps} steps"),
    }
}
