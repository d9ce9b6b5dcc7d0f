//! Everything that can go wrong, sorted by who is to blame.

mod bulk;
mod column;
mod io;
mod param;
mod protocol;
pub(crate) mod server;
mod timeout;
mod usage;

use std::fmt;

pub use bulk::{BulkDone, BulkError};
pub use column::{ColumnError, ValueError};
pub use io::{IoError, IoTask};
pub use param::ParamError;
pub use protocol::{BadFrame, Lost, ProtocolError, ProtocolErrorKind};
pub use server::{ServerError, ServerErrorKind};
pub use timeout::{Timeout, TimeoutError};
pub use usage::UsageError;

pub use crate::auth::AuthError;
pub use crate::config::ConfigError;
use crate::wire::{EncodeError, Unencodable};

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// Each variant names who is to blame. Whatever the variant, three questions have an answer:
/// [`is_fatal`](Self::is_fatal) (is the session still usable?), [`was_sent`](Self::was_sent) (can
/// the server have executed something?) and [`is_retryable`](Self::is_retryable).
///
/// No error shows a password, the text of a statement or a parameter.
///
/// `{:?}` is the sentence of `{}` with the answers to these questions behind it, since `unwrap` and a
/// `main` that returns an error show nothing else; `{:#?}` is the value with all that is in it.
#[non_exhaustive]
pub enum Error {
    /// The operating system could not reach the server, or lost it.
    Io(Box<IoError>),
    /// The server refused, in its own words.
    Server(Box<ServerError>),
    /// The server, or something between, broke the protocol or went away.
    Protocol(ProtocolError),
    /// The server took longer than the configuration allows.
    Timeout(TimeoutError),
    /// The login could not be carried out without giving something away.
    Auth(AuthError),
    /// TLS could not be established as demanded.
    Tls(Box<TlsError>),
    /// The configuration is contradictory or incomplete.
    Config(ConfigError),
    /// The caller asked for something that the session cannot do now, or that never works.
    Usage(UsageError),
    /// A value cannot be read as the type asked for.
    Column(Box<ColumnError>),
    /// A parameter cannot be sent.
    Param(ParamError),
    /// One row of a bulk execution failed, or one of some rows; see there for why.
    Bulk(Box<BulkError>),
}

/// How far a command got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// No byte of it was written: nothing happened on the server.
    No,
    /// It was written at least in part and never answered: it may have been executed.
    Maybe,
    /// The server answered it.
    Yes,
}

impl Error {
    /// Whether the session is dead. Only a new one helps.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Server(error) => error.is_fatal(),
            Self::Usage(error) => error.is_fatal(),
            Self::Timeout(error) => error.fatal,
            Self::Column(_) | Self::Param(_) => false,
            Self::Bulk(bulk) => bulk.lost,
            // The caller's reader failed, not the transport.
            Self::Io(error) => error.task() != IoTask::ReadValue,
            Self::Protocol(_) | Self::Auth(_) | Self::Tls(_) | Self::Config(_) => true,
        }
    }

    /// Whether the command that failed reached the server.
    #[must_use]
    pub fn was_sent(&self) -> Sent {
        match self {
            Self::Io(error) => error.sent,
            Self::Server(error) => error.sent(),
            Self::Protocol(error) => error.sent,
            Self::Timeout(error) => error.sent,
            Self::Column(_) => Sent::Yes,
            Self::Usage(error) => error.was_sent(),
            Self::Tls(error) => error.was_sent(),
            Self::Auth(_) | Self::Config(_) | Self::Param(_) => Sent::No,
            // Earlier rows may have been executed, whatever happened to this one.
            Self::Bulk(bulk) if bulk.is_first() => bulk.error.was_sent(),
            Self::Bulk(bulk) => match bulk.error.was_sent() {
                Sent::No => Sent::Maybe,
                sent => sent,
            },
        }
    }

    /// Whether the same command, on a new session if this one is dead, can be tried again without
    /// the risk of executing it twice, and has a chance.
    ///
    /// A login that was refused has none, nor has a peer that does not speak the protocol; a server
    /// that is full, starting or shutting down has.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io(_) | Self::Timeout(_) => self.was_sent() == Sent::No,
            Self::Protocol(error) => error.is_retryable(),
            Self::Server(error) => error.is_retryable(),
            Self::Usage(error) => error.is_retryable(),
            Self::Bulk(bulk) => bulk.is_first() && bulk.error.is_retryable(),
            Self::Auth(_) | Self::Tls(_) | Self::Config(_) | Self::Column(_) | Self::Param(_) => {
                false
            }
        }
    }

    /// The server's own error, if it is one.
    #[must_use]
    pub fn as_server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            Self::Bulk(bulk) => bulk.error.as_server(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Server(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Timeout(error) => error.fmt(f),
            Self::Auth(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Usage(error) => error.fmt(f),
            Self::Column(error) => error.fmt(f),
            Self::Param(error) => error.fmt(f),
            Self::Bulk(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (variant, inner): (_, &dyn fmt::Debug) = match self {
            Self::Io(error) => ("Io", error),
            Self::Server(error) => ("Server", error),
            Self::Protocol(error) => ("Protocol", error),
            Self::Timeout(error) => ("Timeout", error),
            Self::Auth(error) => ("Auth", error),
            Self::Tls(error) => ("Tls", error),
            Self::Config(error) => ("Config", error),
            Self::Usage(error) => ("Usage", error),
            Self::Column(error) => ("Column", error),
            Self::Param(error) => ("Param", error),
            Self::Bulk(error) => ("Bulk", error),
        };
        if f.alternate() {
            return f.debug_tuple(variant).field(inner).finish();
        }
        let fatal = if self.is_fatal() { "fatal" } else { "not fatal" };
        write!(f, "{self} [{variant}, {fatal}, sent: {:?}]", self.was_sent())
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        match error.reason {
            Unencodable::TooLong { max } => UsageError::TooLong { what: error.field, max }.into(),
            Unencodable::TooMany { max } => UsageError::TooMany { what: error.field, max }.into(),
            _ => ConfigError::new(error.to_string()).into(),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The inner error speaks in Display already, so its own source is ours.
        match self {
            Self::Io(error) => error.source(),
            Self::Tls(error) => error.source(),
            Self::Bulk(error) => error.error.source(),
            _ => None,
        }
    }
}

/// Why TLS could not be established.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The server does not offer TLS and the configuration demands it. Nothing was written (H-23).
    NotOffered,
    /// Bytes came before TLS began that nobody asked for: somebody may be injecting text (T-06).
    PlaintextBeforeTls,
    /// The handshake or a record failed: an untrusted certificate, one for another host, no common
    /// version, or garbage.
    #[cfg(feature = "tls")]
    Failed(rustls::Error),
    /// The certificate is not trusted, and the server, a MariaDB, did not prove itself by the
    /// account's password either. Nothing was sent that gives the password away.
    #[cfg(feature = "tls")]
    Unproved {
        /// What is wrong with the certificate.
        certificate: rustls::Error,
        /// Why there is no proof.
        why: &'static str,
    },
    /// A record failed after the login: somebody damaged it, or the server ended TLS with an alert.
    #[cfg(feature = "tls")]
    Broken {
        /// What rustls says.
        error: rustls::Error,
        /// How far the commands got that were not answered.
        sent: Sent,
    },
}

impl TlsError {
    fn was_sent(&self) -> Sent {
        match self {
            #[cfg(feature = "tls")]
            Self::Broken { sent, .. } => *sent,
            _ => Sent::No,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => f.write_str(
                "the server does not offer TLS, which the configuration requires: enable TLS on \
                 the server, or allow plain text with `ssl-mode=preferred` or `ssl-mode=disabled`",
            ),
            Self::PlaintextBeforeTls => f.write_str(
                "the server sent more than its greeting before TLS began, as somebody who injects \
                 text into the connection would",
            ),
            #[cfg(feature = "tls")]
            Self::Failed(error) => {
                write!(f, "TLS with the server failed: {}{}", said(error), way_out(error))
            }
            #[cfg(feature = "tls")]
            Self::Unproved { certificate, why } => {
                let (error, way_out) = (said(certificate), way_out(certificate));
                write!(f, "the server is not to be trusted: {error}, and {why}{way_out}")
            }
            #[cfg(feature = "tls")]
            Self::Broken { error, .. } => {
                write!(f, "the TLS connection broke after the login: {error}")
            }
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "tls")]
            Self::Failed(error) | Self::Broken { error, .. } => Some(error),
            #[cfg(feature = "tls")]
            Self::Unproved { certificate, .. } => Some(certificate),
            _ => None,
        }
    }
}

/// What rustls says, and in the words of a verifier outside of it where it was one's verdict.
#[cfg(feature = "tls")]
fn said(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(why)) => {
            format!("invalid peer certificate: {}", why.0)
        }
        error => error.to_string(),
    }
}

/// What to do about a certificate that is not accepted.
#[cfg(feature = "tls")]
fn way_out(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Why;

    let rustls::Error::InvalidCertificate(why) = error else { return "" };
    match why {
        Why::UnknownIssuer => {
            "; give the CA that signed the server's certificate by `ssl-ca`, if you trust it"
        }
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            "; connect by a name that the certificate has, or set `tls-server-name` to one"
        }
        Why::Expired | Why::ExpiredContext { .. } => "; the server needs a new certificate",
        _ => "",
    }
}

macro_rules! from {
    ($($variant:ident($error:ty) $(=> $wrap:expr)?;)+) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error.into())
            }
        })+
    };
}

from! {
    Io(IoError);
    Server(ServerError);
    Protocol(ProtocolError);
    Timeout(TimeoutError);
    Auth(AuthError);
    Tls(TlsError);
    Config(ConfigError);
    Usage(UsageError);
    Column(ColumnError);
    Param(ParamError);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::attributes::Attribute;
    use crate::wire::{ErrPacket, Parameters};

    #[test]
    fn an_error_is_small_enough_for_the_row_path() {
        // Results travel through memory; a good one writes only its first words.
        assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
    }

    #[test]
    fn what_main_and_unwrap_show_is_the_sentence() {
        let error = Error::from(AuthError::PasswordNeedsProtection);
        let shown = format!("{error:?}");
        assert_eq!(shown, format!("{error} [Auth, fatal, sent: No]"));
        assert!(shown.starts_with("The server wants the password itself"), "{shown}");
        let packet = ErrPacket { code: 1062, sqlstate: Some(*b"23000"), message: b"a\nb" };
        let context =
            server::Context { sent: Sent::Yes, fatal: false, verified: true, max_message: 64 };
        let error = Error::from(ServerError::new(&packet, context));
        let shown = "server error 1062 (23000): a\\nb [Server, not fatal, sent: Yes]";
        assert_eq!(format!("{error:?}"), shown);
        // With all that is in it, and the SQLSTATE as text.
        let parts = format!("{error:#?}");
        assert!(parts.starts_with("Server(\n") && parts.contains("sqlstate: \"23000\""), "{parts}");
    }

    /// E-88: a number is not said to be bytes.
    #[test]
    fn what_cannot_be_sent_is_named() {
        let error = Parameters::reserve_nulls(70_000, &mut Vec::new()).map(drop).unwrap_err();
        let error = Error::from(error);
        assert!(matches!(error, Error::Usage(UsageError::TooMany { max: 65_535, .. })));
        assert_eq!((error.is_fatal(), error.was_sent()), (false, Sent::No));
        let said = "there are more than 65535 parameters, the most that a command can have: give \
                    fewer at once";
        assert_eq!(error.to_string(), said);
        let error = Error::from(Attribute::encode_count(65_536, &mut Vec::new()).unwrap_err());
        assert!(error.to_string().contains("65535 parameters and query attributes"), "{error}");
    }

    #[test]
    fn t98_only_a_peer_that_speaks_the_protocol_is_tried_again() {
        use ProtocolErrorKind as Kind;
        let error = |kind, sent| Error::from(ProtocolError::new(kind, sent));
        for kind in [
            Kind::NotMySql("it speaks first and says nothing"),
            Kind::ServerTooOld,
            Kind::EmptyPacket,
            Kind::UnsolicitedInfile,
            Kind::OutOfOrder { expected: 0, found: 1 },
            Kind::Limit { limit: "max_columns", value: 4096 },
        ] {
            assert!(!error(kind, Sent::No).is_retryable(), "{kind:?}");
        }
        let lost = [Lost::BeforeGreeting, Lost::Login, Lost::Idle].map(Kind::ConnectionLost);
        for kind in lost.into_iter().chain([Kind::Unsolicited, Kind::Dead]) {
            assert!(error(kind, Sent::No).is_retryable(), "{kind:?}");
            assert!(!error(kind, Sent::Maybe).is_retryable(), "{kind:?}");
        }
    }

    #[test]
    fn errors_can_cross_threads() {
        static_assertions::assert_impl_all!(Error: Send, Sync, std::error::Error);
    }
}
