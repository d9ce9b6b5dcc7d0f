//! The login, from the greeting to the final OK.
//!
//! ```text
//!   greeting ──▶ [SSLRequest, TLS handshake] ──▶ login request ──▶ ┌ plugin's packets ┐ ──▶ OK
//!                                                                  └── auth switch ◀──┘     ERR
//! ```

use zeroize::Zeroizing;

use super::Fault;
use super::connection::Connection;
#[cfg(feature = "tls")]
use super::tls::{Tls, TlsClient};
use crate::auth::{AuthError, Channel, Exchange, Policy, Response};
use crate::error::{ProtocolErrorKind as Kind, Sent, ServerError, TlsError};
use crate::secret::Secret;
use crate::wire::auth::{MORE_DATA, SWITCH};
use crate::wire::code::UTF8MB4_GENERAL_CI;
use crate::wire::{
    AuthMoreData, AuthSwitchRequest, Capabilities, ConnectAttributes, ErrPacket, Greeting,
    LoginRequest, PacketHeader, packet, reply,
};

/// The largest packet that we announce to take, in bytes: the protocol's cap. `Limits::max_packet`
/// is checked on arrival.
const MAX_PACKET: u32 = 1 << 30;

/// The longest packet that a server may send before the login is over, in bytes. Keys and prompts
/// are far shorter; the first OK can carry session state.
pub(super) const MAX_LOGIN_PACKET: usize = 1 << 20;

/// The longest greeting, in bytes: a few hundred in practice.
const MAX_GREETING: u32 = 64 << 10;

/// How often a server may switch plugins (H-45): once, and again behind a proxy.
const MAX_SWITCHES: usize = 3;

/// What every connection wants, if the server has it.
const WANTED: Capabilities = Capabilities::LONG_PASSWORD
    .with(Capabilities::LONG_FLAG)
    .with(Capabilities::PROTOCOL_41)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::MULTI_RESULTS)
    .with(Capabilities::PS_MULTI_RESULTS)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::CONNECT_ATTRS)
    .with(Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .with(Capabilities::SESSION_TRACK)
    .with(Capabilities::DEPRECATE_EOF)
    .with(Capabilities::MARIADB_EXTENDED_METADATA)
    .with(Capabilities::MARIADB_CACHE_METADATA);

/// What a caller may want besides.
const OPTIONAL: Capabilities = Capabilities::FOUND_ROWS
    .with(Capabilities::IGNORE_SPACE)
    .with(Capabilities::INTERACTIVE)
    .with(Capabilities::MULTI_STATEMENTS)
    .with(Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS)
    .with(Capabilities::MARIADB_PROGRESS)
    .with(Capabilities::MARIADB_STMT_BULK_OPERATIONS)
    .with(Capabilities::MARIADB_BULK_UNIT_RESULTS);

/// What a connection needs to log in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// The account's name.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// The default database.
    pub database: Option<String>,
    /// Optional capabilities: `FOUND_ROWS`, `IGNORE_SPACE`, `INTERACTIVE`, `MULTI_STATEMENTS`,
    /// `CAN_HANDLE_EXPIRED_PASSWORDS`, `MARIADB_PROGRESS`, `MARIADB_STMT_BULK_OPERATIONS`,
    /// `MARIADB_BULK_UNIT_RESULTS`. Others are ignored.
    pub options: Capabilities,
    /// Encoded connection attributes, see [`ConnectAttributes::push`].
    pub attributes: Vec<u8>,
    /// Which plugins may be used, and how.
    pub policy: Policy,
    /// What carries the bytes.
    pub transport: Transport,
    /// Whether TLS is wanted.
    pub tls: TlsPlan,
}

impl Login {
    /// A login over a network without TLS.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            database: None,
            options: Capabilities::NONE,
            attributes: Vec::new(),
            policy: Policy::default(),
            transport: Transport::Network,
            tls: TlsPlan::Never,
        }
    }
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Anything that others can read.
    Network,
    /// A Unix socket: as private as the machine.
    UnixSocket,
}

/// Whether TLS is wanted.
#[derive(Clone, Debug)]
pub enum TlsPlan {
    /// No.
    Never,
    /// If the server offers it. Somebody on the network can make it seem not to (T-04).
    #[cfg(feature = "tls")]
    IfOffered(TlsClient),
    /// Yes; a server without TLS is left before anything is written.
    #[cfg(feature = "tls")]
    Always(TlsClient),
}

impl TlsPlan {
    const fn is_never(&self) -> bool {
        matches!(self, Self::Never)
    }
}

/// A login in progress.
#[derive(Debug)]
pub(super) struct Connecting {
    login: Login,
    phase: Phase,
    channel: Channel,
    /// The greeting's nonce and plugin, until the login request was made.
    nonce: Vec<u8>,
    greeting_plugin: Vec<u8>,
    exchange: Option<Exchange>,
    packets: usize,
    switches: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    #[cfg(feature = "tls")]
    TlsHandshake,
    Authentication,
}

/// How far a look at the input brought the login.
pub(super) enum Progress {
    NeedInput(Box<Connecting>),
    Connected,
    Refused(ServerError),
}

impl Connecting {
    pub(super) fn new(login: Login) -> Self {
        let channel = match login.transport {
            Transport::Network => Channel::Plain,
            Transport::UnixSocket => Channel::UnixSocket,
        };
        Self {
            login,
            phase: Phase::Greeting,
            channel,
            nonce: Vec::new(),
            greeting_plugin: Vec::new(),
            exchange: None,
            packets: 0,
            switches: 0,
        }
    }

    pub(super) fn is_before_greeting(&self) -> bool {
        self.phase == Phase::Greeting
    }

    /// Whether TLS is wanted and has not begun: what comes now can be anybody's (H-25).
    pub(super) fn wants_tls(login: &Login) -> bool {
        !login.tls.is_never()
    }

    /// Goes on as far as the input brings it.
    pub(super) fn advance(
        mut self: Box<Self>,
        connection: &mut Connection,
    ) -> Result<Progress, Fault> {
        loop {
            #[cfg(feature = "tls")]
            if self.phase == Phase::TlsHandshake {
                connection.pull()?;
                if connection.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                    return Ok(Progress::NeedInput(self));
                }
                connection.unverified = false;
                self.send_login(connection)?;
                continue;
            }
            if self.phase == Phase::Greeting && !looks_like_mysql(connection.recv.pending())? {
                return Ok(Progress::NeedInput(self));
            }
            let Some(span) = connection.recv.packet()? else {
                return Ok(Progress::NeedInput(self));
            };
            let payload = connection.recv.bytes(span).to_vec();
            if payload.first() == Some(&reply::ERR) {
                let packet = ErrPacket::decode(&payload)?;
                let context = connection.error_context(Sent::No, true);
                return Ok(Progress::Refused(ServerError::new(&packet, context)));
            }
            match self.phase {
                Phase::Greeting => self.on_greeting(&payload, connection)?,
                _ if payload.first() == Some(&reply::OK) => {
                    connection.on_ok(span)?;
                    connection.last_ok.forget_info();
                    connection.info.auth_plugin =
                        self.exchange.as_ref().map_or("", Exchange::plugin);
                    return Ok(Progress::Connected);
                }
                _ => self.on_auth_packet(&payload, connection)?,
            }
        }
    }

    fn on_greeting(&mut self, payload: &[u8], connection: &mut Connection) -> Result<(), Fault> {
        let greeting = match payload.first() {
            Some(9) => return Err(Kind::ServerTooOld.into()),
            Some(&crate::wire::greeting::PROTOCOL_VERSION) => Greeting::decode(payload)?,
            Some(_) => return Err(Kind::NotMySql("something else").into()),
            None => return Err(Kind::EmptyPacket.into()),
        };
        let needed = Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION;
        if !greeting.capabilities.contains(needed) {
            return Err(Kind::ServerTooOld.into());
        }
        let info = &mut connection.info;
        info.version = String::from_utf8_lossy(greeting.server_version).into_owned();
        info.connection_id = greeting.connection_id;
        info.mariadb = greeting.is_mariadb();
        info.status = greeting.status;
        greeting.copy_nonce(&mut self.nonce);
        self.greeting_plugin = greeting.auth_plugin.to_vec();
        if self.greeting_plugin.is_empty() {
            // Servers without named plugins have this one.
            self.greeting_plugin = b"mysql_native_password".to_vec();
        }
        connection.capabilities = self.capabilities(greeting.capabilities);
        if connection.capabilities.contains(Capabilities::CONNECT_WITH_DB) {
            connection.info.database.clone_from(&self.login.database);
        }
        self.begin_tls_or_login(connection, greeting.capabilities)
    }

    /// What both sides have (C-01).
    fn capabilities(&self, offered: Capabilities) -> Capabilities {
        let mut wanted = WANTED | (self.login.options & OPTIONAL);
        if connect_with_db(&self.login) {
            wanted = wanted | Capabilities::CONNECT_WITH_DB;
        }
        wanted & offered
    }

    /// Decides on TLS before the first byte is written (H-23, T-04).
    fn begin_tls_or_login(
        &mut self,
        connection: &mut Connection,
        offered: Capabilities,
    ) -> Result<(), Fault> {
        let tls_offered = offered.contains(Capabilities::SSL);
        #[cfg(feature = "tls")]
        match &self.login.tls {
            TlsPlan::Always(_) if !tls_offered => return Err(TlsError::NotOffered.into()),
            TlsPlan::IfOffered(client) | TlsPlan::Always(client) if tls_offered => {
                if !connection.recv.pending().is_empty() {
                    return Err(TlsError::PlaintextBeforeTls.into());
                }
                let tls = Tls::start(client)?;
                self.channel = match client.verifies {
                    true => Channel::TlsVerified,
                    false => Channel::TlsUnverified,
                };
                connection.capabilities = connection.capabilities | Capabilities::SSL;
                let request = self.login_request(connection, b"", b"").ssl_request();
                self.send_packet(connection, |out| {
                    request.encode(out);
                    Ok(())
                })?;
                connection.tls = Some(Box::new(tls));
                self.phase = Phase::TlsHandshake;
                return Ok(());
            }
            _ => {}
        }
        #[cfg(not(feature = "tls"))]
        let _ = (tls_offered, TlsError::NotOffered);
        connection.unverified = false;
        self.send_login(connection)
    }

    /// Answers the greeting with the account and the plugin's first response.
    fn send_login(&mut self, connection: &mut Connection) -> Result<(), Fault> {
        let plugin = std::mem::take(&mut self.greeting_plugin);
        let nonce = std::mem::take(&mut self.nonce);
        // A plugin that is not allowed is answered with one that is, and the server may switch
        // (H-35). Which one it offers for an unknown account says nothing (H-44).
        let plugin = if self.login.policy.allows(&plugin) {
            plugin
        } else {
            let preferred = self.login.policy.preferred();
            preferred.ok_or_else(|| AuthError::refused(&plugin))?.into()
        };
        let (exchange, response) = Exchange::start(
            &plugin,
            &nonce,
            &self.login.password,
            self.channel,
            &self.login.policy,
        )?;
        let response = match response {
            Response::Send(bytes) => bytes,
            Response::Wait => Zeroizing::default(),
        };
        let name = if connection.capabilities.contains(Capabilities::PLUGIN_AUTH) {
            exchange.plugin().as_bytes()
        } else {
            b""
        };
        connection.send.mark_secret();
        let request = self.login_request(connection, &response, name);
        self.send_packet(connection, |out| request.encode(out))?;
        self.exchange = Some(exchange);
        self.phase = Phase::Authentication;
        Ok(())
    }

    fn login_request<'a>(
        &'a self,
        connection: &Connection,
        auth_response: &'a [u8],
        auth_plugin: &'a [u8],
    ) -> LoginRequest<'a> {
        let capabilities = connection.capabilities;
        let attributes = match capabilities.contains(Capabilities::CONNECT_ATTRS) {
            true => ConnectAttributes::decode(&self.login.attributes).unwrap_or_default(),
            false => ConnectAttributes::default(),
        };
        let database = match capabilities.contains(Capabilities::CONNECT_WITH_DB) {
            true => self.login.database.as_deref().unwrap_or_default(),
            false => "",
        };
        LoginRequest {
            capabilities,
            max_packet: MAX_PACKET,
            collation: UTF8MB4_GENERAL_CI,
            user: self.login.user.as_bytes(),
            auth_response,
            database: database.as_bytes(),
            auth_plugin,
            attributes,
            zstd_level: 0,
        }
    }

    fn on_auth_packet(&mut self, payload: &[u8], connection: &mut Connection) -> Result<(), Fault> {
        self.packets += 1;
        let max = connection.limits.max_auth_packets;
        if self.packets > max {
            let value = u64::try_from(max).unwrap_or(u64::MAX);
            return Err(Kind::Limit { limit: "max_auth_packets", value }.into());
        }
        match payload.first() {
            Some(&SWITCH) => {
                self.switches += 1;
                if self.switches > MAX_SWITCHES {
                    let value = 3;
                    return Err(Kind::Limit { limit: "authentication switches", value }.into());
                }
                let AuthSwitchRequest { plugin, data } = AuthSwitchRequest::decode(payload)?;
                // The 1-byte packet asks for the scheme of before MySQL 4.1 (A-31).
                let plugin = if plugin.is_empty() { b"mysql_old_password" } else { plugin };
                let (exchange, response) = Exchange::start(
                    plugin,
                    data,
                    &self.login.password,
                    self.channel,
                    &self.login.policy,
                )?;
                self.exchange = Some(exchange);
                self.respond(connection, &response)
            }
            _ => {
                // MariaDB may leave out the byte in front of a plugin's data (H-40).
                let data = match payload.first() {
                    Some(&MORE_DATA) => AuthMoreData::decode(payload)?.data,
                    _ => payload,
                };
                let Some(exchange) = &mut self.exchange else {
                    return Err(Kind::Unsolicited.into());
                };
                let login = &self.login;
                let response = exchange.more_data(data, &login.password, &login.policy)?;
                self.respond(connection, &response)
            }
        }
    }

    fn respond(&self, connection: &mut Connection, response: &Response) -> Result<(), Fault> {
        let Response::Send(bytes) = response else { return Ok(()) };
        connection.send.mark_secret();
        self.send_packet(connection, |out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Sends one packet with the next id of the exchange (F-05).
    fn send_packet(
        &self,
        connection: &mut Connection,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), crate::wire::EncodeError>,
    ) -> Result<(), Fault> {
        let sequence = connection.recv.sequence();
        let out = connection.send.buffer();
        let start = packet::begin(out);
        encode(out)?;
        let sequence = packet::finish(out, start, sequence);
        connection.recv.set_sequence(sequence);
        connection.seal()
    }
}

/// An empty name means something else on each server: it is not sent (H-33).
fn connect_with_db(login: &Login) -> bool {
    login.database.as_ref().is_some_and(|database| !database.is_empty())
}

/// Looks at the first bytes of a connection: `false` if there are too few to tell.
fn looks_like_mysql(bytes: &[u8]) -> Result<bool, Fault> {
    const OTHERS: [(&[u8], &str); 6] = [
        (b"SSH-", "an SSH server"),
        (b"HTTP", "an HTTP server"),
        (b"220 ", "an FTP or mail server"),
        (b"220-", "an FTP or mail server"),
        (b"* OK", "an IMAP server"),
        (b"+OK ", "a POP3 server"),
    ];
    let Some((start, rest)) = bytes.split_first_chunk::<4>() else { return Ok(false) };
    let Some(&first) = rest.first() else { return Ok(false) };
    if let Some((_, name)) = OTHERS.iter().find(|(text, _)| start == text) {
        return Err(Kind::NotMySql(name).into());
    }
    let header = PacketHeader::decode(*start);
    // An ERR in place of the greeting may have any id (F-06).
    let numbered = header.sequence == 0 || first == reply::ERR;
    if header.length > MAX_GREETING || !numbered {
        return Err(Kind::NotMySql("something else").into());
    }
    Ok(true)
}
