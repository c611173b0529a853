//! `teacher.from`: pretrained teachers, used unchanged or adapted.

use std::path::Path;
use std::process::Command;

use burn::tensor::Device;
use halfstep_core::PredictionType;
use halfstep_model::ModelFolder;
use halfstep_run::Summary;

use crate::checkpoints::averaged;
use crate::resume::{assert_same_results, saved_states, wait_until_training};
use crate::support::{failure, fixture, output, program, root, tiny_model};

const SMALL: [&str; 9] = [
    "teacher.train_steps=12",
    "teacher.warmup_steps=2",
    "distill.teacher_steps=8",
    "distill.train_steps=8",
    "distill.batch_size=8",
    "distill.agreement_images=4",
    "log.every=3",
    "log.checkpoint_every=5",
    "log.preview_every=0",
];

fn distil(from: &Path, out: &Path, extra: &[&str]) -> Command {
    let mut command = program("train");
    command.arg("--config").arg(root().join("configs/from-diffusers.toml")).arg("--out").arg(out);
    command.args(["--quiet", "--device", "cpu", "--set"]);
    command.arg(format!("teacher.from={}", from.display()));
    for setting in SMALL.iter().chain(extra) {
        command.args(["--set", setting]);
    }
    command
}

fn load(folder: &Path) -> ModelFolder {
    ModelFolder::load(folder, &Device::flex()).unwrap()
}

fn weights(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("unet/diffusion_pytorch_model.safetensors")).unwrap()
}

#[test]
fn a_teacher_that_predicts_v_at_the_same_levels_is_used_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("teacher"), dir.path().join("run"));
    tiny_model(None, None).save(&from).unwrap();
    output(&mut distil(&from, &out, &[]), 0);
    assert_eq!(weights(&out.join("teacher")), weights(&from));
    assert!(weights(&out.join("students/0004")) != weights(&from));
    let settings = std::fs::read_to_string(out.join("config.toml")).unwrap();
    assert!(settings.contains("train_steps = 0"), "{settings}");
    assert!(Summary::read(&out).unwrap().rounds[0].original_agreement.is_none());
    let student = load(&out.join("students/0004"));
    assert_eq!(student.halfstep.distilled.unwrap().timesteps, [63, 47, 31, 15]);
    assert_eq!(student.halfstep.provenance.original.as_deref(), Some("teacher"));
    let card = std::fs::read_to_string(out.join("teacher/README.md")).unwrap();
    assert!(card.contains("trained elsewhere, unchanged") && !card.contains("1797"), "{card}");
}

/// The teacher predicts eps at 1000 linear betas; 8 steps divide 1000 and 16 do not.
#[test]
fn an_eps_teacher_is_adapted_to_v_at_levels_that_end_in_pure_noise() {
    let from = fixture("diffusers/bare");
    for (teacher_steps, times) in [(8, 1000), (16, 1008)] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let steps = format!("distill.teacher_steps={teacher_steps}");
        output(&mut distil(&from, &out, &[&steps]), 0);
        for folder in ["teacher", "students/0004"] {
            let model = load(&out.join(folder));
            assert_eq!(model.prediction_type(), PredictionType::VPrediction);
            assert_eq!(model.schedule.len(), times);
            assert!(model.schedule.has_zero_terminal_snr());
            assert_eq!(
                model.unet.config().down_block_types,
                load(&from).unet.config().down_block_types
            );
        }
        assert!(Summary::read(&out).unwrap().rounds[0].original_agreement.is_some());
        let card = std::fs::read_to_string(out.join("students/0004/README.md")).unwrap();
        assert!(card.contains("trained elsewhere, `bare`"), "{card}");
    }
}

/// `checkpoint-500/unet_ema` of diffusers' training script: the settings of its average are not part of the
/// network.
#[test]
fn a_moving_average_of_diffusers_is_a_teacher_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let average = dir.path().join("checkpoint-500/unet_ema");
    averaged(&fixture("diffusers/bare"), &average);
    let (out, plain) = (dir.path().join("run"), dir.path().join("plain"));
    let mut train = distil(&average, &out, &["teacher.train_steps=2", "distill.student_steps=4"]);
    let text = String::from_utf8(output(&mut train, 0).stderr).unwrap();
    output(&mut distil(&fixture("diffusers/bare"), &plain, &["teacher.train_steps=2"]), 0);
    assert!(!text.contains("EMAModel"), "--quiet: {text}");
    assert!(weights(&out.join("students/0004")) == weights(&plain.join("students/0004")));
    let config = std::fs::read_to_string(out.join("teacher/unet/config.json")).unwrap();
    assert!(!config.contains("decay") && !config.contains("use_ema_warmup"), "{config}");
    let teacher = load(&out.join("teacher"));
    let original = teacher.halfstep.provenance.original.unwrap();
    assert_eq!(original, "checkpoint-500/unet_ema");
}

#[test]
fn an_adaptation_continues_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let from = fixture("diffusers/bare");
    let (straight, broken) = (dir.path().join("straight"), dir.path().join("broken"));
    let many = ["teacher.train_steps=40", "log.checkpoint_every=1", "distill.teacher_steps=16"];
    output(&mut distil(&from, &straight, &many), 0);
    let mut child = distil(&from, &broken, &many).spawn().unwrap();
    wait_until_training(&mut child, &broken);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!saved_states(&broken).is_empty());
    output(&mut distil(&from, &broken, &many), 0);
    assert_same_results(&straight, &broken);
}

#[test]
fn teachers_that_cannot_be_distilled_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let student = dir.path().join("student");
    tiny_model(None, Some(4)).save(&student).unwrap();
    let classes = dir.path().join("classes");
    tiny_model(Some(3), None).save(&classes).unwrap();
    let fine = fixture("diffusers/bare");
    let network = "model={block_out_channels=[8], attention=[false]}";
    for (from, setting, words) in [
        (&dir.path().join("nowhere"), "seed=0", ["`teacher.from` is", "no such folder"]),
        (&student, "seed=0", ["teacher.from", "a student"]),
        (&classes, "seed=0", ["with 3 classes", "has 10"]),
        (&fixture("diffusers/old_ddpm"), "seed=0", ["with 3 input and", "has 1"]),
        (&fixture("diffusers/pndm"), "seed=0", ["generates 7x7", "is 8x8"]),
        (&fixture("diffusers/fourier"), "seed=0", ["fourier", "not distilled"]),
        (&fine, network, ["`model`", "remove one"]),
        (&fine, "teacher.prediction_type=epsilon", ["prediction_type", "alpha = 0"]),
        (&fine, "distill.teacher_steps=12", ["student_steps", "does not reach"]),
        (&fine, "license=no: way", ["license", "cc-by-4.0"]),
    ] {
        let out = dir.path().join("refused");
        let message = failure(&mut distil(from, &out, &[setting]));
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
        assert!(!out.exists(), "{message}");
    }
}

/// A run continues if its teacher's folder has moved or asks for another sampler. It does not continue if
/// weights or layers have changed, or if the record of its first teacher is missing.
#[test]
fn a_run_does_not_continue_with_another_teacher() {
    let dir = tempfile::tempdir().unwrap();
    let (from, out) = (dir.path().join("teacher"), dir.path().join("run"));
    tiny_model(None, None).save(&from).unwrap();
    output(&mut distil(&from, &out, &[]), 0);
    let moved = dir.path().join("moved");
    std::fs::rename(&from, &moved).unwrap();
    let edit = |file: &str, old: &str, new: &str| {
        let path = moved.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(path, text.replace(old, new)).unwrap();
    };
    edit("scheduler/scheduler_config.json", "trailing", "leading");
    output(&mut distil(&moved, &out, &[]), 0);
    edit("unet/config.json", "\"silu\"", "\"relu\"");
    let message = failure(&mut distil(&moved, &out, &[]));
    assert!(message.contains("another teacher in teacher.from"), "{message}");
    edit("unet/config.json", "\"relu\"", "\"silu\"");
    let other = tiny_model(None, None);
    let changed = halfstep_model::flat_params(&other.unet).into_iter().map(|value| value * 1.5);
    let unet = halfstep_model::with_flat_params(other.unet.clone(), changed.collect());
    ModelFolder { unet, ..other }.save(&moved).unwrap();
    let message = failure(&mut distil(&moved, &out, &[]));
    assert!(message.contains("another teacher in teacher.from"), "{message}");
    let plan = output(distil(&moved, &out, &[]).arg("--dry-run"), 0);
    let text = String::from_utf8(plan.stderr).unwrap();
    assert!(text.contains("another teacher in teacher.from"), "{text}");
    assert!(text.contains("another --out") && !text.contains("  done "), "{text}");
    std::fs::remove_file(out.join("original.sha256")).unwrap();
    let message = failure(&mut distil(&moved, &out, &[]));
    assert!(message.contains("original.sha256") && message.contains("missing"), "{message}");
}
