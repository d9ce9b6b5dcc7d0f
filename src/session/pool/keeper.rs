//! The task that lets go of what is old, and keeps the least number of sessions open.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Inner;

/// How often the keeper looks: the timeouts of pools are minutes.
const TICK: Duration = Duration::from_secs(1);

/// Looks after a pool until it is closed or gone.
pub(super) async fn keep(pool: Weak<Inner>) {
    while let Some(pool) = pool.upgrade().filter(|pool| !pool.is_closed()) {
        pool.sweep();
        pool.top_up().await;
        drop(pool);
        sleep(TICK).await;
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Closes idle sessions that are too old, or idle for too long.
    fn sweep(&self) {
        let now = Instant::now();
        let shared = &self.shared;
        let mut spare = shared.places_taken().saturating_sub(shared.config.pool.min);
        let gone = self.pool.retain(|slot, _| shared.stays(slot, now, &mut spare)).removed;
        let stale = shared.sweep_stash(now, &mut spare);
        let count = u64::try_from(gone.len() + stale.len()).unwrap_or(u64::MAX);
        shared.counts.expired.fetch_add(count, Ordering::Relaxed);
    }

    /// Opens sessions until there are as many as there should be. A failure is tried again at the
    /// next look.
    async fn top_up(&self) {
        let (shared, min) = (&self.shared, self.shared.config.pool.min);
        while !self.is_closed() && shared.places_taken() < min {
            let stocked = tokio::time::timeout(shared.config.pool.acquire_timeout, shared.stock());
            match stocked.await {
                Ok(Ok(())) => {}
                _ => return,
            }
        }
    }
}
