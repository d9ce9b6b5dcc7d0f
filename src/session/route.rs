//! How a session's server is reached a second time, and how it is known there.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::connect::Front;
use crate::config::{Config, SessionOptions};
use crate::error::Result;
use crate::proto::{Login, TlsPlan};
use crate::wire::Capabilities;

/// Where a session is connected to: what names were resolved to, not the names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Socket(PathBuf),
}

/// Everything that a kill needs to know of the session.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) front: Front,
    pub(super) address: Address,
    /// Without the password, which [`Route::login_now`] adds.
    pub(super) login: Login,
    pub(super) config: Config,
    pub(super) peer: Box<str>,
    pub(super) known: Known,
}

/// What tells the session from others, and its server from others.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) user: String,
    pub(super) version: String,
    /// The id of the greeting: 32 bits of it, and a proxy's behind a proxy (H-07).
    pub(super) connection_id: u32,
    /// Our end's port, which the server lists; `None` over a Unix socket.
    pub(super) port: Option<u16>,
    pub(super) identity: Option<Identity>,
}

/// What the server said when it was asked; see [`Config::identify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// `server_uuid` of MySQL, `server_uid` of MariaDB; empty if it has neither.
    pub(super) server: String,
    pub(super) thread: u64,
}

/// A line of the server's list of sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'a> {
    pub(super) id: u64,
    pub(super) user: &'a [u8],
    pub(super) host: &'a [u8],
}

impl Route {
    /// The login of the second connection. `encrypted` tells whether the first one is: then the
    /// second is, too.
    pub(super) fn login(mut login: Login, encrypted: bool) -> Login {
        login.password = Default::default();
        login.database = None;
        login.options = Capabilities::NONE;
        login.tls = without_downgrade(login.tls, encrypted);
        login
    }

    /// The login with the password of this moment: one that was read for the first connection may
    /// have run out.
    pub(super) fn login_now(&self) -> Result<Login> {
        self.login.clone().with_password_of(&self.config)
    }

    /// The same way after the session has changed its user, by `login` and as `config` says.
    pub(super) fn changed(&self, login: &Login, config: &Config) -> Self {
        let login = Login { tls: self.login.tls.clone(), ..login.clone() };
        Self {
            front: self.front,
            address: self.address.clone(),
            // TLS stays what it is for the session: without a downgrade already.
            login: Self::login(login, false),
            config: Self::config(config),
            peer: self.peer.clone(),
            known: Known { user: config.user.clone(), ..self.known.clone() },
        }
    }

    /// The same way to a session that the server knows as `identity`.
    pub(super) fn known_as(&self, identity: Option<Identity>) -> Self {
        Self {
            login: self.login.clone(),
            address: self.address.clone(),
            config: self.config.clone(),
            peer: self.peer.clone(),
            known: Known { identity, ..self.known.clone() },
            ..*self
        }
    }

    /// The configuration of the second connection: it needs nothing but the server's answers.
    pub(super) fn config(config: &Config) -> Config {
        let mut config = config.clone();
        config.database = None;
        config.collation = None;
        config.session = SessionOptions::default();
        config.identify = false;
        config.server_statement_timeout = None;
        config.statement_timeout = None;
        config.read_timeout = Some(config.connect_timeout);
        config.write_timeout = Some(config.connect_timeout);
        config.statement_cache = 0;
        config
    }
}

#[cfg(feature = "tls")]
fn without_downgrade(plan: TlsPlan, encrypted: bool) -> TlsPlan {
    match plan {
        TlsPlan::IfOffered(client) if encrypted => TlsPlan::Always(client),
        plan => plan,
    }
}

#[cfg(not(feature = "tls"))]
fn without_downgrade(plan: TlsPlan, _: bool) -> TlsPlan {
    plan
}

impl Known {
    /// Whether the line is our session's.
    pub(super) fn is(&self, listed: Listed<'_>) -> bool {
        if listed.user != self.user.as_bytes() {
            return false;
        }
        if let Some(identity) = &self.identity {
            // The server has said it by itself; a proxy changes the rest.
            return listed.id == identity.thread;
        }
        // A greeting has no room for more than 32 bits (E-98).
        if listed.id & u64::from(u32::MAX) != u64::from(self.connection_id) {
            return false;
        }
        port(listed.host) == self.port
    }
}

/// The port in `host:port`. The host can be a name, an address of either kind, or `localhost` alone
/// for a Unix socket.
fn port(host: &[u8]) -> Option<u16> {
    let colon = host.iter().rposition(|byte| *byte == b':')?;
    std::str::from_utf8(host.get(colon + 1..)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(port: Option<u16>, identity: Option<Identity>) -> Known {
        let (user, version) = ("app".into(), "9.7.4".into());
        Known { user, version, connection_id: 7, port, identity }
    }

    fn listed<'a>(id: u64, user: &'a str, host: &'a str) -> Listed<'a> {
        Listed { id, user: user.as_bytes(), host: host.as_bytes() }
    }

    #[test]
    fn e98_a_session_is_known_by_its_id_its_user_and_its_port() {
        let ours = known(Some(50_123), None);
        assert!(ours.is(listed(7, "app", "127.0.0.1:50123")));
        assert!(ours.is(listed(7, "app", "::1:50123")));
        assert!(ours.is(listed(7, "app", "client.example.com:50123")));
        // An id beyond 32 bits, of which the greeting told the lower half.
        assert!(ours.is(listed((5 << 32) + 7, "app", "127.0.0.1:50123")));
        // The id of somebody else: behind a proxy, or of 32 bits alike.
        assert!(!ours.is(listed(7, "app", "127.0.0.1:50124")));
        assert!(!ours.is(listed(7, "root", "127.0.0.1:50123")));
        assert!(!ours.is(listed(8, "app", "127.0.0.1:50123")));
        assert!(!ours.is(listed(7, "app", "localhost")));
        let local = known(None, None);
        assert!(local.is(listed(7, "app", "localhost")));
        assert!(!local.is(listed(7, "app", "127.0.0.1:50123")));
    }

    #[test]
    fn e98_what_the_server_said_itself_goes_before_the_greeting() {
        let identity = Identity { server: "uuid".into(), thread: 1 << 40 };
        let ours = known(Some(50_123), Some(identity));
        assert!(ours.is(listed(1 << 40, "app", "10.0.0.1:4")));
        assert!(!ours.is(listed(7, "app", "127.0.0.1:50123")));
    }
}
