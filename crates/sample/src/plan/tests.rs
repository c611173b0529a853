use halfstep_model::{Distilled, ModelFolder};

use super::*;
use crate::error::SampleError;
use crate::grids::GridKind;
use crate::testing::zeroed_model;

fn plan(request: SamplingRequest, model: &ModelFolder) -> Result<SamplingPlan, PlanError> {
    request.resolve(model)
}

fn named(name: &str) -> SamplingRequest {
    SamplingRequest { sampler: Some(name.parse().unwrap()), ..SamplingRequest::default() }
}

#[test]
fn what_is_left_open_is_the_models() {
    let model = zeroed_model(None);
    let own = plan(SamplingRequest::default(), &model).unwrap();
    assert_eq!((own.kind.name(), own.num_steps(), own.calls()), ("ddim", 16, Some(16)));
    assert!(own.sampler.is_ddim());
}

#[test]
fn a_budget_of_calls_becomes_steps() {
    let model = zeroed_model(None);
    let within = |name, calls| {
        plan(SamplingRequest { calls: Some(calls), ..named(name) }, &model).unwrap().num_steps()
    };
    assert_eq!([within("heun", 9), within("heun", 10), within("ddim", 9)], [5, 5, 9]);
    let error = plan(SamplingRequest { calls: Some(0), ..named("heun") }, &model);
    assert!(matches!(error, Err(PlanError::TooFewCalls { calls: 0, sampler: "heun" })));
}

#[test]
fn a_student_steps_as_it_was_distilled_unless_allowed() {
    let distilled = Distilled { num_steps: 2, timesteps: vec![15, 7] };
    let model = zeroed_model(Some(distilled));
    let own = plan(SamplingRequest::default(), &model).unwrap();
    assert_eq!(own.grid, model.distilled_grid().unwrap());
    let more = SamplingRequest { steps: Some(4), ..SamplingRequest::default() };
    let error = plan(more.clone(), &model);
    assert!(matches!(error, Err(PlanError::StudentGrid { num_steps: 2, .. })));
    let error = plan(named("heun"), &model);
    assert!(matches!(error, Err(PlanError::StudentSampler { sampler: "heun" })));
    let error = plan(named("analytic-ddim"), &model);
    assert!(matches!(error, Err(PlanError::StudentGamma { .. })));
    let allowed = plan(SamplingRequest { off_grid: true, ..more }, &model).unwrap();
    assert_eq!(allowed.num_steps(), 4);
}

#[test]
fn errors_carry_what_was_asked_for() {
    let model = zeroed_model(None);
    let eta = SamplingRequest { eta: Some(0.5), ..named("heun") };
    let Err(PlanError::NotTaken { option, samplers, others }) = plan(eta, &model) else { panic!() };
    assert_eq!((option, samplers, others), ("eta", vec!["heun"], vec!["ddim"]));
    let many = SamplingRequest { steps: Some(17), ..SamplingRequest::default() };
    let error = plan(many, &model);
    assert!(matches!(error, Err(PlanError::NoGrid { num_steps: 17, requested: true, .. })));
    let gamma = plan(named("analytic-ddpm"), &model);
    let needs_gamma =
        |error: &SampleError| matches!(error, SampleError::NeedsGamma { sampler: "analytic-ddpm" });
    assert!(matches!(gamma, Err(PlanError::Sample(ref error)) if needs_gamma(error)));
    let grid = SamplingRequest { grid_kind: Some(GridKind::Phi), diffusers: true, ..named("ddim") };
    assert!(matches!(plan(grid, &model), Err(PlanError::NotInDiffusers)));
}
