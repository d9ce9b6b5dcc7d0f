//! Stopping a statement from another thread.

use super::{Rows, Session, now};
use crate::error::Result;

/// Cancels one statement of a session, from any thread.
///
/// [`Session::cancel_handle`] gives one for the session's next statement, [`Rows::cancel_handle`]
/// one for the statement in progress. It never touches another one: a later statement waits until
/// the cancel is over, and cannot be hit by it.
///
/// ```no_run
/// # fn example(mut session: mywire::blocking::Session) -> mywire::Result<()> {
/// let handle = session.cancel_handle();
/// std::thread::spawn(move || {
///     std::thread::sleep(std::time::Duration::from_secs(5));
///     handle.cancel()
/// });
/// // Fails with error 1317 if it takes longer than that.
/// session.execute("DELETE FROM log WHERE old", ())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CancelHandle(crate::session::CancelHandle);

impl CancelHandle {
    /// Tells the server to end the statement, by `KILL QUERY` on a second connection: to the same
    /// address, with the same TLS configuration, as the account that the session has by now, whose
    /// password source is asked again, and only after that connection has found the session on the
    /// server.
    ///
    /// `true` if the statement was still running and was told to end, or had not begun and now
    /// never will ([`UsageError::Cancelled`](crate::error::UsageError)); `false` if it is over.
    /// Whoever waits for the statement gets the server's error 1317, or its result if the end came
    /// first; the session stays usable, and a transaction open.
    ///
    /// Fails, and leaves the statement alone, if the second connection cannot be opened within
    /// [`Config::connect_timeout`](crate::Config::connect_timeout), or does not find the session;
    /// or if the session has no address, being made [`from a stream`](Session::from_stream). Cost:
    /// a login and two round trips.
    pub fn cancel(&self) -> Result<bool> {
        now(self.0.cancel())
    }
}

impl Session {
    /// A handle that cancels the session's next statement; see [`CancelHandle`].
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.0.cancel_handle())
    }
}

impl Rows<'_> {
    /// Leaves what is left of the statement, at once: in milliseconds, however much that is. See
    /// [`Discard`](crate::Discard) for how.
    ///
    /// Dropping the rows does the same with the session's next command. The session is usable
    /// afterwards; an error says that it had to be closed. Errors of the statement are not told.
    pub fn cancel(self) -> Result<()> {
        now(self.0.cancel())
    }

    /// A handle that cancels this statement from elsewhere.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.0.cancel_handle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_go_anywhere() {
        static_assertions::assert_impl_all!(CancelHandle: Send, Sync, Clone);
    }
}
