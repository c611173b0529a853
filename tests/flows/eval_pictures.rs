//! `eval` with folders of pictures: what is read and how, what is skipped, and what few images allow.

use std::path::Path;

use image::imageops::overlay;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::eval::{eval, numbers, text};
use crate::support::{contents, failure, output, program, root, tiny_model};

/// Writes `count` pictures as `00.png` and so on.
fn folder<I: Into<DynamicImage>>(dir: &Path, count: u32, picture: impl Fn(u32) -> I) {
    std::fs::create_dir_all(dir).unwrap();
    for k in 0..count {
        let path = dir.join(format!("{k:02}.png"));
        picture(k).into().save_with_format(path, ImageFormat::Png).unwrap();
    }
}

/// An 8x8 picture that depends on k.
fn pattern(k: u32) -> RgbImage {
    let byte = |a: u32| (a % 256) as u8;
    RgbImage::from_fn(8, 8, |x, y| Rgb([byte(k * (x + 3 * y)), byte(17 * k + 9 * x), byte(k * y)]))
}

fn grey_pattern(k: u32) -> DynamicImage {
    DynamicImage::from(pattern(k)).grayscale()
}

/// Transparency is blended over white, as in training. A PNG may have any name. Skipped files are reported.
#[test]
fn folders_are_read_as_in_training_and_skipped_files_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let alpha = |k: u32, x: u32| (40 * x + k) as u8;
    let clear = |k: u32| {
        let solid = pattern(k);
        RgbaImage::from_fn(8, 8, |x, y| {
            let Rgb([r, g, b]) = *solid.get_pixel(x, y);
            Rgba([r, g, b, alpha(k, x)])
        })
    };
    let over_white = |k: u32| {
        let solid = pattern(k);
        RgbImage::from_fn(8, 8, |x, y| {
            let alpha = u32::from(alpha(k, x));
            let blend = |v: u8| ((u32::from(v) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            Rgb(solid.get_pixel(x, y).0.map(blend))
        })
    };
    folder(&at("clear"), 20, clear);
    folder(&at("white"), 20, over_white);
    std::fs::rename(at("clear/07.png"), at("clear/07.jpg")).unwrap();
    std::fs::rename(at("clear/19.png"), at("clear/19")).unwrap();
    std::fs::create_dir(at("clear/__MACOSX")).unwrap();
    std::fs::write(at("clear/__MACOSX/._07.jpg"), "no picture").unwrap();
    std::fs::write(at("clear/labels.csv"), "file,label").unwrap();
    let (clear, white) = (at("clear"), at("white"));
    let args = ["--samples", text(&clear), "--reference", text(&white)];
    let (found, table, said) = numbers(&mut eval(&at("cache"), &args), &at("a.json"));
    assert_eq!(found["generated_images"], 20);
    assert!(found["pixel_frechet"].as_f64().unwrap() < 1e-5, "{found}");
    assert_eq!(found["pixel_recall"], 1.0);
    assert!(!table.contains("-0.00000"), "{table}");
    assert!(said.contains("skipped 1 folder and 1 file beside the pictures"), "{said}");
    assert!(said.contains("__MACOSX") && said.contains("labels.csv"), "{said}");
    // Training reports the same for the same folder.
    let mut train = program("train");
    let data = format!("data={{kind=\"folder\",dir={:?},size=8,channels=1}}", text(&clear));
    train.arg("--config").arg(root().join("configs/digits.toml")).args(["--set", &data]);
    let plan = output(train.args(["--dry-run", "--device", "cpu", "--out"]).arg(at("run")), 0);
    let plan = String::from_utf8(plan.stderr).unwrap();
    assert!(plan.contains("skipped 1 folder and 1 file beside the pictures"), "{plan}");
    assert!(plan.contains("20 images"), "{plan}");

    let mut jpeg = std::io::Cursor::new(Vec::new());
    pattern(1).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    for (name, bytes, words) in [
        ("x.jpg", &jpeg[..jpeg.len() - 20], "the JPEG is cut short"),
        ("x.tga", b"\0\0\x02", "not a readable picture"),
        ("x", b"GIF89a", "GIF pictures are not read"),
    ] {
        let path = white.join(name);
        std::fs::write(&path, bytes).unwrap();
        let message = failure(&mut eval(&at("cache"), &args));
        assert!(message.contains(&*path.to_string_lossy()) && message.contains(words), "{message}");
        std::fs::remove_file(path).unwrap();
    }
}

/// Central squares of larger pictures are read at the size of the other side, whichever side that is.
#[test]
fn as_trained_reads_central_squares_at_the_size_of_the_other_side() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    folder(&at("small"), 20, grey_pattern);
    folder(&at("large"), 20, |k| {
        // Wide and tall pictures have the small picture in their middle.
        let (width, height) = if k % 2 == 0 { (20, 8) } else { (8, 12) };
        let mut large = RgbImage::from_pixel(width, height, Rgb([200, 0, 0]));
        let middle = (i64::from(width - 8) / 2, i64::from(height - 8) / 2);
        overlay(&mut large, &grey_pattern(k).into_rgb8(), middle.0, middle.1);
        large
    });
    tiny_model(None, Some(4)).save(&at("model")).unwrap();
    let (small, large, model) = (at("small"), at("large"), at("model"));
    let (small, large, model) = (text(&small), text(&large), text(&model));
    let mut sample = program("sample");
    sample.args(["--model", model, "--count", "20", "--device", "cpu", "--npz"]).arg(at("a.npz"));
    output(&mut sample, 0);
    let npz = at("a.npz");
    let npz = text(&npz);
    let cache = at("cache");
    let of = |args: &[&str]| {
        let (numbers, ..) = numbers(&mut eval(&cache, args), &at("a.json"));
        ["pixel_frechet", "pixel_kernel"].map(|key| numbers[key].as_f64().unwrap())
    };
    let drawn = ["--model", model, "--count", "20"];
    for (one, other) in [
        (
            [&drawn[..], &["--reference", large]].concat(),
            [&drawn[..], &["--reference", small]].concat(),
        ),
        (
            vec!["--samples", npz, "--reference", large],
            vec!["--samples", npz, "--reference", small],
        ),
        (
            vec!["--samples", large, "--reference", npz],
            vec!["--samples", small, "--reference", npz],
        ),
        (
            vec!["--samples", small, "--reference", large],
            vec!["--samples", small, "--reference", small],
        ),
    ] {
        let message = failure(&mut eval(&cache, &one));
        assert!(message.contains("2 sizes from 12x8 to 8x20"), "{message}");
        assert!(message.contains("--as-trained"), "{message}");
        let one = [&one[..], &["--as-trained"]].concat();
        assert_eq!(of(&one), of(&other), "{one:?}");
    }
    for (args, words) in [
        (["--samples", large, "--reference", large], "which must be one"),
        (["--samples", npz, "--reference", npz], "neither side is a folder"),
    ] {
        let message = failure(eval(&cache, &args).arg("--as-trained"));
        assert!(message.contains("--as-trained") && message.contains(words), "{message}");
    }
}

/// Networks stretch pictures of other sizes. All pictures are checked, not only the first.
#[test]
fn a_folder_of_several_sizes_is_noted_where_a_network_stretches_them() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    folder(&at("even"), 8, grey_pattern);
    folder(&at("mixed"), 8, |k| {
        grey_pattern(k).resize_exact(8 + k / 7, 8, image::imageops::FilterType::Nearest)
    });
    let network = at("network.json");
    let weights =
        safetensors::serialize([] as [(&str, safetensors::tensor::TensorView<'_>); 0], None);
    std::fs::write(at("none.safetensors"), weights.unwrap()).unwrap();
    std::fs::write(
        &network,
        r#"{ "name": "averages", "weights": "none.safetensors", "layers": [{ "kind": "flatten" }],
            "input": { "channels": 1, "height": 2, "width": 2, "mean": [0.0], "std": [1.0] } }"#,
    )
    .unwrap();
    let (even, mixed) = (at("even"), at("mixed"));
    let said = |samples: &Path, reference: &Path, more: &[&str]| {
        let args = ["--samples", text(samples), "--reference", text(reference)];
        let args = [&args[..], &["--features", text(&network)], more].concat();
        numbers(&mut eval(&at("cache"), &args), &at("a.json")).2
    };
    assert!(!said(&even, &even, &[]).contains("stretched"));
    for (samples, reference) in [(&even, &mixed), (&mixed, &even), (&mixed, &mixed)] {
        let said = said(samples, reference, &[]);
        assert!(
            said.contains("2 sizes from 8x8 to 8x9") && said.contains("--as-trained"),
            "{said}"
        );
    }
    assert!(!said(&even, &mixed, &["--as-trained"]).contains("stretched"));
}

/// With three real images the missing scores are reported before sampling, and the others are computed. With one image
/// nothing is sampled.
#[test]
fn few_images_are_noted_first_and_scored_as_far_as_possible() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    tiny_model(None, Some(4)).save(&at("model")).unwrap();
    folder(&at("one"), 1, grey_pattern);
    folder(&at("three"), 3, grey_pattern);
    let (model, one, three) = (at("model"), at("one"), at("three"));
    let measured = ["--model", text(&model), "--count", "6", "--reference"];
    let message = failure(&mut eval(&at("cache"), &[&measured[..], &[text(&one)]].concat()));
    assert!(
        message.contains("at least 2 images on each side; --reference has 1 image"),
        "{message}"
    );
    for (flag, side) in [("--count", "the generated side"), ("--reference-count", "--reference")] {
        let one_of = ["--model", text(&model), flag, "1", "--reference", text(&three)];
        let message = failure(&mut eval(&at("cache"), &one_of));
        assert!(message.contains(&format!("{side} has 1 image")), "{message}");
    }
    let cache = at("cache");
    assert!(!cache.exists() || contents(&cache).is_empty());

    let two = ["--model", text(&model), "--count", "2", "--reference", text(&three)];
    let (_, _, said) = numbers(&mut eval(&at("cache"), &two), &at("two.json"));
    assert!(said.contains("at least 4 images on each side; the generated side has 2"), "{said}");

    let args = [&measured[..], &[text(&three)]].concat();
    let (numbers, table, said) = numbers(&mut eval(&at("cache"), &args), &at("a.json"));
    let note = said.find("note: no precision by pixels and recall by pixels: they need at least 4");
    assert!(note.unwrap() < said.find("6 images of").unwrap(), "{said}");
    assert!(numbers["pixel_frechet"].as_f64().unwrap() > 0.0);
    assert!(numbers["pixel_kernel"].is_f64() && numbers["pixel_precision"].is_null(), "{numbers}");
    assert!(table.contains("kernel distance of pixels") && !table.contains("recall"), "{table}");
}
