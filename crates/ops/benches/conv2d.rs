//! Convolution, ours and Burn's: `cargo bench --workspace --profile dev --bench conv2d`.

use burn::tensor::module::conv2d as burn_conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use halfstep_ops::conv2d;

fn main() {
    divan::main();
}

/// Images, channels, height and width, outputs, kernel, stride.
type Shape = (usize, usize, usize, usize, usize, usize);

/// Convolutions of large and small UNets.
const SHAPES: [Shape; 8] = [
    (16, 64, 32, 64, 3, 1),
    (16, 64, 16, 64, 3, 1),
    (16, 256, 8, 128, 3, 1),
    (8, 256, 32, 128, 3, 1),
    (8, 512, 16, 256, 3, 1),
    (8, 512, 4, 256, 3, 1),
    (8, 512, 16, 256, 1, 1),
    (16, 64, 32, 64, 3, 2),
];

type Convolution = fn(Tensor<4>, Tensor<4>, usize, usize) -> Tensor<4>;

fn ours(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    conv2d(x, weight, None, stride, padding)
}

fn burns(x: Tensor<4>, weight: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    burn_conv2d(x, weight, None, ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1))
}

fn noise(shape: [usize; 4]) -> Tensor<4> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

/// Measures a convolution. The counter has the multiplications and additions of the definition.
fn bench(bencher: Bencher, shape: Shape, backward: bool, of: Convolution) {
    let (batch, channels, size, outputs, kernel, stride) = shape;
    let passes = if backward { 3 } else { 1 };
    let pixels = (size / stride).pow(2);
    let operations = passes * 2 * batch * pixels * outputs * channels * kernel * kernel;
    let (x, w) = (noise([batch, channels, size, size]), noise([outputs, channels, kernel, kernel]));
    let bencher = bencher.counter(ItemsCount::new(operations));
    if !backward {
        return bencher
            .bench_local(|| of(black_box(x.clone()), black_box(w.clone()), stride, kernel / 2));
    }
    let (x, w) = (Tensor::<4>::from_inner(x), Tensor::<4>::from_inner(w));
    bencher.bench_local(|| {
        let (x, w) = (black_box(x.clone()).require_grad(), black_box(w.clone()).require_grad());
        let grads = of(x.clone(), w.clone(), stride, kernel / 2).sum().backward();
        (x.grad(&grads), w.grad(&grads))
    });
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn forward_ours(bencher: Bencher, shape: Shape) {
    bench(bencher, shape, false, ours);
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn forward_burns(bencher: Bencher, shape: Shape) {
    bench(bencher, shape, false, burns);
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn with_backward_ours(bencher: Bencher, shape: Shape) {
    bench(bencher, shape, true, ours);
}

#[divan::bench(args = SHAPES, sample_count = 15)]
fn with_backward_burns(bencher: Bencher, shape: Shape) {
    bench(bencher, shape, true, burns);
}
