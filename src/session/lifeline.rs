//! What a session and those who would kill its statement know in common.
//!
//! ```text
//!            start                sending               the server answers
//!   None ──────────▶ Preparing ──────────▶ Sent ─────────────────────────▶ Landed ── settled ─▶ None
//!                      │     │              │ connection lost
//!    statement over    ▼     ▼              ▼
//!   None ◀──────────────  Failed(reason)   Lost: the session closes
//! ```
//!
//! A kill is for one statement, known by its number. It begins only while that one runs, and the
//! session's next statement begins only when no kill is under way, behind a no-op that takes a kill
//! which came too late (E-94, T-93).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::route::Route;
use super::time;
use crate::error::{Result, UsageError};

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Lifeline {
    state: Mutex<State>,
    /// A kill is over: for sessions that wait in their own thread.
    over: Condvar,
    /// How the server is reached for a kill, once the login is over, as the account that the session
    /// has now. Never set without an address.
    route: Mutex<Option<Arc<Route>>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the statement in progress, or of the last one; the first is 1.
    statement: u64,
    phase: Phase,
    /// The last statement that was cancelled, begun or not.
    cancelled: u64,
    kill: Kill,
    /// The number of the kill: what became of another one does not matter any more.
    attempt: u64,
    /// The session's task, if it waits for the kill.
    waker: Option<Waker>,
    /// The session is gone.
    closed: bool,
}

/// How far a statement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Over,
    /// None of its own commands went out.
    Begun,
    Running,
}

/// How far a kill is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Kill {
    #[default]
    None,
    Preparing,
    Sent,
    /// The server has done it. If the statement was over by then, it waits for the next one.
    Landed,
    /// The server was not asked, or refused.
    Failed(Box<str>),
    /// The server was asked and did not answer: it can come at any time.
    Lost,
}

impl Kill {
    const fn is_under_way(&self) -> bool {
        matches!(self, Self::Preparing | Self::Sent)
    }
}

/// What became of the wish to cancel a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Kill it, as this attempt.
    Kill(u64),
    /// It has not begun, and will not.
    Prevented,
    /// Somebody is about it, or did it.
    UnderWay,
    Over,
}

impl Lifeline {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_route(&self, route: Route) {
        let old = self.lock_route().replace(Arc::new(route));
        // Its account is wiped here, and not under the lock.
        drop(old);
    }

    pub(super) fn route(&self) -> Option<Arc<Route>> {
        self.lock_route().clone()
    }

    fn lock_route(&self) -> MutexGuard<'_, Option<Arc<Route>>> {
        self.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The session's side.

    /// A statement begins. Fails if it was cancelled before.
    pub(super) fn begin(&self) -> Result<()> {
        let mut state = self.lock();
        state.statement += 1;
        state.phase = Phase::Begun;
        state.check()
    }

    /// The statement that has begun goes out, and may be killed from now on. Fails if it was
    /// cancelled before.
    pub(super) fn run(&self) -> Result<()> {
        let mut state = self.lock();
        state.check()?;
        state.phase = Phase::Running;
        Ok(())
    }

    /// The statement is over.
    pub(super) fn end(&self) {
        self.lock().phase = Phase::Over;
    }

    /// The next statement is another user's: whoever would cancel it has meant one that never came.
    #[cfg(feature = "pool")]
    pub(super) fn pass(&self) {
        let mut state = self.lock();
        state.statement += 1;
        state.phase = Phase::Over;
    }

    /// Nothing is asked of the server: no statement runs that could be killed. Says whether there is
    /// no kill to be settled either.
    pub(super) fn rest(&self) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Running {
            state.phase = Phase::Over;
        }
        if state.kill == Kill::Preparing {
            // It will find that it is not wanted any more.
            state.kill = Kill::None;
            state.attempt += 1;
        }
        state.kill == Kill::None
    }

    pub(super) fn is_running(&self) -> bool {
        self.lock().phase == Phase::Running
    }

    /// The number of the last statement that began.
    pub(super) fn statement(&self) -> u64 {
        self.lock().statement
    }

    /// Takes the outcome of a kill, once none is under way.
    pub(super) fn poll_kill(&self, cx: &mut Context<'_>) -> Poll<Kill> {
        let mut state = self.lock();
        if state.kill.is_under_way() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.kill))
    }

    /// Waits, in this thread, until no kill is under way, or until `until`.
    pub(super) fn wait(&self, until: Option<Instant>) {
        let mut state = self.lock();
        while state.kill.is_under_way() {
            let left = until.map(|until| until.saturating_duration_since(time::now()));
            state = match left {
                Some(left) if left.is_zero() => return,
                Some(left) => {
                    let waited = self.over.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.over.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The session is gone.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    // The other side.

    /// Wishes to cancel a statement.
    pub(super) fn start(&self, statement: u64) -> Start {
        let mut state = self.lock();
        let begun = statement == state.statement && state.phase == Phase::Begun;
        if state.closed || statement < state.statement {
            return Start::Over;
        }
        if statement > state.statement || begun {
            state.cancelled = state.cancelled.max(statement);
            return Start::Prevented;
        }
        match state.kill {
            _ if state.phase == Phase::Over => Start::Over,
            Kill::Preparing | Kill::Sent | Kill::Landed => Start::UnderWay,
            // Nobody can say more of it.
            Kill::Lost => Start::Over,
            Kill::None | Kill::Failed(_) => {
                state.cancelled = statement;
                state.kill = Kill::Preparing;
                state.attempt += 1;
                Start::Kill(state.attempt)
            }
        }
    }

    /// Whether the kill that was prepared may go out: from here on only its answer ends it.
    pub(super) fn sending(&self, attempt: u64) -> bool {
        let mut state = self.lock();
        if state.closed || state.attempt != attempt || state.phase != Phase::Running {
            return false;
        }
        state.kill = Kill::Sent;
        true
    }

    /// The kill is over.
    pub(super) fn finish(&self, attempt: u64, outcome: Kill) {
        let waker = {
            let mut state = self.lock();
            if state.attempt != attempt || !state.kill.is_under_way() {
                return;
            }
            state.kill = outcome;
            state.waker.take()
        };
        self.over.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The kill's task is gone, perhaps without a word.
    pub(super) fn abandon(&self, attempt: u64) {
        let outcome = match self.lock().kill {
            Kill::Preparing => Kill::Failed("its task was dropped".into()),
            _ => Kill::Lost,
        };
        self.finish(attempt, outcome);
    }
}

impl State {
    /// Fails if the statement in progress was cancelled.
    fn check(&mut self) -> Result<()> {
        if self.cancelled < self.statement {
            return Ok(());
        }
        self.phase = Phase::Over;
        Err(UsageError::Cancelled.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Lifeline {
        let lifeline = Lifeline::default();
        lifeline.begin().unwrap();
        lifeline.run().unwrap();
        lifeline
    }

    #[test]
    fn e94_a_kill_begins_only_while_its_statement_runs() {
        let lifeline = running();
        assert!(lifeline.rest());
        assert_eq!(lifeline.start(1), Start::Over);
        lifeline.begin().unwrap();
        lifeline.run().unwrap();
        assert_eq!(lifeline.start(1), Start::Over);
        assert_eq!(lifeline.start(2), Start::Kill(1));
        assert_eq!(lifeline.start(2), Start::UnderWay);
    }

    #[test]
    fn e94_a_kill_that_was_not_sent_when_its_statement_ended_is_not_sent_at_all() {
        let lifeline = running();
        let Start::Kill(attempt) = lifeline.start(1) else { panic!("it runs") };
        assert!(lifeline.rest(), "nothing has to be waited for");
        lifeline.begin().unwrap();
        lifeline.run().unwrap();
        assert!(!lifeline.sending(attempt), "the next one runs");
        // Nor does its end touch the next one's kill.
        assert_eq!(lifeline.start(2), Start::Kill(attempt + 2));
        lifeline.finish(attempt, Kill::Lost);
        assert!(lifeline.sending(attempt + 2));
    }

    #[test]
    fn t93_a_kill_that_was_sent_is_waited_for_and_its_loss_is_told() {
        let lifeline = running();
        let mut cx = Context::from_waker(Waker::noop());
        let Start::Kill(attempt) = lifeline.start(1) else { panic!("it runs") };
        assert!(lifeline.sending(attempt));
        assert!(!lifeline.rest());
        assert!(lifeline.poll_kill(&mut cx).is_pending());
        lifeline.abandon(attempt);
        assert_eq!(lifeline.poll_kill(&mut cx), Poll::Ready(Kill::Lost));
        assert!(lifeline.rest());
    }

    #[cfg(feature = "pool")]
    #[test]
    fn t63_a_cancel_of_a_statement_that_never_came_is_not_the_next_ones() {
        let lifeline = Lifeline::default();
        assert_eq!(lifeline.start(1), Start::Prevented);
        lifeline.pass();
        assert_eq!(lifeline.start(1), Start::Over);
        assert!(lifeline.begin().is_ok() && lifeline.run().is_ok());
        assert_eq!(lifeline.start(1), Start::Over);
    }

    #[test]
    fn a_statement_that_was_cancelled_before_it_began_does_not_begin() {
        let lifeline = Lifeline::default();
        assert_eq!(lifeline.start(1), Start::Prevented);
        assert!(lifeline.begin().is_err());
        assert!(lifeline.begin().is_ok(), "only that one");
        // Between its preparation and its execution.
        assert_eq!(lifeline.start(2), Start::Prevented);
        assert!(lifeline.run().is_err());
    }
}
