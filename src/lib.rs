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
//! | `tls` | yes | TLS by rustls; needs a provider: `ring`, or the process's own |
//! | `ring` | yes | ring as rustls's provider; compiles a little C |
//! | `webpki-roots` | yes | Mozilla's CA certificates, for `VERIFY_IDENTITY` without a CA |
//! | `rsa` | no | caching_sha2_password's full login over plain TCP |
//! | `chrono`, `time`, `jiff` | no | the types of these crates as values of DATE, TIME, DATETIME and TIMESTAMP |
//! | `uuid` | no | `Uuid` as a value |
//! | `rust_decimal`, `bigdecimal` | no | the types of these crates as values of DECIMAL |
//! | `serde_json` | no | its `Value` as a value of JSON |
//! | `serde` | no | [`Row::deserialize`](Row#method.deserialize): rows as types that derive `Deserialize` |
//!
//! A feature adds, and changes nothing that works without it.

pub mod auth;
#[cfg(feature = "blocking")]
pub mod blocking;
mod columns;
pub mod config;
pub mod error;
mod login;
mod named;
mod params;
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
#[cfg(feature = "tls")]
mod tls_config;
pub mod value;
pub mod wire;

pub use columns::{Column, Columns};
pub use config::{Config, ConfigError, Endpoint, Limits, SslMode};
pub use error::{BulkDone, Error, Result, Sent};
pub use named::{NamedParams, NamedSql};
pub use params::{Params, ParamsFromIter, params_from_iter};
pub use proto::Done;
pub use row::{Batch, ColumnIndex, FromRow, OwnedRow, Row};
pub use secret::Secret;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub use session::{BulkRow, Cursor, IsolationLevel, Query, Statement, TransactionOptions};
#[cfg(feature = "tokio")]
pub use session::{ChunkedRow, Field, Pipeline, Rows, Session, Transaction};
pub use value::{
    BulkValue, Date, DateTime, Decimal, FromValue, LongData, RawValue, Time, ToValue, Value,
};

/// The code blocks of the README, which compile as tests.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
