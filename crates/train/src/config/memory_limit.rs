//! Refuses settings that cannot fit into this machine's memory, before any of it is allocated.

use burn::module::Module;
use burn::tensor::Device;
use halfstep_files::human_bytes;
use halfstep_model::{UNet, UNetConfig};

use crate::config::resolved::ResolvedConfig;
use crate::error::TrainError;
use crate::plan::memory::{Footprint, machine_memory};

/// How a training batch takes less memory.
const IN_PARTS: &str = "Lower it, or raise accumulate, which computes a batch in parts";
/// How drawing takes less memory.
const FEWER: &str = "Lower it, or log.sample_batch if that is large";

impl ResolvedConfig {
    /// Refuses a network, batch or set of images that cannot fit into this machine's memory. Nothing large is
    /// allocated: a network allocates its parameters on `device` when they are first used.
    ///
    /// # Errors
    /// [`TrainError::Config`] naming the setting, what it needs and what the machine has.
    pub fn check_memory(&self, unet: &UNetConfig, device: &Device) -> Result<(), TrainError> {
        let parameters = UNet::zeroed(unet, device)?.num_params();
        // f32 weights, gradients and AdamW's two moments.
        let (least, machine) = (16.0 * parameters as f64, machine_memory() as f64);
        if machine == 0.0 {
            return Ok(());
        }
        if least <= machine {
            return self.check_images_fit(unet, parameters, machine);
        }
        let problem = format!(
            "give a network of {:.0} million parameters, whose training takes {} before any image; this \
             machine has {}",
            parameters as f64 / 1e6,
            human_bytes(least as u64),
            human_bytes(machine as u64)
        );
        Err(TrainError::config("model.block_out_channels", problem))
    }

    /// Refuses images that need more than four times the machine's memory. The margin is wide because their
    /// memory is estimated, not measured.
    fn check_images_fit(
        &self,
        unet: &UNetConfig,
        parameters: usize,
        machine: f64,
    ) -> Result<(), TrainError> {
        let (teacher, distill, log) = (&self.teacher, &self.distill, &self.log);
        let footprint = Footprint { config: self, unet, parameters, images: 0 };
        let of_batch = |size: usize, parts: usize| (size / parts, footprint.training(size / parts));
        for (field, (images, needed), remedy) in [
            ("teacher.batch_size", of_batch(teacher.batch_size, teacher.accumulate), IN_PARTS),
            ("distill.batch_size", of_batch(distill.batch_size, distill.accumulate), IN_PARTS),
            ("distill.agreement_images", (distill.agreement_images, footprint.measuring()), FEWER),
            ("log.preview_images", (log.preview_images, footprint.preview()), FEWER),
        ] {
            if needed > 4.0 * machine {
                let problem = format!(
                    "asks for {images} images at once, which take about {}; this machine has {}. {remedy}",
                    human_bytes(needed as u64),
                    human_bytes(machine as u64)
                );
                return Err(TrainError::config(field, problem));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::job::digits;

    #[test]
    fn images_that_cannot_fit_are_refused_by_the_setting_that_asks_for_them() {
        for field in ["teacher.batch_size", "distill.agreement_images", "log.preview_images"] {
            let config = digits(&[&format!("{field}=2e12")]).unwrap();
            let unet = config.network([1, 8, 8], Some(10)).unwrap();
            let error = config.check_memory(&unet, &Device::flex()).unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}` asks for 2000000000000 images")), "{error}");
        }
        let config = digits(&[]).unwrap();
        let unet = config.network([1, 8, 8], Some(10)).unwrap();
        config.check_memory(&unet, &Device::flex()).unwrap();
    }
}
