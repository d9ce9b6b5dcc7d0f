//! What a connection is made with: endpoint, account, TLS, options, limits.
//!
//! A [`Config`] holds what the caller said and nothing else: no environment variable and no option
//! file is read unless a call names it (T-85).

mod certificates;
mod compression;
mod credentials;
mod discard;
mod error;
mod limits;
mod pool;
mod session_options;
mod sockets;
mod ssl;
mod url;
mod validate;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use certificates::CertificateFingerprint;
#[cfg(feature = "tls")]
pub(crate) use certificates::OwnTls;
pub(crate) use certificates::{CaSource, ClientIdentity, PemSource};
pub use compression::{Compression, CompressionOptions};
pub use credentials::PasswordResult;
pub(crate) use credentials::{Credentials, PasswordSource};
pub use discard::Discard;
pub use error::ConfigError;
pub use limits::Limits;
pub use pool::{PoolOptions, PoolReset};
pub(crate) use session_options::SessionOptions;
pub use session_options::{MAX_INIT_COMMANDS, MAX_INIT_COMMANDS_BYTES};
pub(crate) use sockets::SocketOptions;
pub use ssl::SslMode;

use crate::secret::Secret;

/// The port that servers listen on unless told otherwise.
pub const DEFAULT_PORT: u16 = 3306;

/// Most bytes in a user name, a database name or a collation name. Servers stop at 128 characters
/// of four bytes (H-36); this leaves room and keeps the login packet small (T-23).
pub const MAX_NAME_BYTES: usize = 1024;

/// Most bytes in a password. Access tokens sent as passwords take a few KiB (T-23).
pub const MAX_PASSWORD_BYTES: usize = 64 << 10;

/// Most bytes of connection attributes, keys and values with their lengths (H-34). The servers' cap
/// of 65 535, less room for the attributes that the client adds itself.
pub const MAX_CONNECT_ATTRIBUTES_BYTES: usize = 65_535 - 1024;

/// Everything a connection needs to know, built by chained setters or parsed from a URL.
///
/// ```
/// use mywire::{Config, SslMode};
///
/// let config = Config::default()
///     .host("db.example.com")
///     .user("app")
///     .password("secret")
///     .database("app_db")
///     .ssl_mode(SslMode::VerifyIdentity);
/// assert_eq!(
///     config.to_string(),
///     "mysql://app@db.example.com/app_db?ssl-mode=VERIFY_IDENTITY",
/// );
/// ```
///
/// The default is `localhost`, port 3306, over TCP, with an empty user name (the server's anonymous
/// account; never `root` and never the name of the operating system's user), no password, no
/// database, and a connect timeout of [`Config::DEFAULT_CONNECT_TIMEOUT`].
///
/// Setters take anything; [`Config::validate`] says what is wrong, and connecting calls it first.
/// `Debug` and `Display` never show the password or a private key.
///
/// # URLs
///
/// `mysql://[user[:password]@]host[:port][/database][?key=value&…]`; `mariadb://` means the same.
/// IPv6 addresses stand in brackets. In the user name, the password and the database, write `@` as
/// `%40`, `:` as `%3A`, `/` as `%2F`, `?` as `%3F`, `#` as `%23` and `%` as `%25`. A Unix socket is
/// given by the key `socket`, or as the host with its slashes written as `%2F`.
///
/// | key | value |
/// |---|---|
/// | `ssl-mode` | `DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA` or `VERIFY_IDENTITY` |
/// | `ssl-ca` | file of CA certificates, PEM or DER; `system` for those of the operating system; not looked at with `ssl-mode=REQUIRED`, an error with `DISABLED` and `PREFERRED` |
/// | `ssl-fingerprint` | SHA-256 of the server's certificate in hexadecimal digits |
/// | `ssl-cert`, `ssl-key` | files of our certificate chain and private key, PEM or DER |
/// | `tls-server-name` | name that the server's certificate must have, if not the host |
/// | `socket` | path of a Unix socket; leave the host empty or `localhost` |
/// | `socket-peer-uid` | number of the user whose process must listen on the socket; Linux |
/// | `connect-timeout` | seconds, decimals allowed |
/// | `bind-address` | local IP address to connect from |
/// | `tcp-nodelay` | `true` or `false`: send commands at once |
/// | `keepalive` | seconds of silence after which TCP asks whether the peer is there; `0` for never |
/// | `tcp-user-timeout` | seconds that sent bytes may stay unacknowledged, decimals allowed; Linux |
/// | `read-timeout`, `write-timeout` | seconds that the server may be silent, or not take anything |
/// | `statement-timeout` | seconds that the session waits for a statement |
/// | `server-statement-timeout` | seconds that the server lets a statement run |
/// | `found-rows` | `true` or `false`: count matched rows instead of changed ones |
/// | `interactive` | `true` or `false`: the server's `interactive_timeout` applies |
/// | `handle-expired-passwords` | `true` or `false`: log in to set a new password |
/// | `connect-attributes` | `true` or `false`: tell the server the client's name and version |
/// | `program-name` | the connection attribute `program_name` |
/// | `pipelining` | `true` or `false`, see [`Config::pipelining`] |
/// | `collation` | name of the connection's collation |
/// | `sql-mode` | the session's `sql_mode` |
/// | `time-zone` | the session's `time_zone` |
/// | `max-packet` | largest payload received, in bytes |
/// | `compression` | `zlib`, `zstd`, or both with a comma between, the best first |
/// | `compression-level` | 1 to 9 for zlib, 1 to 22 for zstd |
/// | `compression-threshold` | least number of bytes that are compressed |
/// | `max-allowed-packet` | largest command sent, in bytes |
/// | `pool-min`, `pool-max` | sessions that a pool keeps open, and has open at most |
/// | `pool-acquire-timeout`, `pool-idle-timeout`, `pool-lifetime` | seconds, see [`PoolOptions`] |
/// | `query-attributes` | `true` or `false`, see [`Config::query_attributes`] |
///
/// `_` may stand for `-` in a key. An unknown key or one given twice is an error. What lowers the
/// guard or runs SQL (multiple statements, init commands, fetching the server's RSA key, clear-text
/// passwords, a password from a file or the environment, LOCAL INFILE) has no key: a URL often comes
/// from less trusted hands than the code (T-25).
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) credentials: Credentials,
    pub(crate) database: Option<String>,
    pub(crate) ssl_mode: Option<SslMode>,
    /// Where no mode is given: TLS at least.
    pub(crate) tls_wanted: bool,
    pub(crate) ssl_ca: Option<CaSource>,
    pub(crate) ssl_fingerprint: Option<CertificateFingerprint>,
    pub(crate) ssl_identity: Option<ClientIdentity>,
    pub(crate) tls_server_name: Option<String>,
    #[cfg(feature = "tls")]
    pub(crate) own_tls: Option<OwnTls>,
    pub(crate) server_public_key: Option<Vec<u8>>,
    pub(crate) fetch_server_public_key: bool,
    pub(crate) found_rows: bool,
    pub(crate) interactive: bool,
    pub(crate) multi_statements: bool,
    pub(crate) pipelining: bool,
    pub(crate) handle_expired_passwords: bool,
    pub(crate) send_connect_attributes: bool,
    pub(crate) connect_attributes: Vec<(String, String)>,
    pub(crate) collation: Option<String>,
    pub(crate) session: SessionOptions,
    pub(crate) sockets: SocketOptions,
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) server_statement_timeout: Option<Duration>,
    pub(crate) discard: Discard,
    pub(crate) identify: bool,
    pub(crate) statement_cache: usize,
    pub(crate) compression: CompressionOptions,
    pub(crate) local_infile: bool,
    pub(crate) limits: Limits,
    pub(crate) pool: PoolOptions,
    pub(crate) query_attributes: bool,
    pub(crate) redirect_hosts: Vec<String>,
    pub(crate) trace_statements: bool,
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A TCP port of a host.
    Tcp {
        /// Host name or IP address; an IPv6 address without brackets.
        host: String,
        /// Port number, not 0.
        port: u16,
    },
    /// The path of a Unix socket.
    Socket(PathBuf),
}

impl Config {
    /// 10 seconds: three lost SYN packets and a TLS handshake fit in; a dead host does not hang the
    /// caller for the system's two minutes.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// 16 KiB: what a server sends at a time; the slowest line that is of any use takes less than a
    /// second for it.
    pub const READ_PROGRESS: u64 = 16 << 10;

    /// 64 statements: the distinct ones of an ordinary service, and far from the 16,382 that a server
    /// allows all its sessions together (T-38).
    pub const DEFAULT_STATEMENT_CACHE: usize = 64;

    /// Sets the host name or IP address; the port stays, or becomes 3306 after a socket.
    ///
    /// Of `host`, `port` and `socket`, the last call decides between TCP and Unix socket.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        let port = match self.endpoint {
            Endpoint::Tcp { port, .. } => port,
            Endpoint::Socket(_) => DEFAULT_PORT,
        };
        self.endpoint = Endpoint::Tcp { host: host.into(), port };
        self
    }

    /// Sets the TCP port; the host stays, or becomes `localhost` after a socket.
    pub fn port(mut self, port: u16) -> Self {
        let host = match self.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Socket(_) => String::from(DEFAULT_HOST),
        };
        self.endpoint = Endpoint::Tcp { host, port };
        self
    }

    /// Connects over the Unix socket at `path` instead of TCP.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.endpoint = Endpoint::Socket(path.into());
        self
    }

    /// Sets the user name: at most [`MAX_NAME_BYTES`], no NUL.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Sets the password: at most [`MAX_PASSWORD_BYTES`], no NUL (H-31). Empty means none.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.password = password.into();
        self.credentials.source = None;
        self
    }

    /// Sets the database to start in: at most [`MAX_NAME_BYTES`], no NUL. Empty means none (H-33).
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into()).filter(|name| !name.is_empty());
        self
    }

    /// Sets how TLS is used; without it [`Config::effective_ssl_mode`] says what applies.
    pub fn ssl_mode(mut self, mode: SslMode) -> Self {
        self.ssl_mode = Some(mode);
        self
    }

    /// Pins the server's RSA public key (PEM, `BEGIN PUBLIC KEY`), which encrypts the password when
    /// caching_sha2_password wants it over plain TCP (A-14). Needs the feature `rsa`.
    pub fn server_public_key_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.server_public_key = Some(pem.into());
        self
    }

    /// Allows asking the server for its RSA public key over plain TCP; `false` by default.
    ///
    /// Whoever controls the network can answer with a key of their own and read the password
    /// (T-07). Prefer TLS or [`Config::server_public_key_pem`]. Needs the feature `rsa`.
    ///
    /// Over a Unix socket `sha256_password` fetches the key without this: servers want RSA there too,
    /// and whoever listens on the socket is on this machine (see [`Config::socket_peer_uid`]).
    pub fn fetch_server_public_key(mut self, allow: bool) -> Self {
        self.fetch_server_public_key = allow;
        self
    }

    /// Makes `affected_rows` count the rows an UPDATE matched instead of those it changed; `false`
    /// by default.
    pub fn found_rows(mut self, found_rows: bool) -> Self {
        self.found_rows = found_rows;
        self
    }

    /// Allows several statements, separated by `;`, in one query text; `false` by default, because
    /// it turns an injected value into an injected statement.
    pub fn multi_statements(mut self, allow: bool) -> Self {
        self.multi_statements = allow;
        self
    }

    /// Whether commands may be sent before those in front of them are answered; `true` by default.
    ///
    /// Some proxies lose such commands. Without it, pipelines, bulk execution and transactions with
    /// an isolation level wait for each reply: a round trip for each command. The setup behind a
    /// login, a reset or a change of the user still goes out in one write, as does what gives a
    /// pool's session its state back, and statements are closed, and their cursors and long data
    /// dropped, in front of the next command.
    pub fn pipelining(mut self, pipelining: bool) -> Self {
        self.pipelining = pipelining;
        self
    }

    /// Tells the server that we can go on with an expired password, in the restricted mode where
    /// only a new password may be set; `false` by default, which makes such a login fail.
    pub fn handle_expired_passwords(mut self, handle: bool) -> Self {
        self.handle_expired_passwords = handle;
        self
    }

    /// Adds a connection attribute, or replaces the one with this key; `program_name` is the one that
    /// servers' tools show.
    ///
    /// Keys that start with `_` are the client's own. All attributes together stay within
    /// [`MAX_CONNECT_ATTRIBUTES_BYTES`] (H-34).
    pub fn connect_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.connect_attributes.retain(|(known, _)| *known != key);
        self.connect_attributes.push((key, value.into()));
        self
    }

    /// Whether connection attributes are sent at all, the client's own included; `true` by default.
    pub fn connect_attributes(mut self, send: bool) -> Self {
        self.send_connect_attributes = send;
        self
    }

    /// Sets the time for the whole connect: name lookup, TCP, TLS and login. Not zero.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long the server may be silent while something is expected of it; not at all by
    /// default, for a statement may take its time. Not zero.
    ///
    /// It begins anew with each packet, and within a large one with each
    /// [`Config::READ_PROGRESS`] bytes, so that a server cannot make it last by single bytes; and with
    /// whatever the transport takes of a command, of which nobody expects an answer before. A slow
    /// reader of rows is never the reason: only waiting counts. The session is dead afterwards.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// Sets how long the transport may take nothing of what is to be written; not at all by default.
    /// Not zero. The session is dead afterwards.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = Some(timeout);
        self
    }

    /// Sets how long a statement may keep its caller waiting, all its waits together; not at all by
    /// default. Not zero.
    ///
    /// The time that the caller takes for the rows does not count, except for what is polled, as
    /// [`RowStream`](crate::RowStream) and a [`Field`](crate::Field) that is read as `AsyncRead` are:
    /// there the time between a poll that found nothing and the next one counts. The statement is then left as
    /// [`Config::discard`] says, killed on the server if need be, and the session stays usable if
    /// that succeeds. While SQL with parameters is still being prepared there is nothing to kill: if
    /// the reply does not come within [`Limits::max_skip_time`](Limits) more, the session is closed.
    /// [`Session::prepare`](crate::Session::prepare) by itself, pipelines, bulk executions and
    /// cursors that are taken up again have no such time.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }

    /// Sets how long the server lets a statement run, to the millisecond; not at all by default.
    /// Not zero.
    ///
    /// The server ends it with error 3024 or 1969. MySQL limits only SELECT (`max_execution_time`),
    /// MariaDB every statement (`max_statement_time`). Time in which rows wait to be taken counts.
    /// Cost: one round trip of the connect.
    pub fn server_statement_timeout(mut self, timeout: Duration) -> Self {
        self.server_statement_timeout = Some(timeout);
        self
    }

    /// Sets what happens to statements that are left before their end.
    pub fn discard(mut self, discard: Discard) -> Self {
        self.discard = discard;
        self
    }

    /// Whether to ask the server, when connecting, for its unique id and for the session's true id;
    /// `false` by default. Cost: one round trip of the connect, and one statement more in the write
    /// of each reset and change of the user, behind which a proxy can have another session.
    ///
    /// Killing a statement needs to know whom: the greeting's id and our port do where the server
    /// is reached directly. Behind a proxy or a load balancer both can be others, and then a
    /// statement is killed only if it was asked before.
    ///
    /// Not for a proxy that lends its sessions with the server to whoever has a statement (ProxySQL
    /// with multiplexing, MySQL Router with connection sharing): by the time of the kill the session
    /// can be another client's of the same account. Without this option nothing is killed there.
    pub fn identify(mut self, identify: bool) -> Self {
        self.identify = identify;
        self
    }

    /// Sets how many prepared statements a session keeps for SQL that it is given with parameters;
    /// 0 prepares anew each time. The least recently used one makes room.
    pub fn statement_cache(mut self, statements: usize) -> Self {
        self.statement_cache = statements;
        self
    }

    /// Sets what the server may make us hold, skip or wait through.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how a pool of such sessions opens, keeps and hands them out.
    pub fn pool(mut self, options: PoolOptions) -> Self {
        self.pool = options;
        self
    }

    /// Whether statements can carry attributes, see
    /// [`Session::set_query_attributes`](../struct.Session.html#method.set_query_attributes);
    /// `false` by default. Only MySQL from 8.0.26 on takes them; others are sent none.
    ///
    /// Cost: two bytes for a query, and one for each parameter, whose types are then sent with every
    /// execution.
    pub fn query_attributes(mut self, announce: bool) -> Self {
        self.query_attributes = announce;
        self
    }

    /// Lists the hosts to which a login goes on if the first server names one of them (`redirect_url`,
    /// MariaDB from 11.3 on); none by default:
    /// [`Session::redirect_url`](../struct.Session.html#method.redirect_url) only tells it.
    ///
    /// Followed once, with the same account, only from a server that TLS has verified and to one that
    /// TLS verifies under its own name (T-10). Hosts are compared as they are written, letter for
    /// letter but for case; their ports are not.
    ///
    /// If the other server is not to be reached in what is left of
    /// [`connect_timeout`](Self::connect_timeout), or is full or shutting down, the session with the
    /// first one is used; the span `connect.redirect` of the feature `tracing` tells it. If it refuses
    /// the account, or TLS does not verify it, that is the connect's error.
    pub fn redirect_to<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.redirect_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Whether tracing spans hold the text of statements; `false` by default, because it may hold
    /// anything. Parameters are never in them. Means something with the feature `tracing`.
    pub fn trace_statements(mut self, show: bool) -> Self {
        self.trace_statements = show;
        self
    }

    /// Puts what a URL says over this configuration; what it leaves out, down to the host, stays.
    ///
    /// `mysql://` alone changes nothing. A URL of other hands can so have the password that this
    /// configuration has sent to a server of its choice: take it only from whoever may know the
    /// password.
    ///
    /// # Errors
    ///
    /// Those of parsing a URL. The outcome is not yet [validated](Self::validate).
    pub fn with_url(self, url: &str) -> Result<Self, ConfigError> {
        url::parse_over(url, self)
    }

    /// Where the server listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The configuration as a URL that parses back to it, without the password.
    ///
    /// What a URL cannot say is left out: PEM given as bytes, a rustls configuration, the server's
    /// RSA key, connection attributes other than `program_name`, limits other than `max-packet` and
    /// `max-allowed-packet`, and the options without a key. A CA given as bytes and a rustls
    /// configuration leave their SSL mode behind, so that the URL never verifies less than the
    /// configuration does. A socket path that is not UTF-8 is printed with replacement characters.
    pub fn to_url(&self) -> String {
        self.to_string()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: Endpoint::Tcp { host: String::from(DEFAULT_HOST), port: DEFAULT_PORT },
            user: String::new(),
            password: Secret::default(),
            credentials: Credentials::default(),
            database: None,
            ssl_mode: None,
            tls_wanted: false,
            ssl_ca: None,
            ssl_fingerprint: None,
            ssl_identity: None,
            tls_server_name: None,
            #[cfg(feature = "tls")]
            own_tls: None,
            server_public_key: None,
            fetch_server_public_key: false,
            found_rows: false,
            interactive: false,
            multi_statements: false,
            pipelining: true,
            handle_expired_passwords: false,
            send_connect_attributes: true,
            connect_attributes: Vec::new(),
            collation: None,
            session: SessionOptions::default(),
            sockets: SocketOptions::default(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            read_timeout: None,
            write_timeout: None,
            statement_timeout: None,
            server_statement_timeout: None,
            discard: Discard::default(),
            identify: false,
            statement_cache: Self::DEFAULT_STATEMENT_CACHE,
            compression: CompressionOptions::default(),
            local_infile: false,
            limits: Limits::default(),
            pool: PoolOptions::default(),
            query_attributes: false,
            redirect_hosts: Vec::new(),
            trace_statements: false,
        }
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config = url::parse(text)?;
        config.validate()?;
        Ok(config)
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        url::print(self, f)
    }
}

pub(crate) const DEFAULT_HOST: &str = "localhost";

/// Whether `host` is an IPv6 address, with or without a zone (`fe80::1%eth0`).
pub(crate) fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _zone)| address);
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests;
