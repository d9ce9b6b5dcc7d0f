//! The connection as a state machine over bytes: no socket, no clock, no runtime.
//!
//! [`Connection`] takes bytes as they come from the server and gives bytes to send. What came is
//! asked for step by step, then looked at through views that borrow from the receive buffer:
//!
//! ```text
//!        spare() / received(n)                     send_buf() / sent(n)
//!   bytes ───────────────▶ ┌────────────────────┐ ────────────────▶ bytes
//!                          │ TLS, compression    │
//!   query(), ping() … ───▶ │       packets       │ ───▶ step() ─▶ Step
//!                          │       state         │      row(), columns(), done()
//!                          └────────────────────┘
//! ```
//!
//! All progress lives here: a front that is dropped in the middle of anything loses nothing.
//!
//! This module may change between 0.x minor versions.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

mod change_user;
mod command;
#[cfg_attr(not(feature = "compress"), path = "compress/absent.rs")]
mod compress;
mod connect;
mod connection;
mod exchange;
mod field;
mod infile;
mod known;
mod peek;
mod recv;
#[cfg(any(feature = "tokio", feature = "blocking"))]
mod replay;
mod send;
mod server_info;
#[cfg(feature = "tls")]
mod server_proof;
#[cfg(feature = "tls")]
mod tls;
mod tracked;
mod transport;
mod view;
mod watch;

#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) use command::MAX_UNANSWERED;
pub use connect::{Login, TlsPlan, Transport};
pub use connection::{Connection, Step};
pub use exchange::Done;
pub use field::FieldHead;
#[cfg(any(feature = "tokio", feature = "blocking"))]
pub(crate) use replay::Kept;
pub use server_info::ServerInfo;
#[cfg(feature = "tls")]
pub use tls::TlsClient;
pub use tracked::TransactionState;

use crate::auth::AuthError;
use crate::error::{ProtocolErrorKind, TlsError};
use crate::wire::{DecodeError, EncodeError};

/// What ends a connection, before the circumstances are added to it.
#[derive(Debug)]
enum Fault {
    Protocol(ProtocolErrorKind),
    /// The payload of an ERR packet with the wrong sequence id (F-06).
    MisplacedError(Vec<u8>),
    Auth(AuthError),
    Tls(TlsError),
    /// A value of the login that the protocol cannot carry.
    Encode(EncodeError),
}

impl From<ProtocolErrorKind> for Fault {
    fn from(kind: ProtocolErrorKind) -> Self {
        Self::Protocol(kind)
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<AuthError> for Fault {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<TlsError> for Fault {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<EncodeError> for Fault {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
