//! Time that is over.

use std::fmt;
use std::time::Duration;

use super::Sent;

/// The server took longer than the configuration allows.
///
/// `Copy` and free of allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeoutError {
    pub(crate) which: Timeout,
    pub(crate) after: Duration,
    pub(crate) sent: Sent,
    pub(crate) fatal: bool,
}

/// Which time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// [`Config::read_timeout`](crate::Config::read_timeout): the server was silent.
    Read,
    /// [`Config::write_timeout`](crate::Config::write_timeout): the transport took nothing.
    Write,
    /// [`Config::statement_timeout`](crate::Config::statement_timeout): the statement took too
    /// long.
    Statement,
}

impl TimeoutError {
    /// Which time is over.
    #[must_use]
    pub const fn timeout(&self) -> Timeout {
        self.which
    }

    /// How long was waited: the time that was configured.
    #[must_use]
    pub const fn after(&self) -> Duration {
        self.after
    }
}

impl fmt::Display for TimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after;
        match self.which {
            Timeout::Read => write!(
                f,
                "the server sent nothing for {after:?}, the read timeout; the session is closed"
            ),
            Timeout::Write => write!(
                f,
                "nothing could be written for {after:?}, the write timeout; the session is closed"
            ),
            Timeout::Statement if self.fatal => write!(
                f,
                "the statement took longer than {after:?}, the statement timeout, and could not be \
                 ended; the session is closed"
            ),
            Timeout::Statement => {
                write!(f, "the statement took longer than {after:?}, the statement timeout")
            }
        }
    }
}

impl std::error::Error for TimeoutError {}
