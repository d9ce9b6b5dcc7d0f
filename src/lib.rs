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
//! - [`Session`] opens a session and runs statements; [`Rows`] streams what they return.
//! - Who comes from another client finds their calls in [`guide::migrating`]; who carries the code
//!   on, or wonders how it works, the way of a row through it in [`guide::architecture`].
//! - The folder `examples/` of the repository has a small program for each of the parts below.
//!
//! # Connecting
//!
//! [`Session::connect`] takes a URL, [`Session::connect_with`] a [`Config`], which lists the options
//! and the keys of URLs. Nothing is read from the environment or from files unless the code says so.
//!
//! ```no_run
//! # async fn example() -> mywire::Result<()> {
//! use std::time::Duration;
//! use mywire::{Config, Session};
//!
//! let config: Config = "mysql://app@db.example.com/shop?time-zone=%2B00:00".parse()?;
//! let config = config.password_env("SHOP_PASSWORD").read_timeout(Duration::from_secs(30));
//! let session = Session::connect_with(&config).await?;
//! println!("{} as session {}", session.server_version(), session.connection_id());
//! session.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Streaming
//!
//! [`Rows::next`] lends one row, [`Rows::next_batch`] all rows that are in the read buffer. Nothing
//! is read before it is asked for, so memory stays flat and the server waits. [`Row::decode`] reads
//! a row as a tuple, [`Row::get`] one value by place or name, [`Row::reader`] value by value,
//! [`Row::to_owned`] keeps it. [`Session::fetch_one`], [`fetch_optional`](Session::fetch_optional)
//! and [`fetch_all`](Session::fetch_all) do a whole query in one call.
//!
//! ```no_run
//! # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
//! let mut longest = String::new();
//! let mut rows = session.query("SELECT name FROM users WHERE active = ?", (true,)).await?;
//! while let Some(batch) = rows.next_batch().await? {
//!     for row in batch {
//!         let name: &str = row?.get("name")?;
//!         if name.len() > longest.len() {
//!             longest = name.to_owned();
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Types
//!
//! [`FromValue`] lists what columns are read as, [`ToValue`] what parameters are made of. NULL needs
//! an `Option`; a number that does not fit is an error that names the column, never a wrong number.
//! [`Date`], [`DateTime`], [`Time`] and [`Decimal`] hold whatever a server can send, zero dates and
//! 65 digits included; features add the types of other crates. [`Value`] is a value of any type.
//!
//! ```no_run
//! # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
//! use mywire::{DateTime, Decimal, NamedSql};
//!
//! let sql = NamedSql::parse("SELECT at, total, note FROM orders WHERE id = :id")?;
//! let order: (DateTime, Decimal, Option<String>) =
//!     session.fetch_one(&sql, sql.bind(&[("id", &7)])?).await?;
//! # let _ = order;
//! # Ok(())
//! # }
//! ```
//!
//! SQL without parameters goes out as it is and comes back as text; with parameters it is prepared,
//! kept in the session's cache, and travels in binary. [`Session::prepare`] gives a [`Statement`] to
//! keep. [`Session::begin`] gives a [`Transaction`] that rolls back unless it is committed.
//!
//! # Errors
//!
//! [`Error`] says who is to blame, whether the session is still usable ([`Error::is_fatal`]),
//! whether the server can have executed something ([`Error::was_sent`]), and whether it may be tried
//! again ([`Error::is_retryable`]).
//!
//! ```no_run
//! # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
//! use mywire::Error;
//! use mywire::error::ServerErrorKind;
//!
//! match session.execute("INSERT INTO users (name) VALUES (?)", ("Ada",)).await {
//!     Ok(done) => println!("number {}", done.last_insert_id),
//!     Err(Error::Server(error)) if error.kind() == ServerErrorKind::DuplicateKey => {
//!         println!("there is one already: {}", error.message());
//!     }
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # TLS
//!
//! [`SslMode`] says what TLS does. Without a word about it a Unix socket has none, loopback prefers
//! it, and every other host requires it; once a CA or a pin is given, the server has to prove who it
//! is. MariaDB 11.4 and later do without either, by the account's password.
//!
//! ```no_run
//! # async fn example() -> mywire::Result<()> {
//! use mywire::{Config, Session};
//!
//! let config = Config::default().host("db.example.com").user("app").ssl_ca_file("/etc/shop/ca.pem");
//! let session = Session::connect_with(&config).await?;
//! assert!(session.is_encrypted());
//! # Ok(())
//! # }
//! ```
//!
//! # A pool
//!
//! [`Pool`], behind the feature `pool`, hands out sessions that are clean and alive.
//!
//! ```no_run
//! # #[cfg(feature = "pool")]
//! # async fn example() -> mywire::Result<()> {
//! let pool = mywire::Pool::new("mysql://app@127.0.0.1/shop?pool-max=20".parse()?)?;
//! let orders: u64 = pool.session().await?.fetch_one("SELECT COUNT(*) FROM orders", ()).await?;
//! # let _ = orders;
//! # Ok(())
//! # }
//! ```
//!
//! # Leaving and cancelling
//!
//! Every future may be dropped, and rows before their end: a later statement never sees an earlier
//! one's rows, and gigabytes that nobody wants are left in milliseconds ([`Rows::cancel`],
//! [`Discard`]). [`CancelHandle`] ends one statement from another task, and never the one after it;
//! [`Config::statement_timeout`] and its kin do it by the clock.
//!
//! ```no_run
//! # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
//! let mut rows = session.query("SELECT * FROM big", ()).await?;
//! if let Some(first) = rows.next().await? {
//!     println!("{} columns", first.columns().len());
//! }
//! rows.cancel().await?;
//! session.ping().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Many at once
//!
//! [`Session::pipeline`] sends commands without waiting for the replies of those before,
//! [`Session::bulk`] one statement with many rows of parameters, [`Session::load_local`] what a
//! reader gives to LOAD DATA LOCAL INFILE.
//!
//! ```no_run
//! # async fn example(session: &mut mywire::Session) -> mywire::Result<()> {
//! let insert = session.prepare("INSERT INTO points (x, y) VALUES (?, ?)").await?;
//! let done = session.bulk(&insert, (0..10_000).map(|x| (x, x * x))).await?;
//! println!("{} rows", done.affected_rows);
//! # Ok(())
//! # }
//! ```
//!
//! # Big values
//!
//! [`Rows::next_chunked`] gives a row value by value and each value piece by piece, or as an
//! `AsyncRead`, so that a value of gigabytes passes through a small buffer.
//! [`Session::send_long_data`] sends one.
//!
//! ```no_run
//! # async fn example(session: &mut mywire::Session, mut file: tokio::fs::File)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let mut rows = session.query("SELECT content FROM files WHERE id = 7", ()).await?;
//! if let Some(mut row) = rows.next_chunked().await?
//!     && let Some(mut content) = row.next_field().await?
//! {
//!     tokio::io::copy(&mut content, &mut file).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Without a runtime
//!
//! [`blocking`], behind the feature of that name, has the same names without `await`, over the same
//! code.
//!
//! # Without a socket: fuzzing, proxies, recorders
//!
//! [`proto::Connection`] is the whole session as a state machine over bytes, and [`wire`] has every
//! message with `decode` and `encode`. Neither knows a socket, a clock or a runtime. `codec`, behind
//! its feature, has whole packets for `tokio_util`'s `Framed`.
//!
//! ```
//! use mywire::Limits;
//! use mywire::proto::{Connection, Login, Step};
//!
//! /// Whatever a server says, a connection answers with a step or an error.
//! fn fuzz(mut input: &[u8]) {
//!     let mut connection = Connection::new(Login::new("app", "secret"), Limits::default());
//!     loop {
//!         match connection.step() {
//!             Ok(Step::NeedInput) => {
//!                 let spare = connection.spare();
//!                 let n = spare.len().min(input.len());
//!                 spare[..n].copy_from_slice(&input[..n]);
//!                 input = &input[n..];
//!                 connection.received(n); // 0 is the end of the input
//!                 let sent = connection.send_buf().len();
//!                 connection.sent(sent);
//!             }
//!             Ok(Step::Connected) => connection.query(b"SELECT 1").expect("nothing is due"),
//!             Ok(Step::Idle) | Err(_) => break,
//!             Ok(_) => {}
//!         }
//!     }
//! }
//!
//! fuzz(b"\x04\0\0\0 no greeting");
//! ```
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
//! [`proto`] and [`wire`] are public for proxies, recorders and fuzzers, and may change between 0.x
//! minor versions. [`guide::architecture`] has the rest.
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
//! | `simdutf8` | yes | checks long texts to be UTF-8 by SIMD |
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
#[cfg(all(doc, feature = "tokio"))]
pub mod guide;
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
