//! An allocator that counts what a process asks for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator with a count. It only makes sense as the global one of a test binary with one test in it.
#[derive(Debug, Clone, Copy)]
pub struct Counting;

/// Bytes allocated now; 0 where [`Counting`] is not the global allocator.
pub fn allocated() -> usize {
    NOW.load(Ordering::Relaxed)
}

/// Most bytes allocated at once since [`forget_most`].
pub fn most_allocated() -> usize {
    MOST.load(Ordering::Relaxed)
}

/// Begins to look for the most anew.
pub fn forget_most() {
    MOST.store(allocated(), Ordering::Relaxed);
}

fn grew(bytes: usize) {
    MOST.fetch_max(NOW.fetch_add(bytes, Ordering::Relaxed) + bytes, Ordering::Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it came; only numbers are kept besides.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
