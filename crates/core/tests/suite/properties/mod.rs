//! Laws that hold for every input, such as inverses, bounds and limits.

mod analytic_variance;
mod denoisers;
mod distillation_target;
mod optimal_trajectory;
mod posterior;
mod predictions;
mod schedules;
mod steps;
