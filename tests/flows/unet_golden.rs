//! The UNet against diffusers: outputs, gradients, five AdamW steps, on the CPU and through wgpu.

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_model::{
    UNet, UNetConfig, flat_grads, flat_params, load_weights, param_names, with_flat_params,
};
use halfstep_train::{AdamW, OptimizerConfig};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::{fixture, wgpu};

const FOLDERS: [&str; 2] = ["unet_cifar_like", "unet_default_heads_class"];

struct Golden {
    unet: UNet,
    x: Tensor<4>,
    target: Tensor<4>,
    out: Vec<f64>,
    times: Vec<f64>,
    labels: Option<Vec<u32>>,
    expect: Value,
}

impl Golden {
    fn load(folder: &str, device: &Device) -> Self {
        let dir = fixture(folder);
        let config: UNetConfig =
            serde_json::from_str(&std::fs::read_to_string(dir.join("config.json")).unwrap())
                .unwrap();
        let expect: Value =
            serde_json::from_str(&std::fs::read_to_string(dir.join("expect.json")).unwrap())
                .unwrap();
        let bytes = std::fs::read(dir.join("io.safetensors")).unwrap();
        let io = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |name: &str| {
            let view = io.tensor(name).unwrap();
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect();
            Tensor::from_data(TensorData::new(values, view.shape().to_vec()), device)
        };
        let out = io.tensor("out_f64").unwrap();
        let unet = UNet::zeroed(&config, device).unwrap();
        let labels = expect["class_labels"].as_array();
        Self {
            unet: load_weights(unet, &dir.join("diffusion_pytorch_model.safetensors")).unwrap(),
            x: tensor("x"),
            target: tensor("target"),
            out: out
                .data()
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect(),
            times: numbers(&expect["timesteps"]),
            labels: labels
                .map(|labels| labels.iter().map(|label| label.as_u64().unwrap() as u32).collect()),
            expect,
        }
    }

    fn loss(&self, unet: &UNet) -> Tensor<1> {
        let out = unet.forward(self.x.clone(), &self.times, self.labels.as_deref(), None);
        (out - self.target.clone()).square().mean()
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn host(tensor: Tensor<4>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_into_vec().unwrap()
}

fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(tensor.into_scalar::<f32>())
}

fn check_outputs(device: &Device, tolerance: f64) {
    for folder in FOLDERS {
        let golden = Golden::load(folder, device);
        let out = host(golden.unet.forward(
            golden.x.clone(),
            &golden.times,
            golden.labels.as_deref(),
            None,
        ));
        assert_eq!(out.len(), golden.out.len());
        let worst = out.iter().zip(&golden.out).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        println!("{folder}: worst output difference {worst:e}");
        assert!(worst < tolerance, "{folder}: {worst:e}");
    }
}

fn check_gradients(device: &Device, tolerance: f64) {
    for folder in FOLDERS {
        let golden = Golden::load(folder, &device.clone().autodiff());
        let mut gradients = golden.loss(&golden.unet).backward();
        let grads = flat_grads(&golden.unet, &mut gradients);
        let names = param_names(&golden.unet);
        let expected = golden.expect["grad_norm_and_first_element"].as_object().unwrap();
        assert_eq!(names.len(), expected.len(), "{folder}");
        // A key's bias has no effect on the softmax: its exact gradient is 0, and both sides show rounding.
        let largest = expected.values().map(|pair| numbers(pair)[0]).fold(0.0, f64::max);
        let mut worst: f64 = 0.0;
        for (name, grad) in names.iter().zip(grads) {
            let norm = scalar(grad.square().sum()).sqrt();
            let expected = numbers(&expected[name])[0];
            let relative = (norm - expected).abs() / expected.max(1e-5 * largest);
            worst = worst.max(relative);
            assert!(relative < tolerance, "{folder}: {name}: {norm:e}, expected {expected:e}");
        }
        println!(
            "{folder}: {} gradients, worst relative difference of a norm {worst:e}",
            names.len()
        );
    }
}

#[test]
fn parameter_names_are_diffusers() {
    for folder in FOLDERS {
        let golden = Golden::load(folder, &Device::flex());
        let mut names = param_names(&golden.unet);
        let expected = golden.expect["grad_norm_and_first_element"].as_object().unwrap();
        let mut expected: Vec<String> = expected.keys().cloned().collect();
        names.sort();
        expected.sort();
        assert_eq!(names, expected);
        let count: usize = flat_params(&golden.unet).iter().map(|p| p.dims()[0]).sum();
        assert_eq!(count as u64, golden.expect["params"].as_u64().unwrap());
    }
}

#[test]
fn outputs_are_diffusers() {
    check_outputs(&Device::flex(), 1e-5);
}

#[test]
fn gradients_are_torchs() {
    check_gradients(&Device::flex(), 1e-3);
}

#[test]
fn five_adamw_steps_are_torchs() {
    for folder in FOLDERS {
        let golden = Golden::load(folder, &Device::flex().autodiff());
        let adamw = &golden.expect["adamw"];
        let betas = numbers(&adamw["betas"]);
        let config = OptimizerConfig {
            betas: [betas[0], betas[1]],
            eps: adamw["eps"].as_f64().unwrap(),
            weight_decay: adamw["weight_decay"].as_f64().unwrap(),
            grad_clip: 0.0,
        };
        let mut optimizer = AdamW::new(&config);
        let mut unet = golden.unet.clone();
        for (step, expected) in numbers(&adamw["losses_f64"]).into_iter().enumerate() {
            let loss = golden.loss(&unet);
            let mut gradients = loss.backward();
            let found = scalar(loss.inner());
            assert!(
                (found - expected).abs() < 1e-4 * expected,
                "{folder}: step {step}: {found} {expected}"
            );
            let grads = flat_grads(&unet, &mut gradients);
            let (lr, whole) = (adamw["lr"].as_f64().unwrap(), Tensor::ones([1], &Device::flex()));
            let updated = optimizer.step(lr, flat_params(&unet), grads, &whole);
            unet = with_flat_params(unet, updated);
        }
    }
}

/// wgpu on any adapter. Its shaders sum in another order than the CPU: about one more digit is lost than on
/// flex, and the norms of tiny gradients lose the most.
#[test]
fn wgpu_agrees() {
    let Some(selected) = wgpu() else { return };
    check_outputs(&selected.device, 5e-5);
    check_gradients(&selected.device, 2e-3);
}
