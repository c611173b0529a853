//! Pipelines that diffusers wrote, which together have every supported option of `UNet2DModel`. They are read
//! in every layout; drawings and gradients equal those of diffusers.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_model::{ModelFolder, UNet, flat_grads, flat_params, param_names, with_flat_params};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::{failure, fixture, output, program};

const CASES: [&str; 10] = [
    "old_ddpm",
    "adm",
    "fourier",
    "timestep_class",
    "dpm_f16",
    "dpm_3m_bf16",
    "bare",
    "pndm_from_0",
    "linspace",
    "pndm",
];

struct Case {
    name: &'static str,
    folder: PathBuf,
    expect: Value,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        CASES.into_iter().map(|name| {
            let folder = fixture("diffusers").join(name);
            let text = std::fs::read_to_string(folder.join("case.json")).unwrap();
            Self { name, folder, expect: serde_json::from_str(&text).unwrap() }
        })
    }

    fn steps(&self) -> String {
        self.expect["steps"].to_string()
    }

    fn classes(&self) -> Vec<u32> {
        let classes = self.expect["classes"].as_array().into_iter().flatten();
        classes.map(|class| class.as_u64().unwrap() as u32).collect()
    }

    fn tensor(&self, name: &str) -> TensorData {
        tensor(&self.folder.join("io.safetensors"), name)
    }
}

fn tensor(path: &Path, name: &str) -> TensorData {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    TensorData::new(values.collect::<Vec<f32>>(), view.shape().to_vec())
}

/// Both sides compute in f32, up to ten steps, with samples of size 1 to 3: they differ by 1e-5 at most. A
/// mistake shows in the first digit.
#[test]
fn a_pipeline_of_diffusers_draws_what_diffusers_draws() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("raw.safetensors");
    for case in Case::all() {
        let mut sample = program("sample");
        sample.arg("--model").arg(&case.folder);
        sample.arg("--noise").arg(case.folder.join("io.safetensors")).arg("--raw").arg(&raw);
        sample.args(["--steps", &case.steps(), "--compat", "diffusers", "--device", "cpu"]);
        let classes: Vec<String> = case.classes().iter().map(u32::to_string).collect();
        if !classes.is_empty() {
            sample.args(["--class", &classes.join(",")]);
        }
        output(&mut sample, 0);
        let (found, expected) = (tensor(&raw, "samples"), case.tensor("samples"));
        assert_eq!(found.shape(), expected.shape(), "{}", case.name);
        let pairs = found.iter::<f32>().zip(expected.iter::<f32>());
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{}: worst difference {worst:e}", case.name);
        assert!(worst < 1e-4, "{}: {worst:e}", case.name);
    }
}

/// Compares norms of f32 gradients, which both sides sum in another order.
#[test]
fn a_network_of_diffusers_learns_as_in_torch() {
    let device = Device::flex().autodiff();
    for case in Case::all() {
        let model = ModelFolder::load(&case.folder, &Device::flex()).unwrap();
        let unet = UNet::zeroed(model.unet.config(), &device).unwrap();
        let unet = with_flat_params(unet, flat_params(&model.unet));
        let z = Tensor::<4>::from_data(case.tensor("noise"), &device);
        let classes = case.classes();
        let labels = (!classes.is_empty()).then_some(&classes[..]);
        let mut gradients = unet.forward(z, &[10.0], labels, None).square().mean().backward();
        let names = param_names(&unet);
        let expected = case.expect["gradient_norms"].as_object().unwrap();
        let learning = names.iter().filter(|name| *name != "time_proj.weight").count();
        assert_eq!(learning, expected.len(), "{}: {names:?}", case.name);
        let largest = expected.values().map(|norm| norm.as_f64().unwrap()).fold(0.0, f64::max);
        for (name, gradient) in names.iter().zip(flat_grads(&unet, &mut gradients)) {
            let Some(expected) = expected.get(name) else {
                assert_eq!(name, "time_proj.weight");
                continue;
            };
            let norm = f64::from(gradient.square().sum().into_scalar::<f32>()).sqrt();
            let expected = expected.as_f64().unwrap();
            // A key's bias has an exact gradient of 0; both sides show rounding there.
            let relative = (norm - expected).abs() / expected.max(1e-4 * largest);
            assert!(relative < 1e-3, "{}: {name}: {norm:e} {expected:e}", case.name);
        }
    }
}

#[test]
fn a_network_without_a_scheduler_is_reported_as_ddpms() {
    let mut sample = program("sample");
    sample.arg("--model").arg(fixture("diffusers/bare")).args(["--count", "1", "--steps", "2"]);
    let dir = tempfile::tempdir().unwrap();
    sample.arg("--out").arg(dir.path().join("a.png")).args(["--device", "cpu"]);
    let said = String::from_utf8(output(&mut sample, 0).stderr).unwrap();
    assert!(said.contains("no scheduler_config.json") && said.contains("epsilon"), "{said}");
}

#[test]
fn a_network_that_takes_any_class_number_asks_for_classes() {
    let mut sample = program("sample");
    sample.arg("--model").arg(fixture("diffusers/timestep_class")).args(["--device", "cpu"]);
    let said = failure(&mut sample);
    assert!(said.contains("--class"), "{said}");
}
