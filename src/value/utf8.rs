//! Bytes that are to be UTF-8.

/// From how many bytes on a check with wide registers costs less than one without, in bytes.
#[cfg(feature = "simdutf8")]
const WIDE: usize = 64;

/// The text that the bytes are, if they are UTF-8.
#[inline(always)]
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    #[cfg(feature = "simdutf8")]
    if bytes.len() >= WIDE {
        return simdutf8::basic::from_utf8(bytes).ok();
    }
    std::str::from_utf8(bytes).ok()
}
