//! `attention` equals Burn's attention, its gradient equals finite differences, and it repeats bit
//! for bit.

use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use halfstep_ops::attention;

use crate::support::{assert_repeats, relative_difference, tensor};

#[derive(Clone, Copy, Debug)]
struct Case {
    batch: usize,
    heads: usize,
    /// The channels of a head.
    channels: usize,
    height: usize,
    width: usize,
    /// The largest value of q, k and v.
    size: f64,
}

/// Lists numbers of pixels and channels around the edges of tiles and panels. The largest case has
/// more scores than Burn's attention holds at once.
fn cases() -> Vec<Case> {
    let images =
        [(3, 1, 1), (1, 1, 2), (5, 4, 4), (2, 3, 5), (2, 8, 4), (2, 5, 7), (2, 8, 8), (1, 13, 7)];
    let heads = [(1, 1), (3, 2), (1, 16), (2, 33), (4, 8), (1, 100)];
    let mut cases = Vec::new();
    for (batch, height, width) in images {
        for (heads, channels) in heads {
            cases.push(Case { batch, heads, channels, height, width, size: 2.0 });
        }
    }
    cases.push(Case { batch: 1, heads: 2, channels: 20, height: 16, width: 17, size: 2.0 });
    cases.push(Case { batch: 1, heads: 1, channels: 9, height: 32, width: 33, size: 2.0 });
    cases
}

impl Case {
    fn qkv(self) -> [usize; 4] {
        [self.batch, 3 * self.heads * self.channels, self.height, self.width]
    }
}

fn plain(shape: [usize; 4], size: f64, seed: u32) -> Tensor<4> {
    tensor(shape, seed, [0.0, size], FloatDType::F32).inner()
}

/// Computes by Burn's operations what [`attention`] documents.
fn reference(qkv: Tensor<4>, heads: usize) -> Tensor<4> {
    let [b, channels, h, w] = qkv.dims();
    let d = channels / 3 / heads;
    let [q, k, v] = [0, 1, 2].map(|part| {
        let part = qkv.clone().narrow(1, part * heads * d, heads * d);
        part.reshape([b, heads, d, h * w]).swap_dims(2, 3)
    });
    burn_attention(q, k, v, None, None, AttentionModuleOptions::default())
        .swap_dims(2, 3)
        .reshape([b, heads * d, h, w])
}

/// Computes the output, and the gradient of `sum(output * weights)` by qkv.
fn run(case: Case, dtype: FloatDType, of: fn(Tensor<4>, usize) -> Tensor<4>) -> [TensorData; 2] {
    let qkv = tensor(case.qkv(), 1, [0.0, case.size], dtype);
    let y = of(qkv.clone(), case.heads);
    let weights = tensor(y.dims(), 2, [0.0, 1.0], dtype).detach();
    let grads = (y.clone() * weights).sum().backward();
    [y.into_data(), qkv.grad(&grads).unwrap().into_data()]
}

fn assert_agree(case: Case, a: &[TensorData; 2], b: &[TensorData; 2], tolerance: f64) {
    for (name, (a, b)) in ["y", "dqkv"].iter().zip(a.iter().zip(b)) {
        let difference = relative_difference(a, b, 1.0);
        assert!(difference <= tolerance, "{name} differs by {difference:e} for {case:?}");
    }
}

/// The largest difference found is 1.3e-6; a wrong or missing term of a sum is 1e-4 or more. Scores
/// are sums of at most 100 products of at most 4, divided by 10. Their error, a few roundings of
/// numbers near 4, becomes a relative error of the probabilities, as do some ten other roundings.
const F32_TOLERANCE: f64 = 5e-6;

#[test]
fn agrees_with_burn() {
    for case in cases() {
        let ours = run(case, FloatDType::F32, attention);
        assert_agree(case, &ours, &run(case, FloatDType::F32, reference), F32_TOLERANCE);
    }
}

/// The f32 kernels are as near to f64 as f32 allows.
#[test]
fn f32_is_near_f64() {
    for case in cases() {
        let ours = run(case, FloatDType::F32, attention);
        assert_agree(case, &ours, &run(case, FloatDType::F64, reference), F32_TOLERANCE);
    }
}

/// Other types are computed by Burn's operations, with our derivative.
#[test]
fn f64_agrees_with_burn() {
    for case in cases() {
        let ours = run(case, FloatDType::F64, attention);
        assert_eq!(ours[0].dtype(), DType::F64);
        assert_agree(case, &ours, &run(case, FloatDType::F64, reference), 1e-13);
    }
}

/// Scores are up to 80 and 700: exponentials overflow unless the largest score is subtracted first,
/// and most underflow if it is. A score of 700 is rounded by 3e-5, and its gradient is up to 26
/// times that of the probabilities.
#[test]
fn large_scores_do_not_overflow() {
    for (size, tolerance) in [(9.0, 2e-5), (26.5, 1e-4)] {
        for (channels, height, width) in [(1, 5, 7), (1, 16, 16)] {
            let case = Case { batch: 2, heads: 2, channels, height, width, size };
            let ours = run(case, FloatDType::F32, attention);
            assert_agree(case, &ours, &run(case, FloatDType::F64, reference), tolerance);
        }
    }
}

/// Compares with central differences for each value of qkv, in f64, where they are exact enough.
#[test]
fn gradient_equals_finite_differences() {
    const STEP: f64 = 1e-5;
    let case = Case { batch: 2, heads: 2, channels: 3, height: 2, width: 3, size: 2.0 };
    let [_, grad] = run(case, FloatDType::F64, attention);
    let shape = case.qkv();
    let device = Device::flex();
    let qkv: Vec<f64> = plain(shape, case.size, 1).into_data().iter::<f64>().collect();
    let weights = plain([2, 6, 2, 3], 1.0, 2).cast(FloatDType::F64);
    let loss = |qkv: Vec<f64>| {
        let qkv = Tensor::<4>::from_data(TensorData::new(qkv, shape), (&device, DType::F64));
        let data = (attention(qkv, case.heads) * weights.clone()).sum().into_data();
        data.iter::<f64>().next().unwrap()
    };
    for (i, grad) in grad.iter::<f64>().enumerate() {
        let shifted = |by: f64| {
            let mut qkv = qkv.clone();
            qkv[i] += by;
            loss(qkv)
        };
        let slope = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
        assert!((grad - slope).abs() < 1e-8, "{i}: {grad} is not {slope}");
    }
}

#[test]
fn repeats_itself_for_any_number_of_threads() {
    let one_head = Case { batch: 5, heads: 1, channels: 40, height: 11, width: 9, size: 2.0 };
    let many = Case { batch: 2, heads: 7, channels: 8, height: 16, width: 16, ..one_head };
    let alone = Case { batch: 1, heads: 1, ..many };
    for case in [one_head, many, alone] {
        assert_repeats(|| run(case, FloatDType::F32, attention));
    }
}

/// An image's result and gradient do not depend on the other images, even if one is NaN.
#[test]
fn images_do_not_influence_each_other() {
    let case = Case { batch: 6, heads: 2, channels: 5, height: 5, width: 7, size: 2.0 };
    let qkv = plain(case.qkv(), case.size, 1);
    let run = |qkv: Tensor<4>| {
        let qkv = Tensor::<4>::from_inner(qkv).require_grad();
        let y = attention(qkv.clone(), case.heads);
        let grads = y.clone().powi_scalar(2).sum().backward();
        [y.inner(), qkv.grad(&grads).unwrap()]
    };
    let poisoned = qkv.clone().slice_fill([3..4, 0..1, 0..1, 0..1], f32::NAN);
    let together = run(poisoned);
    for i in 0..case.batch {
        let alone = run(qkv.clone().narrow(0, i, 1));
        for (together, alone) in together.iter().zip(alone) {
            let ours = together.clone().narrow(0, i, 1).into_data();
            if i == 3 {
                assert!(ours.iter::<f32>().any(f32::is_nan), "NaN must show");
            } else {
                assert_eq!(ours, alone.into_data());
            }
        }
    }
}

/// Views are made contiguous first.
#[test]
fn strides_of_the_input_do_not_matter() {
    let view = plain([7, 5, 2, 12], 2.0, 1).permute([2, 3, 1, 0]); // [2, 12, 5, 7]
    let copy = Tensor::<4>::from_data(view.clone().into_data(), &view.device());
    assert_eq!(attention(view, 2).into_data(), attention(copy, 2).into_data());
}

/// Untracked tensors need no autodiff, and give the same result.
#[test]
fn untracked_inputs() {
    let qkv = plain([2, 12, 4, 4], 2.0, 1);
    let tracked = Tensor::<4>::from_inner(qkv.clone()).require_grad();
    let expected = attention(tracked, 2).into_data();
    assert_eq!(attention(qkv.clone(), 2).into_data(), expected);
    let fixed = Tensor::<4>::from_inner(qkv);
    let y = attention(fixed, 2);
    assert_eq!(y.to_data(), expected);

    // Only v is tracked, as in a network whose q and k are frozen.
    let qk = plain([2, 8, 4, 4], 2.0, 3);
    let v = tensor([2, 4, 4, 4], 4, [0.0, 2.0], FloatDType::F32);
    let run = |of: fn(Tensor<4>, usize) -> Tensor<4>| {
        let y = of(Tensor::cat(vec![Tensor::from_inner(qk.clone()), v.clone()], 1), 2);
        v.grad(&y.powi_scalar(2).sum().backward()).unwrap().into_data()
    };
    assert!(relative_difference(&run(attention), &run(reference), 1.0) < F32_TOLERANCE);
}

#[test]
#[should_panic(expected = "are not q, k and v of 4 heads")]
fn channels_must_be_those_of_the_heads() {
    attention(plain([1, 18, 2, 2], 1.0, 1), 4);
}

#[test]
#[should_panic(expected = "of 0 heads")]
fn there_must_be_a_head() {
    attention(plain([1, 18, 2, 2], 1.0, 1), 0);
}
