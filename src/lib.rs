//! A MySQL and MariaDB client written from the wire up.
//!
//! ```no_run
//! # async fn example() -> mywire::Result<()> {
//! use mywire::Session;
//!
//! let mut session = Session::connect("mysql://app:secret@127.0.0.1:3306/app_db").await?;
//!
//! // Rows are lent from the read buffer: no copy, no allocation, flat memory.
//! let mut rows = session.query("SELECT id, name FROM users", ()).await?;
//! while let Some(row) = rows.next().await? {
//!     let (id, name): (u64, &str) = row.decode()?;
//!     println!("{id} {name}");
//! }
//! let done = rows.finish().await?;
//! println!("{} warnings", done.warnings);
//!
//! let total: u64 = session.fetch_one("SELECT COUNT(*) FROM users", ()).await?;
//! # let _ = total;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - [`Session`] opens a session and runs statements; [`Rows`] streams what they return.
//! - `blocking`, behind the feature of that name, has the same for code without a runtime.
//! - [`Row::decode`] reads a row as a tuple, [`Row::get`] one value; [`FromValue`] lists the types.
//! - [`Config`] has the options and the form of URLs, [`SslMode`] what TLS does, [`Limits`] what a
//!   server may cost.
//! - [`Error`] says who is to blame, whether the session is still usable
//!   ([`Error::is_fatal`]), and whether the server can have executed something
//!   ([`Error::was_sent`]).
//!
//! # Layers
//!
//! ```text
//!   blocking           the session without `await`
//!      │
//!   session            sockets, names, timeouts: tokio, or std
//!      │
//!    proto             the connection as a state machine over bytes: buffers, TLS, limits
//!      │
//!   auth, value        credentials to bytes, bytes to values
//!      │
//!    wire              bytes to messages and back
//! ```
//!
//! [`proto`] and [`wire`] know no socket, no clock and no runtime. They are public for proxies,
//! recorders and fuzzers, and may change between 0.x minor versions.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `tokio` | yes | [`Session`] over tokio's sockets |
//! | `blocking` | no | `blocking::Session`: the same without a runtime |
//! | `stream` | no | [`Rows::into_stream`](Rows#method.into_stream): owned rows as a `futures` stream; turns on `tokio` |
//! | `codec` | no | `codec::PacketCodec` for `tokio_util`'s `Framed`: whole packets, for proxies |
//! | `tls` | yes | TLS by rustls; needs a provider: one of the next three, or the process's own |
//! | `ring` | yes | ring as rustls's provider; compiles a little C |
//! | `aws-lc-rs` | no | AWS-LC as rustls's provider, unless `ring` is on; compiles much C |
//! | `graviola` | no | graviola as rustls's provider, unless one of the others is on; no C, and x86-64 or aarch64 with newer instructions |
//! | `webpki-roots` | yes | Mozilla's CA certificates, for `VERIFY_IDENTITY` without a CA |
//! | `compress` | yes | compression of the bytes on the wire by zlib, for [`Config::compression`] |
//! | `zstd` | no | the same by Zstandard |
//! | `platform-verifier` | no | the operating system's trust, for [`Config::ssl_ca_system`] |
//! | `pool` | no | [`Pool`]: sessions that are kept, cleaned and handed out again |
//! | `tracing` | no | spans with OpenTelemetry's names for databases |
//! | `rsa` | no | caching_sha2_password's full login over plain TCP, sha256_password without TLS |
//! | `ed25519`, `parsec` | no | MariaDB's plugins of these names |
//! | `chrono`, `time`, `jiff` | no | the types of these crates as values of DATE, TIME, DATETIME and TIMESTAMP |
//! | `uuid` | no | `Uuid` as a value |
//! | `rust_decimal`, `bigdecimal` | no | the types of these crates as values of DECIMAL |
//! | `serde_json` | no | its `Value` as a value of JSON |
//! | `login-path` | no | [`OptionFiles`] read `.mylogin.cnf` |
//! | `cli` | no | the program `mywire`: nothing for the library |
//! | `serde` | no | [`Row::deserialize`](Row#method.deserialize): rows as types that derive `Deserialize` |
//!
//! A feature adds, and changes nothing that works without it.

mod attributes;
pub mod auth;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "codec")]
pub mod codec;
mod columns;
pub mod config;
pub mod error;
mod login;
mod named;
mod option_files;
mod params;
mod password_source;
pub mod proto;
mod row;
mod secret;
#[cfg(any(feature = "tokio", feature = "blocking"))]
#[cfg_attr(
    not(feature = "tokio"),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        reason = "the blocking front uses what it has a twin for"
    )
)]
mod session;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod setup;
mod sql;
#[cfg(feature = "tls")]
mod tls_config;
pub mod value;
pub mod wire;

pub use attributes::QueryAttributes;
pub use columns::{Column, Columns};
pub use config::{
    CertificateFingerprint, Compression, Config, ConfigError, Discard, Endpoint, Limits,
    PoolOptions, PoolReset, SslMode,
};
pub use error::{BulkDone, Error, Result, Sent};
pub use named::{NamedParams, NamedSql};
pub use option_files::{IgnoredFile, OptionFiles, ReadOptions};
pub use params::{Params, ParamsFromIter, params_from_iter};
pub use proto::{Done, TransactionState};
pub use row::{Batch, ColumnIndex, FromRow, OwnedRow, Row, RowReader};
pub use secret::Secret;
#[cfg(feature = "stream")]
pub use session::RowStream;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use session::{BulkRow, Cursor, IsolationLevel, Query, Statement, TransactionOptions};
#[cfg(feature = "tokio")]
pub use session::{CancelHandle, ChunkedRow, Field, Pipeline, Rows, Session, Transaction};
#[cfg(feature = "pool")]
pub use session::{Pool, PoolHooks, PoolStatus, PooledSession};
pub use value::{
    BulkValue, Date, DateTime, Decimal, FromValue, LongData, RawValue, Time, ToValue, Value,
};

/// The code blocks of the README, which compile as tests.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
