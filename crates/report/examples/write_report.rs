//! Writes the report of a run folder: `cargo run -p halfstep-report --example write_report -- FOLDER`.
//!
//! It builds in seconds, for work on the page.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("name a run folder")?;
    let page = halfstep_report::write_report(folder.as_ref())?;
    println!("{}", page.display());
    Ok(())
}
