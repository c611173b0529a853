//! Look at the predicted image at every step of a sampler.
//!
//! `cargo run -p halfstep --example step_callback -- MODEL`: a model folder of halfstep or of diffusers.

use halfstep::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: step_callback MODEL")?;
    let model = ModelFolder::load(&folder, &Device::flex())?;
    let images = model
        .sampler(DpmMultistep::new(2))
        .steps(10)
        .seed(0)
        .on_step(|step| println!("{:2} {:.3}", step.index, step.x0_mean()))
        .draw(16)?;
    println!("{} images of {:?}", images.len(), &images.shape[1..]);
    Ok(())
}
