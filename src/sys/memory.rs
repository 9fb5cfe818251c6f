//! How memory goes back to the system.

/// From this size on, what is freed is the system's again at once, and what is asked for takes none before it is written to.
const LARGE: libc::c_int = 1024 * 1024;

/// Has the allocator do so. By itself it learns from each large block that is freed to keep the next one, and a recorder that is told of
/// frames of many sizes ends with twice the memory that it uses. To be called before there are threads.
pub fn give_back_large() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes two numbers and keeps nothing of ours; there is no other thread yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
