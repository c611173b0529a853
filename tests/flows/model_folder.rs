//! The model folder: a written folder reads back, a broken one is refused by the name of its file.

use std::path::Path;

use burn::tensor::Device;
use halfstep_model::{ModelFolder, flat_params};

use crate::support::tiny_model;

fn saved() -> (tempfile::TempDir, ModelFolder) {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny_model(None, Some(4));
    model.save(&dir.path().join("model")).unwrap();
    (dir, model)
}

fn load_error(dir: &Path) -> String {
    match ModelFolder::load(dir, &Device::flex()) {
        Ok(_) => panic!("a broken folder was accepted"), // the Debug form has pages
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_folder_reads_back_bit_for_bit() {
    let (dir, model) = saved();
    let read = ModelFolder::load(dir.path().join("model"), &Device::flex()).unwrap();
    for (a, b) in flat_params(&model.unet).into_iter().zip(flat_params(&read.unet)) {
        assert_eq!(a.into_data(), b.into_data());
    }
    assert_eq!(read.image_shape().unwrap(), [1, 8, 8]);
    assert_eq!(read.halfstep, model.halfstep);
    assert_eq!(read.scheduler, model.scheduler);
    assert_eq!(read.schedule.alphas_cumprod(), model.schedule.alphas_cumprod());
    let grid = read.distilled_grid().unwrap();
    assert_eq!(
        grid.iter().map(|point| point.t).collect::<Vec<_>>(),
        [63.0, 47.0, 31.0, 15.0, -1.0]
    );
    assert_eq!(grid[0].level.alpha(), 0.0);
}

/// The network computes in f32 whatever the type of the weights in the file.
#[test]
fn bf16_weights_are_read_as_f32() {
    use safetensors::{Dtype, SafeTensors, tensor::TensorView};
    let (dir, model) = saved();
    let folder = dir.path().join("model");
    let file = folder.join("unet/diffusion_pytorch_model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    let halves: Vec<(String, Vec<usize>, Vec<u8>)> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            // A bf16 is the upper half of an f32.
            let upper = view.data().chunks_exact(4).flat_map(|four| [four[2], four[3]]).collect();
            (name, view.shape().to_vec(), upper)
        })
        .collect();
    let views = halves.iter().map(|(name, shape, data)| {
        (name, TensorView::new(Dtype::BF16, shape.clone(), data).unwrap())
    });
    std::fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();

    let read = ModelFolder::load(&folder, &Device::flex()).unwrap();
    for (full, half) in flat_params(&model.unet).into_iter().zip(flat_params(&read.unet)) {
        let full: Vec<f32> = full.into_data().try_into_vec().unwrap();
        let half: Vec<f32> = half.into_data().try_into_vec().unwrap(); // fails unless f32
        let cut = |value: f32| f32::from_bits(value.to_bits() & 0xffff_0000);
        assert_eq!(full.into_iter().map(cut).collect::<Vec<_>>(), half);
    }
}

#[test]
fn saving_again_replaces_the_folder_and_leaves_nothing_beside_it() {
    let (dir, model) = saved();
    model.save(&dir.path().join("model")).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_death_between_the_two_renames_loses_nothing() {
    let (dir, _) = saved();
    let (folder, old) = (dir.path().join("model"), dir.path().join(".model.old"));
    std::fs::rename(&folder, &old).unwrap();
    halfstep_model::recover_folder(&folder).unwrap();
    ModelFolder::load(&folder, &Device::flex()).unwrap();
    assert!(!old.exists());
}

#[test]
fn broken_folders_are_refused_by_file_and_reason() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 11] = [
        ("unet/config.json", |dir| std::fs::remove_file(dir.join("unet/config.json")).unwrap()),
        ("scheduler_config.json", |dir| {
            std::fs::remove_file(dir.join("scheduler/scheduler_config.json")).unwrap()
        }),
        ("diffusion_pytorch_model.safetensors", |dir| {
            std::fs::remove_file(dir.join("unet/diffusion_pytorch_model.safetensors")).unwrap();
        }),
        ("safetensors", |dir| truncate(&dir.join("unet/diffusion_pytorch_model.safetensors"), 0.5)),
        ("safetensors", |dir| truncate(&dir.join("unet/diffusion_pytorch_model.safetensors"), 0.0)),
        ("not valid JSON", |dir| truncate(&dir.join("unet/config.json"), 0.7)),
        ("distilled.timesteps", |dir| replace(&dir.join("halfstep.json"), "63", "64")),
        ("FlowMatchEulerDiscreteScheduler", |dir| {
            let file = dir.join("scheduler/scheduler_config.json");
            replace(&file, "DDIMScheduler", "FlowMatchEulerDiscreteScheduler");
        }),
        ("sample_size", |dir| {
            replace(
                &dir.join("unet/config.json"),
                "\"sample_size\": 8",
                "\"sample_size\": 8000000",
            );
        }),
        ("does not fit", |dir| {
            replace(
                &dir.join("unet/config.json"),
                "\"layers_per_block\": 1",
                "\"layers_per_block\": 1, \"in_channels\": 3",
            )
        }),
        ("another noise schedule", |dir| {
            replace(
                &dir.join("halfstep.json"),
                "\"zero_terminal_snr\": true",
                "\"zero_terminal_snr\": false",
            )
        }),
    ];
    for (needle, damage) in cases {
        let (dir, _) = saved();
        let folder = dir.path().join("model");
        damage(&folder);
        let message = load_error(&folder);
        assert!(message.contains(needle), "{needle}: {message}");
    }
}

fn truncate(path: &Path, share: f64) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..(bytes.len() as f64 * share) as usize]).unwrap();
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    let mut text = text.replace(from, to);
    if to.contains("in_channels") {
        text = text.replacen("  \"in_channels\": 1,\n", "", 1);
    }
    std::fs::write(path, text).unwrap();
}
