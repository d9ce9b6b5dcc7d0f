//! Compression of what goes over the wire.

use std::fmt;
use std::str::FromStr;

use super::{Config, ConfigError};

/// How what goes over the wire can be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// zlib, which MySQL and MariaDB have. Needs the feature `compress`.
    Zlib,
    /// Zstandard, which MySQL has from 8.0.18 on. Needs the feature `zstd`.
    Zstd,
}

/// Which compression a connection wants, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressionOptions {
    /// What may be used, the best first. None is the default.
    pub algorithms: Vec<Compression>,
    /// How hard to try; `None` is the algorithm's own default.
    pub level: Option<u8>,
    /// The least number of bytes that is worth compressing.
    pub threshold: usize,
}

impl Compression {
    /// The highest level, which Zstandard has.
    pub const MAX_LEVEL: u8 = 22;

    /// 50 bytes, where servers and the C libraries begin (F-36).
    pub const DEFAULT_THRESHOLD: usize = 50;

    /// The algorithm's name, as URLs and MySQL have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
        }
    }

    /// The feature that it takes, if this build lacks it.
    pub(crate) const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::Zlib if !cfg!(feature = "compress") => Some("compress"),
            Self::Zstd if !cfg!(feature = "zstd") => Some("zstd"),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text.to_ascii_lowercase().as_str() {
            "zlib" => Ok(Self::Zlib),
            "zstd" => Ok(Self::Zstd),
            _ => Err(ConfigError::new("A compression is `zlib` or `zstd`.")),
        }
    }
}

impl Default for CompressionOptions {
    fn default() -> Self {
        let threshold = Compression::DEFAULT_THRESHOLD;
        Self { algorithms: Vec::new(), level: None, threshold }
    }
}

impl CompressionOptions {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for algorithm in &self.algorithms {
            if let Some(feature) = algorithm.missing_feature() {
                return Err(ConfigError::new(format!(
                    "The compression {algorithm} needs mywire's feature `{feature}`: build with it, \
                     or leave the compression out."
                )));
            }
        }
        match self.level {
            Some(level) if !(1..=Compression::MAX_LEVEL).contains(&level) => {
                Err(ConfigError::new(format!(
                    "The compression level is 1 to 9 for zlib and 1 to {} for zstd.",
                    Compression::MAX_LEVEL
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Config {
    /// Sets what may compress the bytes on the wire, the best first; nothing by default.
    ///
    /// The first that the server offers too is used, and none if it offers none of them:
    /// `Session::compression` tells which. It saves bandwidth and costs both sides time: on a fast
    /// network it is slower than none. A session holds some 400 KiB more for it, and up to 25 MiB
    /// while a frame of zstd that needs its largest window is read. What an eavesdropper learns from
    /// the lengths of compressed data is more than from plain ones, TLS or not.
    pub fn compression(mut self, algorithms: impl IntoIterator<Item = Compression>) -> Self {
        self.compression.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets how hard compression tries: 1 to 9 for zlib, 1 to 22 for zstd. More than an algorithm's
    /// highest level is its highest.
    ///
    /// With zlib it is the client's level, by default 6, and the server has its own. With zstd it is
    /// the server's (F-41), by default 3, and the client always takes its fastest.
    pub fn compression_level(mut self, level: u8) -> Self {
        self.compression.level = Some(level);
        self
    }

    /// Sets the least number of bytes that are compressed when they are sent together; what is less
    /// goes out as it is. [`Compression::DEFAULT_THRESHOLD`] by default.
    pub fn compression_threshold(mut self, bytes: usize) -> Self {
        self.compression.threshold = bytes;
        self
    }

    /// Allows the session's `load_local` to give the server data for `LOAD DATA LOCAL`; `false` by
    /// default.
    ///
    /// Only what a call to it reads is ever sent: no file is opened because a server asks for it
    /// (T-01). Any other request for a file is refused.
    pub fn local_infile(mut self, allow: bool) -> Self {
        self.local_infile = allow;
        self
    }
}
