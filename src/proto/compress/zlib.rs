//! zlib, by miniz_oxide.
//!
//! Its core is used rather than a stream over it, such as flate2's: those lose what was decoded in
//! front of an error, or do not, depending on how the input was cut (G6).

use std::fmt;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::codec::Inflated;
use crate::error::BadFrame;

/// How far back deflate's copies reach, in bytes.
const WINDOW: usize = 32 << 10;

/// The most that a frame's output grows by at a time, in bytes.
const GROWTH: usize = 32 << 10;

/// The level of a client that names none, zlib's own default.
const DEFAULT_LEVEL: u8 = 6;
const MAX_LEVEL: u8 = 9;

const INFLATE_FLAGS: u32 =
    TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32 | TINFL_FLAG_HAS_MORE_INPUT;

pub(super) struct Inflater {
    core: Box<DecompressorOxide>,
    /// The last output, in a ring. `[start, end)` is not taken yet.
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// How the data ended.
    ended: Option<Result<bool, BadFrame>>,
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { core: Box::default(), window: vec![0; WINDOW], start: 0, end: 0, ended: None }
    }

    /// Gets ready for another frame.
    pub(super) fn reset(&mut self) {
        self.core.init();
        self.start = 0;
        self.end = 0;
        self.ended = None;
    }

    pub(super) fn inflate(&mut self, body: &[u8], out: &mut [u8]) -> Inflated {
        let (mut taken, mut made) = (0, 0);
        loop {
            made += self.take(out.get_mut(made..).unwrap_or_default());
            if self.start < self.end {
                return Inflated { taken, made, ended: Ok(false) };
            }
            if let Some(ended) = self.ended {
                return Inflated { taken, made, ended };
            }
            if self.end == WINDOW {
                self.end = 0;
            }
            self.start = self.end;
            let rest = body.get(taken..).unwrap_or_default();
            let (status, read, written) =
                decompress(&mut self.core, rest, &mut self.window, self.end, INFLATE_FLAGS);
            taken += read;
            self.end += written;
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if written > 0 => {}
                TINFLStatus::NeedsMoreInput => return Inflated { taken, made, ended: Ok(false) },
                TINFLStatus::Done => self.ended = Some(Ok(true)),
                _ => self.ended = Some(Err(BadFrame::Corrupt)),
            }
        }
    }

    /// Takes what there is of the output, as far as there is space for it.
    fn take(&mut self, out: &mut [u8]) -> usize {
        let ready = self.window.get(self.start..self.end).unwrap_or_default();
        let len = ready.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..len), ready.get(..len)) {
            to.copy_from_slice(from);
        }
        self.start += len;
        len
    }
}

pub(super) struct Deflater(Box<CompressorOxide>);

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deflater").finish_non_exhaustive()
    }
}

impl Deflater {
    pub(super) fn new(level: Option<u8>) -> Self {
        let level = level.unwrap_or(DEFAULT_LEVEL).min(MAX_LEVEL);
        // With zlib's header, and the default strategy.
        let flags = create_comp_flags_from_zip_params(level.into(), 1, 0);
        Self(Box::new(CompressorOxide::new(flags)))
    }

    /// Appends `plain` as one zlib stream; `false` if that is not shorter. Then what was appended
    /// is of no use.
    pub(super) fn deflate(&mut self, plain: &[u8], out: &mut Vec<u8>) -> bool {
        self.0.reset();
        let start = out.len();
        let (mut taken, mut made) = (0, 0);
        loop {
            out.resize(start + made + GROWTH.min(plain.len().max(1)), 0);
            let space = out.get_mut(start + made..).unwrap_or_default();
            let rest = plain.get(taken..).unwrap_or_default();
            let (status, read, written) = compress(&mut self.0, rest, space, TDEFLFlush::Finish);
            taken += read;
            made += written;
            match status {
                TDEFLStatus::Done => {
                    out.truncate(start + made);
                    return made < plain.len();
                }
                TDEFLStatus::Okay if made < plain.len() => {}
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-39: the documentation's example.
    #[test]
    fn f39_the_example_of_the_documentation() {
        let body = b"\x78\x9c\xd3\x63\x60\x60\x60\x2e\x4e\xcd\x49\x4d\x2e\x51\x50\x32\x30\
            \x34\x32\x36\x31\x35\x33\xb7\xb0\xc4\xcd\x52\x02\x00\x0c\xd1\x0a\x6c";
        let plain = b"\x2e\0\0\0\x03select \"012345678901234567890123456789012345\"";
        for piece in [1, 5, body.len()] {
            let mut inflater = Inflater::new();
            inflater.reset();
            let (mut out, mut at, mut ended) = ([0; 60], 0, false);
            for part in body.chunks(piece) {
                let Inflated { taken, made, ended: end } = inflater.inflate(part, &mut out[at..]);
                assert_eq!(taken, part.len());
                at += made;
                ended = end.unwrap();
            }
            assert!(ended);
            assert_eq!(out[..at], plain[..]);
        }
    }

    #[test]
    fn what_does_not_get_shorter_says_so() {
        let mut deflater = Deflater::new(None);
        let mut out = b"before".to_vec();
        assert!(!deflater.deflate(b"abc", &mut out));
        out.truncate(6);
        let plain = [7; 100_000];
        assert!(deflater.deflate(&plain, &mut out));
        let mut inflater = Inflater::new();
        let mut back = vec![0; plain.len()];
        let inflated = inflater.inflate(&out[6..], &mut back);
        assert_eq!((inflated.made, inflated.taken), (plain.len(), out.len() - 6));
        assert!(back == plain);
    }
}
