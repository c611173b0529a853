//! The figures of the page, made from metrics and results.

pub(crate) mod agreement;
pub(crate) mod health;
pub(crate) mod levels;
pub(crate) mod log;
pub(crate) mod losses;

use crate::chart::axis::Scale;
use crate::chart::{AxisSpec, Chart, Curve};

/// Curves over the optimiser steps of a stage, on a logarithmic axis.
fn chart_over_steps(title: &'static str, curves: Vec<Curve>) -> Chart {
    let x = AxisSpec::new("optimiser steps", Scale::Steps);
    Chart::new(x, AxisSpec::new(title, Scale::Log), curves)
}
