//! Checks of a [`UNetConfig`].

use crate::error::ModelError;
use crate::unet::architecture::{ClassEmbedType, ImageSize, TimeEmbeddingType};
use crate::unet::config::UNetConfig;

/// Pixels per side: far beyond what a pixel-space model draws, and small enough to count with.
const MAX_SIZE: usize = 4096;
/// Channels of any layer.
const MAX_CHANNELS: usize = 16_384;
/// Residual blocks per resolution, and resolutions.
const MAX_LAYERS: usize = 16;
/// Classes of a learned class embedding.
const MAX_CLASSES: usize = 1_000_000;

impl UNetConfig {
    /// Checks every field, so that building the network cannot fail.
    ///
    /// # Errors
    /// [`ModelError::Config`] naming the first field that is wrong or not supported.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.refuse_unknown()?;
        self.validate_blocks()?;
        self.validate_channels()?;
        self.validate_embeddings()?;
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
        if let Some(classes) = self.num_class_embeds
            && !(1..=MAX_CLASSES).contains(&classes)
        {
            return Err(ModelError::config(
                "num_class_embeds",
                format!(
                    "is {classes}; 1 to {MAX_CLASSES} are accepted, and none for an unconditional model"
                ),
            ));
        }
        let factor = self.mid_block_scale_factor;
        if !(factor.is_finite() && factor != 0.0) {
            let problem = format!("is {factor}; it must not be 0");
            return Err(ModelError::config("mid_block_scale_factor", problem));
        }
        self.validate_size()
    }

    fn validate_size(&self) -> Result<(), ModelError> {
        let multiple = self.size_multiple();
        let fits = |side: usize| (1..=MAX_SIZE).contains(&side) && side.is_multiple_of(multiple);
        let Some(size) = self.sample_size.filter(|size| !size.sides().into_iter().all(fits)) else {
            return Ok(());
        };
        let given = match size {
            ImageSize::Square(side) => side.to_string(),
            ImageSize::Sides([height, width]) => format!("[{height}, {width}]"),
        };
        Err(ModelError::config(
            "sample_size",
            format!(
                "is {given}; with {} resolutions it must be a multiple of {multiple}, at most {MAX_SIZE}",
                self.block_out_channels.len(),
            ),
        ))
    }

    fn refuse_unknown(&self) -> Result<(), ModelError> {
        // Those that begin so are diffusers' own bookkeeping: _class_name, _diffusers_version, ...
        match self.other.iter().find(|(field, _)| !field.starts_with('_')) {
            None => Ok(()),
            Some((field, value)) => Err(ModelError::config(
                "config.json",
                format!(
                    "has the unknown field `{field}` = {value}; remove it if it does not change the network"
                ),
            )),
        }
    }

    fn validate_embeddings(&self) -> Result<(), ModelError> {
        if let Some(dim) = self.time_embedding_dim.filter(|dim| !(1..=MAX_CHANNELS).contains(dim)) {
            let problem = format!("is {dim}; 1 to {MAX_CHANNELS} are accepted");
            return Err(ModelError::config("time_embedding_dim", problem));
        }
        let fourier = self.time_embedding_type == TimeEmbeddingType::Fourier;
        if fourier && self.class_embed_type == Some(ClassEmbedType::Timestep) {
            return Err(ModelError::config(
                "class_embed_type",
                "is \"timestep\" beside a fourier time embedding, which has no number for class 0",
            ));
        }
        Ok(())
    }

    fn validate_blocks(&self) -> Result<(), ModelError> {
        let levels = self.block_out_channels.len();
        if levels == 0 || levels > MAX_LAYERS {
            return Err(ModelError::config(
                "block_out_channels",
                format!("has {levels} entries; 1 to {MAX_LAYERS} are accepted"),
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
        if !(1..=MAX_LAYERS).contains(&self.layers_per_block) {
            return Err(ModelError::config(
                "layers_per_block",
                format!("is {}; 1 to {MAX_LAYERS} are accepted", self.layers_per_block),
            ));
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
        for (field, channels) in
            [("in_channels", self.in_channels), ("out_channels", self.out_channels)]
        {
            if !(1..=MAX_CHANNELS).contains(&channels) {
                return Err(ModelError::config(
                    field,
                    format!("is {channels}; 1 to {MAX_CHANNELS} are accepted"),
                ));
            }
        }
        if let Some(channels) = self.block_out_channels.iter().find(|&&n| n > MAX_CHANNELS) {
            return Err(ModelError::config(
                "block_out_channels",
                format!("has {channels}; at most {MAX_CHANNELS} are accepted"),
            ));
        }
        self.validate_groups()
    }

    fn validate_groups(&self) -> Result<(), ModelError> {
        if self.norm_num_groups == 0 {
            return Err(ModelError::config("norm_num_groups", "is 0; at least 1 is needed"));
        }
        let coarsest = self.block_out_channels.last().copied().unwrap_or(0);
        if let Some(groups) = self.attn_norm_num_groups
            && (groups == 0 || !coarsest.is_multiple_of(groups))
        {
            let problem =
                format!("is {groups}, which does not divide the mid block's {coarsest} channels");
            return Err(ModelError::config("attn_norm_num_groups", problem));
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
        let mid = self.mid_block_type.filter(|_| self.add_attention);
        down.chain(up)
            .filter(|(block, _)| block.has_attention())
            .map(|(_, &channels)| channels)
            .chain(mid.and(self.block_out_channels.last().copied()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unet::architecture::BlockType;

    fn small() -> UNetConfig {
        UNetConfig {
            sample_size: Some(ImageSize::Square(8)),
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
        let cases: [(&str, Break); 21] = [
            ("sample_size", |c| c.sample_size = Some(ImageSize::Square(8192))),
            ("in_channels", |c| c.in_channels = 1 << 40),
            ("out_channels", |c| c.out_channels = 0),
            ("block_out_channels", |c| c.block_out_channels = vec![8, 1 << 40]),
            ("layers_per_block", |c| c.layers_per_block = 1 << 40),
            ("block_out_channels", |c| c.block_out_channels = vec![8, 18]),
            ("block_out_channels", |c| c.block_out_channels = vec![]),
            ("down_block_types", |c| c.down_block_types.truncate(1)),
            ("down_block_types", |c| c.down_block_types[0] = BlockType::UpBlock2D),
            ("up_block_types", |c| c.up_block_types[0] = BlockType::DownBlock2D),
            ("attention_head_dim", |c| c.attention_head_dim = Some(5)),
            ("norm_num_groups", |c| c.norm_num_groups = 0),
            ("dropout", |c| c.dropout = 1.0),
            ("sample_size", |c| c.sample_size = Some(ImageSize::Sides([8, 9]))),
            ("layers_per_block", |c| c.layers_per_block = 0),
            ("num_class_embeds", |c| c.num_class_embeds = Some(0)),
            ("downsample_padding", |c| c.downsample_padding = 2),
            ("time_embedding_dim", |c| c.time_embedding_dim = Some(0)),
            ("attn_norm_num_groups", |c| c.attn_norm_num_groups = Some(3)),
            ("mid_block_scale_factor", |c| c.mid_block_scale_factor = 0.0),
            ("class_embed_type", |c| {
                c.time_embedding_type = TimeEmbeddingType::Fourier;
                c.class_embed_type = Some(ClassEmbedType::Timestep);
            }),
        ];
        for (field, break_it) in cases {
            let mut config = small();
            break_it(&mut config);
            let problem = problem(&config);
            assert!(problem.contains(field), "{field}: {problem}");
        }
    }

    #[test]
    fn unknown_options_are_refused_by_name() {
        let mut config = small();
        config.other.insert("flux_capacitor".into(), 3.into());
        assert!(problem(&config).contains("flux_capacitor"));
        config.other.clear();
        config.other.insert("_diffusers_version".into(), "0.0.4".into());
        config.validate().unwrap();
    }

    #[test]
    fn a_null_head_dim_differs_from_an_absent_one() {
        let absent: UNetConfig = serde_json::from_str("{}").unwrap();
        let null: UNetConfig = serde_json::from_str(r#"{"attention_head_dim": null}"#).unwrap();
        assert_eq!(absent.attention_head_dim, Some(8));
        assert_eq!(null.attention_head_dim, None);
    }
}
