//! `unet/config.json`: diffusers' `UNet2DModel` configuration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ModelError;

/// A down or up block, by diffusers' class name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockType {
    /// Residual blocks, then a stride-2 convolution.
    DownBlock2D,
    /// The same with self-attention after every residual block.
    AttnDownBlock2D,
    /// Residual blocks over the skip connections, then nearest upsampling and a convolution.
    UpBlock2D,
    /// The same with self-attention after every residual block.
    AttnUpBlock2D,
}

impl BlockType {
    pub(crate) fn has_attention(self) -> bool {
        matches!(self, Self::AttnDownBlock2D | Self::AttnUpBlock2D)
    }

    pub(crate) fn is_down(self) -> bool {
        matches!(self, Self::DownBlock2D | Self::AttnDownBlock2D)
    }
}

/// The shape of a [`UNet`](crate::UNet), field for field diffusers' `UNet2DModel` (0.42), with its
/// defaults. Fields that this crate accepts only at their default are kept in
/// [`fixed`](Self::fixed), so that a file read and written again says the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UNetConfig {
    /// Image height and width in pixels.
    pub sample_size: Option<usize>,
    /// Channels of `z`.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Subtracted in the frequency exponent's denominator, `half - freq_shift`.
    pub freq_shift: usize,
    /// `[cos, sin]` instead of `[sin, cos]` in the time embedding.
    pub flip_sin_to_cos: bool,
    /// One entry a resolution, finest first.
    pub down_block_types: Vec<BlockType>,
    /// One entry a resolution, coarsest first.
    pub up_block_types: Vec<BlockType>,
    /// Channels at each resolution, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks a down block; an up block has one more.
    pub layers_per_block: usize,
    /// Padding of the stride-2 convolution; 0 pads one row below and one column to the right.
    pub downsample_padding: usize,
    /// Dropout probability inside residual blocks while training.
    pub dropout: f64,
    /// Channels of one attention head; `null` means one head over all channels.
    pub attention_head_dim: Option<usize>,
    /// Groups of every group norm.
    pub norm_num_groups: usize,
    /// Epsilon of every group norm.
    pub norm_eps: f64,
    /// Number of classes of a learned class embedding.
    pub num_class_embeds: Option<usize>,
    /// Everything else the file says. Checked by [`UNetConfig::validate`].
    #[serde(flatten)]
    pub fixed: Map<String, Value>,
}

impl Default for UNetConfig {
    fn default() -> Self {
        use BlockType::{AttnDownBlock2D, AttnUpBlock2D, DownBlock2D, UpBlock2D};
        Self {
            sample_size: None,
            in_channels: 3,
            out_channels: 3,
            freq_shift: 0,
            flip_sin_to_cos: true,
            down_block_types: vec![DownBlock2D, AttnDownBlock2D, AttnDownBlock2D, AttnDownBlock2D],
            up_block_types: vec![AttnUpBlock2D, AttnUpBlock2D, AttnUpBlock2D, UpBlock2D],
            block_out_channels: vec![224, 448, 672, 896],
            layers_per_block: 2,
            downsample_padding: 1,
            dropout: 0.0,
            attention_head_dim: Some(8),
            norm_num_groups: 32,
            norm_eps: 1e-5,
            num_class_embeds: None,
            fixed: Map::new(),
        }
    }
}

/// Fields of `UNet2DModel` that are supported at one value only.
fn supported_fixed_value(field: &str) -> Option<Value> {
    Some(match field {
        "center_input_sample" => Value::Bool(false),
        "add_attention" => Value::Bool(true),
        "time_embedding_type" => "positional".into(),
        "downsample_type" | "upsample_type" => "conv".into(),
        "act_fn" => "silu".into(),
        "resnet_time_scale_shift" => "default".into(),
        "mid_block_type" => "UNetMidBlock2D".into(),
        "mid_block_scale_factor" => 1.into(),
        "attn_norm_num_groups"
        | "class_embed_type"
        | "time_embedding_dim"
        | "num_train_timesteps" => Value::Null,
        _ => return None,
    })
}

impl UNetConfig {
    /// Width of the time embedding after its first layer.
    pub fn time_embed_dim(&self) -> usize {
        self.block_out_channels.first().copied().unwrap_or(0) * 4
    }

    /// Number of attention heads over `channels`.
    pub(crate) fn heads(&self, channels: usize) -> usize {
        channels / self.attention_head_dim.unwrap_or(channels).max(1)
    }

    /// Height and width must be multiples of this.
    pub fn size_multiple(&self) -> usize {
        1 << (self.block_out_channels.len().max(1) - 1)
    }

    /// Checks every field, so that building the network cannot fail.
    ///
    /// # Errors
    /// [`ModelError::Config`] naming the first field that is wrong or not supported.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.validate_fixed()?;
        self.validate_blocks()?;
        self.validate_channels()?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::config(
                "dropout",
                format!("is {}; it must be in [0, 1)", self.dropout),
            ));
        }
        if !(self.norm_eps > 0.0 && self.norm_eps.is_finite()) {
            return Err(ModelError::config(
                "norm_eps",
                format!("is {}; it must be positive", self.norm_eps),
            ));
        }
        if self.num_class_embeds == Some(0) {
            return Err(ModelError::config(
                "num_class_embeds",
                "is 0; leave it out for an unconditional model",
            ));
        }
        if let Some(size) = self.sample_size
            && (size == 0 || !size.is_multiple_of(self.size_multiple()))
        {
            return Err(ModelError::config(
                "sample_size",
                format!(
                    "is {size}; with {} resolutions it must be a multiple of {}",
                    self.block_out_channels.len(),
                    self.size_multiple()
                ),
            ));
        }
        Ok(())
    }

    fn validate_fixed(&self) -> Result<(), ModelError> {
        for (field, value) in &self.fixed {
            if field.starts_with('_') {
                continue; // diffusers' own bookkeeping: _class_name, _diffusers_version, ...
            }
            match supported_fixed_value(field) {
                Some(expected) if expected == *value || is_same_number(&expected, value) => {}
                Some(expected) => {
                    return Err(ModelError::config(
                        leak_known(field),
                        format!("is {value}, which is not supported; only {expected} is"),
                    ));
                }
                None => {
                    return Err(ModelError::config(
                        "config.json",
                        format!(
                            "has the unknown field `{field}` = {value}; remove it if it does not change the network"
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    fn validate_blocks(&self) -> Result<(), ModelError> {
        let levels = self.block_out_channels.len();
        if levels == 0 || levels > 16 {
            return Err(ModelError::config(
                "block_out_channels",
                format!("has {levels} entries; 1 to 16 are accepted"),
            ));
        }
        if self.down_block_types.len() != levels || self.up_block_types.len() != levels {
            return Err(ModelError::config(
                "down_block_types",
                format!(
                    "has {} entries, `up_block_types` {} and `block_out_channels` {levels}: they must be as many",
                    self.down_block_types.len(),
                    self.up_block_types.len()
                ),
            ));
        }
        if let Some(block) = self.down_block_types.iter().find(|block| !block.is_down()) {
            return Err(ModelError::config(
                "down_block_types",
                format!("has {block:?}, which is an up block"),
            ));
        }
        if let Some(block) = self.up_block_types.iter().find(|block| block.is_down()) {
            return Err(ModelError::config(
                "up_block_types",
                format!("has {block:?}, which is a down block"),
            ));
        }
        if self.layers_per_block == 0 {
            return Err(ModelError::config("layers_per_block", "is 0; at least 1 is needed"));
        }
        if self.downsample_padding > 1 {
            return Err(ModelError::config(
                "downsample_padding",
                format!("is {}; 0 and 1 are supported", self.downsample_padding),
            ));
        }
        Ok(())
    }

    fn validate_channels(&self) -> Result<(), ModelError> {
        if self.in_channels == 0 || self.out_channels == 0 {
            return Err(ModelError::config("in_channels", "and `out_channels` must be at least 1"));
        }
        if self.norm_num_groups == 0 {
            return Err(ModelError::config("norm_num_groups", "is 0; at least 1 is needed"));
        }
        let first = self.block_out_channels[0];
        if first < 4 || !first.is_multiple_of(2) || first / 2 <= self.freq_shift {
            return Err(ModelError::config(
                "block_out_channels",
                format!(
                    "starts with {first}: the time embedding needs an even number, at least 4, above 2 freq_shift"
                ),
            ));
        }
        for &channels in &self.block_out_channels {
            if channels == 0 || !channels.is_multiple_of(self.norm_num_groups) {
                return Err(ModelError::config(
                    "block_out_channels",
                    format!(
                        "has {channels}, which `norm_num_groups` = {} does not divide",
                        self.norm_num_groups
                    ),
                ));
            }
        }
        if let Some(head) = self.attention_head_dim {
            let attended = self.attended_channels();
            if let Some(channels) =
                attended.into_iter().find(|channels| head == 0 || !channels.is_multiple_of(head))
            {
                return Err(ModelError::config(
                    "attention_head_dim",
                    format!(
                        "is {head}, which does not divide the {channels} channels of an attention block"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Channel counts that some attention block (the mid block included) sees.
    fn attended_channels(&self) -> Vec<usize> {
        let down = self.down_block_types.iter().zip(&self.block_out_channels);
        let up = self.up_block_types.iter().zip(self.block_out_channels.iter().rev());
        down.chain(up)
            .filter(|(block, _)| block.has_attention())
            .map(|(_, &channels)| channels)
            .chain(self.block_out_channels.last().copied())
            .collect()
    }
}

fn is_same_number(a: &Value, b: &Value) -> bool {
    matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

/// The static spelling of a field that [`supported_fixed_value`] knows.
fn leak_known(field: &str) -> &'static str {
    const KNOWN: [&str; 13] = [
        "center_input_sample",
        "add_attention",
        "time_embedding_type",
        "downsample_type",
        "upsample_type",
        "act_fn",
        "resnet_time_scale_shift",
        "mid_block_type",
        "mid_block_scale_factor",
        "attn_norm_num_groups",
        "class_embed_type",
        "time_embedding_dim",
        "num_train_timesteps",
    ];
    KNOWN.into_iter().find(|known| *known == field).unwrap_or("config.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> UNetConfig {
        UNetConfig {
            sample_size: Some(8),
            block_out_channels: vec![8, 16],
            down_block_types: vec![BlockType::DownBlock2D, BlockType::AttnDownBlock2D],
            up_block_types: vec![BlockType::AttnUpBlock2D, BlockType::UpBlock2D],
            norm_num_groups: 4,
            ..UNetConfig::default()
        }
    }

    fn problem(config: &UNetConfig) -> String {
        config.validate().expect_err("must be refused").to_string()
    }

    #[test]
    fn the_small_config_is_accepted() {
        small().validate().unwrap();
    }

    #[test]
    fn every_wrong_field_is_named() {
        type Break = fn(&mut UNetConfig);
        let cases: [(&str, Break); 12] = [
            ("block_out_channels", |c| c.block_out_channels = vec![8, 18]),
            ("block_out_channels", |c| c.block_out_channels = vec![]),
            ("down_block_types", |c| c.down_block_types.truncate(1)),
            ("down_block_types", |c| c.down_block_types[0] = BlockType::UpBlock2D),
            ("up_block_types", |c| c.up_block_types[0] = BlockType::DownBlock2D),
            ("attention_head_dim", |c| c.attention_head_dim = Some(5)),
            ("norm_num_groups", |c| c.norm_num_groups = 0),
            ("dropout", |c| c.dropout = 1.0),
            ("sample_size", |c| c.sample_size = Some(9)),
            ("layers_per_block", |c| c.layers_per_block = 0),
            ("num_class_embeds", |c| c.num_class_embeds = Some(0)),
            ("downsample_padding", |c| c.downsample_padding = 2),
        ];
        for (field, break_it) in cases {
            let mut config = small();
            break_it(&mut config);
            let problem = problem(&config);
            assert!(problem.contains(field), "{field}: {problem}");
        }
    }

    #[test]
    fn unsupported_options_are_refused_by_name() {
        let mut config = small();
        config.fixed.insert("resnet_time_scale_shift".into(), "scale_shift".into());
        assert!(problem(&config).contains("resnet_time_scale_shift"));
        let mut config = small();
        config.fixed.insert("flux_capacitor".into(), 3.into());
        assert!(problem(&config).contains("flux_capacitor"));
    }

    #[test]
    fn a_null_head_dim_differs_from_an_absent_one() {
        let absent: UNetConfig = serde_json::from_str("{}").unwrap();
        let null: UNetConfig = serde_json::from_str(r#"{"attention_head_dim": null}"#).unwrap();
        assert_eq!(absent.attention_head_dim, Some(8));
        assert_eq!(null.attention_head_dim, None);
    }
}
