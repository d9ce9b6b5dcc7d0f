//! Opening sessions for a pool, and making used ones fit to be handed out.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, RecycleResult};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::super::Session;
use super::clean::{Cleaned, Origin};
use super::gate::{Gate, random};
use super::hooks::PoolHooks;
use crate::config::Config;
use crate::error::{Result, UsageError};

/// How long making a session clean may take before it is given up: a reset takes milliseconds, and
/// connecting anew takes less than waiting for a server that does not answer.
const CLEANING: Duration = Duration::from_secs(5);

/// After this time without use a session's socket may have news that the runtime did not look for
/// yet.
const STALE: Duration = Duration::from_millis(100);

/// A session of the pool.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) session: Session,
    origin: Origin,
    /// Commands may have been given since it was clean.
    pub(super) touched: bool,
    expires: Option<Instant>,
    idle_since: Instant,
    /// Its place among the sessions that may be open.
    _place: OwnedSemaphorePermit,
}

impl Slot {
    fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    fn is_idle_since(&self, since: Option<Instant>) -> bool {
        since.is_some_and(|since| self.idle_since <= since)
    }
}

/// What all handles of a pool and its sessions share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    hooks: PoolHooks,
    gate: Gate,
    /// One permit for each session that may be open.
    pub(super) places: Arc<Semaphore>,
    /// Sessions opened by the keeper and never handed out, which the pool's next connect takes.
    stash: Mutex<Vec<Slot>>,
    stashed: Notify,
    pub(super) closed: AtomicBool,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) in_use: AtomicUsize,
    pub(super) waiting: AtomicUsize,
    pub(super) connecting: AtomicUsize,
    pub(super) opened: AtomicU64,
    pub(super) handed_out: AtomicU64,
    pub(super) resets: AtomicU64,
    pub(super) discarded: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) timed_out: AtomicU64,
}

/// One more for as long as it lives.
pub(super) struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    pub(super) fn new(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn count(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Shared {
    pub(super) fn new(mut config: Config, hooks: PoolHooks) -> Self {
        config.statement_cache = config.pool.statements_each(config.statement_cache);
        let places = Arc::new(Semaphore::new(config.pool.max));
        Self {
            config,
            hooks,
            gate: Gate::default(),
            places,
            stash: Mutex::default(),
            stashed: Notify::new(),
            closed: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }

    /// How many sessions are open, or being opened.
    pub(super) fn places_taken(&self) -> usize {
        self.config.pool.max.saturating_sub(self.places.available_permits())
    }

    pub(super) fn reason(&self) -> Option<Box<str>> {
        self.gate.reason()
    }

    fn stash(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.stash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_stash(&self) -> Vec<Slot> {
        std::mem::take(&mut self.stash())
    }

    /// Opens a session that nobody waits for, if one may be open besides the others.
    pub(super) async fn stock(&self) -> Result<()> {
        let Ok(place) = self.places.clone().try_acquire_owned() else { return Ok(()) };
        let slot = self.open(place).await?;
        self.stash().push(slot);
        if self.closed.load(Ordering::Acquire) {
            // Whoever closed the pool may have looked before it came, and waits for its place.
            drop(self.take_stash());
        }
        self.stashed.notify_one();
        Ok(())
    }

    /// Lets go of sessions of the stash that are too old.
    pub(super) fn sweep_stash(&self, now: Instant, spare: &mut usize) -> Vec<Slot> {
        self.stash().extract_if(.., |slot| !self.stays(slot, now, spare)).collect()
    }

    /// A session that the keeper has opened, or a new one.
    async fn stocked_or_new(&self) -> Result<Slot> {
        while !self.closed.load(Ordering::Acquire) {
            let stocked = self.stash().pop();
            if let Some(mut slot) = stocked {
                if slot.is_expired(Instant::now()) || self.make_fit(&mut slot).await.is_err() {
                    count(&self.counts.discarded);
                    continue;
                }
                return Ok(slot);
            }
            // Without a place the keeper has the last one, and its session comes into the stash, or
            // the place is given back.
            let Some(place) = self.place_unless_stocked().await? else { continue };
            // Not a part of every checkout's future: connecting is rare, and its state large.
            let mut slot = Box::pin(self.open(place)).await?;
            self.run_before_hand_out(&mut slot).await?;
            return Ok(slot);
        }
        Err(UsageError::PoolClosed.into())
    }

    /// A place for one more session; `None` once there is one in the stash.
    async fn place_unless_stocked(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let mut place = pin!(self.places.clone().acquire_owned());
        let mut stashed = pin!(self.stashed.notified());
        poll_fn(|cx| match place.as_mut().poll(cx) {
            Poll::Ready(place) => Poll::Ready(place.map(Some)),
            Poll::Pending => stashed.as_mut().poll(cx).map(|()| Ok(None)),
        })
        .await
        .map_err(|_| UsageError::PoolClosed.into())
    }

    async fn open(&self, place: OwnedSemaphorePermit) -> Result<Slot> {
        let _connecting = Counted::new(&self.counts.connecting);
        let (session, origin) = loop {
            let probing = self.gate.enter().await?;
            match self.connect().await {
                Ok(connected) => {
                    self.gate.succeeded();
                    break connected;
                }
                Err(error) if !self.gate.failed(&error) => return Err(error),
                Err(_) => drop(probing),
            }
        };
        count(&self.counts.opened);
        let now = Instant::now();
        // Less a random tenth: sessions that were opened together are not closed together.
        let expires = self.config.pool.lifetime.and_then(|lifetime| {
            now.checked_add(lifetime.saturating_sub((lifetime / 10).mul_f64(random())))
        });
        let touched = false;
        Ok(Slot { session, origin, touched, expires, idle_since: now, _place: place })
    }

    async fn connect(&self) -> Result<(Session, Origin)> {
        let mut session = Session::connect_with(&self.config).await?;
        let origin = session.set_up().await?;
        self.hooks.run_after_connect(&mut session).await?;
        Ok((session, origin))
    }

    /// Makes a session that lay idle fit to be handed out, or says that it is none.
    async fn make_fit(&self, slot: &mut Slot) -> Result<()> {
        let idle = slot.idle_since.elapsed();
        if idle > STALE {
            // The runtime hears what became of the sockets.
            tokio::task::yield_now().await;
        }
        let work = async {
            self.make_clean(slot).await?;
            if self.config.pool.ping_after.is_some_and(|after| idle >= after) {
                slot.session.ping().await?;
            }
            self.run_before_hand_out(slot).await
        };
        // A server that does not answer is one whose session is in doubt.
        timeout(CLEANING, work).await.unwrap_or_else(|_| Err(UsageError::SessionNotClean.into()))
    }

    async fn run_before_hand_out(&self, slot: &mut Slot) -> Result<()> {
        // What it does is undone like what the session's user does.
        slot.touched |= self.hooks.has_before_hand_out();
        self.hooks.run_before_hand_out(&mut slot.session).await
    }

    async fn make_clean(&self, slot: &mut Slot) -> Result<()> {
        let cleaned = slot.session.make_clean(slot.touched, &mut slot.origin).await?;
        if cleaned == Cleaned::Reset {
            count(&self.counts.resets);
        }
        slot.touched = false;
        Ok(())
    }

    /// Takes a session back. Does no I/O: what holds something on the server is cleaned by a task of
    /// its own, everything else before it is handed out again.
    pub(super) fn take_back(self: &Arc<Self>, mut object: Object<Connector>) {
        let slot = &mut *object;
        slot.idle_since = Instant::now();
        let unfit = slot.session.is_dead()
            || self.config.pool.discard_read_only && slot.session.refused_to_write();
        let expired = slot.is_expired(slot.idle_since);
        if unfit || expired || self.closed.load(Ordering::Acquire) {
            count(if expired { &self.counts.expired } else { &self.counts.discarded });
            drop(Object::take(object));
            return self.one_came_back();
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if slot.session.holds_something() => {
                let cleaning = CleaningUp { shared: self.clone(), object: Some(object) };
                drop(runtime.spawn(cleaning.run()));
            }
            _ => {
                drop(object);
                self.one_came_back();
            }
        }
    }

    pub(super) fn one_came_back(&self) {
        self.counts.in_use.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether an idle session stays; `spare` is how many may go although they are as good as new.
    pub(super) fn stays(&self, slot: &Slot, now: Instant, spare: &mut usize) -> bool {
        if slot.is_expired(now) || slot.session.is_dead() {
            *spare = spare.saturating_sub(1);
            return false;
        }
        let since = self.config.pool.idle_timeout.and_then(|time| now.checked_sub(time));
        if *spare > 0 && slot.is_idle_since(since) {
            *spare -= 1;
            return false;
        }
        true
    }
}

/// A session that is settled and rolled back before anybody asks for it. Wherever the task ends, the
/// session is back or gone.
struct CleaningUp {
    shared: Arc<Shared>,
    object: Option<Object<Connector>>,
}

impl CleaningUp {
    async fn run(mut self) {
        let Some(object) = &mut self.object else { return };
        let cleaned = timeout(CLEANING, self.shared.make_clean(object)).await;
        if !matches!(cleaned, Ok(Ok(()))) {
            return;
        }
        if let Some(mut object) = self.object.take() {
            object.idle_since = Instant::now();
            drop(object);
            self.shared.one_came_back();
        }
    }
}

impl Drop for CleaningUp {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            count(&self.shared.counts.discarded);
            drop(Object::take(object));
            self.shared.one_came_back();
        }
    }
}

/// How the pool's crate opens sessions and looks at them.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Arc<Shared>);

impl Manager for Connector {
    type Type = Slot;
    type Error = crate::error::Error;

    async fn create(&self) -> Result<Slot> {
        self.0.stocked_or_new().await
    }

    async fn recycle(&self, slot: &mut Slot, _: &Metrics) -> RecycleResult<Self::Error> {
        let fit = match slot.is_expired(Instant::now()) {
            true => {
                count(&self.0.counts.expired);
                return Err(deadpool::managed::RecycleError::message("expired"));
            }
            false => self.0.make_fit(slot).await,
        };
        if fit.is_err() {
            count(&self.0.counts.discarded);
        }
        Ok(fit?)
    }
}
