//! What `sample` and `eval` write: formats, places, sizes, and the lines that tell of it.

use halfstep_core::rng::{Purpose, noise};
use halfstep_model::ImageSize;

use crate::drawing::{said, sample, save};
use crate::support::{contents, failure, output, program, tiny_model};

#[test]
fn pictures_have_the_format_of_their_ending_or_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let draw = |flag: &str, name: &str| {
        let mut command = sample(&model, &["--steps", "1", "--count", "1", flag]);
        command.arg(dir.path().join(name));
        command
    };
    for (name, format) in [
        ("a.jpg", image::ImageFormat::Jpeg),
        ("b.JPEG", image::ImageFormat::Jpeg),
        ("c.png", image::ImageFormat::Png),
    ] {
        output(&mut draw("--out", name), 0);
        let bytes = std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), format, "{name}");
    }
    let left = contents(dir.path());
    for (flag, name, says) in [
        ("--out", "g.gif", "ends in .gif"),
        ("--out", "g", "has no ending"),
        ("--npz", "g.png", "PNG pictures"),
        ("--raw", "g.npz", "numpy's arrays"),
    ] {
        let message = failure(&mut draw(flag, name));
        assert!(message.contains(flag) && message.contains(says), "{name}: {message}");
        assert!(!message.contains("drawing 1"), "it is found out before: {message}");
    }
    let mut compare = sample(&model, &["--compare", "ddim", "--out", "compare.webp"]);
    assert!(failure(&mut compare).contains("ends in .webp"));
    assert!(contents(dir.path()) == left);
}

#[cfg(unix)]
#[test]
fn two_outputs_in_one_place_are_refused_however_it_is_spelt() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    std::fs::create_dir(dir.path().join("a")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("a"), dir.path().join("link")).unwrap();
    let left = contents(dir.path());
    for args in [
        ["--npz", "x", "--raw", "x"],
        ["--npz", "x", "--raw", "./x"],
        ["--npz", "a/../x", "--raw", "x"],
        ["--npz", "a/x", "--raw", "link/x"],
        ["--npz", "new/../x", "--raw", "x"],
        ["--npz", "x", "--dir", "x"],
        ["--npz", "x", "--dir", "x/y"],
        ["--npz", "x", "--out", "x/y.png"],
        ["--out", "x/grid.png", "--dir", "link/../x"],
        ["--noise", "x", "--raw", "./x"],
    ] {
        let message = failure(sample(&model, &args).current_dir(dir.path()));
        let named = args[0].starts_with("--") && message.contains(args[0]);
        assert!(named && message.contains(args[2]), "{args:?}: {message}");
        assert!(message.contains("choose separate paths"), "{args:?}: {message}");
        assert!(contents(dir.path()) == left, "{args:?}");
    }
    // A link is replaced by what is written there; what is read through it is not.
    std::fs::write(dir.path().join("noise"), "mine").unwrap();
    std::os::unix::fs::symlink("noise", dir.path().join("n.link")).unwrap();
    let args = ["--noise", "n.link", "--raw", "noise"];
    let message = failure(sample(&model, &args).current_dir(dir.path()));
    assert!(message.contains("n.link") && message.contains("choose separate paths"), "{message}");
    // Nor the model's own weights, by whatever way.
    let weights = "unet/diffusion_pytorch_model.safetensors";
    let linked = dir.path().join("linked");
    std::fs::create_dir_all(linked.join("unet")).unwrap();
    for file in ["unet/config.json", "scheduler", weights] {
        std::os::unix::fs::symlink(model.join(file), linked.join(file)).unwrap();
    }
    let before = contents(&model);
    for (model, raw) in [(&model, model.join(weights)), (&linked, model.join(weights))] {
        let message = failure(sample(model, &["--raw"]).arg(&raw));
        assert!(message.contains("overwrite a file of --model"), "{message}");
    }
    assert!(contents(&model) == before);
    // Beside each other, and a file among the pictures, is fine.
    let apart = ["--count", "1", "--steps", "1", "--dir", "x", "--npz", "x/y.npz", "--raw", "a/x"];
    output(sample(&model, &apart).current_dir(dir.path()), 0);
}

#[test]
fn counts_that_nobody_means_and_disks_that_are_too_small_are_refused_before_drawing() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = tiny_model(None, None);
    let folder = dir.path().join("model");
    model.save(&folder).unwrap();
    let npz = dir.path().join("x.npz");
    let absurd = sample(&folder, &["--count", "4294967295", "--npz"]).arg(&npz).output().unwrap();
    assert_eq!(absurd.status.code(), Some(2));
    assert!(said(&absurd).contains("100000000"), "{}", said(&absurd));

    // 4 MB an image, 100 million of them.
    let config = halfstep_model::UNetConfig {
        sample_size: Some(ImageSize::Square(1024)),
        ..model.unet.config().clone()
    };
    let unet = halfstep_model::UNet::zeroed(&config, &burn::tensor::Device::flex()).unwrap();
    model.unet = unet;
    let large = dir.path().join("large");
    model.save(&large).unwrap();
    for (flag, name) in [("--npz", "x.npz"), ("--raw", "x.safetensors"), ("--dir", "x")] {
        let path = dir.path().join(name);
        let message = failure(sample(&large, &["--count", "100000000", flag]).arg(&path));
        for says in ["on the disk: ", "TiB", "needs", "free", name] {
            assert!(message.contains(says), "{says}: {message}");
        }
        assert!(!path.exists());
    }
    // 32 cells in a row are 65984 pixels wide, and a JPEG is 65535 at most.
    let columns: Vec<String> = (1..=32).map(|steps| steps.to_string()).collect();
    let mut compare = sample(&large, &["--compare", "ddim", "--steps-list", &columns.join(",")]);
    let message = failure(compare.arg("--out").arg(dir.path().join("x.jpg")));
    for says in ["--steps-list", "1 row and 32 columns", "too large", ".png"] {
        assert!(message.contains(says), "{says}: {message}");
    }
    assert!(!message.contains("comparing"), "it is found out before: {message}");

    let message = failure(sample(&folder, &["--count", "100000000", "--out"]).arg("x.png"));
    assert!(message.contains("10000x10000") && message.contains("--grid"), "{message}");
    assert!(
        contents(dir.path())
            .iter()
            .all(|(path, _)| { path.starts_with("model") || path.starts_with("large") })
    );
}

/// No terminal: lines. What is one is not called many.
#[test]
fn progress_is_told_in_lines_with_units_and_correct_plurals() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let draw = |steps: &str, count: &str, name: &str| {
        let mut command = sample(&model, &["--steps", steps, "--count", count, "--npz"]);
        said(&output(command.arg(dir.path().join(name)), 0))
    };
    let text = draw("1", "1", "a.npz");
    for says in ["drawing 1 image of 1x8x8", "in 1 step of ddim", "1 of 1 image, ", " images/s\n"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(text.contains("on the disk: ") && text.contains(" B in "), "{text}");
    let text = draw("2", "5", "b.npz");
    for says in ["drawing 5 images of", "in 2 steps of ddim", "5 of 5 images, "] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

#[test]
fn a_count_takes_the_first_of_given_noises_and_not_more_than_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let model = save(dir.path());
    let file = dir.path().join("noise.safetensors");
    let values = noise(3, Purpose::InitNoise, 0..4, 64);
    let images = halfstep_sample::Images { values, shape: [4, 1, 8, 8] };
    let bytes = halfstep_sample::kept::FileFormat::Raw.whole(&images);
    let view = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let view = view.tensor("samples").unwrap();
    std::fs::write(&file, safetensors::serialize([("noise", view)], None).unwrap()).unwrap();
    let draw = |args: &[&str], name: &str| {
        let mut command = sample(&model, &["--steps", "2", "--batch-size", "2"]);
        command.args(args).arg("--npz").arg(dir.path().join(name));
        command
    };
    let file = file.to_str().unwrap();
    output(&mut draw(&["--noise", file, "--count", "3"], "a.npz"), 0);
    output(&mut draw(&["--seed", "3", "--count", "3"], "b.npz"), 0);
    let bytes = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(bytes("a.npz") == bytes("b.npz"));
    let message = failure(&mut draw(&["--noise", file, "--count", "5"], "c.npz"));
    assert!(message.contains("--count 5") && message.contains("only 4 images"), "{message}");
}

#[test]
fn eval_writes_no_json_over_what_it_reads_nor_under_another_formats_name() {
    let dir = tempfile::tempdir().unwrap();
    let network = dir.path().join("network.json");
    std::fs::write(&network, "{}").unwrap();
    let eval = |args: &[&str]| {
        let mut command = program("eval");
        command.args(["--samples", "x.npz", "--reference", "digits"]);
        if !args.contains(&"--features") {
            command.arg("--features").arg(&network);
        }
        command.args(args).current_dir(dir.path());
        command
    };
    let message = failure(&mut eval(&["--json", "./new/../network.json"]));
    assert!(message.contains("--features reads"), "{message}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&network, dir.path().join("link")).unwrap();
        let message = failure(&mut eval(&["--features", "link", "--json", "network.json"]));
        assert!(message.contains("--features reads"), "{message}");
    }
    let model = save(dir.path());
    let scheduler = model.join("scheduler/scheduler_config.json");
    let before = std::fs::read(&scheduler).unwrap();
    let mut eval_model = program("eval");
    eval_model.arg("--model").arg(&model).args(["--reference", "digits", "--json"]);
    let message = failure(eval_model.arg(&scheduler));
    assert!(message.contains("--model reads"), "{message}");
    assert!(std::fs::read(&scheduler).unwrap() == before);
    let message = failure(&mut eval(&["--json", "a.png"]));
    assert!(message.contains("--json") && message.contains("PNG pictures"), "{message}");
    assert_eq!(std::fs::read_to_string(&network).unwrap(), "{}");
}
