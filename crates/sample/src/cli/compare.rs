//! `--compare`: samplers in rows, numbers of steps in columns, the same noises everywhere.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use halfstep_core::{TimePoint, counted};
use halfstep_files::check_file;
use halfstep_model::{ModelFolder, SelectedDevice};
use halfstep_terminal::{ProgressLine, answer, say, select_device};

use super::advice::{advised_sentence, of_plan};
use super::args::Args;
use super::comparison::{Comparison, ComparisonCell, ComparisonRow, SHOWN};
use super::learned_from::refuse_among_pictures;
use super::model::{classes, image_shape, open_model, open_model_checked};
use super::request::request;
use crate::draw::{Draw, StepNoise};
use crate::error::SampleError;
use crate::output::formats::PictureFormat;
use crate::output::images::Images;
use crate::output::{picture, write_picture};
use crate::plan::{PlanError, Planner, SamplingPlan, SamplingRequest};
use crate::registry::SamplerKind;
use crate::sampler::{Family, GridRule, Sampler};

/// Numbers of steps, unless `--steps-list` gives others.
const STEPS: [u32; 4] = [4, 8, 16, 32];
/// Images of every cell, unless `--count` gives another number.
const COUNT: u32 = 16;
/// Steps of the converged images, unless `--reference-steps` gives another number.
const REFERENCE_STEPS: usize = 256;
/// The sampler that draws the converged images of deterministic samplers.
const ODE_REFERENCE: &str = "dpm-solver++-2m";

/// Draws the comparison, writes its picture and prints its table.
pub fn run(args: &Args, samplers: &[SamplerKind]) -> anyhow::Result<ExitCode> {
    let out = args.out.as_deref().unwrap_or(Path::new("compare.png"));
    let format = PictureFormat::from_path(out).context("--out")?;
    check_file(out)?;
    refuse_among_pictures(&args.model, &[("--out", Some(out))])?;
    let request = request(args);
    request.check_options(samplers).map_err(|error| of_plan(error, &args.model))?;
    let device = select_device(args.device)?;
    let teacher = open_model_checked(&args.model, &device)?;
    if teacher.halfstep.distilled.is_some() {
        bail!(
            "--model {} is a student, which has only its own grid; give its teacher as --model and the student \
             as --student",
            args.model.display()
        );
    }
    let students = students(args, &teacher, &device)?;
    let bench = Bench::new(args, &request, &teacher, &device)?;
    let columns = columns(args, &students);
    let plan = bench.plan(samplers, &students, &columns)?;
    bench.check_picture(&plan, &columns, format).context("--compare, --steps-list")?;
    bench.announce(samplers, &students, &columns);
    bench.warm_up()?;
    let comparison = bench.measure(&plan, &columns)?;
    write_picture(out, comparison.picture(bench.scale())?)?;
    answer!("{}\n{}", comparison.table(), out.display());
    Ok(ExitCode::SUCCESS)
}

struct Student<'a> {
    path: &'a Path,
    model: ModelFolder,
    grid: Vec<TimePoint>,
}

/// The students, checked to draw what the teacher draws.
fn students<'a>(
    args: &'a Args,
    teacher: &ModelFolder,
    device: &SelectedDevice,
) -> anyhow::Result<Vec<Student<'a>>> {
    let shape = image_shape(&args.model, teacher)?;
    let load = |path: &'a std::path::PathBuf| {
        let model = open_model(path, &device.device)?;
        let Some(grid) = model.distilled_grid() else {
            bail!("--student {} is not a distilled student", path.display());
        };
        let config = model.unet.config();
        let same = config.image_sides() == [shape[1], shape[2]]
            && config.out_channels == shape[0]
            && config.class_input() == teacher.unet.config().class_input();
        if !same {
            bail!(
                "--student {}: its image shape or classes differ from those of --model",
                path.display()
            );
        }
        Ok(Student { path, model, grid })
    };
    args.student.iter().map(load).collect()
}

/// The steps asked for and those of the students, rising.
fn columns(args: &Args, students: &[Student<'_>]) -> Vec<usize> {
    let listed = args.steps_list.as_deref().unwrap_or(&STEPS).iter().map(|&steps| steps as usize);
    let mut columns: Vec<usize> =
        listed.chain(students.iter().map(|student| student.grid.len() - 1)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// What all cells share.
struct Bench<'a> {
    args: &'a Args,
    request: &'a SamplingRequest,
    teacher: &'a ModelFolder,
    planner: Planner<'a>,
    device: &'a SelectedDevice,
    shape: [usize; 3],
    classes: Vec<u32>,
    count: u64,
    reference_steps: usize,
}

impl<'a> Bench<'a> {
    fn new(
        args: &'a Args,
        request: &'a SamplingRequest,
        teacher: &'a ModelFolder,
        device: &'a SelectedDevice,
    ) -> anyhow::Result<Self> {
        let asked = args.reference_steps.map(|steps| steps as usize);
        Ok(Self {
            args,
            request,
            teacher,
            planner: Planner::new(request, teacher),
            device,
            shape: image_shape(&args.model, teacher)?,
            classes: classes(args, teacher)?,
            count: u64::from(args.count.unwrap_or(COUNT)),
            reference_steps: asked.unwrap_or(REFERENCE_STEPS.min(teacher.schedule.len())),
        })
    }

    fn announce(&self, samplers: &[SamplerKind], students: &[Student<'_>], columns: &[usize]) {
        say!(
            "comparing {} and {} of {} in {columns:?} steps: {} per cell, converged images in {}, \
             seed {}, on {}",
            counted(samplers.len(), "sampler"),
            counted(students.len(), "student"),
            self.args.model.display(),
            counted(self.count, "image"),
            counted(self.reference_steps, "step"),
            self.args.seed,
            self.device.description
        );
    }

    /// Makes the first calls, which compile kernels, before any cell is timed.
    fn warm_up(&self) -> anyhow::Result<()> {
        let plan = self.in_steps(SamplerKind::default(), 1)?;
        self.draw(self.teacher, &plan, "warming up")?;
        Ok(())
    }

    fn in_steps(&self, kind: SamplerKind, num_steps: usize) -> anyhow::Result<SamplingPlan> {
        self.advised(self.planner.in_steps(kind, num_steps))
    }

    fn advised(&self, plan: Result<SamplingPlan, PlanError>) -> anyhow::Result<SamplingPlan> {
        plan.map_err(|error| of_plan(error, &self.args.model))
    }

    /// The plans of all cells and of the converged images. A plan that cannot be made is an error before anything is
    /// drawn.
    fn plan<'m>(
        &'m self,
        samplers: &[SamplerKind],
        students: &'m [Student<'_>],
        columns: &[usize],
    ) -> anyhow::Result<ComparisonPlan<'m>> {
        let mut plan = ComparisonPlan::default();
        for &kind in samplers {
            // A sampler that chooses its own steps has one cell, beside the largest number.
            let own = kind.grid_rule() == GridRule::Own;
            let columns = if own { &columns[columns.len().saturating_sub(1)..] } else { columns };
            let mut cells = Vec::new();
            for &column in columns {
                let drawing = self
                    .in_steps(kind, column)
                    .with_context(|| format!("{kind} in {}", counted(column, "step")))?;
                let reference = self.reference(kind, drawing.sampler.as_ref(), &mut plan)?;
                let steps = (!own).then_some(column);
                cells.push(PlannedCell { model: self.teacher, drawing, column, steps, reference });
            }
            plan.rows.push((kind.name().to_owned(), cells));
        }
        for student in students {
            let (model, steps) = (&student.model, student.grid.len() - 1);
            let kind = SamplerKind::default();
            let planner = Planner::new(self.request, model);
            let drawing = self.advised(planner.on_grid(kind, student.grid.clone()))?;
            let reference = self.reference(kind, drawing.sampler.as_ref(), &mut plan)?;
            let cell = PlannedCell { model, drawing, column: steps, steps: Some(steps), reference };
            plan.rows.push((label(student.path), vec![cell]));
        }
        Ok(plan)
    }

    /// The name of the sampler whose images count as converged for this one, which are planned too: one for all
    /// samplers of the ODE.
    fn reference(
        &self,
        kind: SamplerKind,
        sampler: &dyn Sampler,
        plan: &mut ComparisonPlan<'_>,
    ) -> anyhow::Result<&'static str> {
        let kind = match sampler.family() {
            Family::Ode => ODE_REFERENCE.parse()?,
            Family::Sde => kind,
        };
        if !plan.references.contains_key(kind.name()) {
            let steps = self.reference_steps;
            let drawing = self
                .in_steps(kind, steps)
                .with_context(|| format!("--reference-steps {steps} of {kind}"))?;
            plan.references.insert(kind.name(), drawing);
        }
        Ok(kind.name())
    }

    fn scale(&self) -> u32 {
        picture::comfortable_scale(self.shape[1])
    }

    /// Refuses, before anything is drawn, what could not be written after it.
    fn check_picture(
        &self,
        plan: &ComparisonPlan<'_>,
        columns: &[usize],
        format: PictureFormat,
    ) -> Result<(), SampleError> {
        let [channels, height, width] = self.shape;
        picture::check_channels(channels)?;
        let labels: Vec<&str> = plan.rows.iter().map(|(label, _)| label.as_str()).collect();
        let shown = self.count.min(SHOWN as u64) as usize;
        picture::check_table([height, width], shown, &labels, columns.len(), self.scale(), format)
    }

    fn measure(&self, plan: &ComparisonPlan<'_>, columns: &[usize]) -> anyhow::Result<Comparison> {
        let mut references = BTreeMap::new();
        for (&name, drawing) in &plan.references {
            let (images, _) = self.draw(self.teacher, drawing, &format!("{name}, converged"))?;
            references.insert(name, images);
        }
        let mut rows = Vec::new();
        for (label, planned) in &plan.rows {
            let mut cells = BTreeMap::new();
            for cell in planned {
                let drawn = self.cell(cell, label, &references[cell.reference])?;
                cells.insert(cell.column, drawn);
            }
            rows.push(ComparisonRow { label: label.clone(), cells });
        }
        Ok(Comparison {
            rows,
            columns: columns.to_vec(),
            count: self.count,
            reference_steps: self.reference_steps,
            ode_reference: ODE_REFERENCE,
        })
    }

    fn cell(
        &self,
        planned: &PlannedCell<'_>,
        label: &str,
        reference: &Images,
    ) -> anyhow::Result<ComparisonCell> {
        let started = Instant::now();
        let what = format!("{label}, {}", counted(planned.drawing.num_steps(), "step"));
        let cell = match self.draw(planned.model, &planned.drawing, &what) {
            Ok((images, calls)) => ComparisonCell {
                steps: planned.steps,
                calls,
                seconds: started.elapsed().as_secs_f64(),
                distance: images.mean_squared_difference(reference),
                images: Some(images.first(SHOWN)),
                refused: None,
            },
            Err(
                error @ (SampleError::NoSignal { .. }
                | SampleError::NotFinite { .. }
                | SampleError::TooManySteps { .. }),
            ) => ComparisonCell::refused(planned.steps, advised_sentence(error)),
            Err(error) => return Err(error.into()),
        };
        Ok(cell)
    }

    /// The images, and network calls per image.
    fn draw(
        &self,
        model: &ModelFolder,
        plan: &SamplingPlan,
        what: &str,
    ) -> Result<(Images, u64), SampleError> {
        let draw = Draw {
            network: &model.unet,
            prediction_type: model.prediction_type(),
            sampler: plan.sampler.as_ref(),
            grid: &plan.grid,
            schedule: &model.schedule,
            seed: self.args.seed,
            step_noise: StepNoise::Path,
            batch_size: self.args.batch_size as usize,
            shape: self.shape,
            classes: &self.classes,
            device: &self.device.device,
        };
        let mut line = ProgressLine::labelled(what, "network calls");
        line.show(0, 0);
        let mut calls = 0;
        let images = draw.images(0..self.count, &mut |done, total| {
            line.show(done, total);
            calls = done;
            ControlFlow::Continue(())
        });
        drop(line);
        Ok((images?, calls / self.count.div_ceil(u64::from(self.args.batch_size))))
    }
}

/// All drawings of a comparison.
#[derive(Default)]
struct ComparisonPlan<'a> {
    /// A label and its cells.
    rows: Vec<(String, Vec<PlannedCell<'a>>)>,
    /// Those of the converged images, by sampler.
    references: BTreeMap<&'static str, SamplingPlan>,
}

struct PlannedCell<'a> {
    model: &'a ModelFolder,
    drawing: SamplingPlan,
    column: usize,
    /// `None` for a sampler that chooses its own.
    steps: Option<usize>,
    /// Which converged images it is compared with.
    reference: &'static str,
}

/// `student 0004` of `runs/digits/students/0004`.
fn label(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    format!("student {}", name.to_string_lossy())
}
