//! One sampler a file, and the list of all.

pub mod adaptive;
pub mod analytic_dpm;
pub mod ancestral;
pub mod angular;
pub mod ddim;
pub mod dpm_multistep;
pub mod dpm_singlestep;
pub mod euler;
pub mod exponential;
pub mod heun;
pub mod lms;
pub mod options;
pub mod rk4;
pub mod runge_kutta;

use crate::registry::SamplerKind;

/// In the order of the help text; the first is the default.
pub(crate) static ALL: &[SamplerKind] = &[
    SamplerKind(&ddim::ENTRY),
    SamplerKind(&angular::ENTRY),
    SamplerKind(&ancestral::ENTRY),
    SamplerKind(&analytic_dpm::DDPM),
    SamplerKind(&analytic_dpm::DDIM),
    SamplerKind(&dpm_multistep::FIRST),
    SamplerKind(&dpm_multistep::SECOND),
    SamplerKind(&dpm_multistep::THIRD),
    SamplerKind(&dpm_multistep::SECOND_SDE),
    SamplerKind(&dpm_singlestep::SECOND_DATA),
    SamplerKind(&dpm_singlestep::THIRD_DATA),
    SamplerKind(&dpm_singlestep::FIRST),
    SamplerKind(&dpm_singlestep::SECOND),
    SamplerKind(&dpm_singlestep::THIRD),
    SamplerKind(&dpm_singlestep::FAST),
    SamplerKind(&euler::ENTRY),
    SamplerKind(&heun::ENTRY),
    SamplerKind(&rk4::ENTRY),
    SamplerKind(&lms::ENTRY),
    SamplerKind(&adaptive::RK23),
    SamplerKind(&adaptive::RK45),
];
