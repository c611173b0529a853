//! Attention, ours and Burn's: `cargo bench --workspace --profile dev --bench attention`.
//!
//! Ours takes q, k and v as a convolution leaves them. Burn's is given them with the heads already
//! separated, without the copies that a network would need for that.

use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Distribution, Tensor};
use divan::{Bencher, black_box};
use halfstep_ops::attention;

fn main() {
    divan::main();
}

/// Images, heads, channels per head, pixels.
type Shape = (usize, usize, usize, usize);

const SHAPES: [Shape; 5] =
    [(16, 1, 128, 256), (16, 32, 8, 256), (8, 1, 256, 256), (64, 1, 64, 64), (2, 1, 128, 1024)];

fn noise(shape: [usize; 4]) -> Tensor<4> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn ours((batch, heads, d, pixels): Shape) -> (Tensor<4>, impl Fn(Tensor<4>) -> Tensor<4>) {
    (noise([batch, 3 * heads * d, 1, pixels]), move |qkv| attention(qkv, heads))
}

/// q, k and v lie one after another along the images.
fn burns((batch, heads, d, pixels): Shape) -> (Tensor<4>, impl Fn(Tensor<4>) -> Tensor<4>) {
    let forward = move |qkv: Tensor<4>| {
        let [q, k, v] = [0, 1, 2].map(|part| qkv.clone().narrow(0, part * batch, batch));
        burn_attention(q, k, v, None, None, AttentionModuleOptions::default())
    };
    (noise([3 * batch, heads, pixels, d]), forward)
}

fn forward(bencher: Bencher, (qkv, of): (Tensor<4>, impl Fn(Tensor<4>) -> Tensor<4>)) {
    bencher.bench_local(|| of(black_box(qkv.clone())));
}

fn with_backward(bencher: Bencher, (qkv, of): (Tensor<4>, impl Fn(Tensor<4>) -> Tensor<4>)) {
    let qkv = Tensor::<4>::from_inner(qkv);
    bencher.bench_local(|| {
        let qkv = black_box(qkv.clone()).require_grad();
        let grads = of(qkv.clone()).sum().backward();
        qkv.grad(&grads)
    });
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn forward_ours(bencher: Bencher, shape: Shape) {
    forward(bencher, ours(shape));
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn forward_burns(bencher: Bencher, shape: Shape) {
    forward(bencher, burns(shape));
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn with_backward_ours(bencher: Bencher, shape: Shape) {
    with_backward(bencher, ours(shape));
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn with_backward_burns(bencher: Bencher, shape: Shape) {
    with_backward(bencher, burns(shape));
}
