//! Bytes to message structs and back: no state, no I/O, no allocation when decoding.
//!
//! Every message is a plain struct whose fields borrow from the payload, with an inherent `decode`
//! and an inherent `encode`. A payload is one logical packet: [`packet`] cuts and joins the physical
//! ones. What a payload means depends on the state of the conversation, never on its first byte
//! alone, so the caller says which message it expects; see [`crate::proto`].
//!
//! This module may change between 0.x minor versions. The layouts are described in
//! `protocol-spec/`.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "a test may fail loudly"
    )
)]

pub mod attributes;
pub mod auth;
pub mod binary_row;
pub mod bulk;
pub mod capability;
pub mod change_user;
pub(crate) mod charset;
pub mod code;
pub mod column;
pub mod command;
pub mod compressed;
pub mod error;
pub mod greeting;
pub mod infile;
pub mod login;
pub mod packet;
pub mod reader;
pub mod reply;
pub mod session_state;
pub mod statement;
pub mod text_row;
pub(crate) mod writer;

pub use auth::{AuthMoreData, AuthNextFactor, AuthSwitchRequest};
pub use binary_row::BinaryRow;
pub use bulk::{BulkExecute, BulkRows, Indicator};
pub use capability::Capabilities;
pub use change_user::ChangeUser;
pub use code::{ColumnFlags, ColumnType, StatusFlags};
pub use column::{ColumnDefinition, ExtendedMetadata, ResultSetHeader};
pub use command::Command;
pub use compressed::CompressedHeader;
pub use error::{DecodeError, EncodeError, Malformed, Unencodable};
pub use greeting::Greeting;
pub use infile::LocalInfileRequest;
pub use login::{ConnectAttributes, LoginRequest, SslRequest};
pub use packet::PacketHeader;
pub use reply::{EofPacket, ErrPacket, OkPacket, ProgressReport};
pub use session_state::{SessionState, StateChange};
pub use statement::{Execute, Parameters, PrepareOk};
pub use text_row::TextRow;
