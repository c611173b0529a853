//! How far digits are from digits, and what blur, noise and forgetting do to that.
//!
//! `cargo run -p eval --example distances`

use halfstep_data::{DataConfig, Purpose, Stream};
use halfstep_eval::{
    Features, Pictures, Statistics, frechet_distance, pixel_features, precision_recall,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let digits = DataConfig::Digits {}.load()?;
    let pictures = Pictures::from_dataset(&digits);
    // Any features do, FID's among them: `Inception::answers`.
    let half = pictures.len() / 2;
    let real = pixel_features(&pictures.slice(0..half), 1)?;
    let others = pixel_features(&pictures.slice(half..2 * half), 1)?;

    println!("{:<22} Frechet distance  precision  recall", "");
    let told = |name: &str, features: &Features| -> Result<(), Box<dyn std::error::Error>> {
        let distance = frechet_distance(&Statistics::of(features)?, &Statistics::of(&real)?)?;
        let near = precision_recall(features, &real, 3)?;
        println!("{name:<22} {distance:>16.3}  {:>9.2}  {:>6.2}", near.precision, near.recall);
        Ok(())
    };
    told("other digits", &others)?;

    let mut stream = Stream::new(0, Purpose::Evaluation, 0);
    let noisy = others.rows().flatten().map(|x| x + 0.2 * stream.normal()).collect();
    told("with noise", &Features::new(noisy, 64)?)?;

    let blurred = others.rows().flat_map(|row| {
        let row = row.to_vec();
        (0..64).map(move |k| {
            let near = [k, k ^ 1, k ^ 8, k ^ 9]; // squares of four pixels
            near.iter().map(|&k| row[k]).sum::<f32>() / 4.0
        })
    });
    told("blurred", &Features::new(blurred.collect(), 64)?)?;

    let few = others.rows().take(20).flatten().copied().collect::<Vec<f32>>().repeat(half / 20);
    told("twenty of them, again", &Features::new(few, 64)?)?;
    Ok(())
}
