//! Training in 16 bits: the loss tracks f32, and a step that overflows is skipped.

use burn::tensor::{DType, Device, Tensor, TensorData};
use halfstep_core::rng::{Purpose, noise};
use halfstep_core::{EmaSchedule, LossWeighting, PredictionType};
use halfstep_model::{ModelFolder, Precision, UNet, flat_params, param_names, with_flat_params};
use halfstep_train::{
    AdamW, Ema, FromImages, Halving, Learner, LossScale, NonFinite, OptimizerConfig, Packing,
    StepNumbers, TrainingBatch,
};

use crate::support::tiny_model;

const BATCH: usize = 16;

fn learner(model: &ModelFolder, precision: Precision) -> Learner {
    let device = Device::flex();
    let unet = UNet::zeroed(model.unet.config(), &device.clone().autodiff()).unwrap();
    let unet = with_flat_params(unet, flat_params(&model.unet));
    Learner {
        ema: Some(Ema::new(EmaSchedule::new(0.9), flat_params(&unet))),
        packing: Packing::separate(&unet),
        network: unet,
        optimizer: AdamW::new(&OptimizerConfig::default()),
        step: 0,
        precision,
        non_finite: NonFinite::Stop,
        loss_scale: LossScale::needed_by(precision, &device),
    }
}

fn batch() -> TrainingBatch {
    let shape = [BATCH, 1, 8, 8];
    let tensor = |purpose| {
        let values = noise(0, purpose, 0..BATCH as u64, 64);
        Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
    };
    TrainingBatch {
        x0: tensor(Purpose::Evaluation),
        eps: tensor(Purpose::TrainNoise),
        uniforms: (0..BATCH).map(|k| (k as f64 + 0.5) / BATCH as f64).collect(),
        labels: Some((0..BATCH as u32).map(|k| k % 3).collect()),
        number: 0,
    }
}

/// A teacher's objective: predict v.
fn objective(model: &ModelFolder) -> FromImages<'_> {
    FromImages {
        schedule: &model.schedule,
        prediction_type: PredictionType::VPrediction,
        weighting: LossWeighting::SnrPlusOne,
        dropout: None,
    }
}

/// Trains a teacher on the same batch at every step; returns the loss and gradient norm of each step.
fn teach(model: &ModelFolder, learner: &mut Learner, steps: u64) -> Vec<[f64; 2]> {
    let (batch, objective) = (batch(), objective(model));
    let one = |_| {
        let stats = learner.learn(2e-3, 1.0, 1, |network| Ok(objective.loss(network, &batch)));
        let StepNumbers { loss, grad_norm: norm, .. } = stats.unwrap().read().unwrap();
        [loss, norm]
    };
    (0..steps).map(one).collect()
}

fn values(list: &[Tensor<1>]) -> Vec<Vec<f32>> {
    list.iter().map(|tensor| tensor.to_data().try_into_vec().unwrap()).collect()
}

/// Each loss is a mean of 1024 squares, whose roots are off by a few roundings of half an epsilon. Most of them
/// cancel: the losses of twenty steps agree to one epsilon. Training itself lowers the loss by much more.
#[test]
fn losses_in_16_bits_track_those_in_f32() {
    let model = tiny_model(Some(3), None);
    let wide = teach(&model, &mut learner(&model, Precision::F32), 20);
    assert!(wide[19][0] < 0.7 * wide[0][0], "{wide:?}");
    for precision in [Precision::Bf16, Precision::F16] {
        let narrow = teach(&model, &mut learner(&model, precision), 20);
        let pairs = wide.iter().zip(&narrow);
        let worst = pairs.map(|(a, b)| (a[0] - b[0]).abs() / a[0]).fold(0.0, f64::max);
        println!("{precision}: largest relative difference of a loss {worst:e}");
        assert!(worst > 0.0, "{precision}: computed in f32");
        assert!(worst < precision.epsilon(), "{precision}: {worst:e}\n{wide:?}\n{narrow:?}");
    }
}

/// Clipping, AdamW, the moving average and skipped steps give equal results for all parameters in one tensor
/// and for one tensor per parameter. Only the norm is summed in another order, which changes weights below 4 by
/// a few roundings.
#[test]
fn parameters_in_one_tensor_train_alike() {
    let model = tiny_model(Some(3), None);
    for precision in [Precision::F32, Precision::F16] {
        let mut separate = learner(&model, precision);
        let mut joined = learner(&model, precision);
        joined.packing = Packing::joined(&joined.network);
        let averages = joined.packing.join(flat_params(&joined.network));
        joined.ema = Some(Ema::new(EmaSchedule::new(0.9), averages));
        teach(&model, &mut separate, 1);
        teach(&model, &mut joined, 1);
        assert_eq!(joined.optimizer.history().1.unwrap().first.len(), 1);
        for of in [|l: &Learner| l.network.clone(), |l: &Learner| l.result(&Device::flex())] {
            let pairs = values(&flat_params(&of(&separate))).concat();
            let pairs = pairs.into_iter().zip(values(&flat_params(&of(&joined))).concat());
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-6, "{precision}: {worst:e}");
        }
    }
}

/// A network in f32 gives the same bits after a conversion to f32.
#[test]
fn conversion_to_f32_changes_nothing() {
    let model = tiny_model(Some(3), None);
    let z = Tensor::<4>::ones([2, 1, 8, 8], &Device::flex());
    let plain = model.unet.forward(z.clone(), &[5.0], Some(&[0, 1]), None);
    let same = model.unet.computing_in(Precision::F32).forward(z, &[5.0], Some(&[0, 1]), None);
    assert_eq!(plain.into_data(), same.into_data());
}

/// Parameters are recognised by their names in diffusers.
#[test]
fn only_norms_and_class_embeddings_keep_f32_parameters() {
    let rounded = tiny_model(Some(3), None).unet.computing_in(Precision::Bf16);
    let mut kept = 0;
    for (name, values) in param_names(&rounded).into_iter().zip(flat_params(&rounded)) {
        let keeps = name.contains("norm") || name.starts_with("class_embedding");
        assert_eq!(values.dtype() == DType::F32, keeps, "{name}");
        kept += usize::from(keeps);
    }
    assert!(kept > 0);
}

/// Student and teacher are both in 16 bits. The loss is small, and its target is a difference divided by
/// sin(phi - phi'): this magnifies the teacher's roundings twice by about 1/sin(pi/8) = 2.6.
#[test]
fn distillation_in_16_bits_tracks_f32() {
    let model = tiny_model(Some(3), None);
    let loss = |precision: Precision| {
        let teacher = model.unet.computing_in(precision);
        let halving = Halving {
            teacher: &teacher,
            num_steps: 4,
            schedule: &model.schedule,
            prediction_type: PredictionType::VPrediction,
            weighting: LossWeighting::SnrPlusOne,
        };
        let mut learner = learner(&model, precision);
        let stats = learner.learn(1e-3, 1.0, 1, |student| halving.loss(student, &batch()));
        stats.unwrap().read().unwrap().loss
    };
    let wide = loss(Precision::F32);
    for precision in [Precision::Bf16, Precision::F16] {
        let narrow = loss(precision);
        let tolerance = 16.0 * precision.epsilon();
        assert!((narrow - wide).abs() < tolerance * wide, "{precision}: {narrow} {wide}");
    }
}

/// A loss scale of 2^100 overflows f16 at once: the step is skipped, the factor is halved, and nothing else
/// changes except the count of steps.
#[test]
fn an_overflow_leaves_weights_and_moments_as_they_were() {
    let model = tiny_model(Some(3), None);
    let mut learner = learner(&model, Precision::F16);
    teach(&model, &mut learner, 2);
    let moments = |learner: &Learner| {
        let moments = learner.optimizer.history().1.unwrap();
        [values(&moments.first), values(&moments.second)]
    };
    let before = (values(&flat_params(&learner.network)), moments(&learner));
    learner.loss_scale = Some(LossScale::restored([2f32.powi(100), 5.0], &Device::flex()));
    let [[loss, norm]] = teach(&model, &mut learner, 1)[..] else { panic!("one step") };
    assert!(loss.is_finite() && norm == 0.0, "{loss} {norm}");
    assert_eq!(before, (values(&flat_params(&learner.network)), moments(&learner)));
    assert_eq!(learner.step, 3);
    let scale = learner.loss_scale.as_ref().unwrap().read().unwrap();
    assert_eq!(scale, [2f32.powi(99), 0.0]);
    // With a factor that fits, the next step is taken.
    learner.loss_scale = Some(LossScale::new(&Device::flex()));
    let [[_, norm]] = teach(&model, &mut learner, 1)[..] else { panic!("one step") };
    assert!(norm > 0.0);
    assert_ne!(before.0, values(&flat_params(&learner.network)));
}

/// In f32, without a loss scale, [`NonFinite::Skip`] skips the step; it is counted, and the next step is taken.
#[test]
fn a_step_that_is_not_finite_is_skipped_on_request() {
    let model = tiny_model(Some(3), None);
    let mut learner = learner(&model, Precision::F32);
    learner.non_finite = NonFinite::Skip;
    let (batch, objective) = (batch(), objective(&model));
    let step = |learner: &mut Learner, factor: f32| {
        let stats = learner.learn(1e-3, 1.0, 1, |network| {
            let mut loss = objective.loss(network, &batch);
            loss.weighted = loss.weighted.mul_scalar(factor);
            Ok(loss)
        });
        stats.unwrap().read().unwrap()
    };
    assert!(step(&mut learner, 1.0).taken);
    for factor in [f32::NAN, f32::INFINITY] {
        let moments = values(&learner.optimizer.history().1.unwrap().first);
        let before = (values(&flat_params(&learner.network)), moments);
        assert!(!step(&mut learner, factor).taken);
        let moments = values(&learner.optimizer.history().1.unwrap().first);
        assert_eq!(before, (values(&flat_params(&learner.network)), moments));
    }
    assert_eq!(learner.step, 3);
    assert!(step(&mut learner, 1.0).taken);
}

/// Gradients of small losses vanish in f16 without loss scaling, and do not vanish with it.
#[test]
fn loss_scaling_keeps_small_gradients() {
    let model = tiny_model(Some(3), None);
    let norm = |scale: Option<LossScale>| {
        let mut learner = learner(&model, Precision::F16);
        learner.loss_scale = scale;
        let (batch, objective) = (batch(), objective(&model));
        let stats = learner.learn(1e-3, 0.0, 1, |network| {
            let mut loss = objective.loss(network, &batch);
            loss.weighted = loss.weighted.mul_scalar(1e-7);
            Ok(loss)
        });
        stats.unwrap().read().unwrap().grad_norm
    };
    let (without, with) = (norm(None), norm(LossScale::needed_by(Precision::F16, &Device::flex())));
    assert!(with > 1e-8, "{with:e}");
    assert!(without < 0.5 * with, "{without:e} {with:e}");
}
