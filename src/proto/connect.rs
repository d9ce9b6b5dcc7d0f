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
use super::server_proof::{self, ServerProof};
#[cfg(feature = "tls")]
use super::tls::{Tls, TlsClient};
use crate::auth::{AuthError, Channel, Exchange, Policy, Response};
use crate::config::{Compression, CompressionOptions};
use crate::error::{ProtocolErrorKind as Kind, Sent, ServerError, TlsError};
use crate::secret::Secret;
#[cfg(feature = "tls")]
use crate::wire::OkPacket;
use crate::wire::auth::{MORE_DATA, NEXT_FACTOR, SWITCH};
use crate::wire::code::UTF8MB4_GENERAL_CI;
use crate::wire::{
    AuthMoreData, AuthNextFactor, AuthSwitchRequest, Capabilities, ChangeUser, ConnectAttributes,
    ErrPacket, Greeting, LoginRequest, PacketHeader, packet, reply,
};

/// The largest packet that we announce to take, in bytes: the protocol's cap. `Limits::max_packet`
/// is checked on arrival.
const MAX_PACKET: u32 = 1 << 30;

/// The longest packet that a server may send before the login is over, in bytes. Keys and prompts
/// are far shorter; the first OK can carry session state.
pub(super) const MAX_LOGIN_PACKET: usize = 1 << 20;

/// The longest greeting, in bytes: a few hundred in practice.
const MAX_GREETING: u32 = 64 << 10;

/// The level that servers compress by unless they are told otherwise (F-41).
const DEFAULT_ZSTD_LEVEL: u8 = 3;

/// How often a server may switch plugins in one factor (H-45): once, and again behind a proxy.
const MAX_SWITCHES: usize = 3;

/// The most factors that an account can have (H-43).
const MAX_FACTORS: usize = 3;

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
    // Without it MySQL denies accounts with a second factor and does not say why, even if it asks
    // the client for nothing.
    .with(Capabilities::MULTI_FACTOR_AUTHENTICATION)
    .with(Capabilities::MARIADB_EXTENDED_METADATA)
    .with(Capabilities::MARIADB_CACHE_METADATA);

/// What a caller may want besides.
const OPTIONAL: Capabilities = Capabilities::FOUND_ROWS
    .with(Capabilities::IGNORE_SPACE)
    .with(Capabilities::INTERACTIVE)
    .with(Capabilities::MULTI_STATEMENTS)
    .with(Capabilities::CAN_HANDLE_EXPIRED_PASSWORDS)
    .with(Capabilities::QUERY_ATTRIBUTES)
    .with(Capabilities::LOCAL_FILES)
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
    /// The password of the second factor, if the account has one.
    pub password2: Option<Secret>,
    /// The password of the third factor, if the account has one.
    pub password3: Option<Secret>,
    /// The default database.
    pub database: Option<String>,
    /// Optional capabilities: `FOUND_ROWS`, `IGNORE_SPACE`, `INTERACTIVE`, `MULTI_STATEMENTS`,
    /// `CAN_HANDLE_EXPIRED_PASSWORDS`, `LOCAL_FILES`, `QUERY_ATTRIBUTES`, `MARIADB_PROGRESS`,
    /// `MARIADB_STMT_BULK_OPERATIONS`, `MARIADB_BULK_UNIT_RESULTS`. Others are ignored.
    pub options: Capabilities,
    /// Encoded connection attributes, see [`ConnectAttributes::push`].
    pub attributes: Vec<u8>,
    /// Which plugins may be used, and how.
    pub policy: Policy,
    /// What carries the bytes.
    pub transport: Transport,
    /// Whether TLS is wanted.
    pub tls: TlsPlan,
    /// Which compression is wanted.
    pub compression: CompressionOptions,
}

impl Login {
    /// A login over a network without TLS.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            password2: None,
            password3: None,
            database: None,
            options: Capabilities::NONE,
            attributes: Vec::new(),
            policy: Policy::default(),
            transport: Transport::Network,
            tls: TlsPlan::Never,
            compression: CompressionOptions::default(),
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
    /// The greeting's nonce, until the login request was made.
    nonce: Vec<u8>,
    /// The greeting's plugin; empty where a new login has no greeting.
    greeting_plugin: Vec<u8>,
    exchange: Option<Exchange>,
    /// Whether this is a new login on a connection that had one.
    changes_user: bool,
    /// Which factor is asked for, from 1.
    factor: usize,
    /// What the server owes before anything of it counts.
    #[cfg(feature = "tls")]
    proof: Option<ServerProof>,
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
    Connected(CompressionOptions),
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
            changes_user: false,
            exchange: None,
            factor: 1,
            #[cfg(feature = "tls")]
            proof: None,
            packets: 0,
            switches: 0,
        }
    }

    /// Logs in anew on a connection that is there: what is sent next is the request for it.
    pub(super) fn change_user(login: Login, channel: Channel) -> Self {
        Self { phase: Phase::Authentication, changes_user: true, channel, ..Self::new(login) }
    }

    /// The password of the factor that is asked for, and no other's (T-11).
    fn password(&self) -> Option<&Secret> {
        match self.factor {
            1 => Some(&self.login.password),
            2 => self.login.password2.as_ref(),
            3 => self.login.password3.as_ref(),
            _ => None,
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
                self.judge_certificate(connection);
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
                let sent = match self.changes_user {
                    true => Sent::Yes,
                    false => Sent::No,
                };
                let context = connection.error_context(sent, true);
                return Ok(Progress::Refused(ServerError::new(&packet, context)));
            }
            match self.phase {
                Phase::Greeting => self.on_greeting(&payload, connection)?,
                _ if payload.first() == Some(&reply::OK) => {
                    #[cfg(feature = "tls")]
                    self.check_proof(&payload, connection)?;
                    connection.channel = Some(self.channel);
                    connection.info.database = self.database_sent(connection.capabilities);
                    connection.on_ok(span)?;
                    connection.info.tracked.take_login(connection.last_ok.state());
                    connection.last_ok.forget_info();
                    connection.info.auth_plugin =
                        self.exchange.as_ref().map_or("", Exchange::plugin);
                    return Ok(Progress::Connected(self.login.compression.clone()));
                }
                _ => self.on_auth_packet(&payload, connection)?,
            }
        }
    }

    /// The default database that the server was told (H-33).
    fn database_sent(&self, capabilities: Capabilities) -> Option<String> {
        let sent = self.changes_user || capabilities.contains(Capabilities::CONNECT_WITH_DB);
        self.login.database.clone().filter(|database| sent && !database.is_empty())
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
        if !takes_query_attributes(&connection.info.version) {
            let without = connection.capabilities.without(Capabilities::QUERY_ATTRIBUTES);
            connection.capabilities = without;
        }
        self.begin_tls_or_login(connection, greeting.capabilities)
    }

    /// What both sides have (C-01).
    fn capabilities(&self, offered: Capabilities) -> Capabilities {
        let mut wanted = WANTED | (self.login.options & OPTIONAL);
        if connect_with_db(&self.login) {
            wanted = wanted | Capabilities::CONNECT_WITH_DB;
        }
        let algorithms = self.login.compression.algorithms.iter();
        let built = algorithms.filter(|algorithm| algorithm.missing_feature().is_none());
        let mut capabilities = built.map(|algorithm| match algorithm {
            Compression::Zlib => Capabilities::COMPRESS,
            Compression::Zstd => Capabilities::ZSTD_COMPRESSION_ALGORITHM,
        });
        // Only one of them: asked for both, servers take zlib (F-40).
        if let Some(compression) = capabilities.find(|&capability| offered.contains(capability)) {
            wanted = wanted | compression;
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
                let info = &connection.info;
                let proves = info.mariadb
                    && server_proof::is_offered_by(&info.version)
                    && !self.login.password.is_empty();
                let tls = Tls::start(client, proves)?;
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

    /// Says what the handshake has proved. A certificate that nobody vouches for leaves the proof
    /// due, and until then what the server says is anybody's word (A-60).
    #[cfg(feature = "tls")]
    fn judge_certificate(&mut self, connection: &mut Connection) {
        if let Some(untrusted) = connection.tls.as_ref().and_then(|tls| tls.untrusted()) {
            self.proof = Some(ServerProof::due(untrusted, &self.nonce));
            self.channel = Channel::TlsUnverified;
        }
        connection.unverified = self.proof.is_some();
    }

    /// Before anything of the OK is taken.
    #[cfg(feature = "tls")]
    fn check_proof(&mut self, payload: &[u8], connection: &mut Connection) -> Result<(), Fault> {
        let Some(proof) = self.proof.take() else { return Ok(()) };
        let ok = OkPacket::decode(payload, connection.capabilities)?;
        // Of the account's own password, whatever factor was asked for last.
        let exchange = self.exchange.as_ref();
        let hash = exchange.and_then(|exchange| exchange.certificate_secret(&self.login.password));
        proof.check(ok.info, hash.as_ref().map(|hash| hash.as_slice()))?;
        // As good as a certificate that somebody vouches for.
        self.channel = Channel::TlsVerified;
        connection.unverified = false;
        Ok(())
    }

    /// Whether a plugin may be used now: while the proof is due, only those that lead to one and
    /// give nothing away; over TLS without one, none that a switch made worse.
    fn check_plugin(&self, plugin: &[u8]) -> Result<(), Fault> {
        #[cfg(feature = "tls")]
        if let Some(proof) = &self.proof
            && !ServerProof::takes(plugin)
        {
            let why = "it asked for a plugin that would give the password away";
            return Err(proof.missing(why).into());
        }
        // Accounts that the greeting's plugin would have kept safe from who is in between (T-03).
        let is_switch = plugin != self.greeting_plugin;
        let gives_away = self.password().is_some_and(|password| !password.is_empty());
        if self.channel == Channel::TlsUnverified && is_switch && gives_away {
            self.login.policy.check_unverified_switch(plugin)?;
        }
        Ok(())
    }

    /// The plugin to name to a server whose own choice is not taken (H-35).
    fn own_plugin(&self) -> Option<&'static str> {
        let policy = &self.login.policy;
        #[cfg(feature = "tls")]
        if self.proof.is_some() {
            return ServerProof::plugins().find(|plugin| policy.allows(plugin.as_bytes()));
        }
        policy.preferred()
    }

    /// Answers the greeting with the account and the plugin's first response.
    fn send_login(&mut self, connection: &mut Connection) -> Result<(), Fault> {
        let plugin = self.greeting_plugin.clone();
        let nonce = std::mem::take(&mut self.nonce);
        // A plugin that is not allowed is answered with one that is, and the server may switch
        // (H-35). Which one it offers for an unknown account says nothing (H-44).
        let takes = self.login.policy.allows(&plugin) && self.check_plugin(&plugin).is_ok();
        let (plugin, answered) = match takes {
            true => (plugin, true),
            false => {
                let own = self.own_plugin().ok_or_else(|| AuthError::refused(&plugin))?;
                (own.into(), Policy::answers_greetings(own, &nonce))
            }
        };
        let response = match answered {
            true => self.start(&plugin, &nonce)?,
            false => Response::Wait,
        };
        let response = match response {
            Response::Send(bytes) => bytes,
            Response::Wait => Zeroizing::default(),
        };
        let name = match connection.capabilities.contains(Capabilities::PLUGIN_AUTH) {
            true => &plugin[..],
            false => b"",
        };
        let request = self.login_request(connection, &response, name);
        connection.send.mark_secret(packet::HEADER_SIZE + request.max_len());
        self.send_packet(connection, |out| request.encode(out))?;
        self.phase = Phase::Authentication;
        Ok(())
    }

    /// Starts a plugin with the password of the factor that is asked for.
    fn start(&mut self, plugin: &[u8], data: &[u8]) -> Result<Response, Fault> {
        self.check_plugin(plugin)?;
        let (channel, policy) = (self.channel, &self.login.policy);
        let (exchange, response) = Exchange::start(plugin, data, self.password(), channel, policy)?;
        self.exchange = Some(exchange);
        Ok(response)
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
        let zstd_level = match capabilities.contains(Capabilities::ZSTD_COMPRESSION_ALGORITHM) {
            true => self.login.compression.level.unwrap_or(DEFAULT_ZSTD_LEVEL),
            false => 0,
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
            zstd_level,
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
                let response = self.start(plugin, data)?;
                self.respond(connection, &response)
            }
            // Without the capability it is plugin data that MariaDB did not mark (H-40).
            Some(&NEXT_FACTOR)
                if connection.capabilities.contains(Capabilities::MULTI_FACTOR_AUTHENTICATION) =>
            {
                // No server that makes proofs has factors, and their passwords may be known to others.
                #[cfg(feature = "tls")]
                if let Some(proof) = &self.proof {
                    return Err(proof.missing("it asked for a further factor").into());
                }
                self.factor += 1;
                if self.factor > MAX_FACTORS {
                    return Err(Kind::Limit { limit: "authentication factors", value: 3 }.into());
                }
                self.switches = 0;
                let AuthNextFactor { plugin, data } = AuthNextFactor::decode(payload)?;
                let response = self.start(plugin, data)?;
                self.respond(connection, &response)
            }
            _ => {
                // MariaDB may leave out the byte in front of a plugin's data (H-40).
                let data = match payload.first() {
                    Some(&MORE_DATA) => AuthMoreData::decode(payload)?.data,
                    _ => payload,
                };
                let Some(mut exchange) = self.exchange.take() else {
                    return Err(Kind::Unsolicited.into());
                };
                let response = exchange.more_data(data, self.password(), &self.login.policy)?;
                self.exchange = Some(exchange);
                self.respond(connection, &response)
            }
        }
    }

    fn respond(&self, connection: &mut Connection, response: &Response) -> Result<(), Fault> {
        let Response::Send(bytes) = response else { return Ok(()) };
        connection.send.mark_secret(packet::HEADER_SIZE + bytes.len());
        self.send_packet(connection, |out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Asks for the login: without an answer, because what the server's challenge will be is not
    /// known, and without a plugin's name, so that no server takes the empty answer for one (A-57).
    pub(super) fn send_change_user(&mut self, connection: &mut Connection) -> Result<(), Fault> {
        let attributes = match connection.capabilities.contains(Capabilities::CONNECT_ATTRS) {
            true => ConnectAttributes::decode(&self.login.attributes).unwrap_or_default(),
            false => ConnectAttributes::default(),
        };
        let request = ChangeUser {
            user: self.login.user.as_bytes(),
            auth_response: b"",
            database: self.login.database.as_deref().unwrap_or_default().as_bytes(),
            collation: UTF8MB4_GENERAL_CI.into(),
            auth_plugin: b"",
            attributes,
        };
        let capabilities = connection.capabilities;
        connection.recv.set_sequence(0);
        // Frames begin anew as packets do (F-37).
        connection.begin_reply(0);
        self.send_packet(connection, |out| request.encode(capabilities, out))
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

/// MySQL's versions before 8.0.26 offer query attributes and mix them up (K-13).
fn takes_query_attributes(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    (next(), next(), next()) >= (8, 0, 26)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e87_k13_attributes_from_8_0_26_on() {
        for version in ["8.0.26", "8.0.26-log", "8.4.0", "9.7.0-debian", "10.11.1-MariaDB"] {
            assert!(takes_query_attributes(version), "{version}");
        }
        for version in ["8.0.25", "8.0.23-log", "5.7.44", "", "x"] {
            assert!(!takes_query_attributes(version), "{version}");
        }
    }
}
