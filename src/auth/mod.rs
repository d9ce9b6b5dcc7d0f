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

mod built_in;
mod caching_sha2;
mod clear;
#[cfg(any(feature = "ed25519", feature = "parsec"))]
mod curve;
mod dialog;
mod ed25519;
mod error;
mod native;
mod parsec;
#[cfg(feature = "parsec")]
mod pbkdf2;
mod plugin;
mod policy;
#[cfg(feature = "rsa")]
mod rsa;
mod sha256;

use std::fmt;

use zeroize::Zeroizing;

use crate::secret::Secret;
use built_in::BuiltIn;
use caching_sha2::CachingSha2;
use dialog::Dialog;
pub use dialog::Question;
pub use error::AuthError;
pub use plugin::{Plugin, PluginContext, PluginExchange};
pub use policy::{Answers, Policy};
use sha256::Sha256;

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

    /// Whether it is certain, besides, who reads: what hands the password over waits for that
    /// (A-30, A-54).
    pub fn is_proved(self) -> bool {
        matches!(self, Self::TlsVerified | Self::UnixSocket)
    }
}

/// Whether the plugin of this name is built in; [`Policy::allows`] also asks the policy.
pub fn is_supported(plugin: &[u8]) -> bool {
    BuiltIn::from_name(plugin).is_some_and(BuiltIn::is_built)
}

/// The names of the plugins that are built in with the features of this build.
pub fn supported() -> impl Iterator<Item = &'static str> {
    BuiltIn::ALL.into_iter().filter(|plugin| plugin.is_built()).map(BuiltIn::name)
}

/// What to do with the server's last packet.
pub enum Response {
    /// Write these bytes as one packet, even if there are none; they are wiped when dropped.
    Send(Zeroizing<Vec<u8>>),
    /// Write nothing and read on.
    Wait,
}

impl Response {
    /// Bytes to write; nothing at all makes an empty packet.
    #[must_use]
    pub fn send(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Send(Zeroizing::new(bytes.into()))
    }
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
pub struct Exchange {
    plugin: &'static str,
    channel: Channel,
    state: State,
}

/// What each plugin is waiting for.
enum State {
    /// Nothing more than OK or ERR is expected.
    Answered(BuiltIn),
    CachingSha2(CachingSha2),
    Sha256(Sha256),
    Dialog(Dialog),
    #[cfg(feature = "parsec")]
    Parsec(parsec::Parsec),
    Own(Box<dyn PluginExchange>),
    /// An error came out; nothing goes on.
    Failed,
}

impl Exchange {
    /// Starts `plugin` with the server's `data`, for most plugins a nonce, and gives the first
    /// response.
    ///
    /// `data` may end in the NUL that some packets add to the nonce (H-41, E-30). `password` is the
    /// factor's; without one only a plugin of the caller's goes on. `channel` is what the response
    /// will be written to.
    ///
    /// # Errors
    ///
    /// A plugin that `policy` does not allow, or not on this channel (T-03), a nonce of another
    /// length than the plugin's, a password with a NUL in it, no password. Nothing that depends on
    /// the password has been made then.
    pub fn start(
        plugin: &[u8],
        data: &[u8],
        password: Option<&Secret>,
        channel: Channel,
        policy: &Policy,
    ) -> Result<(Self, Response), AuthError> {
        if password.is_some_and(|password| password.expose().contains(&0)) {
            // Uniformly, though the hashes could take one (H-31).
            return Err(AuthError::PasswordContainsNul);
        }
        if let Some(own) = policy.own(plugin) {
            let plugin = own.name();
            if own.reveals_secret() && !channel.is_proved() {
                return Err(AuthError::ChannelNotVerified { plugin });
            }
            let context = PluginContext { plugin, secret: password, channel };
            let mut exchange = own.start();
            let response = exchange.respond(data, &context)?;
            return Ok((Self { plugin, channel, state: State::Own(exchange) }, response));
        }
        let known = policy.built_in(plugin).ok_or_else(|| refusal(plugin))?;
        if known.reveals_password() && !channel.is_proved() {
            return Err(AuthError::ChannelNotVerified { plugin: known.name() });
        }
        let password =
            password.ok_or_else(|| AuthError::FactorWithoutPassword { plugin: known.name() })?;
        let (state, response) = first_response(known, data, password, channel, policy)?;
        Ok((Self { plugin: known.name(), channel, state }, response))
    }

    /// The name of the plugin in progress.
    pub fn plugin(&self) -> &'static str {
        self.plugin
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
        password: Option<&Secret>,
        policy: &Policy,
    ) -> Result<Response, AuthError> {
        let (plugin, channel) = (self.plugin, self.channel);
        let unexpected = AuthError::UnexpectedData { plugin };
        let state = std::mem::replace(&mut self.state, State::Failed);
        if let State::Own(mut exchange) = state {
            let response =
                exchange.respond(data, &PluginContext { plugin, secret: password, channel })?;
            self.state = State::Own(exchange);
            return Ok(response);
        }
        let Some(password) = password else { return Err(unexpected) };
        let (state, response) = match state {
            State::CachingSha2(machine) => {
                let (next, response) = machine.more_data(data, password, channel, policy)?;
                (State::CachingSha2(next), response)
            }
            State::Sha256(machine) => {
                let (next, response) = machine.more_data(data, password)?;
                (State::Sha256(next), response)
            }
            State::Dialog(mut machine) => {
                let response = machine.answer(data, password, policy)?;
                (State::Dialog(machine), Response::Send(response))
            }
            #[cfg(feature = "parsec")]
            State::Parsec(machine) => {
                let (next, response) = machine.more_data(data, password)?;
                (State::Parsec(next), Response::Send(response))
            }
            State::Answered(_) | State::Own(_) | State::Failed => return Err(unexpected),
        };
        self.state = state;
        Ok(response)
    }

    /// What the server stores of `password`, with which MariaDB proves in the login's OK that a
    /// certificate of its own making is its own (A-60): SHA1(SHA1(p)) of mysql_native_password, the
    /// public key of client_ed25519, parsec's scheme, factor, salt and public key (A-52).
    ///
    /// `None` for plugins that prove nothing, for an empty password, and before the plugin has
    /// answered.
    pub fn certificate_secret(&self, password: &Secret) -> Option<Zeroizing<Vec<u8>>> {
        if password.is_empty() {
            return None;
        }
        match &self.state {
            State::Answered(BuiltIn::Native) => Some(native::stored(password)),
            #[cfg(feature = "ed25519")]
            State::Answered(BuiltIn::Ed25519) => Some(ed25519::public_key(password)),
            #[cfg(feature = "parsec")]
            State::Parsec(machine) => machine.stored(),
            _ => None,
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("plugin", &self.plugin)
            .field("channel", &self.channel)
            .field("failed", &matches!(self.state, State::Failed))
            .finish_non_exhaustive()
    }
}

/// Why a plugin does not answer: its feature is off, or it is refused.
fn refusal(plugin: &[u8]) -> AuthError {
    match BuiltIn::from_name(plugin).and_then(|known| Some((known, known.missing_feature()?))) {
        Some((known, feature)) => AuthError::FeatureOff { plugin: known.name(), feature },
        None => AuthError::refused(plugin),
    }
}

fn first_response(
    plugin: BuiltIn,
    data: &[u8],
    password: &Secret,
    channel: Channel,
    policy: &Policy,
) -> Result<(State, Response), AuthError> {
    let (state, response) = match plugin {
        BuiltIn::CachingSha2 => {
            let (machine, response) = CachingSha2::start(nonce(plugin, data)?, password);
            (State::CachingSha2(machine), response)
        }
        BuiltIn::Native => {
            (State::Answered(plugin), native::respond(&nonce(plugin, data)?, password))
        }
        BuiltIn::Sha256 => {
            let nonce = nonce(plugin, data)?;
            let (machine, response) = Sha256::start(nonce, password, channel, policy)?;
            (State::Sha256(machine), response)
        }
        BuiltIn::Clear => (State::Answered(plugin), clear::terminated(password)),
        BuiltIn::Dialog => {
            let mut machine = Dialog::start();
            let response = machine.answer(data, password, policy)?;
            (State::Dialog(machine), response)
        }
        #[cfg(feature = "ed25519")]
        BuiltIn::Ed25519 => {
            (State::Answered(plugin), ed25519::respond(&nonce(plugin, data)?, password))
        }
        #[cfg(feature = "parsec")]
        BuiltIn::Parsec => {
            // An empty packet asks for the salt.
            (State::Parsec(parsec::Parsec::start(nonce(plugin, data)?)), Zeroizing::default())
        }
        #[cfg(not(feature = "ed25519"))]
        BuiltIn::Ed25519 => return Err(refusal(plugin.name().as_bytes())),
        #[cfg(not(feature = "parsec"))]
        BuiltIn::Parsec => return Err(refusal(plugin.name().as_bytes())),
    };
    Ok((state, Response::Send(response)))
}

/// The nonce in `data`: its bytes, or its bytes and a NUL (E-30).
fn nonce<const LENGTH: usize>(plugin: BuiltIn, data: &[u8]) -> Result<[u8; LENGTH], AuthError> {
    let length = data.len();
    let bytes = match data.split_last() {
        Some((0, nonce)) if nonce.len() == LENGTH => nonce,
        _ => data,
    };
    let plugin = plugin.name();
    bytes.try_into().map_err(|_| AuthError::NonceLength { plugin, length, wanted: LENGTH })
}

/// The challenge of the older plugins, without a trailing NUL.
type Nonce = [u8; 20];

/// The challenge of MariaDB's signing plugins (A-41).
#[cfg(any(feature = "ed25519", feature = "parsec"))]
type LongNonce = [u8; 32];

#[cfg(test)]
mod tests;
