//! An allocator that counts, for each thread: how often, how much now, how much at most; and that
//! looks for bytes in what is freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    /// Wraps below 0 when a thread frees what another one allocated.
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static NEEDLE: Cell<&'static [u8]> = const { Cell::new(&[]) };
    static SIGHTINGS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counted.
#[derive(Debug)]
pub struct Counting;

/// How often memory was asked for, growing included.
pub fn calls() -> usize {
    CALLS.get()
}

/// Bytes allocated now.
pub fn live() -> usize {
    LIVE.get()
}

/// Forgets the peak; gives the bytes allocated now.
pub fn start() -> usize {
    PEAK.set(LIVE.get());
    LIVE.get()
}

/// The most bytes allocated at once since [`start`].
pub fn peak() -> usize {
    PEAK.get()
}

/// From now on, blocks that this thread frees are searched for these bytes; for none, no longer.
pub fn watch_for(needle: &'static [u8]) {
    NEEDLE.set(needle);
    SIGHTINGS.set(0);
}

/// How many blocks were freed with the bytes in them since [`watch_for`].
pub fn sightings() -> usize {
    SIGHTINGS.get()
}

fn look_at(block: &[u8]) {
    let needle = NEEDLE.get();
    if !needle.is_empty() && block.windows(needle.len()).any(|window| window == needle) {
        SIGHTINGS.set(SIGHTINGS.get() + 1);
    }
}

fn grew(bytes: usize) {
    CALLS.set(CALLS.get() + 1);
    let live = LIVE.get().wrapping_add(bytes);
    LIVE.set(live);
    // A count below 0 is no peak.
    if live > PEAK.get() && live < usize::MAX / 2 {
        PEAK.set(live);
    }
}

fn shrank(bytes: usize) {
    LIVE.set(LIVE.get().wrapping_sub(bytes));
}

// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrank(layout.size());
        // What was never written is read as well: it is 0 or old, and only compared.
        look_at(unsafe { std::slice::from_raw_parts(pointer, layout.size()) });
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        look_at(unsafe { std::slice::from_raw_parts(pointer, layout.size()) });
        // Both blocks exist while the bytes move.
        grew(size);
        shrank(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}
