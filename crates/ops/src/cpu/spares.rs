//! Working memory that parallel tasks pass on.

use std::sync::Mutex;

/// Lends each task a workspace that no other task is using, made where there is none. Rayon's
/// `for_each_init` makes one for every split of the work, and clearing it takes longer than a small
/// task; here there are as many as tasks at work at a time.
pub(crate) struct Spares<T, F> {
    make: F,
    free: Mutex<Vec<T>>,
}

impl<T, F: Fn() -> T> Spares<T, F> {
    pub(crate) fn new(make: F) -> Self {
        Self { make, free: Mutex::new(Vec::new()) }
    }

    /// The workspace is as its last user left it.
    pub(crate) fn lend<R>(&self, task: impl FnOnce(&mut T) -> R) -> R {
        let spare = self.free().pop();
        let mut workspace = spare.unwrap_or_else(&self.make);
        let result = task(&mut workspace);
        self.free().push(workspace);
        result
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<T>> {
        self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
