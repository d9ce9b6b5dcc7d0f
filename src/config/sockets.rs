//! How the transport behaves, apart from where it leads.

use std::net::IpAddr;
use std::time::Duration;

use super::{Config, ConfigError, Endpoint};

/// The longest time that sockets take for their timers: 24 days, what 32 bits of milliseconds hold
/// on every system, and less than the keepalive maximum of Linux, 32 767 seconds, allows for that.
const MAX_USER_TIMEOUT: Duration = Duration::from_millis(2_147_483_647);

/// The most seconds that Linux takes for keepalive's idle time.
const MAX_KEEPALIVE: Duration = Duration::from_secs(32_767);

/// The options of TCP sockets.
#[derive(Clone, Debug)]
pub(crate) struct SocketOptions {
    pub(crate) bind_address: Option<IpAddr>,
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) peer_uid: Option<u32>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            bind_address: None,
            nodelay: true,
            keepalive: Some(Config::DEFAULT_KEEPALIVE),
            user_timeout: None,
            peer_uid: None,
        }
    }
}

impl Config {
    /// 60 seconds: well within the minutes after which firewalls and address translators forget a
    /// silent connection, at the cost of one packet a minute on an idle one (T-91).
    pub const DEFAULT_KEEPALIVE: Duration = Duration::from_secs(60);

    /// Connects from this local address, on a port that the system chooses. TCP only; addresses of
    /// the server of the other family are not tried.
    pub fn bind_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.sockets.bind_address = Some(address.into());
        self
    }

    /// Whether TCP sends commands at once (`TCP_NODELAY`); `true` by default, because commands are
    /// written whole and waiting for more only delays them.
    pub fn tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.sockets.nodelay = nodelay;
        self
    }

    /// Sets after how much silence TCP asks whether the server's machine is still there, or `None`
    /// for never; [`Config::DEFAULT_KEEPALIVE`] by default. Whole seconds, from 1 to 32 767.
    ///
    /// How often it asks before it gives up is the system's: on Linux 9 times, 75 seconds apart,
    /// unless [`Config::tcp_user_timeout`] ends it earlier.
    pub fn keepalive(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.sockets.keepalive = idle.into();
        self
    }

    /// Sets how long sent bytes, and keepalive's questions, may stay unacknowledged before the
    /// connection counts as lost (`TCP_USER_TIMEOUT`); the system's quarter of an hour by default.
    /// Milliseconds, from 1 to 24 days. Linux, Android and Fuchsia only: elsewhere it is an error.
    pub fn tcp_user_timeout(mut self, timeout: Duration) -> Self {
        self.sockets.user_timeout = Some(timeout);
        self
    }

    /// Connects over a Unix socket only to a process of this user, such as that of the account
    /// `mysql`; whoever listens by default.
    ///
    /// A Unix socket counts as private: the password may go over it as it is. Where others can
    /// write into its folder, such as `/tmp`, they can listen there in the server's place (T-102).
    /// The user of another process is left before anything is written. Linux and Android only:
    /// elsewhere it is an error, and so it is for a host.
    pub fn socket_peer_uid(mut self, uid: u32) -> Self {
        self.sockets.peer_uid = Some(uid);
        self
    }
}

pub(super) fn check(options: &SocketOptions, endpoint: &Endpoint) -> Result<(), ConfigError> {
    let timers = [
        ("keepalive", options.keepalive, Duration::from_secs(1), MAX_KEEPALIVE),
        ("tcp-user-timeout", options.user_timeout, Duration::from_millis(1), MAX_USER_TIMEOUT),
    ];
    for (name, timer, least, most) in timers {
        if timer.is_some_and(|timer| timer < least || timer > most) {
            return Err(ConfigError::new(format!(
                "The time `{name}` is out of range: from {least:?} to {most:?}."
            )));
        }
    }
    let has_user_timeout =
        cfg!(any(target_os = "linux", target_os = "android", target_os = "fuchsia"));
    if options.user_timeout.is_some() && !has_user_timeout {
        return Err(ConfigError::new(
            "This system's sockets have no `tcp-user-timeout`; use `keepalive` instead.",
        ));
    }
    let has_peer_uid = cfg!(any(target_os = "linux", target_os = "android"));
    if options.peer_uid.is_some() && !(has_peer_uid && matches!(endpoint, Endpoint::Socket(_))) {
        return Err(ConfigError::new(
            "Only Unix sockets on Linux and Android tell whose process listens; drop \
             `socket-peer-uid`, or give a socket instead of the host.",
        ));
    }
    if options.bind_address.is_some() && matches!(endpoint, Endpoint::Socket(_)) {
        return Err(ConfigError::new(
            "A Unix socket has no `bind-address`; drop it, or give a host instead of the socket.",
        ));
    }
    Ok(())
}
