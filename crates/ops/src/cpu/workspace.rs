//! Working memory that parallel tasks hand on.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lends each task a workspace that no other task is using, and makes one if all are lent. There
/// are as many as tasks run at a time. Rayon's `for_each_init` makes one for every split of the
/// work, and clearing it takes longer than a small task.
pub(crate) struct WorkspacePool<T, F> {
    make: F,
    free: Mutex<Vec<T>>,
}

impl<T, F: Fn() -> T> WorkspacePool<T, F> {
    pub(crate) fn new(make: F) -> Self {
        Self { make, free: Mutex::new(Vec::new()) }
    }

    /// Runs the task with a workspace, which is as its last user left it.
    pub(crate) fn lend<R>(&self, task: impl FnOnce(&mut T) -> R) -> R {
        let free = self.free().pop();
        let mut workspace = free.unwrap_or_else(&self.make);
        let result = task(&mut workspace);
        self.free().push(workspace);
        result
    }

    fn free(&self) -> MutexGuard<'_, Vec<T>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
