//! What a pool of sessions keeps, and when it lets go.

use std::time::Duration;

/// How a pool opens, keeps and hands out sessions.
///
/// ```
/// use std::time::Duration;
/// use mywire::PoolOptions;
///
/// let options = PoolOptions::default().max(20).acquire_timeout(Duration::from_secs(5));
/// assert_eq!(options.max, 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolOptions {
    /// Sessions kept open although nobody uses them. See [`PoolOptions::DEFAULT_MIN`].
    pub min: usize,
    /// Most sessions open at any time. See [`PoolOptions::DEFAULT_MAX`].
    pub max: usize,
    /// Longest wait for a session. See [`PoolOptions::DEFAULT_ACQUIRE_TIMEOUT`].
    pub acquire_timeout: Duration,
    /// How long a session above `min` lies unused before it is closed; `None` is for ever. See
    /// [`PoolOptions::DEFAULT_IDLE_TIMEOUT`].
    pub idle_timeout: Option<Duration>,
    /// How long a session is used at most; `None` is for ever. See
    /// [`PoolOptions::DEFAULT_LIFETIME`].
    pub lifetime: Option<Duration>,
    /// After how long without use a session is pinged before it is handed out; `None`, the
    /// default, is never.
    pub ping_after: Option<Duration>,
    /// When a session is reset before it is handed out again.
    pub reset: PoolReset,
    /// Most cached prepared statements of all sessions together. See
    /// [`PoolOptions::DEFAULT_MAX_STATEMENTS`].
    pub max_statements: usize,
    /// Whether a session is closed, not kept, once the server has said that it only reads.
    pub discard_read_only: bool,
    pub(crate) setup: Vec<String>,
}

/// When a session that was used is reset before it is handed out again.
///
/// Whatever the choice: a session that nothing was sent on since its login or last reset is handed
/// out as it is; results left unread are skipped, open transactions rolled back, and the default
/// database is the configured one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolReset {
    /// Always: one round trip, and prepared statements are prepared anew. The default.
    #[default]
    Always,
    /// Unless the session is known to be as it was. Known means: every statement since was plainly
    /// a SELECT, INSERT, UPDATE, DELETE, REPLACE or one about transactions, without user variables
    /// (`@`), lock functions or a second statement in its text, and no longer than 16 KiB, **and**
    /// the server, which is asked
    /// for it at the login (`session_track_state_change`), told of no change. Prepared statements
    /// are kept. A statement that failed costs a reset: the error does not tell what it, or a trigger
    /// or function of it, did before.
    ///
    /// What neither shows: named locks and user variables (`SELECT ... INTO @x`) that a stored
    /// function or trigger takes behind such a statement; and `LAST_INSERT_ID()`, `FOUND_ROWS()`
    /// and `ROW_COUNT()` of the last user. A server that does not track is reset as by `Always`.
    WhenChanged,
}

impl PoolOptions {
    /// None: a service that sleeps holds nothing on the server.
    pub const DEFAULT_MIN: usize = 0;
    /// 10: more than a small server has cores, and ten such services stay below the 151 connections
    /// that servers allow by default.
    pub const DEFAULT_MAX: usize = 10;
    /// 30 seconds: longer than a connect with its default timeout, so that one slow connect is told
    /// apart from a pool that is too small.
    pub const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
    /// 10 minutes: far below the eight hours of `wait_timeout`, and below the quarter of an hour
    /// after which some firewalls forget a connection.
    pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
    /// 30 minutes: a server that was added behind a load balancer gets its share within the hour,
    /// and memory that a session gathered on the server is given back.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 60);
    /// 8,191: half of the 16,382 that a server allows all its sessions together (T-38).
    pub const DEFAULT_MAX_STATEMENTS: usize = 8191;

    /// Sets how many sessions are kept open although nobody uses them: at most `max`.
    #[must_use]
    pub fn min(mut self, sessions: usize) -> Self {
        self.min = sessions;
        self
    }

    /// Sets how many sessions are open at most, in use or not: at least 1.
    #[must_use]
    pub fn max(mut self, sessions: usize) -> Self {
        self.max = sessions;
        self
    }

    /// Sets the longest wait for a session: for one to come back, for a new one to be opened, and
    /// for what has to be done before it is handed out. Not zero.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets how long a session above `min` lies unused before it is closed; `None` is for ever. Not
    /// zero. Looked at once a second.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Sets how long a session is used at most, less a random tenth, so that sessions opened
    /// together are not closed together; `None` is for ever. Not zero. A session in use is closed
    /// when it comes back.
    #[must_use]
    pub fn lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.lifetime = lifetime.into();
        self
    }

    /// Sets after how long without use a session is pinged before it is handed out: one round trip.
    /// `None`, the default, never pings: a connection that was closed shows without it, and only one
    /// whose end the network swallowed does not.
    #[must_use]
    pub fn ping_after(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.ping_after = idle.into();
        self
    }

    /// Sets when a session is reset before it is handed out again.
    #[must_use]
    pub fn reset(mut self, reset: PoolReset) -> Self {
        self.reset = reset;
        self
    }

    /// Adds a statement that every session runs after its login and again after every reset, such
    /// as `SET time_zone = '+00:00'`. All of them go out in one write, behind the reset. One that
    /// fails fails the checkout of a new session.
    #[must_use]
    pub fn setup(mut self, sql: impl Into<String>) -> Self {
        self.setup.push(sql.into());
        self
    }

    /// Sets how many prepared statements the sessions' caches hold together: each session gets the
    /// same share, at most [`Config::statement_cache`](crate::Config::statement_cache). Statements
    /// from [`Session::prepare`](../struct.Session.html#method.prepare) do not count.
    #[must_use]
    pub fn max_statements(mut self, statements: usize) -> Self {
        self.max_statements = statements;
        self
    }

    /// Sets whether a session is closed when it comes back after the server refused to write (errors
    /// 1290, 1792 and 1836): after a failover it may be one to what is a replica now (T-95). `false`
    /// by default.
    #[must_use]
    pub fn discard_read_only(mut self, discard: bool) -> Self {
        self.discard_read_only = discard;
        self
    }

    /// How many statements one session may cache.
    #[cfg(feature = "pool")]
    pub(crate) fn statements_each(&self, wanted: usize) -> usize {
        wanted.min(self.max_statements / self.max.max(1))
    }
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            min: Self::DEFAULT_MIN,
            max: Self::DEFAULT_MAX,
            acquire_timeout: Self::DEFAULT_ACQUIRE_TIMEOUT,
            idle_timeout: Some(Self::DEFAULT_IDLE_TIMEOUT),
            lifetime: Some(Self::DEFAULT_LIFETIME),
            ping_after: None,
            reset: PoolReset::Always,
            max_statements: Self::DEFAULT_MAX_STATEMENTS,
            discard_read_only: false,
            setup: Vec::new(),
        }
    }
}

#[cfg(all(test, feature = "pool"))]
mod tests {
    use super::*;

    #[test]
    fn t38_statements_are_shared_out() {
        let options = PoolOptions::default().max(8).max_statements(100);
        assert_eq!(options.statements_each(64), 12);
        assert_eq!(options.statements_each(5), 5);
        assert_eq!(options.max(200).statements_each(64), 0);
    }
}
