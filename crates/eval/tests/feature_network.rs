//! A user's feature network against PyTorch's, with a file that `torch.save` wrote. `scripts/compare_fid.py` made both.

use std::path::Path;

use burn::tensor::Device;
use halfstep_eval::{FeatureNetwork, ImageSet};
use safetensors::SafeTensors;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// The script's `uniform`, as bytes.
fn images(count: usize, [height, width]: [usize; 2]) -> ImageSet {
    let stream = (1000 + height * 100 + width) as u32;
    let plane = height * width;
    let byte = |k: usize| {
        let mut x = (k as u32).wrapping_mul(2_654_435_761).wrapping_add(stream.wrapping_mul(40503));
        for _ in 0..2 {
            x ^= x >> 16;
            x = x.wrapping_mul(0x45D_9F3B);
        }
        x ^= x >> 16;
        (f64::from(x) / 4_294_967_296.0 * 255.999).floor() as u8
    };
    // From planes to pixels.
    let of_image =
        |k: usize| (0..3 * plane).map(move |at| byte(k * 3 * plane + at % 3 * plane + at / 3));
    let bytes = (0..count).flat_map(of_image).collect();
    ImageSet::from_bytes("made up".to_owned(), bytes, [height, width, 3]).unwrap()
}

/// Thirteen layers in f32 with sums in another order; features are about 1.
#[test]
fn its_features_are_torchs_with_and_without_resizing() {
    let path = Path::new(FIXTURES).join("feature_network.json");
    let network = FeatureNetwork::load(&path, &Device::flex()).unwrap();
    assert_eq!(network.name(), "all layers");
    let bytes = std::fs::read(Path::new(FIXTURES).join("feature_network.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    for sides in [[14, 11], [9, 20]] {
        let view = expected.tensor(&format!("features_{}x{}", sides[0], sides[1])).unwrap();
        let four = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let expected: Vec<f32> = view.data().chunks_exact(4).map(four).collect();
        let batch = images(3, sides).batch(0, 3).unwrap().unwrap();
        let found = network.features(&batch).unwrap();
        assert_eq!((found.len(), found.dim()), (3, 5));
        let size = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        for (found, expected) in found.rows().flatten().zip(&expected) {
            assert!((found - expected).abs() < 1e-5 * size, "{found} {expected} of {size}");
        }
    }
}

#[test]
fn mistakes_in_its_file_are_named() {
    let text = std::fs::read_to_string(Path::new(FIXTURES).join("feature_network.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let pth = std::fs::read(Path::new(FIXTURES).join("feature_network.pth")).unwrap();
    std::fs::write(dir.path().join("feature_network.pth"), &pth).unwrap();
    std::fs::write(dir.path().join("cut.pth"), &pth[..pth.len() / 2]).unwrap();
    let path = dir.path().join("network.json");
    for (from, to, words) in [
        ("\"relu\"", "\"relo\"", "relo"),
        ("\"channels\": 3", "\"channels\": 2", "`input.channels` = 2"),
        ("0.2,", "0.0,", "`input.std`"),
        ("0.4,", "", "`input.mean`"),
        ("\"height\": 14", "\"height\": 0", "1 to 4096"),
        ("\"height\": 14", "\"height\": 3", "do not fit on a side"),
        ("\"size\": 2,", "\"size\": 0,", "windows of 0"),
        ("\"weights\": \"10\"", "\"weights\": \"99\"", "no tensor `99.weight`"),
        ("\"weights\": \"10\"", "\"weights\": \"12\"", "layers[10]: takes 12 values"),
        ("\"weights\": \"10\"", "\"weights\": \"4\"", "2 dimensions are needed"),
        ("\"weights\": \"4\"", "\"weights\": \"0\"", "layers[4]: takes 3 channels"),
        ("feature_network.pth", "none.pth", "none.pth"),
        ("feature_network.pth", "cut.pth", "not a readable file of torch.save"),
        ("feature_network.pth", "network.json", "not a readable safetensors file"),
        ("{", "", "network.json"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        std::fs::write(&path, changed).unwrap();
        let Err(error) = FeatureNetwork::load(&path, &Device::flex()) else {
            panic!("{from} -> {to} was taken");
        };
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

/// Tensors that are named through PyTorch's wrappers are found by their plain names and by the full ones. The list of
/// layers may begin with a byte order mark.
#[test]
fn wrappers_in_names_of_tensors_are_left_out() {
    use safetensors::{Dtype, tensor::TensorView};
    let dir = tempfile::tempdir().unwrap();
    let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let (weight, bias) = (bytes(&[1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]), bytes(&[0.5, -0.5]));
    let write = |names: &[&str]| {
        let views = names.iter().map(|name| match name.ends_with("weight") {
            true => (*name, TensorView::new(Dtype::F32, vec![2, 4], &weight).unwrap()),
            false => (*name, TensorView::new(Dtype::F32, vec![2], &bias).unwrap()),
        });
        let file = safetensors::serialize(views, None).unwrap();
        std::fs::write(dir.path().join("weights.safetensors"), file).unwrap();
    };
    let path = dir.path().join("network.json");
    let load = |layer: &str| {
        let text = format!(
            r#"{{"name": "linear", "weights": "weights.safetensors",
                "input": {{"channels": 1, "height": 2, "width": 2, "mean": [0.0], "std": [1.0]}},
                "layers": [{{"kind": "flatten"}}, {{"kind": "linear", "weights": "{layer}"}}]}}"#
        );
        std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
        FeatureNetwork::load(&path, &Device::flex())
    };
    let image = ImageSet::from_bytes("one".to_owned(), vec![255, 51, 0, 0], [2, 2, 1]).unwrap();
    let batch = image.batch(0, 1).unwrap().unwrap();
    let found = |names: &[&str], layer: &str| {
        write(names);
        let network = load(layer).unwrap();
        let features = network.features(&batch).unwrap().into_values();
        assert_eq!(features, [1.5, 2.0 * 0.2 - 0.5], "{layer}");
        network.note().map(str::to_owned)
    };
    assert_eq!(found(&["0.weight", "0.bias"], "0"), None);
    let wrapped = ["module._orig_mod.0.weight", "module._orig_mod.0.bias"];
    let note = found(&wrapped, "0").unwrap();
    assert!(note.contains("`module._orig_mod.0.bias` is read as `0.bias`"), "{note}");
    found(&wrapped, "module._orig_mod.0");

    for (names, words) in [
        (
            ["module.0.weight", "_orig_mod.0.weight"],
            "as `_orig_mod.0.weight` and as `module.0.weight`",
        ),
        (["0.weight", "module.0.weight"], "as `0.weight` and as `module.0.weight`"),
    ] {
        write(&[&names[..], &["0.bias"]].concat());
        let Err(error) = load("0") else { panic!("{names:?} were taken") };
        assert!(error.to_string().contains(&format!("has `0.weight` twice, {words}")), "{error}");
    }
}
