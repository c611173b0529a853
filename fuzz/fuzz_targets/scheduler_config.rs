//! A `scheduler_config.json` that is accepted describes a schedule that gets noisier level by level.
#![no_main]

use std::path::Path;

use halfstep_model::SchedulerConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("scheduler_config.json");
    let Ok(config) = serde_json::from_slice::<SchedulerConfig>(bytes) else { return };
    let (ratio, _) = config.thresholding();
    let variance = config.variance(path);
    if config.validate(path).is_err() {
        return;
    }
    assert!(ratio.is_none_or(|ratio| ratio > 0.0 && ratio <= 1.0));
    drop(variance);
    let text = serde_json::to_string(&config).expect("a configuration can be written");
    assert_eq!(serde_json::from_str::<SchedulerConfig>(&text).expect("and read"), config);
    let Ok(schedule) = config.schedule(path) else { return };
    assert!(schedule.alphas_cumprod().iter().all(|value| (0.0..=1.0).contains(value)));
    assert!(schedule.alphas_cumprod().is_sorted_by(|a, b| a >= b));
    for t in [0, schedule.len() / 2, schedule.len() - 1] {
        let point = schedule.point(t);
        assert_eq!(point.t, t as f64);
        let norm = point.level.alpha().powi(2) + point.level.sigma().powi(2);
        // Each square is a product or a sum over the earlier levels, with one or two roundings per level.
        let tolerance = 4.0 * f64::EPSILON * (t + 2) as f64;
        assert!((norm - 1.0).abs() <= tolerance, "alpha^2 + sigma^2 = {norm} at {t}");
    }
});
