//! Reading a dataset, and saying what was found beside it.

use halfstep_data::{DataConfig, DataError, Dataset, PassedOver, Progress};

/// Reads the images; what lay beside the pictures of a folder is said where progress is shown.
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

/// A line on standard error, unless there is nothing to say.
pub fn say_passed_over(passed_over: &PassedOver) {
    if !passed_over.is_empty() {
        crate::say!("note: passed over {passed_over}");
    }
}
