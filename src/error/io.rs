//! Failures that the operating system reports.

use std::fmt;

use super::Sent;

/// A failure to reach the server, or of the transport to it.
#[derive(Debug)]
pub struct IoError {
    pub(crate) task: IoTask,
    pub(crate) peer: Box<str>,
    pub(crate) sent: Sent,
    pub(crate) source: std::io::Error,
}

/// What was being done when the transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoTask {
    /// Looking up the host's addresses.
    Resolve,
    /// Opening the connection.
    Connect,
    /// The handshake up to the end of the login.
    Handshake,
    /// Reading from the server.
    Read,
    /// Writing to the server.
    Write,
    /// Reading a value from the caller's reader; the session is not affected.
    ReadValue,
    /// Reading from the caller's reader what LOAD DATA LOCAL loads. The session is closed, so that
    /// the server does not take the part that it has for the whole.
    ReadFile,
}

impl IoError {
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn new(
        task: IoTask,
        peer: impl Into<Box<str>>,
        sent: Sent,
        source: std::io::Error,
    ) -> Self {
        Self { task, peer: peer.into(), sent, source }
    }

    /// What was being done.
    #[must_use]
    pub const fn task(&self) -> IoTask {
        self.task
    }

    /// The operating system's error.
    #[must_use]
    pub const fn io_error(&self) -> &std::io::Error {
        &self.source
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peer, source) = (&self.peer, &self.source);
        match self.task {
            IoTask::Resolve => write!(f, "cannot find the address of {peer}: {source}"),
            IoTask::Connect => write!(f, "cannot connect to {peer}: {source}"),
            IoTask::Handshake => write!(f, "no login to {peer}: {source}"),
            IoTask::Read => write!(f, "lost the connection to {peer} while reading: {source}"),
            IoTask::ReadValue | IoTask::ReadFile => write!(f, "cannot read {peer}: {source}"),
            IoTask::Write => write!(f, "lost the connection to {peer} while writing: {source}"),
        }
    }
}

impl std::error::Error for IoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
