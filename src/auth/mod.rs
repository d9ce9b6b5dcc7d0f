//! Authentication: what the server asks for, and the bytes that answer it.
//!
//! Pure functions and one small machine per plugin; no sockets and no packets. The connection hands
//! in what the server sent and writes what comes back.
//!
//! ```text
//!  greeting, AuthSwitch or AuthNextFactor      AuthMoreData
//!          |                                       |
//!  Exchange::start ──Response──> ... ──> Exchange::more_data ──Response──> ...
//!          |                                       |
//!      AuthError                               AuthError: the exchange takes nothing more
//! ```
//!
//! OK and ERR end an exchange at any point (H-46) and are the connection's to read, as are the
//! limits on the number of packets and switches (H-45).
//!
//! A hash that answers a challenge can be attacked offline by whoever chose or saw the challenge;
//! only TLS with a verified server prevents that (T-14).

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod caching_sha2;
mod error;
mod native;
#[cfg(feature = "rsa")]
mod rsa;

use std::fmt;

use zeroize::Zeroizing;

use crate::secret::Secret;
use caching_sha2::CachingSha2;
pub use error::AuthError;

/// How well the bytes that we write are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// TCP without TLS: the network can read and change everything.
    Plain,
    /// TLS with a server that has not proved who it is.
    TlsUnverified,
    /// TLS with a verified certificate.
    TlsVerified,
    /// A Unix socket: the bytes do not leave the machine.
    UnixSocket,
}

impl Channel {
    /// Whether the network cannot read along, so that caching_sha2_password may send the password
    /// as it is (A-13).
    pub fn is_private(self) -> bool {
        self != Self::Plain
    }
}

/// What the configuration allows in authentication.
///
/// By default every plugin that is built in is allowed, which is A-56 as far as built, and no RSA
/// key is known or fetched.
#[derive(Clone, Debug)]
pub struct Policy {
    allowed: Vec<Plugin>,
    server_public_key: Option<Vec<u8>>,
    fetch_server_public_key: bool,
}

impl Policy {
    /// Allows only the plugins named; names of plugins that are not built in are ignored.
    pub fn allow_only<'a>(mut self, plugins: impl IntoIterator<Item = &'a str>) -> Self {
        let named = plugins.into_iter().filter_map(|name| Plugin::from_name(name.as_bytes()));
        self.allowed = named.collect();
        self
    }

    /// Pins the server's RSA public key, PEM (A-14). A key that the server sends is then not used.
    pub fn server_public_key_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.server_public_key = Some(pem.into());
        self
    }

    /// Allows asking the server for its RSA public key over plain TCP (T-07).
    pub fn fetch_server_public_key(mut self, allow: bool) -> Self {
        self.fetch_server_public_key = allow;
        self
    }

    /// Whether the plugin of this name is built in and allowed.
    pub fn allows(&self, plugin: &[u8]) -> bool {
        Plugin::from_name(plugin).is_some_and(|plugin| self.allowed.contains(&plugin))
    }

    /// The allowed plugin to name to a server whose own choice is not allowed (H-35), the strongest
    /// first; `None` if none is.
    ///
    /// Name it together with its response to the greeting's nonce, if that has 20 bytes: a server
    /// whose account happens to use this plugin takes what came with the name as the answer.
    pub fn preferred(&self) -> Option<&'static str> {
        Plugin::ALL.into_iter().find(|plugin| self.allowed.contains(plugin)).map(Plugin::name)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allowed: Plugin::ALL.to_vec(),
            server_public_key: None,
            fetch_server_public_key: false,
        }
    }
}

/// Whether the plugin of this name is built in; [`Policy::allows`] also asks the policy.
pub fn is_supported(plugin: &[u8]) -> bool {
    Plugin::from_name(plugin).is_some()
}

/// What to do with the server's last packet.
pub enum Response {
    /// Write these bytes as one packet, even if there are none; they are wiped when dropped.
    Send(Zeroizing<Vec<u8>>),
    /// Write nothing and read on.
    Wait,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the length either: it can be the password's.
        f.write_str(match self {
            Self::Send(_) => "Send(..)",
            Self::Wait => "Wait",
        })
    }
}

/// One authentication plugin in progress, for one factor.
///
/// It keeps no secret. The caller hands the password of this factor to each call, and never that of
/// another factor (H-43, T-11).
#[derive(Debug)]
pub struct Exchange {
    plugin: Plugin,
    channel: Channel,
    state: State,
}

/// What each plugin is waiting for.
#[derive(Debug)]
enum State {
    /// Nothing more than OK or ERR is expected.
    Answered,
    CachingSha2(CachingSha2),
    /// An error came out; nothing goes on.
    Failed,
}

impl Exchange {
    /// Starts `plugin` with the server's nonce `data` and gives the first response.
    ///
    /// `data` may end in the NUL that some packets add to the nonce (H-41, E-30). `channel` is what
    /// the response will be written to.
    ///
    /// # Errors
    ///
    /// A plugin that `policy` does not allow (T-03), a nonce of another length than 20, a password
    /// with a NUL in it. Nothing that depends on the password has been made then.
    pub fn start(
        plugin: &[u8],
        data: &[u8],
        password: &Secret,
        channel: Channel,
        policy: &Policy,
    ) -> Result<(Self, Response), AuthError> {
        let known = Plugin::from_name(plugin).filter(|known| policy.allowed.contains(known));
        let plugin = known.ok_or_else(|| AuthError::refused(plugin))?;
        // Uniformly, though the hashes could take one (H-31).
        if password.expose().contains(&0) {
            return Err(AuthError::PasswordContainsNul);
        }
        let nonce = plugin.nonce(data)?;
        let (state, response) = match plugin {
            Plugin::CachingSha2 => {
                let (machine, response) = CachingSha2::start(nonce, password);
                (State::CachingSha2(machine), response)
            }
            Plugin::Native => (State::Answered, native::respond(&nonce, password)),
        };
        Ok((Self { plugin, channel, state }, Response::Send(response)))
    }

    /// The name of the plugin in progress.
    pub fn plugin(&self) -> &'static str {
        self.plugin.name()
    }

    /// Takes the payload of an AuthMoreData packet, without its leading 0x01.
    ///
    /// `password` and `policy` are those given to [`Exchange::start`].
    ///
    /// # Errors
    ///
    /// Data that the plugin does not expect now, or a step that `policy` does not allow on this
    /// channel. After an error every call fails.
    pub fn more_data(
        &mut self,
        data: &[u8],
        password: &Secret,
        policy: &Policy,
    ) -> Result<Response, AuthError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::CachingSha2(machine) => {
                let (next, response) = machine.more_data(data, password, self.channel, policy)?;
                self.state = State::CachingSha2(next);
                Ok(response)
            }
            State::Answered | State::Failed => {
                Err(AuthError::UnexpectedData { plugin: self.plugin.name() })
            }
        }
    }
}

/// The plugins that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    CachingSha2,
    Native,
}

impl Plugin {
    /// The strongest first.
    const ALL: [Self; 2] = [Self::CachingSha2, Self::Native];

    fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|plugin| plugin.name().as_bytes() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::CachingSha2 => caching_sha2::NAME,
            Self::Native => native::NAME,
        }
    }

    /// The nonce in `data`: 20 bytes, or 20 and a NUL (E-30).
    fn nonce(self, data: &[u8]) -> Result<Nonce, AuthError> {
        let length = data.len();
        let bytes = match data.split_last() {
            Some((0, nonce)) if length == NONCE_LENGTH + 1 => nonce,
            _ => data,
        };
        bytes.try_into().map_err(|_| AuthError::NonceLength { plugin: self.name(), length })
    }
}

/// Bytes of the challenge in the plugins with 20 of them, without a trailing NUL.
const NONCE_LENGTH: usize = 20;

type Nonce = [u8; NONCE_LENGTH];

#[cfg(test)]
mod tests;
