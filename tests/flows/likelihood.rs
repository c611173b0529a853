//! `eval --likelihood`.

use std::f64::consts::{LN_2, PI};

use burn::tensor::Device;
use halfstep_data::DataConfig;
use halfstep_model::UNet;

use crate::eval::{eval, numbers, text};
use crate::support::{failure, output, program, tiny_model};

/// With a network that predicts v = 0 the flow stands still: the density of an image is that of pure noise at alpha x, and
/// a byte's probability is that times alpha and the byte's width, 2 / 255.
#[test]
fn the_density_of_a_flow_that_stands_still_is_that_of_noise() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut model = tiny_model(None, None);
    let config = model.unet.config().clone();
    // The last layer is initialised to 0.
    model.unet = UNet::init(&config, &Device::flex(), &mut |_, n| vec![0.5; n]).unwrap();
    let alpha = model.schedule.at(0).alpha();
    model.save(&at("model")).unwrap();
    let digits = DataConfig::Digits {}.load().unwrap();
    let of_image = |k: usize| -> f64 {
        let square = |byte: &u8| (alpha * (f64::from(*byte) / 127.5 - 1.0)).powi(2);
        let squares: f64 = digits.image(k).iter().map(square).sum();
        let noise = squares / 2.0 + 32.0 * (2.0 * PI).ln();
        (noise - 64.0 * (alpha.ln() + (2.0f64 / 255.0).ln())) / (64.0 * LN_2)
    };
    let expected = (0..4).map(of_image).sum::<f64>() / 4.0;
    let model = at("model");
    let args = ["--model", text(&model), "--likelihood", "ode", "--reference", "digits"];
    let args = [&args[..], &["--count", "4", "--steps", "3"]].concat();
    let (found, ..) = numbers(&mut eval(&at("cache"), &args), &at("a.json"));
    let found = found["ode"]["bits_per_dim"].as_f64().unwrap();
    // The uniform noise of a byte's width has a deviation of at most sqrt(64 / 3) / 255 nats: 4e-4 bits.
    assert!((found - expected).abs() < 2e-3, "{found} {expected}");
}

/// An untrained network is far from any data by both methods.
#[test]
fn likelihoods_are_printed_in_bits_per_dimension() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, None).save(&at("model")).unwrap();
    let model = at("model");
    let args = |how| {
        ["--model", text(&model), "--likelihood", how, "--reference", "digits", "--count", "4"]
    };
    let message = failure(&mut eval(&at("cache"), &args("bound")));
    assert!(message.contains("gamma.json") && message.contains("--estimate-gamma"), "{message}");
    let mut gamma = program("sample");
    gamma.arg("--model").arg(&model).args(["--estimate-gamma", "digits", "--device", "cpu"]);
    output(gamma.args(["--gamma-samples", "10"]), 0);
    for (how, steps, words) in
        [("bound", "8", "Analytic-DPM's trajectory"), ("ode", "6", "probability-flow ODE")]
    {
        let args = [&args(how)[..], &["--steps", steps]].concat();
        let (numbers, table, _) = numbers(&mut eval(&at("cache"), &args), &at("a.json"));
        assert_eq!(numbers["images"], 4);
        let bits = |key: &str| numbers[key]["bits_per_dim"].as_f64().unwrap();
        // A uniform distribution over bytes has 8.
        assert!(bits(how) > 2.0, "{table}");
        // Variances from measured errors suit this network better than those of a network without errors.
        assert!(how == "ode" || bits("bound_measured") < bits("bound"), "{table}");
        assert!(table.contains(words) && table.contains("digits"), "{table}");
        let (again, ..) = crate::eval::numbers(&mut eval(&at("other cache"), &args), &at("a.json"));
        assert_eq!(again, numbers);
    }
}
