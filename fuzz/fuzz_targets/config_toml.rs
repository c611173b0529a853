//! A configuration that is accepted is written, with every default, as one that is accepted and equal.
#![no_main]

use halfstep_train::Job;
use libfuzzer_sys::fuzz_target;

/// Lines with this beginning are overrides; the others are the file.
const SET: &str = "--set ";

fuzz_target!(|input: &str| {
    let (overrides, lines): (Vec<&str>, Vec<&str>) =
        input.lines().partition(|line| line.starts_with(SET));
    let overrides: Vec<String> = overrides.iter().map(|line| line[SET.len()..].into()).collect();
    let Ok(job) = Job::parse("input", &lines.join("\n"), &overrides) else { return };
    let text = job.to_toml().expect("a configuration can be written");
    let again = Job::parse("resolved", &text, &[]).expect("and read");
    assert_eq!((&again.name, &again.license, &again.data), (&job.name, &job.license, &job.data));
    let settings = &job.config.settings;
    assert_eq!(&again.config.settings, settings);
    assert!(settings.rounds().iter().all(|&steps| steps >= settings.distill.student_steps));
    let _ = job.config.network([3, 32, 32], Some(10));
});
