//! A configuration that is accepted can be written, and what is written is accepted and means the same.
#![no_main]

use halfstep_train::Job;
use libfuzzer_sys::fuzz_target;

/// Lines that begin so are overrides; the others are the file.
const SET: &str = "--set ";

fuzz_target!(|input: &str| {
    let (overrides, lines): (Vec<&str>, Vec<&str>) =
        input.lines().partition(|line| line.starts_with(SET));
    let overrides: Vec<String> = overrides.iter().map(|line| line[SET.len()..].into()).collect();
    let Ok(job) = Job::parse("input", &lines.join("\n"), &overrides) else { return };
    let text = job.to_toml().expect("a configuration can be written");
    let again = Job::parse("resolved", &text, &[]).expect("and read");
    assert_eq!(again.to_toml().expect("and written again"), text);
    let config = &job.config;
    assert!(config.rounds().iter().all(|&steps| steps >= config.distill.student_steps));
    let _ = config.network([3, 32, 32], Some(10));
});
