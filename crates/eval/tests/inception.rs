//! FID's Inception network against pytorch-fid's, with weights from a formula: trained weights are not needed to show
//! that the arithmetic is the same. `scripts/compare_fid.py` computed the expected features with the same weights.

use std::path::Path;

use burn::tensor::Device;
use halfstep_eval::{EvalError, ImageBatch, Inception};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// The script's `uniform`: numbers in [-0.5, 0.5).
fn uniform(stream: u32, count: usize) -> impl Iterator<Item = f64> {
    (0..count as u32).map(move |k| {
        let mut x = k.wrapping_mul(2_654_435_761).wrapping_add(stream.wrapping_mul(40503));
        for _ in 0..2 {
            x ^= x >> 16;
            x = x.wrapping_mul(0x45D_9F3B);
        }
        x ^= x >> 16;
        f64::from(x) / 4_294_967_296.0 - 0.5
    })
}

/// The script's `made_up`.
fn made_up(name: &str, shape: &[usize], stream: u32) -> Vec<u8> {
    let fan_in: usize = shape[1..].iter().product();
    let value = |u: f64| match name {
        name if name.ends_with("conv.weight") => u * (24.0 / fan_in as f64).sqrt(),
        name if name.ends_with("bn.weight") => 1.0 + 0.4 * u,
        name if name.ends_with("running_var") => 1.0 + u,
        name if name.ends_with("fc.weight") => u * (12.0 / fan_in as f64).sqrt(),
        _ => 0.4 * u,
    };
    let count = shape.iter().product();
    uniform(stream, count).flat_map(|u| (value(u) as f32).to_le_bytes()).collect()
}

/// Name and shape of every tensor, in the order of their names.
fn shapes() -> Vec<(String, Vec<usize>)> {
    include_str!("fixtures/inception_shapes.txt")
        .lines()
        .map(|line| {
            let (name, shape) = line.split_once(' ').unwrap();
            let shape = shape.split('x').map(|side| side.parse().unwrap()).collect();
            (name.to_owned(), shape)
        })
        .collect()
}

fn write_weights(path: &Path) {
    let data: Vec<(String, Vec<usize>, Vec<u8>)> = shapes()
        .into_iter()
        .enumerate()
        .map(|(stream, (name, shape))| {
            let bytes = made_up(&name, &shape, stream as u32);
            (name, shape, bytes)
        })
        .collect();
    let views = data.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn images(count: usize, [height, width]: [usize; 2]) -> Vec<f32> {
    let stream = (1000 + height * 100 + width) as u32;
    let byte = |u: f64| ((u + 0.5) * 255.999).floor() as f32 / 255.0;
    uniform(stream, count * 3 * height * width).map(byte).collect()
}

/// Mean features are 1 to 3. Differences come from f32 sums in other orders through 94 convolutions, and from batch
/// normalisation folded into the weights.
#[test]
fn features_and_logits_are_pytorch_fids_at_every_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    write_weights(&path);
    let inception = Inception::load(&path, &Device::flex()).unwrap();
    let bytes = include_bytes!("fixtures/inception.safetensors");
    let expected = SafeTensors::deserialize(bytes).unwrap();
    for sides in [[8, 8], [32, 32], [28, 45], [299, 299], [320, 310]] {
        let name = format!("{}x{}", sides[0], sides[1]);
        let of = |kind: &str| -> Vec<f32> {
            let view = expected.tensor(&format!("{kind}_{name}")).unwrap();
            let four = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            view.data().chunks_exact(4).map(four).collect()
        };
        let count = of("features").len() / 2048;
        let images = ImageBatch { values: images(count, sides), sides };
        let output = inception.forward(&images).unwrap();
        for (kind, found) in [("features", output.features), ("logits", output.logits)] {
            let found = found.rows().flatten();
            let worst = found.zip(&of(kind)).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
            println!("{kind} {name}: {worst:.1e}");
            assert!(worst < 1e-4, "{kind} {name}: {worst:e}");
        }
    }
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let load =
        || Inception::load(&path, &Device::flex()).map(drop).map_err(|e: EvalError| e.to_string());
    assert!(load().unwrap_err().contains("weights.safetensors"));
    std::fs::write(&path, b"nothing").unwrap();
    assert!(load().unwrap_err().contains("not a readable safetensors file"));
    let one = [0u8; 8];
    let view = || TensorView::new(Dtype::F32, vec![2], &one).unwrap();
    let named = |name: &str| safetensors::serialize([(name, view())], None).unwrap();
    std::fs::write(&path, named("a")).unwrap();
    assert!(load().unwrap_err().contains("no tensor `Conv2d_1a_3x3.bn.weight`"));
    std::fs::write(&path, named("Conv2d_1a_3x3.bn.weight")).unwrap();
    assert!(load().unwrap_err().contains("of shape [2]"));
}
