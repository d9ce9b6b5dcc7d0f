//! How much of the heap a body may hold.

use std::sync::OnceLock;

/// Measures the heap, where the binary has an allocator that counts.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// Forgets the peak; gives what is allocated now, in bytes.
    pub start: fn() -> usize,
    /// The most that was allocated since, in bytes.
    pub peak: fn() -> usize,
}

/// Set once by a binary that counts.
pub static METER: OnceLock<Meter> = OnceLock::new();

/// Held whatever the input is: tables, messages of an oracle, a receive buffer.
const BASE: usize = 1 << 20;

/// Of every byte of the input there are several copies at a time: of the body, of what is tested,
/// and as text for a comparison.
const COPIES: usize = 256;

/// Runs a body over its input and checks that the heap follows the input's length, not a length
/// that it announces (G2). Bodies that receive more than their input check for themselves.
pub fn bounded(data: &[u8], body: impl FnOnce(&[u8])) {
    bounded_by(data.len(), || body(data));
}

/// The same for a body that makes up to so many bytes of its input.
pub fn bounded_by(bytes: usize, body: impl FnOnce()) {
    let Some(meter) = METER.get() else { return body() };
    let before = (meter.start)();
    body();
    let held = (meter.peak)().saturating_sub(before);
    assert!(held <= BASE + COPIES * bytes, "{held} bytes held for {bytes} of input");
}
