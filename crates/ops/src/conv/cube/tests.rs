//! A batch computed in parts. In tests the limit is so few bytes that every batch is.
//!
//! Other tests compare whole convolutions on a GPU with the CPU (`tests/flows/gpu_kernels.rs`).

use burn::tensor::wgpu::WgpuOptions;
use burn::tensor::{Device, DeviceKind, Tensor, TensorData};

use crate::conv2d;

/// Computes the output, and the gradients of x and weight, of 7 images.
fn convolution(device: &Device, side: usize) -> Vec<TensorData> {
    let tensor = |shape: [usize; 4], factor: usize| {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|i| (i * factor % 251) as f32 / 251.0 - 0.5).collect();
        let values = TensorData::new(values, shape);
        Tensor::<4>::from_data(values, &device.clone().autodiff()).require_grad()
    };
    let (x, weight) = (tensor([7, 3, side, side], 37), tensor([5, 3, 3, 3], 53));
    let y = conv2d(x.clone(), weight.clone(), None, 1, 1);
    let grads = (y.clone() * tensor([7, 5, side, side], 29).detach()).sum().backward();
    let gradients = [x.grad(&grads).unwrap(), weight.grad(&grads).unwrap()];
    std::iter::once(y.into_data()).chain(gradients.map(Tensor::into_data)).collect()
}

/// An image's columns take 6912 bytes at a side of 8, so each image is a part. At a side of 4 they
/// take 1728 bytes: a part has several images, and the last part is shorter. The sums have up to
/// 448 products below a quarter, and are at most about ten; their order differs between the two
/// devices.
#[test]
fn a_batch_in_parts_equals_the_whole() {
    if std::env::var_os("HALFSTEP_REQUIRE_WGPU").is_none() {
        println!("not run: HALFSTEP_REQUIRE_WGPU is not set");
        return;
    }
    let options: WgpuOptions = Device::wgpu_options();
    let device = options.device_kind(DeviceKind::DefaultDevice).init().unwrap();
    for side in [8, 4] {
        let expected = convolution(&Device::flex(), side);
        for (found, expected) in convolution(&device, side).iter().zip(expected) {
            assert_eq!(found.shape(), expected.shape());
            for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
                assert!((found - expected).abs() < 2e-5, "{found} {expected}");
            }
        }
    }
}
