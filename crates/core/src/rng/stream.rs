//! Counter-based randomness: every random number is a pure function of (seed, purpose, index).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::normal;

/// The use of random numbers. Streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The noise a sampler starts from; index: the image.
    InitNoise,
    /// The noise a stochastic sampler adds; index: the image.
    SampleNoise {
        /// The sampler's step.
        step: u32,
    },
    /// The permutation of the dataset; index: the epoch.
    BatchOrder,
    /// The diffusion time of a training image; index: the image's position in the run.
    TrainTime,
    /// The noise added to a training image; index: the image's position in the run.
    TrainNoise,
    /// Whether a training image is mirrored; index: the image's position in the run.
    Flip,
    /// Initial weights; index: the parameter.
    WeightInit,
    /// Dropout masks; index: the training step.
    Dropout,
    /// Class labels to sample, or to drop; index: the image.
    Labels,
    /// Random numbers of an evaluation; index: the image.
    Evaluation,
    /// The noise at which `E|eps_hat|^2` is measured (Analytic-DPM's Gamma); index: the image.
    Gamma {
        /// The discrete time.
        t: u32,
    },
    /// The Brownian path that stochastic samplers are compared along; index: the image.
    NoisePath {
        /// The node of the binary tree that builds the path; the root is 1, and 0 is the path's end.
        node: u32,
    },
}

impl Purpose {
    /// The code and the argument that enter the key. Never change or reuse a code: it would change every noise
    /// ever drawn under it.
    fn code(self) -> (u32, u32) {
        match self {
            Self::InitNoise => (1, 0),
            Self::SampleNoise { step } => (2, step),
            Self::BatchOrder => (3, 0),
            Self::TrainTime => (4, 0),
            Self::TrainNoise => (5, 0),
            Self::Flip => (6, 0),
            Self::WeightInit => (7, 0),
            Self::Dropout => (8, 0),
            Self::Labels => (9, 0),
            Self::Evaluation => (10, 0),
            Self::Gamma { t } => (11, t),
            Self::NoisePath { node } => (12, node),
        }
    }
}

/// An endless stream of random numbers that depends on nothing but (seed, purpose, index).
///
/// It is ChaCha8 with this layout, which never changes:
///
/// | bytes of the key | content |
/// |---|---|
/// | 0..8 | seed, little-endian u64 |
/// | 8..12 | code of the purpose, little-endian u32 |
/// | 12..16 | the purpose's argument (the step of `SampleNoise`, the time of `Gamma`, the node of `NoisePath`; 0 for the others), little-endian u32 |
/// | 16..32 | the ASCII text `halfstep stream1` |
///
/// The 64-bit nonce is the index, the block counter starts at zero. Each [`uniform`](Self::uniform)
/// and each normal takes exactly one 64-bit word, and all arithmetic is IEEE 754 in a fixed order
/// (the logarithm is `libm`'s, not the platform's): the values are the same bits on every platform.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The stream of `(seed, purpose, index)`, from its beginning.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let (code, argument) = purpose.code();
        let mut key = [0; 32];
        key[0..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&code.to_le_bytes());
        key[12..16].copy_from_slice(&argument.to_le_bytes());
        key[16..32].copy_from_slice(b"halfstep stream1");
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(index);
        Self { rng }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.bits() >> 11) as f64 * STEP
    }

    /// Uniform among `0..n`, without bias (D. Lemire, "Fast random integer generation in an
    /// interval", 2019, <https://arxiv.org/abs/1805.10941>, algorithm 5).
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "there is no number below 0");
        // 2^64 mod n: the number of low words that would make some results more likely than others.
        let excess = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 >= excess {
                return (product >> 64) as u64;
            }
        }
    }

    /// The next standard normal.
    pub fn normal(&mut self) -> f32 {
        normal::from_bits(self.bits()) as f32
    }

    /// Fills `values` with the next standard normals.
    pub fn fill_normals(&mut self, values: &mut [f32]) {
        let (blocks, rest) = values.as_chunks_mut();
        let mut words = [[0; 8]; normal::BLOCK];
        for block in blocks {
            self.rng.fill_bytes(words.as_flattened_mut());
            normal::fill_from_words(&words, block);
        }
        rest.fill_with(|| self.normal());
    }

    /// The next `n` standard normals. Drawing `a` and then `b` gives the same as drawing `a + b`.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        let mut values = vec![0.0; n];
        self.fill_normals(&mut values);
        values
    }
}

/// Standard normals for several images, one after another: `[images, len_each]`. Image `k` takes them from the
/// stream `(seed, purpose, k)`, so it gets the same in any batch.
pub fn noise(
    seed: u64,
    purpose: Purpose,
    indices: impl IntoIterator<Item = u64>,
    len_each: usize,
) -> Vec<f32> {
    let indices: Vec<u64> = indices.into_iter().collect();
    let mut values = vec![0.0; indices.len() * len_each];
    if len_each > 0 {
        values.par_chunks_exact_mut(len_each).zip(indices).for_each(|(values, index)| {
            Stream::new(seed, purpose, index).fill_normals(values);
        });
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 0x0123_4567_89ab_cdef;

    // The literals of the next three tests come from an independent implementation in Python, of ChaCha8 after
    // RFC 8439 (with 8 rounds and a 64-bit nonce) and of the layout documented above. They are promises: if one
    // changes, no recorded run can be repeated.

    #[test]
    fn the_bits_are_pinned() {
        let mut stream = Stream::new(SEED, Purpose::InitNoise, 5);
        let expected = [0x0d57_9e0b_df62_99a6, 0xb2ef_f7db_4f07_700d, 0x3b4b_ded0_617a_3149];
        assert_eq!([(); 3].map(|()| stream.bits()), expected);
        let mut stream = Stream::new(SEED, Purpose::SampleNoise { step: 3 }, 1 << 40);
        let expected = [0xa2a7_9d3d_b4c8_b17d, 0xb437_bde6_11d2_de25];
        assert_eq!([(); 2].map(|()| stream.bits()), expected);
        let mut stream = Stream::new(SEED, Purpose::Gamma { t: 1023 }, 7);
        let expected = [0x8d47_2b3a_6921_57a4, 0x1bd9_4f3e_9565_bfee];
        assert_eq!([(); 2].map(|()| stream.bits()), expected);
    }

    #[test]
    fn the_numbers_are_pinned() {
        let mut stream = Stream::new(SEED, Purpose::TrainTime, 0);
        let expected = [0.3031288390552159, 0.6433095270187014, 0.3512361051471464];
        assert_eq!([(); 3].map(|()| stream.uniform()), expected);
        let mut stream = Stream::new(SEED, Purpose::Dropout, 0);
        let expected = [5, 5, 1, 1, 2, 9, 0, 2, 5, 4, 2, 5];
        assert_eq!([(); 12].map(|()| stream.below(10)), expected);
    }

    #[test]
    fn the_normals_are_pinned() {
        #[rustfmt::skip]
        let expected = [
            -1.6246537_f32, 0.52145225, -0.7335011, -1.4117401,
            -0.33212322, 1.93509, -0.78336644, -0.14882347,
            2.8402607,
        ];
        assert_eq!(Stream::new(SEED, Purpose::InitNoise, 5).normals(9), expected);
    }

    #[test]
    fn streams_of_other_seed_purpose_step_or_index_differ() {
        let purposes = [
            Purpose::InitNoise,
            Purpose::SampleNoise { step: 0 },
            Purpose::SampleNoise { step: 1 },
            Purpose::BatchOrder,
            Purpose::TrainTime,
            Purpose::TrainNoise,
            Purpose::Flip,
            Purpose::WeightInit,
            Purpose::Dropout,
            Purpose::Labels,
            Purpose::Evaluation,
            Purpose::Gamma { t: 0 },
            Purpose::Gamma { t: 1 },
            Purpose::NoisePath { node: 1 },
        ];
        let mut seen = std::collections::HashSet::new();
        for seed in [0, 1, u64::MAX] {
            for purpose in purposes {
                for index in [0, 1, u64::MAX] {
                    assert!(seen.insert(Stream::new(seed, purpose, index).bits()));
                }
            }
        }
    }

    #[test]
    fn how_normals_are_portioned_does_not_matter() {
        let whole = Stream::new(1, Purpose::TrainNoise, 2).normals(100);
        let mut stream = Stream::new(1, Purpose::TrainNoise, 2);
        let parts = [1, 2, 0, 30, 67].map(|n| stream.normals(n));
        assert_eq!(parts.concat(), whole);
    }

    #[test]
    fn image_k_gets_the_same_noise_at_any_batch_size() {
        let all = noise(3, Purpose::InitNoise, 0..8, 5);
        assert_eq!(all.len(), 40);
        let halves = [noise(3, Purpose::InitNoise, 0..4, 5), noise(3, Purpose::InitNoise, 4..8, 5)];
        assert_eq!(halves.concat(), all);
        assert_eq!(noise(3, Purpose::InitNoise, [6, 1], 5), [&all[30..35], &all[5..10]].concat());
        assert!(noise(3, Purpose::InitNoise, [], 5).is_empty());
    }

    /// Over n = 200000 draws a mean of unit variance strays by 1/sqrt(n) = 0.0022: six of these.
    #[test]
    fn the_moments_are_those_of_their_distributions() {
        const N: usize = 200_000;
        let within = |found: f64, expected: f64, deviation: f64| {
            let bound = 6.0 * deviation / (N as f64).sqrt();
            assert!((found - expected).abs() < bound, "{found}, expected {expected}");
        };
        let mean = |values: &[f64]| values.iter().sum::<f64>() / N as f64;
        let mut stream = Stream::new(11, Purpose::Evaluation, 0);
        let normals: Vec<f64> = stream.normals(N).into_iter().map(f64::from).collect();
        // Variances of x, x^2, x^3, x^4: 1, 2, 15, 96.
        for (power, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let powers: Vec<f64> = normals.iter().map(|x: &f64| x.powi(power)).collect();
            within(mean(&powers), expected, f64::sqrt(variance));
        }
        let products: Vec<f64> = (0..N).map(|i| normals[i] * normals[(i + 1) % N]).collect();
        within(mean(&products), 0.0, 1.0);
        let uniforms: Vec<f64> = (0..N).map(|_| stream.uniform()).collect();
        assert!(uniforms.iter().all(|x| (0.0..1.0).contains(x)));
        within(mean(&uniforms), 0.5, (1.0_f64 / 12.0).sqrt());
    }

    /// Each of n values comes up `draws / n` times, give or take six deviations.
    #[test]
    fn below_is_even_and_stays_below() {
        let mut stream = Stream::new(5, Purpose::Evaluation, 1);
        for n in [1, 2, 3, 7, 10] {
            let draws = 10_000 * n;
            let mut counts = vec![0_u64; n as usize];
            for _ in 0..draws {
                counts[stream.below(n) as usize] += 1;
            }
            assert!(counts.iter().all(|count| count.abs_diff(10_000) < 600), "{counts:?}");
        }
        for n in [u64::MAX, (1 << 63) + 1] {
            assert!((0..100).all(|_| stream.below(n) < n));
        }
    }

    /// With n = 3 * 2^62, a careless reduction of 64 bits makes every third value twice as likely.
    #[test]
    fn below_has_no_bias_where_bias_would_be_largest() {
        let mut stream = Stream::new(5, Purpose::Evaluation, 2);
        let draws = 30_000;
        let thirds = (0..draws).filter(|_| stream.below(3 << 62).is_multiple_of(3)).count();
        assert!(thirds.abs_diff(draws / 3) < 6 * 82, "{thirds}");
    }
}
