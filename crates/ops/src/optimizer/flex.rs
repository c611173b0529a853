//! The optimiser's operations on the CPU.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::composed;
use super::kernels::OptimizerKernels;
use super::rule::Factors;
use crate::cpu::lanes::sums;
use crate::cpu::{owned, supports, tensor, values, values_mut};

type FlexTensor = FloatTensor<Flex>;

/// The values that a thread takes at a time. Sums are over these first, then over the sums.
const SHARE: usize = 1 << 14;

/// f32 is computed by the kernels here, every other type by Burn's operations.
impl OptimizerKernels for Flex {
    fn adamw_step(
        weights: FlexTensor,
        grad: FlexTensor,
        grad_scale: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        factors: Factors,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        if !supports(&weights) {
            return composed::adamw::<Flex>(weights, grad, grad_scale, [first, second], factors);
        }
        let (grad, scale) = (grad.to_contiguous(), grad_scale.to_contiguous());
        let [mut weights, mut first, mut second] = [weights, first, second].map(owned);
        AdamW { factors, scale: values(&scale)[0] }.run(
            values_mut(&mut weights),
            values(&grad),
            values_mut(&mut first),
            values_mut(&mut second),
        );
        (weights, first, second)
    }

    fn average_step(average: FlexTensor, new: FlexTensor, decay: f64) -> FlexTensor {
        if !supports(&average) {
            return composed::average::<Flex>(average, new, decay);
        }
        let new = new.to_contiguous();
        let mut average = owned(average);
        move_average(values_mut(&mut average), values(&new), decay);
        average
    }

    fn squared_norm(x: FlexTensor) -> FlexTensor {
        if !supports(&x) {
            return composed::sum_of_squares::<Flex>(x);
        }
        let x = x.to_contiguous();
        tensor(vec![sum_of_squares(values(&x)) as f32], [1])
    }
}

/// A step of AdamW along `scale` times the gradient.
#[derive(Clone, Copy)]
struct AdamW {
    factors: Factors,
    scale: f32,
}

impl AdamW {
    /// Overwrites the weights and both moments.
    fn run(self, weights: &mut [f32], grad: &[f32], first: &mut [f32], second: &mut [f32]) {
        weights
            .par_chunks_mut(SHARE)
            .zip(grad.par_chunks(SHARE))
            .zip(first.par_chunks_mut(SHARE).zip(second.par_chunks_mut(SHARE)))
            .for_each(|((weights, grad), (first, second))| {
                Arch::new().dispatch(AdamWShare { rule: self, weights, grad, first, second });
            });
    }
}

/// One thread's share of a step.
struct AdamWShare<'a> {
    rule: AdamW,
    weights: &'a mut [f32],
    grad: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl WithSimd for AdamWShare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rule: AdamW { factors, scale }, weights, grad, first, second } = self;
        let rule = Splats::new(simd, factors, scale);
        let (ws, w_rest) = S::as_mut_simd_f32s(weights);
        let (gs, g_rest) = S::as_simd_f32s(grad);
        let (ms, m_rest) = S::as_mut_simd_f32s(first);
        let (vs, v_rest) = S::as_mut_simd_f32s(second);
        for (((w, &g), m), v) in ws.iter_mut().zip(gs).zip(ms).zip(vs) {
            (*w, *m, *v) = rule.step(*w, g, *m, *v);
        }
        let load = |rest: &[f32]| simd.partial_load_f32s(rest);
        let (w, m, v) = rule.step(load(w_rest), load(g_rest), load(m_rest), load(v_rest));
        simd.partial_store_f32s(w_rest, w);
        simd.partial_store_f32s(m_rest, m);
        simd.partial_store_f32s(v_rest, v);
    }
}

/// The rule with its factors in every lane.
struct Splats<S: Simd> {
    simd: S,
    scale: S::f32s,
    kept: S::f32s,
    beta1: S::f32s,
    new1: S::f32s,
    beta2: S::f32s,
    new2: S::f32s,
    second_correction: S::f32s,
    epsilon: S::f32s,
    /// Negative.
    rate: S::f32s,
}

impl<S: Simd> Splats<S> {
    #[inline(always)]
    fn new(simd: S, factors: Factors, scale: f32) -> Self {
        let splat = |value: f64| simd.splat_f32s(value as f32);
        Self {
            simd,
            scale: simd.splat_f32s(scale),
            kept: splat(factors.kept),
            beta1: splat(factors.beta1),
            new1: splat(1.0 - factors.beta1),
            beta2: splat(factors.beta2),
            new2: splat(1.0 - factors.beta2),
            second_correction: splat(factors.second_correction),
            epsilon: splat(factors.epsilon),
            rate: splat(-factors.rate),
        }
    }

    /// Computes weight, first and second moment after the step.
    #[inline(always)]
    fn step(&self, w: S::f32s, g: S::f32s, m: S::f32s, v: S::f32s) -> (S::f32s, S::f32s, S::f32s) {
        let simd = self.simd;
        let g = simd.mul_f32s(self.scale, g);
        let m = simd.mul_add_e_f32s(self.new1, g, simd.mul_f32s(self.beta1, m));
        let square = simd.mul_f32s(self.new2, g);
        let v = simd.mul_add_e_f32s(square, g, simd.mul_f32s(self.beta2, v));
        let root = simd.sqrt_f32s(simd.mul_f32s(self.second_correction, v));
        let move_by = simd.div_f32s(simd.mul_f32s(self.rate, m), simd.add_f32s(root, self.epsilon));
        (simd.mul_add_e_f32s(self.kept, w, move_by), m, v)
    }
}

/// Sets `average = decay average + (1 - decay) values`. Its time goes to memory, not to arithmetic.
fn move_average(average: &mut [f32], values: &[f32], decay: f64) {
    let (kept, new) = (decay as f32, (1.0 - decay) as f32);
    average.par_chunks_mut(SHARE).zip(values.par_chunks(SHARE)).for_each(|(average, values)| {
        for (average, value) in average.iter_mut().zip(values) {
            *average = kept * *average + new * value;
        }
    });
}

/// Sums the squares in f64: over each share, then over the shares in order.
fn sum_of_squares(values: &[f32]) -> f64 {
    let shares = values.par_chunks(SHARE).map(|values| Arch::new().dispatch(Squares(values)));
    shares.collect::<Vec<f64>>().into_iter().sum()
}

struct Squares<'a>(&'a [f32]);

impl WithSimd for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let [sum] = sums(
            simd,
            self.0,
            #[inline(always)]
            |x| [simd.mul_f32s(x, x)],
        );
        sum
    }
}
