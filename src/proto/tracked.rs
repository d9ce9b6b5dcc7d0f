//! What servers tell of a session's state, as typed values.

use std::borrow::Cow;

use super::exchange::Done;
use super::server_info::ServerInfo;
use crate::wire::charset::is_foreign_name;
use crate::wire::{SessionState, StateChange};

/// MariaDB's name for the id of the last transaction, in place of MySQL's block of its own.
const LAST_GTID: &[u8] = b"last_gtid";

/// Where the server would rather be asked from now on (MariaDB from 11.3 on).
const REDIRECT_URL: &[u8] = b"redirect_url";

/// What the server takes SQL and parameters for.
const CHARACTER_SET: &[u8] = b"character_set_client";

/// What a transaction has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionState {
    /// A transaction was begun by a statement.
    pub explicit: bool,
    /// A transaction began by itself, because `autocommit` is off.
    pub implicit: bool,
    /// Tables without transactions were read.
    pub read_unsafe: bool,
    /// Tables with transactions were read.
    pub read: bool,
    /// Tables without transactions were written.
    pub wrote_unsafe: bool,
    /// Tables with transactions were written.
    pub wrote: bool,
    /// A statement was used that is not safe for replication by statements.
    pub unsafe_statement: bool,
    /// A result set was sent.
    pub sent_rows: bool,
    /// Tables are locked by LOCK TABLES.
    pub locked_tables: bool,
}

impl TransactionState {
    /// Whether a transaction is open.
    #[must_use]
    pub const fn is_open(self) -> bool {
        self.explicit || self.implicit
    }

    /// Reads the tracker's eight letters; letters that are not known count as `_`.
    #[must_use]
    pub fn from_letters(letters: &[u8]) -> Self {
        let is = |place: usize, letter: u8| letters.get(place) == Some(&letter);
        Self {
            explicit: is(0, b'T'),
            implicit: is(0, b'I'),
            read_unsafe: is(1, b'r'),
            read: is(2, b'R'),
            wrote_unsafe: is(3, b'w'),
            wrote: is(4, b'W'),
            unsafe_statement: is(5, b's'),
            sent_rows: is(6, b'S'),
            locked_tables: is(7, b'L'),
        }
    }
}

/// What a server has to say of a statement's effect on the session. Each is `None` unless it is
/// tracked and changed, see `protocol-spec/session-state.md` for what is to be switched on.
impl Done {
    /// The default database, if it changed; empty when it was dropped.
    #[must_use]
    pub fn new_database(&self) -> Option<Cow<'_, str>> {
        self.find(|change| match change {
            StateChange::Schema(name) => Some(name),
            _ => None,
        })
    }

    /// The names and values of the system variables that changed; the value is `None` for NULL.
    pub fn system_variables(&self) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
        self.session_state().changes().filter_map(|change| match change {
            Ok(StateChange::SystemVariable { name, value }) => {
                Some((String::from_utf8_lossy(name), value.map(String::from_utf8_lossy)))
            }
            _ => None,
        })
    }

    /// Whether anything of the session's state changed, as `session_track_state_change` tells.
    #[must_use]
    pub fn state_changed(&self) -> bool {
        let mut changes = self.session_state().changes();
        changes.any(|change| matches!(change, Ok(StateChange::State(b"1"))))
    }

    /// The global transaction ids of what was committed: MySQL's GTIDs, or MariaDB's `last_gtid`.
    #[must_use]
    pub fn gtids(&self) -> Option<Cow<'_, str>> {
        self.find(gtids)
    }

    /// What the transaction has done so far.
    #[must_use]
    pub fn transaction_state(&self) -> Option<TransactionState> {
        let mut changes = self.session_state().changes();
        changes.find_map(|change| match change {
            Ok(StateChange::TransactionState(letters)) => {
                Some(TransactionState::from_letters(letters))
            }
            _ => None,
        })
    }

    /// The statements that begin the transaction again, as it is, on another session; empty outside
    /// of one.
    #[must_use]
    pub fn transaction_characteristics(&self) -> Option<Cow<'_, str>> {
        self.find(|change| match change {
            StateChange::TransactionCharacteristics(sql) => Some(sql),
            _ => None,
        })
    }

    /// The URL of the server that this one would rather have asked; empty for none.
    #[must_use]
    pub fn redirect_url(&self) -> Option<Cow<'_, str>> {
        self.find(redirect_url)
    }

    fn find<'d>(
        &'d self,
        pick: impl Fn(StateChange<'d>) -> Option<&'d [u8]>,
    ) -> Option<Cow<'d, str>> {
        let found = self.session_state().changes().find_map(|change| pick(change.ok()?));
        found.map(String::from_utf8_lossy)
    }
}

fn gtids(change: StateChange<'_>) -> Option<&[u8]> {
    match change {
        StateChange::Gtids { text, .. } => Some(text),
        StateChange::SystemVariable { name: LAST_GTID, value } => value,
        _ => None,
    }
}

fn redirect_url(change: StateChange<'_>) -> Option<&[u8]> {
    match change {
        StateChange::SystemVariable { name: REDIRECT_URL, value } => {
            Some(value.unwrap_or_default())
        }
        _ => None,
    }
}

/// The last of what was told, in buffers that are used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracked {
    gtids: Option<String>,
    redirect_url: Option<String>,
    transaction: Option<TransactionState>,
    /// What the server takes SQL for, if that is not UTF-8 (S-05).
    foreign: Option<Box<str>>,
    /// The state blocks of the login's OK packet.
    login: Vec<u8>,
}

impl Tracked {
    pub(super) fn take(&mut self, change: StateChange<'_>) {
        if let Some(ids) = gtids(change) {
            keep(&mut self.gtids, ids);
        } else if let Some(url) = redirect_url(change) {
            keep(&mut self.redirect_url, url);
        } else if let StateChange::TransactionState(letters) = change {
            self.transaction = Some(TransactionState::from_letters(letters));
        } else if let StateChange::SystemVariable { name: CHARACTER_SET, value } = change {
            let name = value.unwrap_or_default();
            let foreign = is_foreign_name(name).then(|| String::from_utf8_lossy(name).into());
            self.foreign = foreign;
        }
    }

    /// The session begins anew, and the character set with it.
    pub(super) fn begin_anew(&mut self) {
        self.foreign = None;
        self.forget_user();
    }

    /// Forgets what was told about what the session's user did; what the login told stays.
    pub(super) fn forget_user(&mut self) {
        self.gtids = None;
        self.transaction = None;
        let login = SessionState::decode(&self.login).unwrap_or_default();
        let url = login.changes().filter_map(|change| redirect_url(change.ok()?)).last();
        self.redirect_url = url.map(|url| String::from_utf8_lossy(url).into_owned());
    }

    pub(super) fn foreign(&self) -> Option<&str> {
        self.foreign.as_deref()
    }

    pub(super) fn take_login(&mut self, state: &[u8]) {
        self.login = state.to_vec();
    }
}

fn keep(place: &mut Option<String>, text: &[u8]) {
    let place = place.get_or_insert_default();
    place.clear();
    place.push_str(&String::from_utf8_lossy(text));
}

impl ServerInfo {
    /// The last global transaction ids that the server told of.
    #[must_use]
    pub fn gtids(&self) -> Option<&str> {
        self.tracked.gtids.as_deref().filter(|ids| !ids.is_empty())
    }

    /// The URL of the server that this one would rather have asked (T-10). It is told, not followed,
    /// and is as trustworthy as the server and the channel.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.tracked.redirect_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The last state of the transaction that the server told of; `None` if it does not.
    #[must_use]
    pub const fn transaction_state(&self) -> Option<TransactionState> {
        self.tracked.transaction
    }

    /// What the server told of the session's state at the login.
    #[must_use]
    pub fn login_state(&self) -> SessionState<'_> {
        SessionState::decode(&self.tracked.login).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(changes: &[StateChange<'_>]) -> Done {
        let mut state = Vec::new();
        changes.iter().for_each(|change| change.encode(&mut state));
        Done::with_state(state)
    }

    #[test]
    fn r04_r09_every_tracker_is_a_typed_value() {
        let nothing = done(&[]);
        assert_eq!(nothing.new_database(), None);
        assert_eq!((nothing.gtids(), nothing.redirect_url()), (None, None));
        assert!(!nothing.state_changed());
        let all = done(&[
            StateChange::Schema(b"shop"),
            StateChange::SystemVariable { name: b"autocommit", value: Some(b"OFF") },
            StateChange::SystemVariable { name: b"last_gtid", value: Some(b"0-1-7") },
            StateChange::SystemVariable { name: b"redirect_url", value: Some(b"mysql://b") },
            StateChange::SystemVariable { name: b"a", value: None },
            StateChange::State(b"1"),
            StateChange::TransactionCharacteristics(b"START TRANSACTION READ ONLY;"),
            StateChange::TransactionState(b"T_R_W_SL"),
        ]);
        assert_eq!(all.new_database().as_deref(), Some("shop"));
        assert_eq!(all.gtids().as_deref(), Some("0-1-7"));
        assert_eq!(all.redirect_url().as_deref(), Some("mysql://b"));
        assert!(all.state_changed());
        let sql = all.transaction_characteristics();
        assert_eq!(sql.as_deref(), Some("START TRANSACTION READ ONLY;"));
        let variables: Vec<_> = all.system_variables().collect();
        assert_eq!(variables[0], ("autocommit".into(), Some("OFF".into())));
        assert_eq!(variables[3], ("a".into(), None));
        let state = all.transaction_state().unwrap();
        assert!(state.explicit && state.read && state.wrote && state.sent_rows);
        assert!(state.locked_tables && state.is_open());
        assert!(!state.implicit && !state.read_unsafe && !state.unsafe_statement);
        let gtids = done(&[StateChange::Gtids { encoding: 0, text: b"uuid:1-9" }]);
        assert_eq!(gtids.gtids().as_deref(), Some("uuid:1-9"));
        assert_eq!(
            TransactionState::from_letters(b"I"),
            TransactionState { implicit: true, ..TransactionState::default() }
        );
    }
}
