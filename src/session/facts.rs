//! What the server told of the session, and what goes with its statements.

use super::Session;
use crate::attributes::QueryAttributes;
use crate::proto::TransactionState;
use crate::wire::SessionState;

impl Session {
    /// The last global transaction ids that the server told of: MySQL's GTIDs with
    /// `session_track_gtids`, or MariaDB's with `last_gtid` in `session_track_system_variables`.
    /// Those of one statement are in [`Done::gtids`](crate::Done::gtids).
    #[must_use]
    pub fn gtids(&self) -> Option<&str> {
        self.connection.server().gtids()
    }

    /// What the open transaction has done so far, with `session_track_transaction_info`; `None`
    /// while the server has told nothing.
    #[must_use]
    pub fn transaction_state(&self) -> Option<TransactionState> {
        self.connection.server().transaction_state()
    }

    /// The URL of the server that this one would rather have asked (MariaDB from 11.3 on). It is
    /// only told, unless [`Config::redirect_to`](crate::Config::redirect_to) went there
    /// already: whether to go there with the same credentials is for the caller to decide (T-10), and
    /// worth no more than the trust in this server and the channel to it.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.connection.server().redirect_url()
    }

    /// What the server told of the session's state at the login: system variables on MariaDB from
    /// 11.5 on, and the default database.
    #[must_use]
    pub fn login_state(&self) -> SessionState<'_> {
        self.connection.server().login_state()
    }

    /// Sets the attributes that go with every later statement, until others are set. Needs
    /// [`Config::query_attributes`](crate::Config::query_attributes); says whether the server takes
    /// them: MySQL does from 8.0.26 on.
    ///
    /// They are the session's: [`reset`](Self::reset) and [`change_user`](Self::change_user) forget
    /// them, as a pool does when the session goes back. Cost: none but their bytes.
    pub fn set_query_attributes(&mut self, attributes: QueryAttributes) -> bool {
        let taken = self.connection.attributes().is_some();
        if taken {
            self.connection.set_attributes(attributes);
        }
        taken
    }
}
