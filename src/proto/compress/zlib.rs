//! zlib, by flate2.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::codec::Inflated;
use crate::error::BadFrame;

/// The most that a frame's output grows by at a time, in bytes.
const GROWTH: usize = 32 << 10;

/// The level of a client that names none, zlib's own default.
const DEFAULT_LEVEL: u8 = 6;
const MAX_LEVEL: u8 = 9;

#[derive(Debug)]
pub(super) struct Inflater(Decompress);

impl Inflater {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Gets ready for another frame.
    pub(super) fn reset(&mut self) {
        self.0.reset(true);
    }

    pub(super) fn inflate(&mut self, body: &[u8], out: &mut [u8]) -> Inflated {
        let (taken, made) = (self.0.total_in(), self.0.total_out());
        let outcome = self.0.decompress(body, out, FlushDecompress::None);
        let since = |now: u64, before| usize::try_from(now.saturating_sub(before)).unwrap_or(0);
        Inflated {
            taken: since(self.0.total_in(), taken),
            made: since(self.0.total_out(), made),
            ended: outcome.map(|status| status == Status::StreamEnd).map_err(|_| BadFrame::Corrupt),
        }
    }
}

#[derive(Debug)]
pub(super) struct Deflater(Compress);

impl Deflater {
    pub(super) fn new(level: Option<u8>) -> Self {
        let level = level.unwrap_or(DEFAULT_LEVEL).min(MAX_LEVEL);
        Self(Compress::new(Compression::new(level.into()), true))
    }

    /// Appends `plain` as one zlib stream; `false` if that is not shorter. Then what was appended
    /// is of no use.
    pub(super) fn deflate(&mut self, plain: &[u8], out: &mut Vec<u8>) -> bool {
        self.0.reset();
        let start = out.len();
        loop {
            let taken = usize::try_from(self.0.total_in()).unwrap_or(usize::MAX);
            let rest = plain.get(taken..).unwrap_or_default();
            out.reserve(GROWTH.min(plain.len()));
            match self.0.compress_vec(rest, out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return out.len() - start < plain.len(),
                Ok(_) if out.len() - start < plain.len() => {}
                _ => return false,
            }
        }
    }
}
