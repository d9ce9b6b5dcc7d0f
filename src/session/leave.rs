//! Leaving what nobody waits for any more: the ladder.
//!
//! ```text
//!   in the buffer? ── skip it
//!     │ no                            max_discard, max_skip_time
//!   skip what arrives ─────────────────────▶ KILL QUERY on a second connection
//!     │ its end                                 │ done        │ impossible
//!     │                                         ▼             ▼
//!     │               skip what was under way, then a no-op   skip on
//!     ▼                                         │             │ max_discard, max_discard_time
//!   next command ◀───────────────────────────────             ▼
//!                                                          close
//! ```
//!
//! All of its state is the session's: a dropped future loses nothing, and the next command goes on.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::cancel::start_kill;
use super::lifeline::{Kill, Start};
use super::{Session, time};
use crate::config::Discard;
use crate::error::{Error, Result, TimeoutError, UsageError};
use crate::proto::Step;

/// Most bytes that are skipped after a kill, if `Limits::max_discard` is not more: what the buffers
/// of both ends and the line between can hold when it takes effect, with room.
const KILLED_RESULT: u64 = 64 << 20;

/// What takes a kill that came too late: it costs the server nothing, and may fail.
const NO_OP: &str = "DO 0";

/// How far the no-op is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Absorbing {
    #[default]
    Nothing,
    /// A kill has landed, and may still wait for a statement: the no-op has to be the next one.
    Due,
    /// The no-op is on its way.
    Sent,
}

/// Leaving under way.
#[derive(Debug)]
pub(super) struct Leaving {
    /// When it began, or its kill, moved on by the time in which nobody waited for its end.
    since: Instant,
    /// Since when nobody waits for its end.
    unattended: Option<Instant>,
    /// Bytes received when it began, and then when the kill took effect.
    first: u64,
    results: u64,
    /// Nobody wants to wait for a skip.
    hurry: bool,
    kill: Attempt,
}

/// What came of the wish to kill.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    NotTried,
    UnderWay,
    Landed,
    Failed(Box<str>),
}

/// What a wait brought.
enum Event {
    Input(Result<()>),
    Kill(Kill),
    Time,
}

impl Session {
    /// Reads and throws away what an earlier command left, as far as that is sensible; see the
    /// module's description. Afterwards a command can be given.
    pub(super) async fn drain(&mut self) -> Result<()> {
        Waiter::come(self).0.drain_on().await
    }

    async fn drain_on(&mut self) -> Result<()> {
        let mut looked = self.connection.is_idle();
        if looked {
            self.look().await;
        }
        self.connection.skip_rows();
        loop {
            let step = self.connection.step();
            if !matches!(step, Ok(Step::NeedInput)) {
                // Whoever waited for it has given up, and its time is not the next command's.
                self.clock.arrived();
            }
            match step {
                // Behind what is left, and nothing before it is over: what was killed can still ask
                // for a file, and some proxies lose a command that comes too early.
                Ok(Step::Idle) if self.absorbing == Absorbing::Due => {
                    self.connection.query(NO_OP.as_bytes())?;
                    self.absorbing = Absorbing::Sent;
                }
                Ok(Step::Idle) if looked && self.lifeline.rest() => {
                    self.leaving = None;
                    self.absorbing = Absorbing::Nothing;
                    return Ok(());
                }
                Ok(Step::Idle) if looked => self.settle_kill().await?,
                Ok(Step::Idle) => {
                    self.look().await;
                    looked = true;
                }
                Ok(Step::NeedInput) => self.leave_on().await?,
                Ok(Step::Done) => self.begin_leaving().results += 1,
                // Nobody waited for the statement, so nobody would close it.
                Ok(Step::Prepared) => {
                    if let Some(prepared) = self.connection.prepared() {
                        self.closing.add(prepared.statement);
                    }
                }
                Ok(Step::LocalInfile) => self.leave_file().await?,
                Ok(_) => self.connection.skip_rows(),
                // It was about what nobody waits for any more.
                Err(error) if !error.is_fatal() => {
                    self.begin_leaving();
                    self.note_transaction(&error);
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// Ends the statement whose time is over, and says so.
    #[cold]
    pub(super) async fn give_up(&mut self, error: TimeoutError) -> Error {
        self.begin_leaving().hurry = true;
        let fatal = self.drain().await.is_err();
        TimeoutError { fatal, ..error }.into()
    }

    /// Notes that the next command is to leave the statement without delay.
    pub(super) fn hurry(&mut self) {
        let now = time::now();
        let leaving = self.begin_leaving();
        leaving.hurry = true;
        leaving.unattended = Some(now);
    }

    fn begin_leaving(&mut self) -> &mut Leaving {
        // Whoever set it a time does not wait any more.
        self.clock.end_statement();
        if self.leaving.is_none() {
            self.clock.forget_waits();
        }
        let first = self.worked_through();
        self.leaving.get_or_insert_with(|| Leaving {
            since: time::now(),
            unattended: None,
            first,
            results: 0,
            hurry: false,
            kill: Attempt::NotTried,
        })
    }

    /// Waits for more of what is to be left, and takes the next step of the ladder when it is due.
    async fn leave_on(&mut self) -> Result<()> {
        if self.config.discard == Discard::Close && self.absorbing == Absorbing::Nothing {
            return Err(self.close_with(UsageError::LeftEarly));
        }
        loop {
            let wake = self.escalate(time::now())?;
            let killing = self.leaving.as_ref().is_some_and(|l| l.kill == Attempt::UnderWay);
            // Nothing is read beyond the limit until the kill is there: the server waits.
            let paused = killing && self.is_beyond_max_discard();
            self.wake = wake;
            let event = poll_fn(|cx| {
                if killing && let Poll::Ready(kill) = self.lifeline.poll_kill(cx) {
                    return Poll::Ready(Event::Kill(kill));
                }
                if !paused && let Poll::Ready(input) = self.poll_transfer(cx) {
                    return Poll::Ready(Event::Input(input));
                }
                if self.stream.is_blocking() {
                    if paused {
                        self.lifeline.wait(wake);
                    }
                    // The stream has waited as long as it may.
                    return Poll::Ready(Event::Time);
                }
                match wake {
                    Some(wake) => self.alarm.poll(wake, cx).map(|()| Event::Time),
                    None => Poll::Pending,
                }
            })
            .await;
            self.wake = None;
            match event {
                Event::Input(input) => return input,
                Event::Kill(kill) => self.note_kill(kill)?,
                Event::Time if killing => {
                    // A stream that waits by itself does not notice its end.
                    let mut cx = Context::from_waker(Waker::noop());
                    if let Poll::Ready(kill) = self.lifeline.poll_kill(&mut cx) {
                        self.note_kill(kill)?;
                    }
                }
                Event::Time => {}
            }
        }
    }

    /// Takes the next step of the ladder if it is due; says when the one after it can be.
    fn escalate(&mut self, now: Instant) -> Result<Option<Instant>> {
        let limits = &self.config.limits;
        let (max_discard, max_discard_time) = (limits.max_discard, limits.max_discard_time);
        let (max_skip_time, max_results) = (limits.max_skip_time, limits.max_results);
        let received = self.worked_through();
        let beyond = self.is_beyond_max_discard();
        let may_kill = self.config.discard == Discard::Kill
            && self.absorbing == Absorbing::Nothing
            && self.lifeline.route().is_some()
            && self.lifeline.is_running();
        let lifeline = self.lifeline.clone();
        let leaving = self.begin_leaving();
        let skip_until = if leaving.hurry {
            Some(leaving.since)
        } else {
            leaving.since.checked_add(max_skip_time)
        };
        let many = leaving.results > max_results;
        let late = skip_until.is_some_and(|until| now >= until);
        if leaving.kill == Attempt::NotTried && may_kill {
            if !beyond && !many && !late {
                return Ok(skip_until);
            }
            leaving.kill = match lifeline.start(lifeline.statement()) {
                Start::Kill(attempt) => {
                    start_kill(&lifeline, attempt);
                    Attempt::UnderWay
                }
                // That is waited for just the same.
                Start::UnderWay => Attempt::UnderWay,
                Start::Prevented | Start::Over => Attempt::Failed("it is over".into()),
            };
            if leaving.kill == Attempt::UnderWay {
                // It has a time of its own.
                leaving.since = now;
            }
            return self.escalate(now);
        }
        let time = match leaving.kill {
            // A caller who waits for the end of a timeout is not kept for long.
            Attempt::NotTried | Attempt::Failed(_) if leaving.hurry => max_skip_time,
            _ => max_discard_time,
        };
        let until = leaving.since.checked_add(time);
        let over = until.is_some_and(|until| now >= until);
        let error = match &leaving.kill {
            Attempt::UnderWay if over => {
                UsageError::NotKilled { reason: "it takes too long".into() }
            }
            Attempt::Landed
                if received.saturating_sub(leaving.first) > KILLED_RESULT.max(max_discard) =>
            {
                UsageError::NotKilled { reason: "the server goes on sending".into() }
            }
            Attempt::Failed(reason) if beyond || many || over => {
                UsageError::NotKilled { reason: reason.clone() }
            }
            Attempt::NotTried if beyond || many => UsageError::AbandonedResult { max_discard },
            Attempt::NotTried | Attempt::Landed if over => {
                UsageError::AbandonedStatement { max_discard_time: time }
            }
            _ => return Ok(until),
        };
        Err(self.close_with(error))
    }

    fn is_beyond_max_discard(&self) -> bool {
        let now = self.worked_through();
        let first = self.leaving.as_ref().map_or(now, |leaving| leaving.first);
        now.saturating_sub(first) > self.config.limits.max_discard
    }

    /// Nothing is under way: what remains is a kill that may still be, or may have come too late.
    async fn settle_kill(&mut self) -> Result<()> {
        if self.stream.is_blocking() {
            self.lifeline.wait(None);
        }
        let kill = poll_fn(|cx| self.lifeline.poll_kill(cx)).await;
        self.note_kill(kill)
    }

    /// A kill is over.
    fn note_kill(&mut self, kill: Kill) -> Result<()> {
        let attempt = match kill {
            Kill::Landed => {
                // If the statement was over before, the no-op is hit instead of the next one (E-94).
                self.absorbing = Absorbing::Due;
                Attempt::Landed
            }
            Kill::Lost => {
                let reason = "the second connection was lost before the server answered".into();
                return Err(self.close_with(UsageError::NotKilled { reason }));
            }
            Kill::Failed(reason) => Attempt::Failed(reason),
            Kill::None | Kill::Preparing | Kill::Sent => Attempt::Failed("it is over".into()),
        };
        let received = self.worked_through();
        if let Some(leaving) = &mut self.leaving {
            leaving.kill = attempt;
            leaving.first = received;
        }
        Ok(())
    }

    fn close_with(&mut self, error: UsageError) -> Error {
        self.connection.abort();
        self.end_statement();
        error.into()
    }
}

/// A caller who waits for the end of what is left. The time between one and the next does not
/// count: nobody could see meanwhile that the end has come.
struct Waiter<'s>(&'s mut Session);

impl<'s> Waiter<'s> {
    fn come(session: &'s mut Session) -> Self {
        if let Some(leaving) = &mut session.leaving
            && let Some(unattended) = leaving.unattended.take()
        {
            let away = time::now().saturating_duration_since(unattended);
            leaving.since = leaving.since.checked_add(away).unwrap_or(leaving.since);
            session.clock.forget_waits();
        }
        Self(session)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(leaving) = &mut self.0.leaving {
            leaving.unattended = Some(time::now());
        }
    }
}
