//! diffusers' lists of times for 18 step counts.

use halfstep_core::{TimestepSpacing, dpm_timesteps, timesteps};
use serde_json::Value;

use crate::support::*;

/// The golden list (long ones are given as their first and last 8), its sum and its length.
fn assert_list(got: &[usize], entry: &Value, key: &str) {
    let expected = indices(&entry[key]);
    let length = index(entry, &format!("{key}_len"));
    let what = format!("{key} {} {}", entry["n"], entry["timestep_spacing"]);
    assert_eq!(got.len(), length, "{what}");
    assert_eq!(got.iter().sum::<usize>(), index(entry, &format!("{key}_sum")), "{what}");
    if expected.len() == length {
        assert_eq!(got, expected, "{what}");
    } else {
        assert_eq!(expected.len(), 16, "{what}");
        assert_eq!(got[..8], expected[..8], "{what}");
        assert_eq!(got[length - 8..], expected[8..], "{what}");
    }
}

#[test]
fn every_entry() {
    let golden = fixture("c_timesteps");
    let (mut ddim, mut dpm) = (0, 0);
    for entry in list(&golden, "entries") {
        let spacing: TimestepSpacing =
            serde_json::from_value(entry["timestep_spacing"].clone()).unwrap();
        let n = index(entry, "n");
        assert_list(&timesteps(spacing, n, 1000, 0).unwrap(), entry, "ddim");
        assert!(flag(entry, "ddpm_same_as_ddim"), "one function serves both");
        ddim += 1;
        // diffusers has no DPM list for 1000 of 1000.
        if entry.get("dpm_multistep").is_some() {
            assert_list(&dpm_timesteps(spacing, n, 1000, 0).unwrap(), entry, "dpm_multistep");
            dpm += 1;
        }
    }
    assert_eq!((ddim, dpm), (54, 51));
}
