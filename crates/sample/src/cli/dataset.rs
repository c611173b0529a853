//! Reading a dataset, with a note about files that are no pictures.

use halfstep_data::cli::show_progress;
use halfstep_data::{DataConfig, DataError, Dataset, PassedOver};

/// Reads the images. Unless `quiet`, it shows the progress and which files of a folder were skipped.
///
/// # Errors
/// As [`DataConfig::load`].
pub fn load_dataset(config: &DataConfig, quiet: bool) -> Result<Dataset, DataError> {
    if quiet {
        return config.load();
    }
    let dataset = config.load_with(&mut show_progress())?;
    say_passed_over(dataset.passed_over());
    Ok(dataset)
}

/// Prints a note about skipped files, if there are any.
pub fn say_passed_over(passed_over: &PassedOver) {
    if !passed_over.is_empty() {
        halfstep_terminal::say!("note: skipped {passed_over}");
    }
}
