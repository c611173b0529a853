//! How the process holds memory.

/// Makes the process keep what it frees for what it allocates next; to be called as a program that
/// computes on the CPU begins.
///
/// A step of a network allocates and frees large tensors by the hundred. glibc gives such back to the
/// system at once and takes their pages again one fault at a time, a sixth of the time of drawing 64
/// images. Other systems' allocators are left as they are.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGEST: libc::c_int = 1 << 30;
        // SAFETY: they store numbers, and no other thread of the program is there yet to read them.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}
