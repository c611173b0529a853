//! How the process holds memory.

/// Makes the process keep what it frees for what it allocates next; to be called as a program begins.
/// Where there are other threads already it does nothing.
///
/// A step of a network on the CPU allocates and frees large tensors by the hundred. glibc gives such
/// back to the system at once and takes their pages again one fault at a time, a quarter of the processor
/// time of drawing 64 images. Other systems' allocators are left as they are.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1) {
        // Older versions refuse more than the second.
        let mapped_from =
            [1 << 30, 32 << 20].into_iter().any(|size| set(libc::M_MMAP_THRESHOLD, size));
        if mapped_from {
            set(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}

/// Whether glibc took it. There must be no other thread, which might read what is written here.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn set(parameter: libc::c_int, value: libc::c_int) -> bool {
    // SAFETY: it stores a number that only allocating threads read, and the caller is the only one.
    unsafe { libc::mallopt(parameter, value) == 1 }
}
