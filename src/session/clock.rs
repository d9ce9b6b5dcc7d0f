//! Time: how long a session waits, and for what.
//!
//! Nothing here costs anything while data keep coming. A timer is made once a wait begins that has
//! a limit, and is used again for the next one.

#[cfg(feature = "tokio")]
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

#[cfg(feature = "tokio")]
use tokio::time::{Sleep, sleep_until};

use super::time;
use crate::config::Config;
use crate::error::Timeout;

/// How much longer is waited when a time is over, to look once more: a caller who came late, or a
/// runtime that was held up, finds first what has been there for long.
const LAST_LOOK: Duration = Duration::from_millis(1);

/// The limits of waiting, and the waits under way.
#[derive(Debug)]
pub(super) struct Clock {
    read: Option<Duration>,
    write: Option<Duration>,
    statement: Option<Duration>,
    /// What the statement in progress may still wait; `None` without a limit.
    left: Option<Duration>,
    waiting: Option<Waiting>,
    /// Since when the transport takes nothing.
    stuck: Option<Instant>,
    /// A time is over, and the last look is due.
    overdue: bool,
    alarm: Alarm,
}

/// A wait for the server.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    /// Bytes received, and the packet that was due, when it began.
    received: u64,
    packet: u8,
    /// Since when the statement waits; `None` if its caller has turned to something else meanwhile.
    charged: Option<Instant>,
}

/// One timer, which moves.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    #[cfg(feature = "tokio")]
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Clock {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            read: config.read_timeout,
            write: config.write_timeout,
            statement: config.statement_timeout,
            left: None,
            waiting: None,
            stuck: None,
            overdue: false,
            alarm: Alarm::default(),
        }
    }

    /// A statement begins.
    pub(super) fn begin_statement(&mut self) {
        self.left = self.statement;
    }

    /// The statement in progress has no limit any more.
    pub(super) fn end_statement(&mut self) {
        self.left = None;
    }

    /// A caller begins to wait. If another had given up, its time until now does not count.
    pub(super) fn enter(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.charged = None;
        }
    }

    /// Nobody waits any more for what was waited for, and whoever comes next begins anew.
    pub(super) fn forget_waits(&mut self) {
        self.waiting = None;
        self.stuck = None;
        self.overdue = false;
    }

    /// What was waited for is here.
    #[inline]
    pub(super) fn arrived(&mut self) {
        if self.waiting.is_some() {
            self.charge();
        }
    }

    #[cold]
    fn charge(&mut self) {
        self.overdue = false;
        let Some(waiting) = self.waiting.take() else { return };
        if let (Some(left), Some(charged)) = (&mut self.left, waiting.charged) {
            *left = left.saturating_sub(time::now().saturating_duration_since(charged));
        }
    }

    /// The transport took something.
    #[inline]
    pub(super) fn written(&mut self) {
        self.stuck = None;
        // Nothing is expected of a server before it has the command.
        if self.read.is_some()
            && let Some(waiting) = &mut self.waiting
        {
            waiting.since = time::now();
        }
    }

    /// The transport takes nothing now.
    pub(super) fn write_waits(&mut self) {
        if self.write.is_some() && self.stuck.is_none() {
            self.stuck = Some(time::now());
        }
    }

    /// When the first time ends, and which, while `received` bytes have come in all and the packet
    /// of this number is due. To be asked whenever the transport has nothing to read.
    pub(super) fn end(&mut self, received: u64, packet: u8) -> Option<(Instant, Timeout)> {
        if self.read.is_none() && self.left.is_none() && self.stuck.is_none() {
            return None;
        }
        let now = time::now();
        let fresh = Waiting { since: now, received, packet, charged: Some(now) };
        let waiting = self.waiting.get_or_insert(fresh);
        let progress = received.saturating_sub(waiting.received) >= Config::READ_PROGRESS;
        if progress || waiting.packet != packet {
            (waiting.since, waiting.received, waiting.packet) = (now, received, packet);
        }
        let charged = *waiting.charged.get_or_insert(now);
        let limits = [
            (Timeout::Read, Some(waiting.since), self.read),
            (Timeout::Write, self.stuck, self.write),
            // What is left was reckoned at the wait's beginning.
            (Timeout::Statement, Some(charged), self.left),
        ];
        // A time beyond what the clock can say is none (T-100).
        let ends = limits
            .into_iter()
            .filter_map(|(which, since, limit)| Some((since?.checked_add(limit?)?, which)));
        ends.min_by_key(|(end, _)| *end)
    }

    /// Ready with the time that is over; see [`end`](Self::end).
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        received: u64,
        packet: u8,
    ) -> Poll<Overdue> {
        let Some((end, which)) = self.end(received, packet) else { return Poll::Pending };
        let now = time::now();
        if now < end {
            self.overdue = false;
            return self.alarm.poll(end, cx).map(|()| Overdue::Look);
        }
        if !self.overdue {
            self.overdue = true;
            return self.alarm.poll(now + LAST_LOOK, cx).map(|()| Overdue::Look);
        }
        if self.alarm.is_pending(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Overdue::Over(which))
    }

    /// A time was over, and all waits are; says how long it was.
    pub(super) fn give_up(&mut self, which: Timeout) -> Duration {
        self.forget_waits();
        self.left = None;
        let after = match which {
            Timeout::Read => self.read,
            Timeout::Write => self.write,
            Timeout::Statement => self.statement,
        };
        after.unwrap_or_default()
    }
}

/// What a clock has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Time has passed: look again at the transport, and ask again.
    Look,
    /// This time is over.
    Over(Timeout),
}

#[cfg(feature = "tokio")]
impl Alarm {
    /// Ready at `at`.
    pub(super) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at.into())));
        // A timer that comes too early is moved when it comes: most waits end before, and the next
        // one finds it registered. One that comes too late, or came before, is moved now.
        if sleep.deadline() > at.into() || sleep.is_elapsed() {
            sleep.as_mut().reset(at.into());
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if time::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at.into());
        }
        Poll::Pending
    }

    /// Whether the time that was last given is still to come.
    fn is_pending(&mut self, cx: &mut Context<'_>) -> bool {
        self.sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_pending())
    }
}

/// Without a runtime streams wait by themselves, and nobody asks.
#[cfg(not(feature = "tokio"))]
impl Alarm {
    pub(super) fn poll(&mut self, _: Instant, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn is_pending(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}
