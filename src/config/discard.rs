//! What happens to a statement that is left before its end.

/// How a session gets rid of a statement whose rows, or whose answer, nobody waits for any more:
/// after [`Rows::cancel`](crate::Rows::cancel), dropped rows, a dropped future or a statement
/// timeout.
///
/// Whatever the choice, what is already in the read buffer is skipped, and the rest up to
/// [`Limits::max_discard`](crate::Limits) bytes and [`Limits::max_skip_time`](crate::Limits), except
/// with [`Close`](Self::Close).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Discard {
    /// Beyond the limits the session closes. The server is never asked to stop.
    ///
    /// Only the time has another limit: [`Limits::max_discard_time`](crate::Limits).
    Skip,
    /// Beyond the limits the statement is killed by a `KILL QUERY` on a second connection, which is
    /// opened for it alone, to the same address with the same TLS configuration. The session closes
    /// if that fails.
    ///
    /// The statement is killed only if the second connection reached the same server: one of the
    /// same version that lists a session with our id and user, coming from our port. Behind a proxy
    /// that changes these see [`Config::identify`](crate::Config::identify).
    #[default]
    Kill,
    /// The session closes at once.
    Close,
}
