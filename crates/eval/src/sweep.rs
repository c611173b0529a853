//! Quality against sampling steps: the teacher and the students of a run, all sampled from the same noises.

use std::collections::HashSet;

use halfstep_run::{Sweep, SweepMeasure, SweepRow};
use halfstep_sample::{SamplerKind, SamplingPlan};

use crate::error::EvalError;
use crate::evaluation::{EvaluatedImages, Evaluator, SampledModel, chunks};
use crate::features::FeatureKind;
use crate::images::ImageSet;
use crate::metrics::{Score, scores_to_json};
use crate::progress::EvalEvent;

/// What a sweep samples.
pub struct SweepPlan<'a> {
    teacher: &'a SampledModel,
    students: &'a [SampledModel],
    /// Samplers and steps of the teacher; DDIM on the full grid comes first.
    teacher_runs: Vec<(SamplerKind, usize)>,
    images: usize,
}

/// The real images of a sweep.
pub struct SweepReference {
    /// What they are called in the report.
    pub name: String,
    /// Number of real images; `None` if only statistics are known.
    pub images: Option<usize>,
    /// Real images that were held back from training. They are as many as each model's samples. Their distance
    /// is a lower limit for what a model can reach.
    pub held_back: Option<ImageSet>,
}

impl<'a> SweepPlan<'a> {
    /// A plan with `images` images per row: the teacher by DDIM in `full_steps` steps, which all other rows are
    /// compared with; then by each of `samplers` in each of `steps`; then every student on its own grid.
    pub fn new(
        teacher: &'a SampledModel,
        students: &'a [SampledModel],
        full_steps: usize,
        samplers: &[SamplerKind],
        steps: &[usize],
        images: usize,
    ) -> Self {
        let mut teacher_runs = vec![(SamplerKind::default(), full_steps)];
        for &kind in samplers {
            teacher_runs.extend(steps.iter().map(|&steps| (kind, steps)));
        }
        let mut seen = HashSet::new();
        teacher_runs.retain(|(kind, steps)| seen.insert((kind.name(), *steps)));
        Self { teacher, students, teacher_runs, images }
    }

    /// Samplers and steps of the teacher. The first is DDIM on the full grid.
    pub fn teacher_runs(&self) -> &[(SamplerKind, usize)] {
        &self.teacher_runs
    }

    /// The images of the first row.
    ///
    /// # Errors
    /// Those of [`SampledModel::plan`].
    pub fn full_grid(&self) -> Result<EvaluatedImages<'a>, EvalError> {
        let (kind, steps) = self.teacher_runs[0];
        let plan = self.teacher.plan(Some(kind), Some(steps))?;
        Ok(EvaluatedImages::sampled(self.teacher, plan, self.images))
    }
}

impl Evaluator<'_> {
    /// Samples and scores every row of a plan.
    ///
    /// # Errors
    /// Those of [`SampledModel::plan`] and [`scores`](Self::scores).
    pub fn sweep(
        &self,
        plan: &SweepPlan<'_>,
        reference: SweepReference,
    ) -> Result<Sweep, EvalError> {
        let held_back = match reference.held_back {
            Some(images) => Some(frechet(&self.scores(&EvaluatedImages::stored(images)?)?)),
            None => None,
        };
        let full = plan.full_grid()?;
        let mut rows = Vec::new();
        for (k, &(kind, steps)) in plan.teacher_runs.iter().enumerate() {
            let sampling = plan.teacher.plan(Some(kind), Some(steps))?;
            let full = (k > 0).then_some(&full);
            rows.push(self.sweep_row("teacher", plan.teacher, sampling, plan.images, full)?);
        }
        for student in plan.students {
            let sampling = student.plan(None, None)?;
            rows.push(self.sweep_row("student", student, sampling, plan.images, Some(&full))?);
        }
        Ok(Sweep {
            measure: sweep_measure(self.kind()),
            network: self.extractor().network_name().map(str::to_owned),
            reference: reference.name,
            reference_images: reference.images,
            images: plan.images,
            seed: self.context().seed,
            held_back,
            rows,
        })
    }

    fn sweep_row(
        &self,
        role: &str,
        model: &SampledModel,
        plan: SamplingPlan,
        count: usize,
        full: Option<&EvaluatedImages<'_>>,
    ) -> Result<SweepRow, EvalError> {
        let (sampler, num_steps) = (plan.kind.name().to_owned(), plan.num_steps());
        let calls = plan.calls().unwrap_or(num_steps);
        let images = EvaluatedImages::sampled(model, plan, count);
        self.context().report(EvalEvent::SweepRow { name: images.name() });
        let scores = self.scores(&images)?;
        Ok(SweepRow {
            model: role.to_owned(),
            sampler,
            num_steps,
            calls,
            distance: frechet(&scores),
            agreement: full.map(|full| self.agreement(&images, full)).transpose()?,
            measures: scores_to_json(&scores),
        })
    }

    /// Mean squared difference of images that were sampled from the same noises.
    fn agreement(
        &self,
        one: &EvaluatedImages<'_>,
        other: &EvaluatedImages<'_>,
    ) -> Result<f64, EvalError> {
        let images = |of: &EvaluatedImages<'_>, which| of.chunk(which, self.context(), &mut |_| {});
        let mut sum = 0.0;
        for which in chunks(one.len()) {
            let count = which.len() as f64;
            let (one, other) = (images(one, which.clone())?, images(other, which)?);
            sum += count * one.mean_squared_difference(&other)?;
        }
        Ok(sum / one.len() as f64)
    }
}

/// The Frechet distance, which is always the first score.
fn frechet(scores: &[Score]) -> f64 {
    scores[0].value
}

fn sweep_measure(kind: FeatureKind) -> SweepMeasure {
    match kind {
        FeatureKind::Inception => SweepMeasure::Fid,
        FeatureKind::UserNetwork => SweepMeasure::FeatureFrechet,
        FeatureKind::Pixels => SweepMeasure::PixelFrechet,
    }
}
