//! Panics as errors. Burn and the GPU stacks below it panic where a device fails (out of memory, a lost
//! connection): whoever runs them for days must still say what is saved.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// What the first panic since the last [`caught`] said, and where.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic is noted, and printed by nobody but who catches it. For programs; call once.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| format!("{message}{}", place.unwrap_or_default()));
    }));
}

/// What `work` returns, or what it panicked with. A thread it waits for that panicked is told by its
/// own words, if [`note_panics`] was called. What `work` was changing is not to be used afterwards.
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
