//! Panics as errors. Burn and the GPU stacks below it panic where a device fails (out of memory, a lost
//! connection). A program that has run for days must still report what is saved.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Message and place of the first panic since the last [`caught`].
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Installs a panic hook that records the message instead of printing it; [`caught`] returns it. Call it once,
/// in a program.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| format!("{message}{}", place.unwrap_or_default()));
    }));
}

/// Runs `work` and returns its result, or the message of its panic. If [`note_panics`] was called, a panic in a
/// thread that `work` waits for is reported by that thread's own message. Do not use afterwards what a `work`
/// that panicked was changing.
///
/// # Errors
/// The panic's message.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let take = || FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    take();
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let own = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        take().or(own).unwrap_or_else(|| "a panic without a message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(caught(|| 5), Ok(5));
        assert_eq!(caught(|| -> u8 { panic!("lost {}", "it") }), Err("lost it".to_owned()));
        assert_eq!(
            caught(|| -> u8 { std::panic::panic_any(7) }).unwrap_err(),
            "a panic without a message"
        );
    }
}
