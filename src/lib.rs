//! A MySQL and MariaDB client written from the wire up.

pub mod auth;
mod columns;
pub mod config;
pub mod error;
mod login;
pub mod proto;
mod row;
mod secret;
#[cfg(feature = "tokio")]
mod session;
#[cfg(feature = "tls")]
mod tls_config;
pub mod value;
pub mod wire;

pub use columns::{Column, Columns};
pub use config::{Config, ConfigError, Endpoint, Limits, SslMode};
pub use error::{Error, Result, Sent};
pub use proto::Done;
pub use row::{Batch, ColumnIndex, FromRow, OwnedRow, Row};
pub use secret::Secret;
#[cfg(feature = "tokio")]
pub use session::{Params, Rows, Session};
pub use value::{FromValue, RawValue};
