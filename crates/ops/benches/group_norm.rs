//! `shifted_group_norm_silu`, ours and composed of Burn's operations, at the sizes of small UNets:
//! `cargo bench --workspace --profile dev --bench group_norm`.

use burn::tensor::activation::silu;
use burn::tensor::{Device, Distribution, Tensor};
use divan::Bencher;
use halfstep_ops::shifted_group_norm_silu;

const EPSILON: f64 = 1e-5;

/// Images, channels, height (and width), groups.
const SIZES: [[usize; 4]; 5] =
    [[16, 64, 32, 32], [16, 128, 16, 32], [8, 128, 32, 32], [8, 256, 8, 32], [64, 32, 8, 8]];

fn main() {
    divan::main();
}

#[derive(Clone)]
struct Inputs {
    x: Tensor<4>,
    shift: Tensor<2>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    groups: usize,
}

impl Inputs {
    fn new([batch, channels, size, groups]: [usize; 4], device: &Device) -> Self {
        let normal = Distribution::Default;
        Self {
            x: Tensor::random([batch, channels, size, size], normal, device),
            shift: Tensor::random([batch, channels], normal, device),
            weight: Tensor::random([channels], normal, device),
            bias: Tensor::random([channels], normal, device),
            groups,
        }
    }

    fn tracked(self) -> Self {
        Self {
            x: self.x.require_grad(),
            shift: self.shift.require_grad(),
            weight: self.weight.require_grad(),
            bias: self.bias.require_grad(),
            groups: self.groups,
        }
    }
}

fn ours(inputs: Inputs) -> Tensor<4> {
    let Inputs { x, shift, weight, bias, groups } = inputs;
    shifted_group_norm_silu(x, shift, weight, bias, groups, EPSILON)
}

/// Computes what `burn::nn::GroupNorm` does, with the shift and SiLU around it.
fn burn(inputs: Inputs) -> Tensor<4> {
    let Inputs { x, shift, weight, bias, groups } = inputs;
    let [batch, channels, height, width] = x.dims();
    let x = x + shift.reshape([batch, channels, 1, 1]);
    let x = x.reshape([batch, groups, channels / groups * height * width]);
    let x = x.clone() - x.mean_dim(2);
    let variance = x.clone().square().mean_dim(2);
    let y = x / (variance + EPSILON).sqrt();
    let y = y.reshape([batch, channels, height, width]);
    silu(y * weight.reshape([1, channels, 1, 1]) + bias.reshape([1, channels, 1, 1]))
}

fn forward(bencher: Bencher<'_, '_>, size: [usize; 4], op: fn(Inputs) -> Tensor<4>) {
    let inputs = Inputs::new(size, &Device::flex());
    bencher.bench_local(|| op(inputs.clone()));
}

fn both_ways(bencher: Bencher<'_, '_>, size: [usize; 4], op: fn(Inputs) -> Tensor<4>) {
    let inputs = Inputs::new(size, &Device::flex().autodiff()).tracked();
    let grad = inputs.x.clone().detach();
    bencher.bench_local(|| (op(inputs.clone()) * grad.clone()).sum().backward());
}

macro_rules! benches {
    ($($name:ident: $way:ident of $op:ident;)*) => {$(
        #[divan::bench(args = SIZES.map(|size| format!("{size:?}")), sample_count = 30)]
        fn $name(bencher: Bencher<'_, '_>, size: &str) {
            let size = SIZES.into_iter().find(|other| format!("{other:?}") == size);
            $way(bencher, size.expect("one of the list"), $op);
        }
    )*};
}

benches! {
    forward_ours: forward of ours;
    forward_burn: forward of burn;
    forward_and_backward_ours: both_ways of ours;
    forward_and_backward_burn: both_ways of burn;
}
