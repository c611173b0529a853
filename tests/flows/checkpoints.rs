//! Folders that training scripts write: moving averages of diffusers' `EMAModel` beside the network, names of
//! tensors with PyTorch's wrappers, text files with a byte order mark.

use std::path::{Path, PathBuf};

use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

use crate::support::{failure, fixture, output, program, root, tiny_model};

/// All fields that diffusers' `EMAModel` writes into the network's config.json.
fn ema_fields() -> Value {
    json!({
        "decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0, "optimization_step": 500,
        "power": 0.75, "update_after_step": 0, "use_ema_warmup": true
    })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, json.to_string()).unwrap();
}

/// Copies a network in the form that `EMAModel` saves.
pub fn averaged(network: &Path, to: &Path) {
    copy(network, to);
    edit(&to.join("config.json"), |config| {
        config.as_object_mut().unwrap().extend(ema_fields().as_object().unwrap().clone());
    });
}

/// The raw samples of four images, and the text on stderr.
fn drawn(model: &Path, dir: &Path) -> (Vec<u8>, String) {
    drawn_from(dir, model, dir)
}

/// [`drawn`] with `here` as the current folder.
fn drawn_from(here: &Path, model: &Path, dir: &Path) -> (Vec<u8>, String) {
    let raw = dir.join("raw.safetensors");
    let mut sample = program("sample");
    sample.current_dir(here).arg("--model").arg(model).arg("--raw").arg(&raw);
    sample.args(["--count", "4", "--steps", "4", "--device", "cpu"]);
    let said = String::from_utf8(output(&mut sample, 0).stderr).unwrap();
    (std::fs::read(raw).unwrap(), said)
}

fn refused(model: &Path) -> String {
    let mut sample = program("sample");
    failure(sample.arg("--model").arg(model).args(["--count", "1", "--device", "cpu"]))
}

/// Makes `run/checkpoint-500/{unet,unet_ema}` and the pipeline's scheduler around them. The average has the
/// weights of the fixture, the network others.
fn checkpoint(dir: &Path) -> PathBuf {
    let (adm, run) = (fixture("diffusers/adm"), dir.join("run"));
    let checkpoint = run.join("checkpoint-500");
    copy(&adm.join("scheduler"), &run.join("scheduler"));
    averaged(&adm.join("unet"), &checkpoint.join("unet_ema"));
    tiny_model(None, None).save(&dir.join("tiny")).unwrap();
    copy(&dir.join("tiny/unet"), &checkpoint.join("unet"));
    checkpoint
}

#[test]
fn a_checkpoint_of_diffusers_opens_as_its_moving_average() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(dir.path());
    let (expected, _) = drawn(&fixture("diffusers/adm"), dir.path());
    for folder in [checkpoint.join("unet_ema"), checkpoint.clone()] {
        let (found, said) = drawn(&folder, dir.path());
        assert!(found == expected, "{}", folder.display());
        assert!(said.contains("EMAModel averaged over 500 steps with decay 0.9999"), "{said}");
        let scheduler =
            said.lines().find(|line| line.contains("no scheduler_config.json")).unwrap();
        assert!(scheduler.contains("scheduler/scheduler_config.json is taken"), "{said}");
        let two = said.contains("holds two networks") && said.contains("checkpoint-500/unet can");
        assert_eq!(two, folder == checkpoint, "{said}");
    }
    let (network, said) = drawn(&checkpoint.join("unet"), dir.path());
    assert!(network != expected && !said.contains("EMAModel"), "{said}");

    // In a pipeline the index names the network.
    copy(&fixture("diffusers/adm").join("scheduler"), &checkpoint.join("scheduler"));
    std::fs::write(checkpoint.join("model_index.json"), "{}").unwrap();
    let (of_pipeline, said) = drawn(&checkpoint, dir.path());
    assert!(of_pipeline == network && said.contains("unet_ema can be named instead"), "{said}");
}

/// The files around a checkpoint are found whatever path names it.
#[test]
fn a_checkpoint_opens_by_any_path() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = checkpoint(dir.path());
    std::fs::remove_dir_all(checkpoint.join("unet_ema")).unwrap();
    let (expected, _) = drawn(&checkpoint, dir.path());
    let (unet, run) = (checkpoint.join("unet"), dir.path().join("run"));
    let opens = |here: &Path, model: &str| {
        let (found, said) = drawn_from(here, Path::new(model), dir.path());
        assert!(found == expected, "{model} in {}", here.display());
        assert!(said.contains("run/scheduler/scheduler_config.json is taken"), "{model}: {said}");
    };
    opens(&run, "checkpoint-500");
    opens(&checkpoint, ".");
    opens(&checkpoint, "unet");
    opens(&unet, ".");
    opens(&unet, "..");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("checkpoint-500", run.join("latest")).unwrap();
        opens(&run, "latest");
        opens(&run, "latest/unet");
    }
}

#[test]
fn fields_that_are_not_ema_models_are_refused_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let average = dir.path().join("unet_ema");
    averaged(&fixture("diffusers/adm").join("unet"), &average);
    let config = average.join("config.json");
    edit(&config, |config| config["flux_capacitor"] = json!(1));
    let message = refused(&average);
    assert!(message.contains("unknown field `flux_capacitor`"), "{message}");
    edit(&config, |config| {
        config.as_object_mut().unwrap().shift_remove("flux_capacitor");
        config["decay"] = json!("much");
    });
    let message = refused(&average);
    assert!(message.contains("`decay` is \"much\""), "{message}");
}

/// Rewrites the weights of a folder: each tensor gets another name, or is left out.
fn rename(folder: &Path, name: impl Fn(&str) -> Option<String>) {
    let path = folder.join("unet/diffusion_pytorch_model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&whole).unwrap();
    let renamed = tensors.tensors().into_iter().filter_map(|(of, view)| Some((name(&of)?, view)));
    let renamed: Vec<(String, TensorView<'_>)> = renamed.collect();
    std::fs::write(&path, safetensors::serialize(renamed, None).unwrap()).unwrap();
}

#[test]
fn names_with_wrappers_of_pytorch_are_read_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    tiny_model(None, None).save(&folder).unwrap();
    let (expected, said) = drawn(&folder, dir.path());
    assert!(!said.contains("wrappers"), "{said}");
    for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."] {
        tiny_model(None, None).save(&folder).unwrap();
        rename(&folder, |name| Some(format!("{prefix}{name}")));
        let (found, said) = drawn(&folder, dir.path());
        assert!(found == expected, "{prefix}");
        let line = said.lines().find(|line| line.contains("wrappers of PyTorch")).unwrap();
        assert!(
            line.contains(&format!("`{prefix}conv_in.bias` is read as `conv_in.bias`")),
            "{line}"
        );
    }
}

/// diffusers' old names of an attention's layers lie within the wrappers.
#[test]
fn old_names_within_wrappers_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    tiny_model(None, None).save(&folder).unwrap();
    let (expected, _) = drawn(&folder, dir.path());
    for wrapped in ["attentions.0._orig_mod.", "_orig_mod.attentions.0."] {
        tiny_model(None, None).save(&folder).unwrap();
        rename(&folder, |name| {
            let mut name = name.replace("attentions.0.", wrapped);
            let old_names =
                [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")];
            for (old, new) in old_names {
                name = name.replace(&format!(".{new}."), &format!(".{old}."));
            }
            Some(format!("module.{name}"))
        });
        let (found, said) = drawn(&folder, dir.path());
        assert!(found == expected && said.contains("wrappers of PyTorch"), "{wrapped}: {said}");
    }
}

/// Errors use the names in the file, not Burn's.
#[test]
fn a_tensor_that_is_missing_or_does_not_fit_is_named_as_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    for name in ["conv_norm_out.weight", "conv_norm_out.bias", "time_embedding.linear_1.weight"] {
        tiny_model(None, None).save(&folder).unwrap();
        rename(&folder, |of| (of != name).then(|| format!("module.{of}")));
        let message = refused(&folder);
        assert!(message.contains(&format!("asks for: `{name}`\n")), "{name}: {message}");
    }
    tiny_model(None, None).save(&folder).unwrap();
    edit(&folder.join("unet/config.json"), |config| config["time_embedding_dim"] = json!(24));
    let message = refused(&folder);
    // PyTorch stores the weights of a linear layer as [outputs, inputs].
    let words = "`time_embedding.linear_1.weight` has shape [32, 8], and [24, 8] is needed";
    assert!(message.contains(words) || message.contains("linear_1.bias"), "{message}");
}

#[test]
fn text_files_with_a_byte_order_mark_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("model");
    tiny_model(None, None).save(&folder).unwrap();
    let (expected, _) = drawn(&folder, dir.path());
    let marked = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::write(path, format!("\u{feff}{text}")).unwrap();
    };
    for file in ["unet/config.json", "scheduler/scheduler_config.json", "halfstep.json"] {
        marked(&folder.join(file));
    }
    assert!(drawn(&folder, dir.path()).0 == expected);

    let config = dir.path().join("digits.toml");
    let digits = std::fs::read_to_string(root().join("configs/digits.toml")).unwrap();
    let utf16 = format!("\u{feff}{digits}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [format!("\u{feff}{digits}").into_bytes(), utf16] {
        std::fs::write(&config, bytes).unwrap();
        let mut train = program("train");
        train.arg("--config").arg(&config).args(["--dry-run", "--device", "cpu"]);
        output(&mut train, 0);
    }
}
