//! The fields that diffusers' `EMAModel` writes beside the weights that it averaged.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::pipeline::json::parse_fields;

/// The fields that `EMAModel` adds to the network's `config.json`.
const FIELDS: [&str; 7] = [
    "decay",
    "inv_gamma",
    "min_decay",
    "optimization_step",
    "power",
    "update_after_step",
    "use_ema_warmup",
];

/// The moving average of diffusers' `EMAModel`: its fields in the `config.json` of `unet_ema/`, with its
/// defaults. They describe how the average was made and change nothing in the network.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmaModel {
    /// Largest weight of the average so far, in `[0, 1]`.
    pub decay: f64,
    /// The scale of the warm-up `1 - (1 + step/inv_gamma)^-power`.
    pub inv_gamma: f64,
    /// Smallest weight of the average so far.
    pub min_decay: f64,
    /// Number of optimiser steps averaged.
    pub optimization_step: u64,
    /// The exponent of the warm-up.
    pub power: f64,
    /// Steps before the average begins.
    pub update_after_step: i64,
    /// Whether the weight rises by `inv_gamma` and `power`, or as `(1 + step)/(10 + step)`.
    pub use_ema_warmup: bool,
}

impl Default for EmaModel {
    fn default() -> Self {
        Self {
            decay: 0.9999,
            inv_gamma: 1.0,
            min_decay: 0.0,
            optimization_step: 0,
            power: 2.0 / 3.0,
            update_after_step: 0,
            use_ema_warmup: false,
        }
    }
}

impl EmaModel {
    /// Takes `EMAModel`'s fields out of a `config.json`; `None` if it has none of them.
    ///
    /// # Errors
    /// [`ModelError::Folder`] naming `path` and a field of a type that `EMAModel` does not write.
    pub(crate) fn take(
        fields: &mut Map<String, Value>,
        path: &Path,
    ) -> Result<Option<Self>, ModelError> {
        let own: Map<String, Value> = FIELDS
            .iter()
            // Not `remove`, which would shuffle the fields that stay.
            .filter_map(|&name| Some((name.to_owned(), fields.shift_remove(name)?)))
            .collect();
        match own.is_empty() {
            true => Ok(None),
            false => parse_fields(own, path).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn its_fields_are_taken_out_and_no_others() {
        let path = Path::new("config.json");
        let mut all = fields(
            r#"{"sample_size": 8, "decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0,
                "optimization_step": 500, "power": 0.75, "update_after_step": 0,
                "use_ema_warmup": true, "flux": 1}"#,
        );
        let found = EmaModel::take(&mut all, path).unwrap();
        let expected = EmaModel {
            optimization_step: 500,
            power: 0.75,
            use_ema_warmup: true,
            ..EmaModel::default()
        };
        assert_eq!(found, Some(expected));
        assert_eq!(all, fields(r#"{"sample_size": 8, "flux": 1}"#));
        assert_eq!(EmaModel::take(&mut all, path).unwrap(), None);
        for (json, word) in [
            (r#"{"decay": "much"}"#, "decay"),
            (r#"{"use_ema_warmup": 1, "power": 0.5}"#, "use_ema_warmup"),
            (r#"{"optimization_step": -1}"#, "optimization_step"),
        ] {
            let error = EmaModel::take(&mut fields(json), path).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("config.json"), "{json}: {error}");
        }
    }
}
