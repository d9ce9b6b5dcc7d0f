//! The algorithms, behind one face.

use super::zlib;
#[cfg(feature = "zstd")]
use super::zstd;
use crate::config::Compression;
use crate::error::BadFrame;

/// What a look at a frame's data made of them.
pub(super) struct Inflated {
    /// Bytes of the frame that are done with.
    pub(super) taken: usize,
    /// Bytes of output.
    pub(super) made: usize,
    /// Whether the data are over, or what is wrong behind the output made.
    pub(super) ended: Result<bool, BadFrame>,
}

#[derive(Debug)]
pub(super) enum Inflater {
    Zlib(zlib::Inflater),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::Inflater>),
}

impl Inflater {
    pub(super) fn new(algorithm: Compression) -> Self {
        match algorithm {
            #[cfg(feature = "zstd")]
            Compression::Zstd => Self::Zstd(Box::default()),
            _ => Self::Zlib(zlib::Inflater::new()),
        }
    }

    /// Gets ready for another frame.
    pub(super) fn reset(&mut self) {
        match self {
            Self::Zlib(zlib) => zlib.reset(),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.reset(),
        }
    }

    /// Decompresses what is there of a frame as far as `out` has space for it. Without progress
    /// either more of the frame is needed or more space.
    pub(super) fn inflate(&mut self, body: &[u8], out: &mut [u8]) -> Inflated {
        match self {
            Self::Zlib(zlib) => zlib.inflate(body, out),
            #[cfg(feature = "zstd")]
            Self::Zstd(zstd) => zstd.inflate(body, out),
        }
    }
}

#[derive(Debug)]
pub(super) enum Deflater {
    Zlib(zlib::Deflater),
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Deflater {
    pub(super) fn new(algorithm: Compression, level: Option<u8>) -> Self {
        match algorithm {
            #[cfg(feature = "zstd")]
            Compression::Zstd => Self::Zstd,
            _ => Self::Zlib(zlib::Deflater::new(level)),
        }
    }

    /// Appends `plain` compressed; `false` if that is not shorter. Then what was appended is of no
    /// use.
    pub(super) fn deflate(&mut self, plain: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Zlib(zlib) => zlib.deflate(plain, out),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::deflate(plain, out),
        }
    }
}
