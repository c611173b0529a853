//! Value parsers for flags that take a short name.

use std::error::Error;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::grids::GridKind;
use crate::methods::OdeVariable;
use crate::registry::SamplerKind;

/// Parses a sampler's name; the help text lists all with a line each.
pub fn sampler_arg() -> impl TypedValueParser<Value = SamplerKind> {
    named(SamplerKind::all(), SamplerKind::name, SamplerKind::about)
}

/// Parses the name of a kind of grid.
pub fn grid_kind_arg() -> impl TypedValueParser<Value = GridKind> {
    named(GridKind::ALL, GridKind::name, GridKind::about)
}

/// Parses the name of an ODE variable.
pub fn ode_variable_arg() -> impl TypedValueParser<Value = OdeVariable> {
    named(OdeVariable::ALL, OdeVariable::name, OdeVariable::about)
}

fn named<T>(
    all: &'static [T],
    name: fn(T) -> &'static str,
    about: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + FromStr + Send + Sync + 'static,
    T::Err: Error + Send + Sync + 'static,
{
    let values = all.iter().map(|&one| PossibleValue::new(name(one)).help(about(one)));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<T>())
}
