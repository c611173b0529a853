//! How the process holds memory.

/// Makes the process keep the memory it frees, for its next allocations. Call it first thing in a
/// program: once other threads run, it does nothing.
///
/// On the CPU, a network's step allocates and frees hundreds of large tensors. glibc returns such
/// memory to the system at once, and its pages come back one page fault at a time: a quarter of the
/// processor time of sampling 64 images. The allocators of other systems are left as they are.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1) {
        // Older versions of glibc refuse more than the second size.
        let mapped_from =
            [1 << 30, 32 << 20].into_iter().any(|size| set(libc::M_MMAP_THRESHOLD, size));
        if mapped_from {
            set(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}

/// Sets a parameter of glibc's allocator; returns whether glibc accepted it. There must be no other
/// thread that could read the parameter meanwhile.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn set(parameter: libc::c_int, value: libc::c_int) -> bool {
    // SAFETY: mallopt stores a number that only allocating threads read, and the caller is the only
    // thread.
    unsafe { libc::mallopt(parameter, value) == 1 }
}
