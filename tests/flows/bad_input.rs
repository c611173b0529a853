//! Tables of bad input. Each must give one error that names the file and the fault, an exit code other than 0,
//! no panic and no partly written output. Memory must depend on the size of the file, not on the sizes that it
//! claims: the programs run in 3 GiB of address space.

use std::path::Path;
use std::process::Command;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::support::{failure, program, root, tiny_model};

/// A program whose address space is limited to 3 GiB.
#[cfg(target_os = "linux")]
fn bounded(name: &str) -> Command {
    let mut command = Command::new("bash");
    let script = "ulimit -v 3145728; exec \"$@\"";
    command.args(["-c", script, "bash"]).arg(program(name).get_program());
    command
}

#[cfg(not(target_os = "linux"))]
fn bounded(name: &str) -> Command {
    program(name)
}

/// Draws with `model`; this must fail with a message that contains all of `words`, and leave no picture.
#[track_caller]
fn sample_fails(model: &Path, words: &[&str], case: &str) {
    let out = model.with_file_name("picture.png");
    let mut sample = bounded("sample");
    sample.arg("--model").arg(model).arg("--out").arg(&out).args(["--device", "cpu"]);
    let message = failure(&mut sample);
    for word in words {
        assert!(message.contains(word), "{case}: `{word}` is not in: {message}");
    }
    assert!(message.lines().count() <= 4, "{case}: {message}");
    assert!(!out.exists(), "{case}");
}

fn saved_model(dir: &Path) -> std::path::PathBuf {
    let folder = dir.join("model");
    tiny_model(None, None).save(&folder).unwrap();
    folder
}

/// A safetensors file with this header and `data` bytes of zeros.
fn file(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

/// A safetensors file whose tensor `name` is changed. A tensor whose shape becomes empty is removed.
fn changed(
    whole: &[u8],
    name: &str,
    change: impl Fn(&mut Dtype, &mut Vec<usize>, &mut Vec<u8>),
) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(whole).unwrap();
    let list: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = tensors
        .tensors()
        .into_iter()
        .map(|(of, view)| {
            let (mut dtype, mut shape) = (view.dtype(), view.shape().to_vec());
            let mut data = view.data().to_vec();
            if of == name {
                change(&mut dtype, &mut shape, &mut data);
            }
            (of, dtype, shape, data)
        })
        .filter(|(_, _, shape, _)| !shape.is_empty())
        .collect();
    let views = list.iter().map(|(of, dtype, shape, data)| {
        (of, TensorView::new(*dtype, shape.clone(), data).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn safetensors() {
    let dir = tempfile::tempdir().unwrap();
    let folder = saved_model(dir.path());
    let path = folder.join("unet/diffusion_pytorch_model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let bias = "conv_in.bias";
    let length = |length: u64| [&length.to_le_bytes()[..], &whole[8..]].concat();
    let of_type = |dtype: Dtype, bytes: usize| {
        changed(&whole, bias, |to, shape, data| {
            *to = dtype;
            *data = vec![0; shape[0] * bytes];
        })
    };
    let float = |value: f32| {
        changed(&whole, bias, |_, _, data| data[..4].copy_from_slice(&value.to_le_bytes()))
    };
    let huge = format!(
        "{{\"{bias}\": {{\"dtype\": \"F32\", \"shape\": [{0}, {0}, 8], \"data_offsets\": [0, 32]}}}}",
        u64::MAX
    );
    let beyond = format!(
        "{{\"{bias}\": {{\"dtype\": \"F32\", \"shape\": [8], \"data_offsets\": [0, 32000]}}}}"
    );
    let backwards = format!(
        "{{\"{bias}\": {{\"dtype\": \"F32\", \"shape\": [8], \"data_offsets\": [32, 0]}}}}"
    );
    let unknown =
        format!("{{\"{bias}\": {{\"dtype\": \"Q4\", \"shape\": [8], \"data_offsets\": [0, 32]}}}}");
    let malformed = "not a readable safetensors file";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", vec![], malformed),
        ("cut within the length", whole[..5].to_vec(), malformed),
        ("cut within the header", whole[..100].to_vec(), malformed),
        ("cut within the data", whole[..whole.len() - 1].to_vec(), malformed),
        ("one byte too many", [&whole[..], &[0]].concat(), malformed),
        ("a header longer than the file", length(whole.len() as u64), malformed),
        ("a header of 2^64 - 1 bytes", length(u64::MAX), malformed),
        ("a header of 2^63 bytes", length(1 << 63), malformed),
        ("not JSON", file("nothing here", 0), malformed),
        ("a header without tensors", file("{}", 0), "lacks tensors"),
        ("a shape whose product overflows", file(&huge, 32), malformed),
        ("offsets beyond the end", file(&beyond, 32), malformed),
        ("offsets backwards", file(&backwards, 32), malformed),
        ("an unknown type", file(&unknown, 32), malformed),
        ("a pickle", b"\x80\x02}q\x00(X\x05\x00\x00\x00".repeat(20), malformed),
        ("i64", of_type(Dtype::I64, 8), bias),
        ("u8", of_type(Dtype::U8, 1), bias),
        ("bool", of_type(Dtype::BOOL, 1), bias),
        ("f8", of_type(Dtype::F8_E4M3, 1), "F8_E4M3"),
        ("another shape", changed(&whole, bias, |_, shape, _| *shape = vec![2, 4]), bias),
        (
            "another size",
            changed(&whole, bias, |_, shape, data| {
                *shape = vec![4];
                data.truncate(16);
            }),
            bias,
        ),
        ("a missing tensor", changed(&whole, bias, |_, shape, _| shape.clear()), bias),
        ("NaN", float(f32::NAN), "holds NaN or infinity"),
        ("infinity", float(f32::INFINITY), "holds NaN or infinity"),
    ];
    for (case, bytes, word) in cases {
        std::fs::write(&path, bytes).unwrap();
        sample_fails(&folder, &["diffusion_pytorch_model.safetensors", word], case);
    }
    let extra = {
        let tensors = SafeTensors::deserialize(&whole).unwrap();
        let more = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        let all = tensors.tensors().into_iter().chain([("left.over".to_owned(), more)]);
        safetensors::serialize(all, None).unwrap()
    };
    std::fs::write(&path, extra).unwrap();
    sample_fails(&folder, &["does not ask for", "left.over"], "a tensor too many");
}

#[test]
fn json_of_model_folders() {
    let (unet, scheduler) = ("unet/config.json", "scheduler/scheduler_config.json");
    // The file, the text to replace, its replacement, words of the error.
    let cases: [(&str, &str, &str, &[&str]); 25] = [
        (unet, "{", "", &["config.json", "JSON"]),
        (unet, "{", "[[[[", &["config.json", "JSON"]),
        (
            unet,
            "\"in_channels\": 1",
            "\"in_channels\": \"three\"",
            &["config.json", "invalid type"],
        ),
        (unet, "\"in_channels\": 1", "\"in_channels\": -1", &["config.json", "invalid value"]),
        (unet, "\"in_channels\": 1", "\"in_channels\": 0", &["in_channels", "is 0"]),
        (unet, "\"in_channels\": 1", "\"in_channels\": 4000000000", &["in_channels", "accepted"]),
        (unet, "\"in_channels\": 1", "\"in_channels\": 1e300", &["config.json", "invalid"]),
        (unet, "\"norm_num_groups\": 4", "\"norm_num_groups\": 0", &["norm_num_groups"]),
        (unet, "\"norm_num_groups\": 4", "\"norm_num_groups\": 3", &["norm_num_groups"]),
        (unet, "\"sample_size\": 8", "\"sample_size\": 7", &["sample_size", "multiple"]),
        (
            unet,
            "\"act_fn\": \"silu\"",
            "\"act_fn\": \"tanh\"",
            &["act_fn", "tanh", "not supported"],
        ),
        (
            unet,
            "\"sample_size\": 8",
            "\"new_field\": 1, \"sample_size\": 8",
            &["new_field", "unknown"],
        ),
        (
            unet,
            "\"resnet_time_scale_shift\": \"default\"",
            "\"resnet_time_scale_shift\": \"spatial\"",
            &["resnet_time_scale_shift", "not supported"],
        ),
        (unet, "UNet2DModel", "UNet2DConditionModel", &["UNet2DConditionModel", "UNet2DModel"]),
        (
            unet,
            "\"DownBlock2D\"",
            "\"CrossAttnDownBlock2D\"",
            &["config.json", "CrossAttnDownBlock2D"],
        ),
        (unet, "\"layers_per_block\": 1", "\"layers_per_block\": 1000000", &["layers_per_block"]),
        // A configuration of 80 billion parameters with weights for a few thousand.
        (
            unet,
            "\"block_out_channels\": [\n    8,\n    16\n  ]",
            "\"block_out_channels\": [16384, 16384]",
            &["diffusion_pytorch_model.safetensors"],
        ),
        (unet, "\"num_class_embeds\": null", "\"num_class_embeds\": 1000000", &["class_embedding"]),
        (scheduler, "}", "", &["scheduler_config.json", "JSON"]),
        (scheduler, "DDIMScheduler", "EDMDPMSolverMultistepScheduler", &["EDMDPM", "supported"]),
        (scheduler, "v_prediction", "flow", &["scheduler_config.json", "flow"]),
        (
            scheduler,
            "\"num_train_timesteps\": 64",
            "\"num_train_timesteps\": 0",
            &["num_train_timesteps"],
        ),
        (
            scheduler,
            "\"clip_sample_range\": 1.0",
            "\"clip_sample_range\": -1",
            &["clip_sample_range"],
        ),
        ("halfstep.json", "\"cosine\"", "\"cubic\"", &["halfstep.json", "cubic"]),
        (
            "halfstep.json",
            "\"train_timesteps\": 64",
            "\"train_timesteps\": 1000000000000",
            &["halfstep.json", "train_timesteps", "at most"],
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (k, (file, from, to, words)) in cases.into_iter().enumerate() {
        let folder = saved_model(&dir.path().join(k.to_string()));
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        sample_fails(&folder, words, to);
    }
    // A beta out of range, a beta of another schedule, and one beta too many.
    for (to, word) in [("-0.5,", "beta"), ("0.5,", "schedule"), ("0.5, 0.5,", "trained_betas")] {
        let folder = saved_model(&dir.path().join(format!("betas {to}")));
        let path = folder.join(scheduler);
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.split("[\n").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        std::fs::write(&path, text.replacen(first, to, 1)).unwrap();
        sample_fails(&folder, &["scheduler_config.json", word], to);
    }
}

#[test]
fn paths_that_are_not_model_folders() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    sample_fails(&at("nowhere"), &["nowhere", "no such folder"], "nothing there");
    std::fs::create_dir(at("empty")).unwrap();
    sample_fails(
        &at("empty"),
        &["empty", "neither unet/config.json nor config.json"],
        "an empty folder",
    );
    std::fs::write(at("file"), "x").unwrap();
    sample_fails(&at("file"), &["file", "neither unet/config.json nor config.json"], "a file");
    std::fs::create_dir_all(at("folders/unet/config.json")).unwrap();
    sample_fails(&at("folders"), &["folders"], "a folder called config.json");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        sample_fails(&at("loop"), &["loop"], "a link to itself");
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
        sample_fails(&dir.path().join(name), &["no such folder"], "a name that is not UTF-8");
    }
}

#[test]
fn toml_of_runs() {
    let digits = std::fs::read_to_string(root().join("configs/digits.toml")).unwrap();
    // The text to replace, its replacement, words of the error.
    let cases: [(&str, &str, &[&str]); 41] = [
        ("seed = 0", "seed = ", &["line 3"]),
        ("seed = 0", "seed = -1", &["seed = -1", "invalid value"]),
        ("seed = 0", "seed = 1.5", &["seed = 1.5", "invalid type"]),
        ("seed = 0", "seeds = 0", &["unknown field `seeds`", "did you mean `seed`?"]),
        ("seed = 0", "seed = 0\nseed = 1", &["duplicate key"]),
        ("seed = 0", "precision = \"fp8\"", &["unknown variant `fp8`"]),
        ("seed = 0", "non_finite = \"ignore\"", &["unknown variant `ignore`"]),
        ("name = \"digits\"", "name = \"../up\"", &["`name`", "../up", "folder"]),
        ("name = \"digits\"", "name = \"\"", &["`name`"]),
        ("name = \"digits\"", "", &["missing field `name`"]),
        ("[data]", "[date]", &["unknown field `date`", "did you mean `data`?"]),
        (
            "kind = \"digits\"",
            "kind = \"digit\"",
            &["unknown variant `digit`", "did you mean `digits`?"],
        ),
        ("kind = \"digits\"", "kind = \"digits\"\ndir = \"x\"", &["unknown field `dir`"]),
        ("kind = \"digits\"", "kind = \"folder\"\ndir = \"/nowhere\"\nsize = 8", &["/nowhere"]),
        ("[16, 32]", "[]", &["model.attention", "model.block_out_channels"]),
        ("[16, 32]", "[16, -32]", &["invalid value"]),
        ("[16, 32]", "[16, 33]", &["norm_num_groups", "33"]),
        ("[16, 32]", "[16, 1000000000]", &["block_out_channels", "accepted"]),
        ("[16, 32]", "[16384, 16384]", &["model.block_out_channels", "this machine has"]),
        ("[false, true]", "[false]", &["model.attention"]),
        ("[false, true]", "\"none\"", &["invalid type"]),
        ("layers_per_block = 1", "layers_per_block = 0", &["layers_per_block"]),
        ("layers_per_block = 1", "dropout = 1.5", &["dropout", "1.5"]),
        ("layers_per_block = 1", "dropout = nan", &["dropout", "NaN"]),
        ("train_timesteps = 1024", "train_timesteps = 0", &["train_timesteps"]),
        (
            "train_timesteps = 1024",
            "train_timesteps = 9000000000000000000",
            &["train_timesteps", "at most"],
        ),
        (
            "train_timesteps = 1024",
            "train_timesteps = 1000000000000",
            &["train_timesteps", "at most"],
        ),
        ("train_timesteps = 1024", "train_timesteps = 1000", &["distill.teacher_steps", "1000"]),
        ("train_steps = 1500", "train_steps = 0", &["teacher.train_steps", "at least 1"]),
        ("batch_size = 64", "batch_size = 64\naccumulate = 3", &["teacher.accumulate", "divide"]),
        (
            "batch_size = 64",
            "batch_size = 1000000000000",
            &["teacher.batch_size", "this machine has"],
        ),
        ("learning_rate = 2e-3", "learning_rate = 0", &["teacher.learning_rate", "positive"]),
        ("learning_rate = 2e-3", "learning_rate = inf", &["teacher.learning_rate"]),
        ("learning_rate = 2e-3", "learning_rate = nan", &["teacher.learning_rate"]),
        ("gamma = 5.0", "gamma = -5.0", &["gamma"]),
        ("decay = 0.995", "decay = 1.5", &["teacher.ema.decay", "1.5"]),
        ("student_steps = 4", "student_steps = 5", &["distill.student_steps", "5"]),
        ("kind = \"truncated_snr\"", "kind = \"snr\"", &["distill.weighting", "snr"]),
        ("agreement_images = 64", "agreement_images = 0", &["distill.agreement_images"]),
        ("every = 20", "every = 0", &["log.every", "at least 1"]),
        ("every = 20", "every = 99999999999999999999", &["every"]),
    ];
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("run.toml"), dir.path().join("out"));
    for (from, to, words) in cases {
        assert!(digits.contains(from), "{from}");
        std::fs::write(&path, digits.replacen(from, to, 1)).unwrap();
        let mut train = bounded("train");
        train
            .arg("--config")
            .arg(&path)
            .arg("--out")
            .arg(&out)
            .args(["--device", "cpu", "--quiet"]);
        let message = failure(&mut train);
        for word in words {
            assert!(message.contains(word), "{to}: `{word}` is not in: {message}");
        }
        assert!(!out.exists(), "{to}");
    }
    std::fs::write(&path, [b"name = \"", &[0xff, 0xfe][..], b"\""].concat()).unwrap();
    let message = failure(bounded("train").arg("--config").arg(&path));
    assert!(message.contains("run.toml") && message.contains("UTF-8"), "{message}");
    let message = failure(bounded("train").arg("--config").arg(dir.path()));
    assert!(message.contains(dir.path().to_str().unwrap()), "{message}");
}
