//! `--compare`: samplers in rows, numbers of steps in columns, the same noises everywhere.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::{
    Draw, Family, GridRule, Images, PictureFormat, SampleError, Sampler, SamplerKind, StepNoise,
    Watch, counted, open_model, open_model_checked, output, picture, select_device,
};
use anyhow::{Context, bail};
use halfstep_core::TimePoint;
use halfstep_model::{ModelFolder, SelectedDevice};

use crate::cli::args::Args;
use crate::cli::choose::{self, Choice};
use crate::cli::learned_from::refuse_among_pictures;
use crate::cli::program::{classes, image_shape};
use crate::cli::table::{Cell, Comparison, Row, SHOWN};

/// Numbers of steps, unless `--steps-list` says otherwise.
const STEPS: [u32; 4] = [4, 8, 16, 32];
/// Images of every cell, unless `--count` says otherwise.
const COUNT: u32 = 16;
/// Steps of the converged images, unless `--reference-steps` says otherwise.
const REFERENCE_STEPS: usize = 256;
/// What draws the converged images of deterministic samplers.
const ODE_REFERENCE: &str = "dpm-solver++-2m";

pub fn run(args: &Args, samplers: &[SamplerKind]) -> anyhow::Result<ExitCode> {
    let out = args.out.as_deref().unwrap_or(Path::new("compare.png"));
    let format = PictureFormat::of(out).context("--out")?;
    output::check_file(out)?;
    refuse_among_pictures(&args.model, &[("--out", Some(out))])?;
    choose::check_flags(args, samplers)?;
    let device = select_device(args.device)?;
    let teacher = open_model_checked(&args.model, &device)?;
    if teacher.halfstep.distilled.is_some() {
        bail!(
            "--model {}: is a student, which is drawn on its own grid only; give its teacher here \
             and the student as --student",
            args.model.display()
        );
    }
    let students = students(args, &teacher, &device)?;
    let bench = Bench::new(args, &teacher, &device)?;
    let columns = columns(args, &students);
    let plan = bench.plan(samplers, &students, &columns)?;
    bench.check_picture(&plan, &columns, format).context("--compare, --steps-list")?;
    bench.announce(samplers, &students, &columns);
    bench.warm_up()?;
    let comparison = bench.measure(&plan, &columns)?;
    output::write_picture(out, comparison.picture(bench.scale())?)?;
    crate::answer!("{}\n{}", comparison.table(), out.display());
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
            bail!("--student {}: is not a student: it has no grid of its own", path.display());
        };
        let config = model.unet.config();
        let same = config.image_sides() == [shape[1], shape[2]]
            && config.out_channels == shape[0]
            && config.class_input() == teacher.unet.config().class_input();
        if !same {
            bail!("--student {}: draws other images or classes than --model", path.display());
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
    teacher: &'a ModelFolder,
    device: &'a SelectedDevice,
    shape: [usize; 3],
    classes: Vec<u32>,
    count: u64,
    reference_steps: usize,
}

impl<'a> Bench<'a> {
    fn new(
        args: &'a Args,
        teacher: &'a ModelFolder,
        device: &'a SelectedDevice,
    ) -> anyhow::Result<Self> {
        let asked = args.reference_steps.map(|steps| steps as usize);
        Ok(Self {
            args,
            teacher,
            device,
            shape: image_shape(&args.model, teacher)?,
            classes: classes(args, teacher)?,
            count: u64::from(args.count.unwrap_or(COUNT)),
            reference_steps: asked.unwrap_or(REFERENCE_STEPS.min(teacher.schedule.len())),
        })
    }

    fn announce(&self, samplers: &[SamplerKind], students: &[Student<'_>], columns: &[usize]) {
        crate::say!(
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

    /// The first calls compile kernels: they are not the first cell's time.
    fn warm_up(&self) -> anyhow::Result<()> {
        let choice = Choice::with_steps(self.args, self.teacher, SamplerKind::default(), 1)?;
        self.draw(self.teacher, &choice, "warming up")?;
        Ok(())
    }

    /// Every cell's sampler and grid, and those of the converged images: what cannot be built is
    /// found before anything is drawn.
    fn plan<'m>(
        &'m self,
        samplers: &[SamplerKind],
        students: &'m [Student<'_>],
        columns: &[usize],
    ) -> anyhow::Result<Plan<'m>> {
        let mut plan = Plan::default();
        for &kind in samplers {
            // A sampler that chooses its own steps has one cell, beside the largest number.
            let own = kind.entry().grid == GridRule::Own;
            let columns = if own { &columns[columns.len().saturating_sub(1)..] } else { columns };
            let mut cells = Vec::new();
            for &column in columns {
                let choice = Choice::with_steps(self.args, self.teacher, kind, column)
                    .with_context(|| format!("{kind} in {}", counted(column, "step")))?;
                let reference = self.reference(kind, choice.sampler.as_ref(), &mut plan)?;
                let steps = (!own).then_some(column);
                cells.push(Planned { model: self.teacher, choice, column, steps, reference });
            }
            plan.rows.push((kind.name().to_owned(), cells));
        }
        for student in students {
            let (model, steps) = (&student.model, student.grid.len() - 1);
            let kind = SamplerKind::default();
            let choice = Choice::on_grid(self.args, model, kind, student.grid.clone())?;
            let reference = self.reference(kind, choice.sampler.as_ref(), &mut plan)?;
            let cell = Planned { model, choice, column: steps, steps: Some(steps), reference };
            plan.rows.push((label(student.path), vec![cell]));
        }
        Ok(plan)
    }

    /// The name of what the sampler's images converge to, which is planned too; the ODE's is one for
    /// all.
    fn reference(
        &self,
        kind: SamplerKind,
        sampler: &dyn Sampler,
        plan: &mut Plan<'_>,
    ) -> anyhow::Result<&'static str> {
        let kind = match sampler.family() {
            Family::Ode => ODE_REFERENCE.parse().map_err(anyhow::Error::msg)?,
            Family::Sde => kind,
        };
        if !plan.references.contains_key(kind.name()) {
            let steps = self.reference_steps;
            let choice = Choice::with_steps(self.args, self.teacher, kind, steps)
                .with_context(|| format!("--reference-steps {steps} of {kind}"))?;
            plan.references.insert(kind.name(), choice);
        }
        Ok(kind.name())
    }

    fn scale(&self) -> u32 {
        picture::comfortable_scale(self.shape[1])
    }

    /// Finds out before drawing what would fail after it.
    fn check_picture(
        &self,
        plan: &Plan<'_>,
        columns: &[usize],
        format: PictureFormat,
    ) -> Result<(), SampleError> {
        let [channels, height, width] = self.shape;
        picture::check_channels(channels)?;
        let labels: Vec<&str> = plan.rows.iter().map(|(label, _)| label.as_str()).collect();
        let shown = self.count.min(SHOWN as u64) as usize;
        picture::check_table([height, width], shown, &labels, columns.len(), self.scale(), format)
    }

    fn measure(&self, plan: &Plan<'_>, columns: &[usize]) -> anyhow::Result<Comparison> {
        let mut references = BTreeMap::new();
        for (&name, choice) in &plan.references {
            let (images, _) = self.draw(self.teacher, choice, &format!("{name}, converged"))?;
            references.insert(name, images);
        }
        let mut rows = Vec::new();
        for (label, planned) in &plan.rows {
            let mut cells = BTreeMap::new();
            for cell in planned {
                let drawn = self.cell(cell, label, &references[cell.reference])?;
                cells.insert(cell.column, drawn);
            }
            rows.push(Row { label: label.clone(), cells });
        }
        Ok(Comparison {
            rows,
            columns: columns.to_vec(),
            count: self.count,
            reference_steps: self.reference_steps,
            ode_reference: ODE_REFERENCE,
        })
    }

    fn cell(&self, planned: &Planned<'_>, label: &str, reference: &Images) -> anyhow::Result<Cell> {
        let started = Instant::now();
        let what = format!("{label}, {}", counted(planned.choice.grid.len() - 1, "step"));
        let cell = match self.draw(planned.model, &planned.choice, &what) {
            Ok((images, calls)) => Cell {
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
            ) => Cell::refused(planned.steps, error.to_string()),
            Err(error) => return Err(error.into()),
        };
        Ok(cell)
    }

    /// The images, and network calls an image.
    fn draw(
        &self,
        model: &ModelFolder,
        choice: &Choice,
        what: &str,
    ) -> Result<(Images, u64), SampleError> {
        let draw = Draw {
            unet: &model.unet,
            prediction_type: model.prediction_type(),
            sampler: choice.sampler.as_ref(),
            grid: &choice.grid,
            schedule: &model.schedule,
            seed: self.args.seed,
            step_noise: StepNoise::Path,
            batch_size: self.args.batch_size as usize,
            shape: self.shape,
            classes: &self.classes,
            device: &self.device.device,
        };
        let mut watch = Watch::labelled(what, "network calls");
        watch.show(0, 0);
        let mut calls = 0;
        let images = draw.images(0..self.count, &mut |done, total| {
            watch.show(done, total);
            calls = done;
            ControlFlow::Continue(())
        });
        drop(watch);
        Ok((images?, calls / self.count.div_ceil(u64::from(self.args.batch_size))))
    }
}

/// What is going to be drawn.
#[derive(Default)]
struct Plan<'a> {
    /// A label and its cells.
    rows: Vec<(String, Vec<Planned<'a>>)>,
    /// Of the converged images, by name.
    references: BTreeMap<&'static str, Choice>,
}

struct Planned<'a> {
    model: &'a ModelFolder,
    choice: Choice,
    column: usize,
    /// `None` for a sampler that chooses its own.
    steps: Option<usize>,
    /// Which converged images it is held against.
    reference: &'static str,
}

/// `student 0004` of `runs/digits/students/0004`.
fn label(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    format!("student {}", name.to_string_lossy())
}
