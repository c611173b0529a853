//! A configuration that is accepted is written as one that is accepted and says the same.
#![no_main]

use halfstep_train::parse_config;
use libfuzzer_sys::fuzz_target;

/// Lines that begin so are overrides; the others are the file.
const SET: &str = "--set ";

fuzz_target!(|input: &str| {
    let (overrides, lines): (Vec<&str>, Vec<&str>) =
        input.lines().partition(|line| line.starts_with(SET));
    let overrides: Vec<String> = overrides.iter().map(|line| line[SET.len()..].into()).collect();
    let Ok(config) = parse_config("input", &lines.join("\n"), &overrides) else { return };
    let text = toml::to_string(&config).expect("a configuration can be written");
    let again = parse_config("resolved", &text, &[]).expect("and read");
    assert_eq!(again, config);
    assert!(config.rounds().iter().all(|&steps| steps >= config.distill.student_steps));
    let _ = config.unet([3, 32, 32], Some(10));
});
