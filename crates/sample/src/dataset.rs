//! Reading a dataset, and saying what was found beside it.

use halfstep_data::cli::show_progress;
use halfstep_data::{DataConfig, DataError, Dataset, PassedOver};

/// Reads the images, shows how far that is, and prints a note about what lay beside the pictures of a folder.
///
/// # Errors
/// As [`DataConfig::load`].
pub fn load_dataset(config: &DataConfig) -> Result<Dataset, DataError> {
    let dataset = config.load_with(&mut show_progress())?;
    say_passed_over(dataset.passed_over());
    Ok(dataset)
}

/// A line on standard error, unless there is nothing to say.
pub fn say_passed_over(passed_over: &PassedOver) {
    if !passed_over.is_empty() {
        crate::say!("note: passed over {passed_over}");
    }
}
