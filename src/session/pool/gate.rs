//! When a pool connects, and when it waits instead (T-98).
//!
//! ```text
//!              success                      failure
//!   Unproved ──────────▶ Open   Open ────────────────────▶ Closed until …
//!      ▲  one at a time    ▲  all at the same time            │ one at a time
//!      │                   └──────────────────────────────────┘ success
//! ```

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::{Error, Result, ServerError, ServerErrorKind, UsageError};

/// The wait after the first failure: longer than a server takes to accept the next connection, and
/// shorter than anybody notices.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest wait between attempts: a restarted server is found within that time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The wait after a refusal that only somebody's intervention changes: three wrong passwords within
/// it would lock an account.
const REFUSED_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    /// Whoever connects while it is not known to work.
    probe: tokio::sync::Mutex<()>,
}

/// The only one who connects.
pub(super) type Probing<'g> = tokio::sync::MutexGuard<'g, ()>;

#[derive(Debug, Default)]
struct State {
    /// The last attempt succeeded.
    open: bool,
    /// An attempt has succeeded at some time.
    proved: bool,
    failures: u32,
    until: Option<Instant>,
    /// What the server refused with, to be told to everybody until then.
    refused: Option<ServerError>,
    /// Why the last attempt failed, for who runs out of time.
    reason: Option<Box<str>>,
}

impl Gate {
    /// Waits until an attempt to connect may be made. The guard, if there is one, is to be kept for
    /// as long as the attempt lasts: it is not known whether connecting works, so that one is enough.
    ///
    /// Fails if the last attempt was refused for good.
    pub(super) async fn enter(&self) -> Result<Option<Probing<'_>>> {
        let open = self.state().open;
        let probing = if open { None } else { Some(self.probe.lock().await) };
        self.wait().await?;
        Ok(probing)
    }

    /// Why the last attempt to connect failed, if none succeeded since.
    pub(super) fn reason(&self) -> Option<Box<str>> {
        self.state().reason.clone()
    }

    /// Waits until the next attempt may be made; fails if the last one was refused for good.
    async fn wait(&self) -> Result<()> {
        loop {
            let until = {
                let state = self.state();
                let Some(until) = state.until.filter(|until| *until > Instant::now()) else {
                    return Ok(());
                };
                if let Some(refused) = &state.refused {
                    return Err(refused.clone().into());
                }
                until
            };
            sleep_until(until).await;
        }
    }

    pub(super) fn succeeded(&self) {
        *self.state() = State { open: true, proved: true, ..State::default() };
    }

    /// Notes a failure; says whether to try again.
    pub(super) fn failed(&self, error: &Error) -> bool {
        let passing = passes(error);
        let mut state = self.state();
        let now = Instant::now();
        let refused = match error {
            Error::Server(error) if !passing => Some((**error).clone()),
            _ => None,
        };
        // Of several that failed together the first counts. What is wrong on this side costs the
        // server nothing, so nobody waits for it.
        if (passing || refused.is_some()) && state.until.is_none_or(|until| until <= now) {
            let wait = match passing {
                true => with_jitter(doubled(FIRST_WAIT, state.failures).min(LONGEST_WAIT)),
                false => REFUSED_WAIT,
            };
            state.failures = state.failures.saturating_add(1);
            state.until = now.checked_add(wait);
        }
        state.open = false;
        state.reason = Some(error.to_string().into());
        state.refused = refused;
        // What never worked is more likely a wrong address than a server that starts.
        let crowded = error
            .as_server()
            .is_some_and(|error| matches!(error.kind(), ServerErrorKind::TooManyConnections));
        passing && (state.proved || crowded)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure to connect is one that passes by itself.
fn passes(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Protocol(_) => true,
        Error::Server(error) => matches!(
            error.kind(),
            ServerErrorKind::TooManyConnections
                | ServerErrorKind::Shutdown
                | ServerErrorKind::ConnectionClosed
        ),
        Error::Usage(UsageError::SessionNotClean) => true,
        _ => false,
    }
}

fn doubled(wait: Duration, times: u32) -> Duration {
    // Beyond this it is longer than any wait allowed.
    wait.saturating_mul(1 << times.min(16))
}

/// Between half of a duration and all of it, at random.
fn with_jitter(duration: Duration) -> Duration {
    duration - (duration / 2).mul_f64(random())
}

/// A number from 0 to 1, different in each process and call: of the quality that scattering needs.
pub(super) fn random() -> f64 {
    // The keys of a hash map are what the standard library has of chance.
    let hash = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(hash >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t98_waits_grow_to_an_end() {
        let waits = [0, 1, 2, 6, 7, 40, u32::MAX].map(|n| doubled(FIRST_WAIT, n).min(LONGEST_WAIT));
        let millis = waits.map(|wait| wait.as_millis());
        assert_eq!(millis, [50, 100, 200, 3200, 5000, 5000, 5000]);
        for _ in 0..1000 {
            let wait = with_jitter(LONGEST_WAIT);
            assert!(wait <= LONGEST_WAIT && wait >= LONGEST_WAIT / 2);
        }
        let some: Vec<f64> = (0..8).map(|_| random()).collect();
        assert!(some.iter().any(|other| *other != some[0]), "{some:?}");
    }
}
