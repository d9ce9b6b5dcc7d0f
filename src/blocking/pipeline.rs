//! Many commands on the way at once.

use super::{Rows, now};
use crate::error::Result;
use crate::params::Params;
use crate::session::Query;

/// Commands that are sent without waiting for the replies of those before them.
///
/// The contract is that of the asynchronous front: replies in order, an error for its command
/// alone, bounded memory with [`has_room`](Self::has_room).
///
/// ```no_run
/// # fn example(session: &mut mywire::blocking::Session) -> mywire::Result<()> {
/// let mut pipeline = session.pipeline();
/// pipeline.query("SELECT 1", ())?;
/// pipeline.query("SELECT 2", ())?;
/// while let Some(reply) = pipeline.next_reply() {
///     reply?.finish()?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Dropping a pipeline leaves its replies unread; the session's next command skips them, and kills
/// none of them.
#[derive(Debug)]
pub struct Pipeline<'s>(pub(super) crate::session::Pipeline<'s>);

impl Pipeline<'_> {
    /// Queues a statement, as [`Session::query`](super::Session::query) runs it.
    ///
    /// SQL with parameters that is not in the session's cache has to be prepared, which works only
    /// while nothing is queued; behind a `USE` nothing is in the cache until all replies were read.
    /// Fails, with nothing queued, if there is no room.
    pub fn query(&mut self, query: impl Query, params: impl Params) -> Result<()> {
        now(self.0.query(query, params))
    }

    /// Queues a ping; its reply is one without columns.
    pub fn ping(&mut self) -> Result<()> {
        now(self.0.ping())
    }

    /// The reply of the next command, in their order, or `None` when all were given. What was left
    /// of the one before is skipped. A fatal error is the answer to all commands whose replies did
    /// not come, and the last thing told.
    pub fn next_reply(&mut self) -> Option<Result<Rows<'_>>> {
        match now(async { Ok(self.0.next_reply().await) }) {
            Ok(reply) => reply.map(|reply| reply.map(Rows)),
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether another command can be queued before a reply is read.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.has_room()
    }

    /// How many replies there are to come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the replies of all commands were given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
