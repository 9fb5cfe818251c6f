//! Drawing and shrinking allocate nothing from Rust's heap once they are warm.
#![allow(unsafe_code)]

use camcast::jpeg::Size;
use camcast::picture::{self, Pattern, RawEncoder, RawFormat, Scale, Scaler, Shrink};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is the system allocator's condition.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(mut work: impl FnMut()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn a_frame_costs_no_allocation() {
    let mut pattern = Pattern::new(Size { width: 641, height: 481 }, Pattern::QUALITY).unwrap();
    let drawn =
        allocations(|| (0..50).for_each(|number| assert!(pattern.draw(number, "12:34:56.789").is_ok())));
    assert_eq!(drawn, 0);
}

#[test]
fn a_shrunk_frame_costs_no_allocation() {
    let mut pattern = Pattern::new(Size { width: 640, height: 480 }, Pattern::QUALITY).unwrap();
    let jpeg = pattern.draw(1, "12:34:56.789").unwrap();
    let mut shrink = Shrink::new(20_000).unwrap();
    // Until it has settled: a climb to a larger scale needs larger buffers.
    (0..300).for_each(|_| assert!(shrink.shrink(jpeg).is_ok()));
    let shrunk = allocations(|| (0..100).for_each(|_| assert!(shrink.shrink(jpeg).is_ok())));
    assert_eq!(shrunk, 0);
}

#[test]
fn a_frame_made_smaller_costs_no_allocation() {
    let mut pattern = Pattern::new(Size { width: 641, height: 481 }, Pattern::QUALITY).unwrap();
    let jpeg = pattern.draw(1, "12:34:56.789").unwrap();
    let mut scaler = Scaler::new().unwrap();
    let scales = [Scale::HALF, Scale::QUARTER, Scale::SMALLEST];
    let mut each = || scales.iter().for_each(|scale| assert!(scaler.shrink(jpeg, *scale).is_ok()));
    each();
    assert_eq!(allocations(|| (0..50).for_each(|_| each())), 0);
}

#[test]
fn a_raw_frame_costs_no_allocation() {
    for layout in [picture::Layout::Yuyv, picture::Layout::Nv12, picture::Layout::Yu12] {
        for is_full_range in [false, true] {
            let format = RawFormat::new(layout, Size { width: 641, height: 481 }, 0, is_full_range).unwrap();
            let mut encoder = RawEncoder::new(format, RawEncoder::QUALITY).unwrap();
            let bytes: Vec<u8> = (0..format.bytes()).map(|at| (at / 7) as u8).collect();
            let made = allocations(|| (0..50).for_each(|_| assert!(encoder.encode(&bytes).is_ok())));
            assert_eq!(made, 0, "{layout:?}");
        }
    }
}
