//! The allocator that programs are to use.

pub use mimalloc::MiMalloc as Allocator;

/// Makes [`Allocator`] keep what is freed for what is allocated next; to be called as the program
/// begins.
///
/// A step of a network allocates and frees large tensors by the hundred. Given back to the system,
/// their pages are taken again one fault at a time, which takes up to a quarter of a training step.
pub fn keep_freed_memory() {
    /// `mi_option_purge_delay`, which the bindings do not name.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    const NEVER: std::ffi::c_long = -1;
    // SAFETY: it stores a number; any thread may do so at any time.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, NEVER);
    }
}
