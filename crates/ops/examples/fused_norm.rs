//! Times group normalisation and SiLU in one pass over memory, and Burn's chain of operations.
//!
//! `cargo run -p halfstep-ops --example fused_norm`

use std::time::Instant;

use burn::nn::GroupNormConfig;
use burn::tensor::activation::silu;
use burn::tensor::{Device, Distribution, Tensor};
use halfstep_ops::{group_norm_silu, keep_freed_memory};

fn main() {
    keep_freed_memory();
    let device = Device::flex();
    let x = Tensor::<4>::random([16, 64, 32, 32], Distribution::Normal(0.0, 1.0), &device);
    let norm = GroupNormConfig::new(8, 64).init(&device);
    let (weight, bias) = (Tensor::ones([64], &device), Tensor::zeros([64], &device));

    let fused = || group_norm_silu(x.clone(), weight.clone(), bias.clone(), 8, 1e-5);
    let chained = || silu(norm.forward(x.clone()));
    let difference = (fused() - chained()).abs().max().into_scalar::<f32>();
    println!("largest difference {difference:.1e}");
    for (name, compute) in [("fused", &fused as &dyn Fn() -> Tensor<4>), ("chained", &chained)] {
        let start = Instant::now();
        compute().into_data(); // waits for the result
        println!("{name}: {:.1} ms", 1e3 * start.elapsed().as_secs_f64());
    }
}
