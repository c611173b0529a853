//! Builds the UNet's configuration from `[model]`.

use halfstep_model::{BlockType, ModelError, UNetConfig};

use crate::config::ModelConfig;
use crate::error::TrainError;

impl ModelConfig {
    /// The UNet for images of `shape` `[C, H, W]`. A class-conditional network has `num_classes` classes.
    pub(super) fn network(
        &self,
        shape: [usize; 3],
        num_classes: Option<usize>,
    ) -> Result<UNetConfig, TrainError> {
        let [channels, height, width] = shape;
        if self.attention.len() != self.block_out_channels.len() {
            return Err(TrainError::config(
                "model.attention",
                format!(
                    "has {} entries and model.block_out_channels has {}; both need one per resolution",
                    self.attention.len(),
                    self.block_out_channels.len()
                ),
            ));
        }
        let block = |attention: bool, with, without| if attention { with } else { without };
        let (down, attn_down) = (BlockType::DownBlock2D, BlockType::AttnDownBlock2D);
        let (up, attn_up) = (BlockType::UpBlock2D, BlockType::AttnUpBlock2D);
        let config = UNetConfig {
            sample_size: Some([height, width].into()),
            in_channels: channels,
            out_channels: channels,
            block_out_channels: self.block_out_channels.clone(),
            down_block_types: self.attention.iter().map(|&a| block(a, attn_down, down)).collect(),
            up_block_types: self.attention.iter().rev().map(|&a| block(a, attn_up, up)).collect(),
            layers_per_block: self.layers_per_block,
            attention_head_dim: self.attention_head_dim,
            norm_num_groups: self.norm_num_groups,
            dropout: self.dropout,
            num_class_embeds: self.num_class_embeds(num_classes)?,
            ..UNetConfig::default()
        };
        match config.validate() {
            Ok(()) => Ok(config),
            Err(ModelError::Config { field: "sample_size", problem }) => {
                let problem = format!("gives images of {height}x{width}: {problem}");
                Err(TrainError::config("data", problem))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn num_class_embeds(&self, of_data: Option<usize>) -> Result<Option<usize>, TrainError> {
        match (self.class_conditional, of_data) {
            (false, _) => Ok(None),
            (true, Some(classes)) => Ok(Some(classes)),
            (true, None) => Err(TrainError::config(
                "model.class_conditional",
                "is true, but the dataset has no classes",
            )),
        }
    }
}
