//! `sample`: every output, the same images whatever the batching, students on their own grid.

use std::path::Path;

use burn::tensor::Tensor;
use halfstep_core::{TimePoint, X0Clip};
use halfstep_model::{ModelFolder, UNet};
use halfstep_sample::{
    AngularDdim, Ddim, DpmSinglestep, Draw, Images, PlanError, SampleError, SampleModel, Sampler,
    Start, output, quietly, student_grid,
};
use safetensors::SafeTensors;

use crate::support::{failure, output as run, program, tiny_model};

fn raw(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().tensor("samples").unwrap().data().to_vec()
}

fn save(dir: &Path, classes: Option<usize>, steps: Option<usize>) -> std::path::PathBuf {
    let folder = dir.join("model");
    tiny_model(classes, steps).save(&folder).unwrap();
    folder
}

/// Batches of four by DDIM, whose network may be another than the model's.
fn by_ddim<'a>(model: &'a ModelFolder, unet: &'a UNet, grid: &'a [TimePoint]) -> Draw<'a, UNet> {
    static DDIM: Ddim = Ddim::new();
    let (kind, schedule) = (model.prediction_type(), &model.schedule);
    Draw { batch_size: 4, ..Draw::new(unet, kind, schedule, &DDIM, grid, [1, 8, 8]) }
}

#[test]
fn every_output_is_written_and_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, Some(4));
    let at = |name: &str| dir.path().join(name);
    let mut command = program("sample");
    command.arg("--model").arg(&model).args(["--count", "5", "--grid", "3x2"]);
    command.arg("--out").arg(at("grid.png")).arg("--dir").arg(at("images"));
    command.arg("--npz").arg(at("images.npz")).arg("--raw").arg(at("raw.safetensors"));
    run(&mut command, 0);

    let grid = image::open(at("grid.png")).unwrap().into_rgb8();
    assert_eq!(grid.dimensions(), (3 * 66 + 2, 2 * 66 + 2));
    let mut npz = npyz::npz::NpzArchive::open(at("images.npz")).unwrap();
    let array = npz.by_name("arr_0").unwrap().unwrap();
    assert_eq!(array.shape(), [5, 8, 8, 1]);
    let bytes: Vec<u8> = array.into_vec().unwrap();
    let files: Vec<u8> = (0..5)
        .flat_map(|k| {
            image::open(at(&format!("images/{k:06}.png"))).unwrap().into_luma8().into_raw()
        })
        .collect();
    assert_eq!(bytes, files);
    let values: Vec<f32> = raw(&at("raw.safetensors"))
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let images = Images { values, shape: [5, 1, 8, 8] };
    assert_eq!(images.to_pixels(), bytes);
    assert_eq!(grid.get_pixel(2, 2).0, [bytes[0]; 3]);
}

#[test]
fn an_image_depends_on_seed_and_number_alone() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, None);
    for sampler in ["ddim", "angular", "ddpm"] {
        let draw = |name: &str, extra: &[&str]| {
            let path = dir.path().join(name);
            let mut command = program("sample");
            command.arg("--model").arg(&model).args([
                "--sampler",
                sampler,
                "--steps",
                "4",
                "--seed",
                "7",
            ]);
            run(command.args(extra).arg("--raw").arg(&path), 0);
            raw(&path)
        };
        let together = draw("a", &["--count", "6", "--batch-size", "6"]);
        let apart = draw("b", &["--count", "7", "--batch-size", "2"]);
        // A convolution may sum a larger batch in another order: equal to a few units in the last place.
        let numbers = |bytes: &[u8]| -> Vec<f32> {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let (together, apart) = (numbers(&together), numbers(&apart));
        let worst = together.iter().zip(&apart).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{sampler}: {worst:e}");
    }
}

#[test]
fn the_seed_matters() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, Some(4));
    let draw = |seed: &str| {
        let path = dir.path().join(seed);
        let mut command = program("sample");
        command.arg("--model").arg(&model).args(["--count", "2", "--seed", seed]);
        run(command.arg("--raw").arg(&path), 0);
        raw(&path)
    };
    assert_ne!(draw("7"), draw("8"));
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_drawing() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, Some(4));
    let (folder, npz) = (dir.path().join("folder"), dir.path().join("keep.npz"));
    std::fs::create_dir(&folder).unwrap();
    let mut command = program("sample");
    command.arg("--model").arg(&model).arg("--out").arg(&folder).arg("--npz").arg(&npz);
    let message = failure(&mut command);
    assert!(message.contains(folder.to_str().unwrap()), "{message}");
    assert!(!message.contains("drawing") && !npz.exists(), "{message}");
}

#[test]
fn given_noise_is_the_start_and_the_seed_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, Some(4));
    let noise = halfstep_core::rng::noise(3, halfstep_core::rng::Purpose::InitNoise, 0..4, 64);
    let file = dir.path().join("noise.safetensors");
    let bytes: Vec<u8> = noise.iter().flat_map(|value| value.to_le_bytes()).collect();
    let view =
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![4, 1, 8, 8], &bytes)
            .unwrap();
    std::fs::write(&file, safetensors::serialize([("noise", view)], None).unwrap()).unwrap();
    let (from_file, from_seed) = (dir.path().join("a"), dir.path().join("b"));
    let mut command = program("sample");
    command.arg("--model").arg(&model).arg("--noise").arg(&file).args(["--seed", "99"]);
    run(command.arg("--raw").arg(&from_file), 0);
    let mut command = program("sample");
    command.arg("--model").arg(&model).args(["--count", "4", "--seed", "3"]);
    run(command.arg("--raw").arg(&from_seed), 0);
    assert_eq!(raw(&from_file), raw(&from_seed));
}

#[test]
fn a_student_keeps_to_its_grid_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, Some(4));
    let out = dir.path().join("grid.png");
    let sample = |extra: &[&str]| {
        let mut command = program("sample");
        command
            .arg("--model")
            .arg(&model)
            .args(["--count", "1"])
            .args(extra)
            .arg("--out")
            .arg(&out);
        command
    };
    for other in [&["--steps", "8"][..], &["--spacing", "leading"][..]] {
        let message = failure(&mut sample(other));
        assert!(
            message.contains("distilled for 4 steps") && message.contains("--force"),
            "{message}"
        );
        assert!(!out.exists());
    }
    for noisy in [&["--sampler", "ddpm"][..], &["--eta", "0.5"][..]] {
        let message = failure(&mut sample(noisy));
        assert!(message.contains("is a student") && message.contains("--force"), "{message}");
        assert!(!out.exists());
    }
    run(&mut sample(&["--eta", "0.5", "--force"]), 0);
    run(&mut sample(&["--eta", "0"]), 0);
    run(&mut sample(&["--steps", "4"]), 0);
    run(&mut sample(&["--steps", "8", "--force"]), 0);
}

#[test]
fn classes_are_checked_and_matter() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), Some(3), None);
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let sample = |class: &str, out: &Path| {
        let mut command = program("sample");
        command.arg("--model").arg(&model).args(["--steps", "4", "--count", "2", "--class", class]);
        command.arg("--raw").arg(out);
        command
    };
    run(&mut sample("0", &a), 0);
    run(&mut sample("2", &b), 0);
    assert_ne!(raw(&a), raw(&b));
    assert!(failure(&mut sample("3", &a)).contains("classes 0 to 2"));
}

#[test]
fn bad_input_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path(), None, None);
    let junk = dir.path().join("junk");
    std::fs::write(&junk, b"not a tensor file").unwrap();
    let (model, junk) = (model.to_str().unwrap(), junk.to_str().unwrap());
    let cases: [(&str, &[&str]); 8] = [
        ("no such folder", &["--model", "/nowhere"]),
        ("not a model folder", &["--model", dir.path().to_str().unwrap()]),
        ("not a safetensors file", &["--model", model, "--noise", junk]),
        ("No such file", &["--model", model, "--noise", "/nowhere"]),
        ("unconditional", &["--model", model, "--class", "1"]),
        ("--steps", &["--model", model, "--steps", "65"]),
        ("--eta", &["--model", model, "--sampler", "angular", "--eta", "0"]),
        ("--variance", &["--model", model, "--variance", "fixed_large"]),
    ];
    let out = dir.path().join("grid.png");
    for (needle, arguments) in cases {
        let message = failure(program("sample").args(arguments).arg("--out").arg(&out));
        assert!(message.contains(needle), "{needle}: {message}");
        assert!(!out.exists());
    }
}

/// DDIM at eta 0 and the angular form are the same walk.
#[test]
fn ddim_is_angular_through_the_network() {
    let model = tiny_model(None, None);
    let grid = student_grid(&model.schedule, 8).unwrap();
    let draw = |sampler: &dyn Sampler| {
        let (kind, schedule) = (model.prediction_type(), &model.schedule);
        Draw::new(&model.unet, kind, schedule, sampler, &grid, [1, 8, 8])
            .images(0..4, &mut quietly)
            .unwrap()
    };
    let (ddim, angular) = (draw(&Ddim::default()), draw(&AngularDdim::default()));
    // f32 rounding over 8 steps of values around 1.
    assert!(ddim.mean_squared_difference(&angular).sqrt() < 1e-5);
    let clip = Some(X0Clip::Static { bound: 0.5 });
    let ddim_clipped = Ddim { clip, ..Ddim::default() };
    let clipped = (draw(&ddim_clipped), draw(&AngularDdim { clip }));
    assert!(clipped.0.mean_squared_difference(&clipped.1).sqrt() < 1e-5);
    assert!(clipped.1.mean_squared_difference(&angular) > 0.0, "clipping must do something");
}

/// NaN weights never reach a picture.
#[test]
fn nan_stops_the_drawing() {
    let model = tiny_model(None, None);
    let broken = halfstep_model::flat_params(&model.unet)
        .into_iter()
        .map(|p| p * f32::NAN)
        .collect::<Vec<Tensor<1>>>();
    let unet = halfstep_model::with_flat_params(model.unet.clone(), broken);
    let grid = [model.schedule.point(63), TimePoint::CLEAN];
    let draw = by_ddim(&model, &unet, &grid);
    let error = draw.images(0..1, &mut quietly).unwrap_err().to_string();
    assert!(error.contains("ddim") && error.contains("not finite"), "{error}");
}

#[test]
fn unwritable_outputs_are_named() {
    let images = Images { values: vec![0.0; 64], shape: [1, 1, 8, 8] };
    let error = output::write_raw(Path::new("/proc/nowhere/x"), &images).unwrap_err().to_string();
    assert!(error.contains("/proc/nowhere/x"), "{error}");
}

/// Batches are given away as they come: no more than one is in memory.
#[test]
fn batches_together_are_the_images() {
    let model = tiny_model(None, None);
    let grid = student_grid(&model.schedule, 2).unwrap();
    let draw = by_ddim(&model, &model.unet, &grid);
    let (mut firsts, mut together) = (Vec::new(), Images::empty([1, 8, 8]));
    draw.batches(3..12, Start::Seed, &mut quietly, &mut |first, batch| {
        firsts.push((first, batch.len()));
        together.append(batch);
        Ok(())
    })
    .unwrap();
    assert_eq!(firsts, [(3, 4), (7, 4), (11, 1)]);
    assert_eq!(together, draw.images(3..12, &mut quietly).unwrap());
    let given = Images {
        values: halfstep_core::rng::noise(0, halfstep_core::rng::Purpose::InitNoise, 0..12, 64),
        shape: [12, 1, 8, 8],
    };
    let mut from_given = Images::empty([1, 8, 8]);
    draw.batches(3..12, Start::Given(&given), &mut quietly, &mut |_, batch| {
        from_given.append(batch);
        Ok(())
    })
    .unwrap();
    assert_eq!(from_given, together);
}

/// A builder takes from the model what a [`Draw`] is given, and a student's own grid.
#[test]
fn a_builder_draws_what_a_draw_draws() {
    let model = tiny_model(Some(3), None);
    let grid = student_grid(&model.schedule, 8).unwrap();
    let draw = Draw { classes: vec![0, 1, 2], ..by_ddim(&model, &model.unet, &grid) };
    let mut steps = Vec::new();
    let drawn = model
        .sampler(Ddim::new())
        .steps(8)
        .batch_size(4)
        .on_step(|step| steps.push((step.index, step.jump.from, step.z.dims()[0])))
        .draw(4)
        .unwrap();
    assert_eq!(drawn, draw.images(0..4, &mut quietly).unwrap());
    let expected: Vec<_> = grid[..8].iter().enumerate().map(|(k, at)| (k, *at, 4)).collect();
    assert_eq!(steps, expected);
    assert!(drawn != model.sampler(Ddim::new()).steps(8).seed(1).draw(4).unwrap());

    let student = tiny_model(None, Some(4));
    let mut taken = 0;
    student.sampler(Ddim::new()).on_step(|_| taken += 1).draw(1).unwrap();
    assert_eq!(taken, 4);
    let stopped = student.sampler(Ddim::new()).on_progress(|_, _| std::ops::ControlFlow::Break(()));
    assert!(matches!(stopped.draw(1), Err(PlanError::Sample(SampleError::Stopped))));
    // A budget of calls lays out its own steps, and this method cannot start at pure noise.
    let fast = model.sampler(DpmSinglestep::fast(10)).draw(1);
    assert!(matches!(fast, Err(PlanError::Sample(SampleError::NoSignal(_)))));
}
