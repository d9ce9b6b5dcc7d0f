//! The bodies of the fuzz targets, and what they are made of.
//!
//! Nothing here needs libFuzzer: `tests/fuzz_corpus.rs` and `tests/split_reads.rs` of the crate
//! include this file and run the same bodies under plain `cargo test`.

pub mod auth;
pub mod chunked;
pub mod columns;
#[cfg(feature = "compress")]
pub mod compressed;
pub mod conversation;
pub mod drive;
pub mod factors;
#[cfg(feature = "compress")]
pub mod frames;
pub mod handshake;
pub mod messages;
pub mod meter;
pub mod named;
pub mod option_files;
pub mod recorded;
pub mod rows;
pub mod server;
#[cfg(feature = "codec")]
pub mod server_side;
#[cfg(feature = "tokio")]
pub mod session;
#[cfg(feature = "tokio")]
pub mod session_server;
pub mod session_state;
pub mod source;
pub mod url;
pub mod values;
#[path = "../../tests/support/vectors.rs"]
pub mod vectors;

/// A fuzz target of libFuzzer: an allocator that counts, and the body.
#[macro_export]
macro_rules! target {
    ($body:path) => {
        #[global_allocator]
        static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

        libfuzzer_sys::fuzz_target!(
            init: {
                let meter = mywire_fuzz::meter::Meter {
                    start: counting_alloc::start,
                    peak: counting_alloc::peak,
                };
                mywire_fuzz::meter::METER.set(meter).expect("it is set once");
            },
            |data: &[u8]| $body(data)
        );
    };
}
