//! Making a session that somebody used as good as a new one.

use std::sync::Arc;
use std::task::Poll;

use super::super::Session;
use super::super::transaction::Guarded;
use crate::attributes::QueryAttributes;
use crate::config::{Config, PoolReset};
use crate::error::{
    Error, IoTask, ProtocolError, ProtocolErrorKind as Kind, Result, Sent, UsageError,
};
use crate::proto::Step;
use crate::setup::after_reset;
use crate::wire::Capabilities;

/// How often what the server sent is looked at before a session counts as one that never falls
/// silent: TLS sends a few tickets, and what comes behind them shows at the next look.
const MAX_LOOKS: usize = 16;

/// Asks for the tracker of changes to the session.
const TRACK_STATE_CHANGE: &str = "SET session_track_state_change = 1";

/// What a session of a pool was when it was new, and what is known of it since.
#[derive(Debug)]
pub(super) struct Origin {
    /// The default database after the login.
    database: Option<String>,
    /// The server tells of changes.
    tracks: bool,
    /// A change of the user puts another in the session.
    config: Arc<Config>,
}

/// What making a session clean took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cleaned {
    /// Nothing, or the end of a transaction.
    AsItWas,
    Reset,
}

impl Session {
    /// Sets a new session up, in one write: at most one round trip, none if there is nothing to set.
    pub(super) async fn set_up(&mut self) -> Result<Origin> {
        let database = self.connection.server().database().map(str::to_owned);
        let setup = self.send_pool_setup()?;
        let tracks = self.finish_pool_setup(setup).await?;
        self.watch();
        Ok(Origin { database, tracks, config: self.config.clone() })
    }

    /// Makes the session what it was after [`set_up`](Self::set_up), for the next user. Any error
    /// means that the session is not to be handed out.
    ///
    /// `touched` says whether commands may have been given since. Cost: no round trip if the session
    /// is known to be clean, otherwise one, and what reading an unread result takes.
    pub(super) async fn make_clean(
        &mut self,
        touched: bool,
        origin: &mut Origin,
    ) -> Result<Cleaned> {
        self.check_silence().await?;
        self.set_query_attributes(QueryAttributes::default());
        if !touched {
            // A handle to cancel the next statement needs no touch.
            self.lifeline.pass();
            return Ok(Cleaned::AsItWas);
        }
        self.drain().await?;
        self.lifeline.pass();
        if !Arc::ptr_eq(&self.config, &origin.config) {
            // It is another account's, and no reset gives it back.
            return Err(UsageError::SessionNotClean.into());
        }
        let cleaned = match self.needs_reset(origin) {
            true => self.begin_anew(origin).await?,
            false => self.go_back(origin).await?,
        };
        if self.in_transaction() || self.connection.server().database() != origin.database() {
            return Err(UsageError::SessionNotClean.into());
        }
        self.watch();
        Ok(cleaned)
    }

    fn watch(&mut self) {
        self.connection.watch(self.config.pool.reset == PoolReset::WhenChanged);
    }

    fn needs_reset(&self, origin: &Origin) -> bool {
        match self.config.pool.reset {
            PoolReset::WhenChanged => {
                // A guard that was forgotten, not dropped, may have left anything.
                !origin.tracks || self.connection.has_traces() || self.guarded != Guarded::Nothing
            }
            PoolReset::Always => true,
        }
    }

    /// Resets the session, with what has to be set again, in one write.
    async fn begin_anew(&mut self, origin: &mut Origin) -> Result<Cleaned> {
        self.connection.reset_connection()?;
        let moved = self.send_database(origin)?;
        let config = Arc::clone(&self.config);
        let parts = self.begin_setup(after_reset(&config, self.is_mariadb()))?;
        let setup = self.send_pool_setup()?;
        self.forget_statements();
        self.rollback = None;
        self.guarded = Guarded::Nothing;
        for _ in 0..1 + usize::from(moved) {
            self.finish_command().await?;
        }
        self.finish_setup(parts).await?;
        origin.tracks = self.finish_pool_setup(setup).await?;
        Ok(Cleaned::Reset)
    }

    /// Undoes what is known: an open transaction, another default database.
    async fn go_back(&mut self, origin: &Origin) -> Result<Cleaned> {
        self.connection.forget_tracked();
        self.close_dropped_statements()?;
        let rollback = self.in_transaction() || self.rollback.is_some();
        if rollback {
            self.connection.query(b"ROLLBACK")?;
        }
        self.rollback = None;
        let moved = self.send_database(origin)?;
        for _ in 0..usize::from(rollback) + usize::from(moved) {
            self.finish_command().await?;
        }
        Ok(Cleaned::AsItWas)
    }

    /// Goes back to the database of the login, if the session is in another or nobody knows.
    fn send_database(&mut self, origin: &Origin) -> Result<bool> {
        let follows = self.connection.capabilities().contains(Capabilities::SESSION_TRACK);
        if follows && self.connection.server().database() == origin.database() {
            return Ok(false);
        }
        // No command leads from a database to none.
        let Some(database) = origin.database() else {
            return Err(UsageError::SessionNotClean.into());
        };
        self.connection.init_db(database.as_bytes())?;
        Ok(true)
    }

    /// Sends what every session runs; gives the number of commands, and whether the last of them is
    /// the one that asks for tracking.
    fn send_pool_setup(&mut self) -> Result<PoolSetup> {
        for sql in &self.config.pool.setup {
            self.connection.query(sql.as_bytes())?;
        }
        let track = self.config.pool.reset == PoolReset::WhenChanged
            && self.connection.capabilities().contains(Capabilities::SESSION_TRACK)
            // The older end of rows has no room for what changed.
            && self.connection.capabilities().contains(Capabilities::DEPRECATE_EOF);
        if track {
            self.connection.query(TRACK_STATE_CHANGE.as_bytes())?;
        }
        Ok(PoolSetup { statements: self.config.pool.setup.len(), track })
    }

    /// Reads the replies to [`send_pool_setup`](Self::send_pool_setup); says whether the server tracks.
    async fn finish_pool_setup(&mut self, setup: PoolSetup) -> Result<bool> {
        for _ in 0..setup.statements {
            self.finish_command().await?;
        }
        if !setup.track {
            return Ok(false);
        }
        match self.finish_command().await {
            Ok(_) => Ok(true),
            // The server does not know the variable.
            Err(error) if !error.is_fatal() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Looks at the transport without waiting: an idle session on which something came is not to be
    /// used, and the error says why if the server said so (T-62). TLS tickets are no message.
    ///
    /// Costs no system call while nothing is there. Does nothing while a reply is due.
    pub(super) async fn check_silence(&mut self) -> Result<()> {
        for _ in 0..MAX_LOOKS {
            if !self.connection.is_idle() {
                return if self.is_dead() { Err(self.dead()) } else { Ok(()) };
            }
            let before = self.received;
            if let Poll::Ready(Err(error)) = self.receive_now().await {
                return Err(self.io_error(IoTask::Read, error));
            }
            match self.connection.step() {
                Ok(Step::Idle) if self.received == before => return Ok(()),
                Ok(Step::Idle) => {}
                Ok(_) => break,
                Err(error) => return Err(self.explain(error)),
            }
        }
        self.connection.abort();
        Err(ProtocolError::new(Kind::Unsolicited, Sent::No).into())
    }

    fn dead(&mut self) -> Error {
        ProtocolError::new(Kind::Dead, Sent::No).into()
    }

    /// Whether the session, left as it is, keeps something on the server: an unread result, or an
    /// open transaction.
    pub(super) fn holds_something(&self) -> bool {
        !self.connection.is_idle() || self.in_transaction() || self.rollback.is_some()
    }

    pub(super) fn refused_to_write(&self) -> bool {
        self.connection.refused_to_write()
    }
}

/// Commands whose replies are due.
#[derive(Clone, Copy, Debug)]
struct PoolSetup {
    statements: usize,
    track: bool,
}

impl Origin {
    fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }
}
