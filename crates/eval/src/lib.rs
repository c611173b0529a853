//! Metrics for generative image models: FID, KID, precision and recall, Inception score, likelihood.
//!
//! Scores compare two sets of images through *features*, rows of numbers that a network computes of each image:
//!
//! ```
//! use halfstep_eval::{FeatureStatistics, Features, frechet_distance, precision_recall};
//!
//! // Two features for each of five images; the generated ones are off by 1 in the first feature.
//! let real = Features::new(vec![0., 0., 1., 0., 0., 1., 1., 1., 0.5, 0.5], 2)?;
//! let generated = Features::new(vec![1., 0., 2., 0., 1., 1., 2., 1., 1.5, 0.5], 2)?;
//! let distance = frechet_distance(
//!     &FeatureStatistics::from_features(&generated)?,
//!     &FeatureStatistics::from_features(&real)?,
//! )?;
//! assert!((distance - 1.0).abs() < 1e-9);
//! assert_eq!(precision_recall(&generated, &real, 3)?.precision, 1.0);
//! # Ok::<(), halfstep_eval::EvalError>(())
//! ```
//!
//! # Which one computes FID?
//!
//! [`Evaluator`]: give it FID's network ([`FeatureExtractor::inception`]) and the real images ([`ReferenceData`]). Its
//! first score of an image set is the FID. It keeps features in an [`EvalCache`], reports progress to an
//! [`EvalObserver`], and also scores the samples of a model ([`SampledModel`]).
//!
//! Nothing is called FID that is not computed with that network. The same Frechet distance is defined for the features
//! of any network.
//!
//! # Metrics
//!
//! `x` are real features with mean m1 and covariance C1, `y` generated ones with m2 and C2, D features each.
//!
//! | metric | function | formula | paper |
//! |---|---|---|---|
//! | Frechet distance (FID) | [`frechet_distance`] | `\|m1 - m2\|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))` | [Heusel et al. 2017](https://arxiv.org/abs/1706.08500) |
//! | kernel distance (KID) | [`kernel_distance`] | `E k(x, x') + E k(y, y') - 2 E k(x, y)` with `k(x, y) = (x.y / D + 1)^3` | [Binkowski et al. 2018](https://arxiv.org/abs/1801.01401) |
//! | precision, recall | [`precision_recall`] | fraction of one side within the k-nearest-neighbour balls of the other | [Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991) |
//! | Inception score | [`inception_score`] | `exp(E KL(p(class \| image) \|\| p(class)))` | [Salimans et al. 2016](https://arxiv.org/abs/1606.03498) |
//! | variational bound | [`DenoisingErrors::bound`] | sum of the KL divergences of DDPM's steps, in nats | [Ho et al. 2020](https://arxiv.org/abs/2006.11239), [Bao et al. 2022](https://arxiv.org/abs/2201.06503) |
//! | density of the ODE | [`ProbabilityFlow::log_density`] | `ln p(z_T) + integral of the trace of the Jacobian` | [Song et al. 2021](https://arxiv.org/abs/2011.13456) |
//!
//! Lower distances are better, and so are lower bits per dimension ([`bits_per_dim`]). Precision, recall and the
//! Inception score are better if higher. All sums are in f64.
//!
//! # Modules
//!
//! | what | types |
//! |---|---|
//! | images, from folders, npz files, datasets or memory | [`ImageSet`], [`ImageBatch`], [`ImageSizes`] |
//! | features, from Inception, your own network or pixels | [`FeatureExtractor`], [`Inception`], [`FeatureNetwork`], [`pixel_features`], [`Features`] |
//! | metrics of features | [`Reference`], [`Score`], [`FeatureStatistics`], [`Manifold`] |
//! | whole evaluations, cached and observable | [`Evaluator`], [`EvalContext`], [`EvaluatedImages`], [`SampledModel`], [`SweepPlan`] |
//! | likelihoods | [`ModelLikelihood`], [`DenoisingErrors`], [`ProbabilityFlow`] |
//! | the program `eval` | [`cli`] |
//!
//! Images are `[B, 3, H, W]` with values in `[0, 1]`: 8-bit values divided by 255. Inception's features equal those
//! of pytorch-fid to within 1.5e-5.

pub mod cli;
mod error;
mod evaluation;
mod features;
mod images;
mod likelihood;
mod metrics;
mod progress;
mod subset;
mod sweep;

pub use error::{ComparedSide, EvalError, UnsuitableModel};
pub use evaluation::{
    EvalCache, EvalContext, EvaluatedImages, Evaluator, ReferenceData, SampledModel, SamplingSetup,
};
pub use features::{
    ExtractedFeatures, FeatureExtractor, FeatureKind, FeatureNetwork, Features, INCEPTION,
    Inception, InceptionOutput, pixel_features, resize_bilinear,
};
pub use images::{ImageBatch, ImageSet, ImageSizes, listed_arrays, npz_arrays};
pub use likelihood::{
    BoundParts, Decoder, DenoisingErrors, LikelihoodEstimate, ModelLikelihood, ProbabilityFlow,
    bits_per_dim,
};
pub use metrics::{
    FeatureStatistics, InceptionScore, KernelDistance, KernelOptions, Manifold, MetricName,
    MetricNames, MissingScore, OnPairs, PrecisionRecall, Reference, Score, frechet_distance,
    inception_score, kernel_distance, missing_scores, precision_recall, scores_to_json,
};
pub use progress::{EvalEvent, EvalObserver, LikelihoodPart, LikelihoodWork, OnProgress, WorkUnit};
pub use sweep::{SweepPlan, SweepReference};
