//! Distances between digits, and how blur, noise and missing images change them.
//!
//! `cargo run -p eval --example distances`

use halfstep_core::rng::{Purpose, Stream};
use halfstep_data::DataConfig;
use halfstep_eval::{
    FeatureStatistics, Features, ImageSet, frechet_distance, pixel_features, precision_recall,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = DataConfig::Digits {}.load()?;
    let images = ImageSet::from_dataset(&digits);
    // Any features will do; those of `Inception` give the FID.
    let half = images.len() / 2;
    let real = pixel_features(&images.slice(0..half), 1)?;
    let others = pixel_features(&images.slice(half..2 * half), 1)?;

    println!("{:<22} Frechet distance  precision  recall", "");
    let print = |name: &str, features: &Features| -> Result<(), Box<dyn std::error::Error>> {
        let statistics = FeatureStatistics::from_features;
        let distance = frechet_distance(&statistics(features)?, &statistics(&real)?)?;
        let near = precision_recall(features, &real, 3)?;
        println!("{name:<22} {distance:>16.3}  {:>9.2}  {:>6.2}", near.precision, near.recall);
        Ok(())
    };
    print("other digits", &others)?;

    let mut stream = Stream::new(0, Purpose::Evaluation, 0);
    let noisy = others.rows().flatten().map(|x| x + 0.2 * stream.normal()).collect();
    print("with noise", &Features::new(noisy, 64)?)?;

    let blurred = others.rows().flat_map(|row| {
        let row = row.to_vec();
        (0..64).map(move |k| {
            let near = [k, k ^ 1, k ^ 8, k ^ 9]; // squares of four pixels
            near.iter().map(|&k| row[k]).sum::<f32>() / 4.0
        })
    });
    print("blurred", &Features::new(blurred.collect(), 64)?)?;

    let few = others.rows().take(20).flatten().copied().collect::<Vec<f32>>().repeat(half / 20);
    print("twenty of them, again", &Features::new(few, 64)?)?;
    Ok(())
}
