//! Reading a dataset, with a note about files that are no pictures.

use halfstep_data::{DataConfig, DataError, Dataset, PassedOver, Progress};

/// Reads the images. Where progress is shown, a note tells what was passed over in a folder of pictures.
///
/// # Errors
/// As [`DataConfig::load`].
pub fn load_dataset(config: &DataConfig, progress: Progress) -> Result<Dataset, DataError> {
    let dataset = config.load(progress)?;
    if progress == Progress::Shown {
        say_passed_over(dataset.passed_over());
    }
    Ok(dataset)
}

/// Prints a note about what was passed over, unless there is nothing.
pub fn say_passed_over(passed_over: &PassedOver) {
    if !passed_over.is_empty() {
        halfstep_terminal::say!("note: passed over {passed_over}");
    }
}
