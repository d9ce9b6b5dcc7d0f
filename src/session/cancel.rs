//! Stopping a statement from outside of its connection.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::connect::Front;
use super::lifeline::{Kill, Lifeline, Start};
use super::route::{Identity, Listed, Route};
use super::{Session, time};
use crate::error::{Error, Result, UsageError};
use crate::proto::Step;

/// No session has this id any more.
const NO_SUCH_THREAD: u16 = 1094;

/// Cancels one statement of a session, from any task.
///
/// [`Session::cancel_handle`] gives one for the session's next statement,
/// [`Rows::cancel_handle`](crate::Rows::cancel_handle) one for the statement in progress. It never
/// touches another one: a later statement waits until the cancel is over, and cannot be hit by it.
/// A session's that went back to its pool does nothing any more.
///
/// ```no_run
/// # async fn example(mut session: mywire::Session) -> mywire::Result<()> {
/// let handle = session.cancel_handle();
/// tokio::spawn(async move {
///     tokio::time::sleep(std::time::Duration::from_secs(5)).await;
///     handle.cancel().await
/// });
/// // Fails with error 1317 if it takes longer than that.
/// session.execute("DELETE FROM log WHERE old", ()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CancelHandle {
    lifeline: Arc<Lifeline>,
    statement: u64,
}

impl CancelHandle {
    pub(super) fn new(lifeline: Arc<Lifeline>, statement: u64) -> Self {
        Self { lifeline, statement }
    }

    /// Tells the server to end the statement, by `KILL QUERY` on a second connection: to the same
    /// address, with the same TLS configuration, as the account that the session has by now, whose
    /// password source is asked again, and only after that connection has found the session on the
    /// server.
    ///
    /// `true` if the statement was still running and was told to end, or had not begun and now
    /// never will ([`UsageError::Cancelled`](crate::error::UsageError)); `false` if it is over.
    /// Whoever waits for the statement gets the server's error 1317, or its result if the end came
    /// first; the session stays usable, and a transaction open. A pipeline, a bulk execution and a
    /// cursor that is taken up again can be kept from beginning, and count as over once they have
    /// begun. A statement that is still being prepared has not begun: `true` says that it will not be
    /// executed, while its preparation goes on to its own end.
    ///
    /// Fails, and leaves the statement alone, if the second connection cannot be opened within
    /// [`Config::connect_timeout`](crate::Config::connect_timeout), or does not find the session;
    /// or if the session has no address, being made [`from a stream`](Session::from_stream). Cost:
    /// a login and two round trips. Dropping the future does not stop what has begun.
    pub async fn cancel(&self) -> Result<bool> {
        match self.lifeline.start(self.statement) {
            Start::Over => Ok(false),
            Start::Prevented | Start::UnderWay => Ok(true),
            Start::Kill(attempt) => match kill(&self.lifeline, attempt).await {
                Kill::Landed => Ok(true),
                // The statement was faster.
                Kill::None => Ok(false),
                Kill::Failed(reason) => Err(UsageError::CannotCancel { reason }.into()),
                _ => {
                    let reason = "the second connection was lost".into();
                    Err(UsageError::CannotCancel { reason }.into())
                }
            },
        }
    }
}

/// Carries out the kill that [`Lifeline::start`] has allowed.
///
/// In a runtime a task of its own does, which is nobody's to drop: a kill that was begun comes to
/// an end that is known. Without one, it is done when the future is polled first.
async fn kill(lifeline: &Arc<Lifeline>, number: u64) -> Kill {
    let attempt = Attempt { lifeline: lifeline.clone(), number };
    match lifeline.route().map(|route| route.front) {
        #[cfg(feature = "tokio")]
        Some(Front::Tokio) => tokio::spawn(attempt.carry_out()).await.unwrap_or(Kill::Lost),
        _ => attempt.carry_out().await,
    }
}

/// Begins [`kill`]; what comes of it, the lifeline tells.
pub(super) fn start_kill(lifeline: &Arc<Lifeline>, number: u64) {
    let attempt = Attempt { lifeline: lifeline.clone(), number };
    match lifeline.route().map(|route| route.front) {
        #[cfg(feature = "tokio")]
        Some(Front::Tokio) => drop(tokio::spawn(attempt.carry_out())),
        _ => {
            let carried_out = pin!(attempt.carry_out());
            // Over a stream that waits by itself nothing is ever pending; if it were, it would be
            // abandoned here, which is an outcome as well.
            let _ = carried_out.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// A kill under way. Its outcome is told even if its task is dropped.
struct Attempt {
    lifeline: Arc<Lifeline>,
    number: u64,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.lifeline.abandon(self.number);
    }
}

impl Attempt {
    async fn carry_out(self) -> Kill {
        let mut side = None;
        let outcome = self.run(&mut side).await;
        self.lifeline.finish(self.number, outcome.clone());
        // Nobody has to wait for the farewell, and it is not a part of the kill's time.
        if let Some(mut side) = side {
            side.close_in_order().await;
        }
        outcome
    }

    /// Leaves the second connection in `side` if it is still of use.
    async fn run(&self, side: &mut Option<Session>) -> Kill {
        let Some(route) = self.lifeline.route() else {
            return Kill::Failed(
                "the session was made from a stream, so there is no address for a second connection"
                    .into(),
            );
        };
        let mut sent = false;
        let killed = self.kill(&route, side, &mut sent);
        let deadline = time::after(route.config.connect_timeout);
        match time::before(deadline, killed).await {
            Some(outcome) => outcome,
            None if sent => Kill::Lost,
            None => {
                Kill::Failed("the second connection took longer than the connect timeout".into())
            }
        }
    }

    async fn kill(&self, route: &Route, side: &mut Option<Session>, sent: &mut bool) -> Kill {
        let failed =
            |error: Error| Kill::Failed(format!("on the second connection: {error}").into());
        let side = match Session::connect_again(route).await {
            Ok(session) => side.insert(session),
            Err(error) => return failed(error),
        };
        let thread = match find(side, route).await {
            Ok(Ok(thread)) => thread,
            Ok(Err(reason)) => return Kill::Failed(reason),
            Err(error) => return failed(error),
        };
        if !self.lifeline.sending(self.number) {
            return Kill::None;
        }
        *sent = true;
        match side.command(&format!("KILL QUERY {thread}")).await {
            Ok(_) => Kill::Landed,
            Err(Error::Server(error)) if error.code() == NO_SUCH_THREAD => {
                Kill::Failed("the session is not on the server any more".into())
            }
            Err(error @ Error::Server(_)) => failed(error),
            Err(_) => Kill::Lost,
        }
    }
}

/// The true id of the session on the server that the second connection reached, or why that is not
/// to be trusted.
async fn find(side: &mut Session, route: &Route) -> Result<Result<u64, Box<str>>> {
    let known = &route.known;
    if side.server_version() != known.version {
        let other = side.server_version().escape_debug();
        return Ok(Err(format!("another server answered, of version {other}").into()));
    }
    if let Some(identity) = &known.identity {
        side.connection.query(IDENTIFY.as_bytes())?;
        if read_identity(side).await?.server != identity.server {
            return Ok(Err("another server answered, with another id".into()));
        }
    }
    let mut rows = side.query("SHOW PROCESSLIST", ()).await?;
    let mut found = None;
    while let Some(row) = rows.next().await? {
        let listed = Listed {
            id: row.get("Id")?,
            user: row.raw("User")?.unwrap_or_default(),
            host: row.raw("Host")?.unwrap_or_default(),
        };
        if known.is(listed) {
            found = Some(listed.id);
        }
    }
    Ok(found.ok_or_else(|| {
        let id = known.connection_id;
        format!(
            "the server that answered lists no session {id} of ours: there may be a proxy between, \
             and then `Config::identify` helps"
        )
        .into()
    }))
}

/// Asks the server who it is, and who we are to it.
pub(super) const IDENTIFY: &str =
    "SHOW VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'pseudo_thread_id')";

/// Reads the answer to [`IDENTIFY`].
pub(super) async fn read_identity(session: &mut Session) -> Result<Identity> {
    let mut identity = Identity { server: String::new(), thread: 0 };
    loop {
        match session.step().await? {
            Step::Row => {
                let (name, value): (&str, &str) = session.connection.row().decode()?;
                match name {
                    "pseudo_thread_id" => identity.thread = value.parse().unwrap_or(0),
                    _ => identity.server = value.to_owned(),
                }
            }
            Step::Done => return Ok(identity),
            _ => {}
        }
    }
}

impl Session {
    /// A handle that cancels the session's next statement; see [`CancelHandle`].
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(self.lifeline.clone(), self.lifeline.statement() + 1)
    }
}
