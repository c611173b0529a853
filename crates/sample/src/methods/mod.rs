//! One sampler per file, and what several of them share.
//!
//! | file | samplers |
//! |---|---|
//! | `ddim` | [`Ddim`]: Song et al. 2021 |
//! | `angular` | [`AngularDdim`]: DDIM as a rotation |
//! | `ancestral` | [`Ancestral`]: DDPM |
//! | `analytic_dpm` | [`AnalyticDpm`]: Analytic-DDPM, Analytic-DDIM |
//! | `dpm_multistep` | [`DpmMultistep`]: DPM-Solver++ 1, 2M, 3M, 2M SDE |
//! | `dpm_singlestep` | [`DpmSinglestep`]: DPM-Solver 1, 2, 3, fast; DPM-Solver++ 2S, 3S |
//! | `euler`, `heun`, `rk4` | [`Euler`], [`Heun`], [`Rk4`]: Runge-Kutta methods with fixed steps |
//! | `adaptive` | [`AdaptiveRungeKutta`]: RK23, RK45 |
//! | `lms` | [`Lms`]: linear multistep |

pub(crate) mod adaptive;
pub(crate) mod analytic_dpm;
pub(crate) mod ancestral;
pub(crate) mod angular;
pub(crate) mod clip;
pub(crate) mod ddim;
pub(crate) mod dpm_multistep;
pub(crate) mod dpm_singlestep;
pub(crate) mod entry;
pub(crate) mod euler;
pub mod exponential;
pub(crate) mod heun;
pub(crate) mod lms;
pub(crate) mod multistep;
pub(crate) mod ode_variable;
pub(crate) mod options;
pub(crate) mod rk4;
pub mod runge_kutta;

pub use adaptive::AdaptiveRungeKutta;
pub use analytic_dpm::AnalyticDpm;
pub use ancestral::Ancestral;
pub use angular::AngularDdim;
pub use ddim::Ddim;
pub use dpm_multistep::{DpmMultistep, LONG_STEP};
pub use dpm_singlestep::{DpmSinglestep, StepOrders};
pub use entry::{SamplerEntry, SamplerOption};
pub use euler::{Euler, EulerTableau};
pub use heun::{Heun, HeunTableau};
pub use lms::Lms;
pub use ode_variable::OdeVariable;
pub use options::{AnalyticStatistics, SamplerOptions, Tolerance};
pub use rk4::{Rk4, Rk4Tableau};
