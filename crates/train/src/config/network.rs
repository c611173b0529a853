//! The network of a run.

use halfstep_data::list_classes;
use halfstep_model::{BlockType, ModelError, UNetConfig};

use crate::config::{Config, ModelConfig};
use crate::error::TrainError;

impl Config {
    /// The UNet for images of `shape` (C, H, W) and, if class-conditional, this many classes.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the field that does not fit.
    pub fn unet(
        &self,
        shape: [usize; 3],
        num_classes: Option<usize>,
    ) -> Result<UNetConfig, TrainError> {
        match (self.original()?, &self.model) {
            (Some(original), _) => original.network(shape, num_classes),
            (None, Some(model)) => model.network(shape, num_classes),
            (None, None) => Err(TrainError::no_network()),
        }
    }
}

impl Config {
    /// Refuses images whose classes have other numbers than those that a teacher from a folder knows them
    /// by.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the class and both numbers.
    pub fn validate_classes(&self, names: &[String]) -> Result<(), TrainError> {
        let Some(original) = self.original()? else { return Ok(()) };
        let known = &original.outline.halfstep.class_names;
        match first_moved(known, names) {
            None => Ok(()),
            Some((name, theirs, ours)) => {
                let problem = format!(
                    "is {}, which knows class \"{name}\" by the number {theirs}, and in the data it has the \
                     number {ours}; rename the class folders so that they come in the teacher's order: {}",
                    original.path.display(),
                    list_classes(known, 100)
                );
                Err(TrainError::config("teacher.from", problem))
            }
        }
    }
}

/// The first class of `names` that has another number among `known`: its name, the number there, the number
/// here.
fn first_moved<'a>(known: &[String], names: &'a [String]) -> Option<(&'a str, usize, usize)> {
    names.iter().enumerate().find_map(|(ours, name)| {
        let theirs = known.iter().position(|other| other == name)?;
        (theirs != ours).then_some((name.as_str(), theirs, ours))
    })
}

impl ModelConfig {
    fn network(
        &self,
        shape: [usize; 3],
        num_classes: Option<usize>,
    ) -> Result<UNetConfig, TrainError> {
        let [channels, height, width] = shape;
        if self.attention.len() != self.block_out_channels.len() {
            return Err(TrainError::config(
                "model.attention",
                format!(
                    "has {} entries and model.block_out_channels {}: one a resolution is needed",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_with_another_number_is_found() {
        let names = |of: &[&str]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (earlier, now) = (names(&["0", "1", "10", "2"]), names(&["0", "1", "2", "10"]));
        assert_eq!(first_moved(&earlier, &now), Some(("2", 3, 2)));
        assert_eq!(first_moved(&now, &now), None);
        // Fewer, others, and a teacher whose classes have no names: nothing contradicts.
        assert_eq!(first_moved(&now, &names(&["0", "1"])), None);
        assert_eq!(first_moved(&now, &names(&["cat", "dog"])), None);
        assert_eq!(first_moved(&[], &now), None);
    }
}
