//! What a pool's owner does with sessions before others get them.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::super::Session;
use crate::error::Result;

type Hook = Arc<
    dyn for<'s> Fn(&'s mut Session) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 's>>
        + Send
        + Sync,
>;

/// Functions that a pool calls with its sessions, see [`Pool::with_hooks`](super::Pool::with_hooks).
///
/// ```
/// use mywire::PoolHooks;
///
/// let hooks = PoolHooks::default()
///     .before_hand_out(|session| Box::pin(async move { session.ping().await }));
/// # let _ = hooks;
/// ```
#[derive(Clone, Default)]
pub struct PoolHooks {
    after_connect: Option<Hook>,
    before_hand_out: Option<Hook>,
}

impl PoolHooks {
    /// Calls `hook` with each new session, once. Its error fails the checkout that the session was
    /// opened for.
    ///
    /// What it sets in the session is gone after the first reset:
    /// [`PoolOptions::setup`](crate::PoolOptions::setup) is for that.
    #[must_use]
    pub fn after_connect<F>(mut self, hook: F) -> Self
    where
        F: for<'s> Fn(&'s mut Session) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 's>>
            + Send
            + Sync
            + 'static,
    {
        self.after_connect = Some(Arc::new(hook));
        self
    }

    /// Calls `hook` with each session right before it is handed out, new or clean again. Its error
    /// closes a session that was used before, and another is taken; it fails the checkout if the
    /// session is new.
    ///
    /// What it does to the session is undone before the next user comes, as what the user does is:
    /// with such a hook no session counts as one that was only looked at.
    #[must_use]
    pub fn before_hand_out<F>(mut self, hook: F) -> Self
    where
        F: for<'s> Fn(&'s mut Session) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 's>>
            + Send
            + Sync
            + 'static,
    {
        self.before_hand_out = Some(Arc::new(hook));
        self
    }

    pub(super) async fn run_after_connect(&self, session: &mut Session) -> Result<()> {
        match &self.after_connect {
            Some(hook) => hook(session).await,
            None => Ok(()),
        }
    }

    pub(super) fn has_before_hand_out(&self) -> bool {
        self.before_hand_out.is_some()
    }

    pub(super) async fn run_before_hand_out(&self, session: &mut Session) -> Result<()> {
        match &self.before_hand_out {
            Some(hook) => hook(session).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PoolHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolHooks")
            .field("after_connect", &self.after_connect.is_some())
            .field("before_hand_out", &self.before_hand_out.is_some())
            .finish()
    }
}
