//! Images in an order and with a noise that depend on (seed, number) alone.
//!
//! `cargo run -p halfstep-data --example batches`

use halfstep_core::rng::{EpochOrder, Purpose, noise};
use halfstep_data::{DataConfig, DataError, Pick};

fn main() -> Result<(), DataError> {
    let digits = DataConfig::Digits {}.load()?;
    let [c, h, w] = digits.shape();
    println!("{}: {} images of {c}x{h}x{w}", digits.name(), digits.len());

    let mut order = EpochOrder::new(digits.len(), 7);
    let picks: Vec<Pick> = (0..8).map(|position| Pick::new(order.index(position))).collect();
    let batch = digits.batch(&picks);
    println!("the first 8 of seed 7 are {:?}", batch.labels.unwrap_or_default());
    let range = batch
        .images
        .iter()
        .fold((1.0f32, -1.0f32), |(low, high), &value| (low.min(value), high.max(value)));
    println!("their pixels are from {} to {}", range.0, range.1);

    // Image 5 gets the same noise alone as in any batch.
    let (each, purpose) = (c * h * w, Purpose::InitNoise);
    let (alone, together) = (noise(7, purpose, 5..6, each), noise(7, purpose, 0..8, each));
    assert_eq!(alone, together[5 * each..6 * each]);
    println!("noise of image 5 begins {:.3?}", &alone[..4]);
    Ok(())
}
