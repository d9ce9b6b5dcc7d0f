//! The bodies of the fuzz targets, and what they are made of.
//!
//! Nothing here needs libFuzzer: `tests/fuzz_corpus.rs` and `tests/split_reads.rs` of the crate
//! include this file and run the same bodies under plain `cargo test`.

#[cfg(feature = "compress")]
pub mod compressed;
pub mod drive;
#[cfg(feature = "compress")]
pub mod frames;
pub mod handshake;
pub mod reply;
pub mod server;
pub mod session;
pub mod source;
