//! A pool of sessions.

mod clean;
mod connector;
mod gate;
mod hooks;
mod keeper;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool::managed::{Object, PoolError, QueueMode};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Session;
use super::trace::Span;
use crate::config::{Config, ConfigError};
use crate::error::{Result, UsageError};
use connector::{Connector, Counted, Shared, count};
pub use hooks::PoolHooks;

/// A pool of sessions with one server. Cheap to clone; all clones are the same pool.
///
/// ```no_run
/// # async fn example() -> mywire::Result<()> {
/// use mywire::{Config, Pool, PoolOptions};
///
/// let config: Config = "mysql://app:secret@127.0.0.1/app_db?pool-max=20".parse()?;
/// let pool = Pool::new(config)?;
///
/// let mut session = pool.session().await?;
/// let users: u64 = session.fetch_one("SELECT COUNT(*) FROM users", ()).await?;
/// drop(session); // goes back
/// # let _ = users;
/// pool.close().await;
/// # Ok(())
/// # }
/// ```
///
/// **Clean sessions.** A session goes back when it is dropped, without I/O, in whatever state it is.
/// Before it is handed out again, results left unread are skipped, an open transaction is rolled
/// back, and the session is reset with `COM_RESET_CONNECTION` and, in the same write, given back its
/// character set, its default database and what [`PoolOptions::setup`](crate::PoolOptions::setup)
/// names: temporary tables, variables, locks and prepared statements are gone. That takes one round
/// trip. No round trip is made for a session that is known to be clean: one that was lent and only
/// looked at, or, with [`PoolReset::WhenChanged`](crate::PoolReset), one that nothing changed. A session that comes back
/// with a transaction or an unread result, which would go on to hold locks, is cleaned at once by a
/// task of its own.
///
/// **Dead sessions.** Each session's socket is looked at before it is handed out, which costs no
/// system call unless something came. One that the server closed, with or without a word (4031,
/// 1053), is thrown away and the next one taken, as is any that an error, or a reset without answer,
/// leaves in doubt.
///
/// **Fairness.** Who asks first is served first. Of the idle sessions the one used last is taken, so
/// that others can grow old.
///
/// **Trouble.** A checkout connects by itself when no session is idle, and gets the error if that
/// fails. When connecting has worked before, failures that may pass (a server that restarts, too
/// many connections) are tried again until the time is up, one attempt at a time, with growing
/// random pauses. A refusal such as a wrong password is told to everybody who asks within the next
/// seconds without asking the server again, which could lock the account.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    pool: deadpool::managed::Pool<Connector>,
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// The figures of a pool at one moment. Those of different fields may be some instants apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// Most sessions open at any time.
    pub max: usize,
    /// Sessions that are open.
    pub open: usize,
    /// Sessions that are handed out, or being cleaned after they came back.
    pub in_use: usize,
    /// Sessions that are open and not in use.
    pub idle: usize,
    /// Sessions that are being opened.
    pub connecting: usize,
    /// Callers that wait for a session.
    pub waiting: usize,
    /// Sessions opened so far.
    pub opened: u64,
    /// How often a session was handed out.
    pub handed_out: u64,
    /// How often a session was reset.
    pub resets: u64,
    /// Sessions closed because they were dead or in doubt.
    pub discarded: u64,
    /// Sessions closed because they were too old, or idle for too long.
    pub expired: u64,
    /// How often nobody got a session in time.
    pub timed_out: u64,
}

impl Pool {
    /// A pool of sessions as `config` says, see [`Config::pool`]. Opens nothing yet.
    ///
    /// Fails if [`Config::validate`] does.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::with_hooks(config, PoolHooks::default())
    }

    /// A pool that calls functions with its sessions.
    pub fn with_hooks(config: Config, hooks: PoolHooks) -> Result<Self, ConfigError> {
        config.validate()?;
        let max = config.pool.max;
        let shared = Arc::new(Shared::new(config, hooks));
        let pool = deadpool::managed::Pool::builder(Connector(shared.clone()))
            .max_size(max)
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| ConfigError::new(error.to_string()))?;
        Ok(Self { inner: Arc::new(Inner { pool, shared, keeper: Mutex::default() }) })
    }

    /// A session: one that is idle, a new one, or else the next that comes back.
    ///
    /// Fails within [`PoolOptions::acquire_timeout`](crate::PoolOptions::acquire_timeout). Cancel-safe: a caller that
    /// gives up loses its place; a session that was being made clean for it is closed.
    pub async fn session(&self) -> Result<PooledSession> {
        Span::of("pool.session", &self.inner.shared.config).run(self.checkout()).await
    }

    async fn checkout(&self) -> Result<PooledSession> {
        let shared = &self.inner.shared;
        self.inner.ensure_keeper();
        let waiting = Counted::new(&shared.counts.waiting);
        let wait = shared.config.pool.acquire_timeout;
        let object = match timeout(wait, self.inner.pool.get()).await {
            Ok(Ok(object)) => object,
            Ok(Err(PoolError::Backend(error))) => return Err(error),
            // Its other errors are of timeouts and hooks that it is not given.
            Ok(Err(_)) => return Err(UsageError::PoolClosed.into()),
            Err(_) => {
                count(&shared.counts.timed_out);
                let (max, reason) = (shared.config.pool.max, shared.reason());
                let in_use = shared.counts.in_use.load(Ordering::Relaxed);
                return Err(UsageError::PoolTimedOut { wait, in_use, max, reason }.into());
            }
        };
        drop(waiting);
        shared.counts.in_use.fetch_add(1, Ordering::AcqRel);
        let session = PooledSession { object: Some(object), shared: shared.clone() };
        // It was on its way when the pool was closed.
        if shared.closed.load(Ordering::Acquire) {
            return Err(UsageError::PoolClosed.into());
        }
        count(&shared.counts.handed_out);
        Ok(session)
    }

    /// Closes the pool: sessions that are idle are closed, those in use when they come back, and
    /// who asks for one gets an error. Waits until the last one is gone.
    ///
    /// Cancel-safe: the pool is closed from the first poll on, and can be waited for again.
    pub async fn close(&self) {
        let shared = &self.inner.shared;
        shared.closed.store(true, Ordering::Release);
        let idle = self.inner.pool.retain(|_, _| false).removed;
        self.inner.pool.close();
        for slot in idle.into_iter().chain(shared.take_stash()) {
            // An error of a session that is closed is nobody's.
            let _ = slot.session.close().await;
        }
        // Every session, however far it is from being one, has a place.
        let all = u32::try_from(shared.config.pool.max).unwrap_or(u32::MAX);
        let _ = shared.places.acquire_many(all).await;
    }

    /// The pool's figures.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let shared = &self.inner.shared;
        let (counts, taken) = (&shared.counts, shared.places_taken());
        let connecting = counts.connecting.load(Ordering::Relaxed);
        let in_use = counts.in_use.load(Ordering::Relaxed);
        let open = taken.saturating_sub(connecting);
        PoolStatus {
            max: shared.config.pool.max,
            open,
            in_use,
            idle: open.saturating_sub(in_use),
            connecting,
            waiting: counts.waiting.load(Ordering::Relaxed),
            opened: counts.opened.load(Ordering::Relaxed),
            handed_out: counts.handed_out.load(Ordering::Relaxed),
            resets: counts.resets.load(Ordering::Relaxed),
            discarded: counts.discarded.load(Ordering::Relaxed),
            expired: counts.expired.load(Ordering::Relaxed),
            timed_out: counts.timed_out.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    /// Starts the keeper, which needs a runtime, with the first checkout; again if its runtime ended.
    fn ensure_keeper(self: &Arc<Self>) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            *keeper = Some(tokio::spawn(keeper::keep(Arc::downgrade(self))));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = keeper.take() {
            keeper.abort();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.inner.shared.config.to_url();
        f.debug_struct("Pool").field("url", &url).field("status", &self.status()).finish()
    }
}

/// A [`Session`] of a [`Pool`], to which it goes back when it is dropped.
pub struct PooledSession {
    /// There until it is dropped or detached.
    object: Option<Object<Connector>>,
    shared: Arc<Shared>,
}

impl PooledSession {
    /// Takes the session out of the pool, which may open another in its place.
    #[must_use]
    pub fn detach(mut self) -> Session {
        self.take().session
    }

    /// Closes the session instead of giving it back: for one that was left in a state that nobody
    /// else should meet. If the future is dropped, it is closed as well.
    pub async fn discard(self) {
        // An error of a session that is closed is nobody's.
        let _ = self.detach().close().await;
    }

    fn take(&mut self) -> connector::Slot {
        let object = self.object.take().expect("it is there until it is dropped or detached");
        let slot = Object::take(object);
        self.shared.one_came_back();
        slot
    }
}

impl Deref for PooledSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.object.as_ref().expect("it is there until it is dropped or detached").session
    }
}

impl DerefMut for PooledSession {
    fn deref_mut(&mut self) -> &mut Session {
        let slot = self.object.as_mut().expect("it is there until it is dropped or detached");
        // What is done with it is the caller's affair from here on.
        slot.touched = true;
        &mut slot.session
    }
}

impl Drop for PooledSession {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.shared.take_back(object);
        }
    }
}

impl fmt::Debug for PooledSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = self.object.as_deref();
        f.debug_struct("PooledSession").field("session", &slot.map(|slot| &slot.session)).finish()
    }
}
