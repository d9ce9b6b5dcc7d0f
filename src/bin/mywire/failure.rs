//! Why a command failed, and the exit code that says so.

use std::fmt::Display;
use std::io;

use mywire::Error;

/// What ended a command before its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments, or what they name, make no sense.
    Usage(String),
    /// No session could be opened.
    Connect(String),
    /// The statement, the data or a file.
    Work(String),
    /// Ctrl-C, or the signal that ends a program.
    Interrupted,
    /// Whoever read standard output has enough.
    ReaderGone,
}

impl Failure {
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    pub(crate) fn work(message: impl Display) -> Self {
        Self::Work(message.to_string())
    }

    /// A failure of writing to `place`.
    pub(crate) fn writing(place: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Work(format!("cannot write to {place}: {error}")),
        }
    }

    /// The codes are listed in the help.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Work(_) => 1,
            Self::Usage(_) => 2,
            Self::Connect(_) => 3,
            Self::Interrupted => 130,
        }
    }

    /// What is to be said of it, if anything.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Usage(message) | Self::Connect(message) | Self::Work(message) => Some(message),
            Self::Interrupted => Some("interrupted"),
            Self::ReaderGone => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // Statements report a `KILL QUERY` by many errors, such as that of a lock not got.
        if crate::interrupt::was_asked() { Self::Interrupted } else { Self::work(error) }
    }
}
