//! Opening a session.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::clock::{Alarm, Clock};
use super::leave::Absorbing;
use super::lifeline::Lifeline;
use super::route::{Address, Known, Route};
use super::statement::StatementCache;
use super::stream::Stream;
use super::trace::Span;
use super::transaction::Guarded;
use super::{Session, dial, time};
use crate::config::{Config, Endpoint, SocketOptions};
use crate::error::{Error, IoError, IoTask, Result, Sent};
use crate::proto::{Connection, Login, Step};
use crate::setup;

/// Who waits for a session's transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    #[cfg(feature = "tokio")]
    Tokio,
    /// The transport itself: no future is ever pending.
    #[cfg(feature = "blocking")]
    Blocking,
}

#[cfg(feature = "tokio")]
impl Session {
    /// Opens a session with the server that a URL names; see [`Config`] for the form of URLs.
    ///
    /// Cost: the handshake and nothing more, unless the configuration has statements to run behind
    /// it ([`Config::init_command`], a collation, an SQL mode, a time zone, a server's statement
    /// timeout, [`Config::identify`]): all of them together take one round trip. Every address of
    /// the host is tried, the next one beside the last after 250 ms, and an error says what became
    /// of each. What a plugin has to compute is done in between, in this task: at most some 5 ms, for
    /// a parsec account of the largest factor that is taken (T-36). Fails within
    /// [`Config::connect_timeout`]. Dropping the future closes the connection.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(&url.parse()?).await
    }

    /// Opens a session as `config` says; see [`connect`](Self::connect), which says what that costs
    /// and what becomes of a dropped future.
    pub async fn connect_with(config: &Config) -> Result<Self> {
        Self::connect_in(Front::Tokio, config).await
    }

    /// Opens a session over the caller's own transport, which is taken for a network, and for one
    /// to the host of `config`, `localhost` if that names a Unix socket. A proxy's tunnel is one, or
    /// a pipe to a scripted server.
    ///
    /// Cost: as [`connect`](Self::connect). Dropping the future drops the transport.
    pub async fn from_stream<S>(stream: S, config: &Config) -> Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        Self::over(Stream::Other(Box::new(stream)), config).await
    }
}

impl Session {
    pub(crate) async fn connect_in(front: Front, config: &Config) -> Result<Self> {
        Span::of("connect", config).run(Self::connect_now(front, config)).await
    }

    async fn connect_now(front: Front, config: &Config) -> Result<Self> {
        let deadline = time::after(config.connect_timeout);
        let session = Self::connect_there(front, config).await?;
        match config.redirect_hosts.is_empty() {
            // Not a part of every connect's future: it holds another one.
            false => Box::pin(session.follow_redirect(front, config, deadline)).await,
            true => Ok(session),
        }
    }

    pub(super) async fn connect_there(front: Front, config: &Config) -> Result<Self> {
        let login = Login::from_config(config)?;
        let deadline = time::after(config.connect_timeout);
        let peer = peer(config);
        let (stream, address) = match config.endpoint() {
            Endpoint::Tcp { host, port } => {
                let stream =
                    dial::dial(front, host, *port, &config.sockets, &peer, deadline).await?;
                let address = stream.peer_address();
                (stream, address.map(Address::Tcp))
            }
            Endpoint::Socket(path) => {
                let stream = connect_socket(front, path, &config.sockets, &peer, deadline).await?;
                (stream, Some(Address::Socket(path.clone())))
            }
        };
        let port = stream.local_port();
        let mut session = Self::open(stream, login.clone(), config, peer, deadline).await?;
        let known = Known {
            user: config.user.clone(),
            version: session.server_version().to_owned(),
            connection_id: session.connection_id(),
            port,
            identity: session.identity.take(),
        };
        let (peer, encrypted) = (session.peer.clone(), session.is_encrypted());
        let login = Route::login(login, encrypted);
        let config = Route::config(config);
        if let Some(address) = address {
            session.lifeline.set_route(Route { front, address, login, config, peer, known });
        }
        Ok(session)
    }

    /// Opens a second connection, to where the first one is, as the account that it has now.
    pub(super) async fn connect_again(route: &Route) -> Result<Self> {
        let (login, config, peer) = (route.login_now()?, &route.config, &*route.peer);
        let deadline = time::after(config.connect_timeout);
        let stream = match &route.address {
            Address::Tcp(address) => {
                dial::redial(route.front, *address, &config.sockets, peer, deadline).await?
            }
            Address::Socket(path) => {
                connect_socket(route.front, path, &config.sockets, peer, deadline).await?
            }
        };
        Self::open(stream, login, config, peer.to_owned(), deadline).await
    }

    /// Opens a session over the caller's own transport that waits by itself.
    #[cfg(feature = "blocking")]
    pub(crate) async fn over_std<S>(stream: S, config: &Config) -> Result<Self>
    where
        S: io::Read + io::Write + Send + 'static,
    {
        Self::over(Stream::Std(super::std_stream::StdStream::other(stream)), config).await
    }

    async fn over(stream: Stream, config: &Config) -> Result<Self> {
        let login = match config.endpoint() {
            Endpoint::Tcp { .. } => Login::from_config(config)?,
            // What the caller has is not the socket: it could lead anywhere.
            Endpoint::Socket(_) => Login::from_config(&over_a_network(config))?,
        };
        let deadline = time::after(config.connect_timeout);
        Self::open(stream, login, config, "the server".to_owned(), deadline).await
    }

    async fn open(
        stream: Stream,
        login: Login,
        config: &Config,
        peer: String,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let mut session = Self {
            connection: Connection::new(login, config.limits.clone()),
            stream,
            config: Arc::new(config.clone()),
            peer: peer.into(),
            received: 0,
            flush_due: false,
            write_error: None,
            statements: StatementCache::new(config.statement_cache),
            closing: Arc::default(),
            rollback: None,
            guarded: Guarded::default(),
            setup_due: false,
            clock: Clock::new(config),
            alarm: Alarm::default(),
            wake: None,
            leaving: None,
            absorbing: Absorbing::default(),
            lifeline: Arc::new(Lifeline::default()),
            identity: None,
        };
        session.stream.set_deadline(deadline);
        let logged_in = time::before(deadline, session.log_in()).await;
        session.stream.set_deadline(None);
        match logged_in {
            Some(Ok(())) => Ok(session),
            Some(Err(error)) if !is_timeout(&error, deadline) => Err(error),
            _ => {
                let waited = match session.received {
                    0 => {
                        "it took the connection and sent no greeting in time: is it a MySQL or \
                          MariaDB server?"
                    }
                    _ => "the login took longer than the connect timeout",
                };
                let error = io::Error::new(io::ErrorKind::TimedOut, waited);
                Err(session.io_error(IoTask::Handshake, error))
            }
        }
    }

    async fn log_in(&mut self) -> Result<()> {
        while self.step().await? != Step::Connected {}
        let config = Arc::clone(&self.config);
        let parts = self.begin_setup(setup::after_login(&config, self.is_mariadb()))?;
        self.finish_setup(parts).await
    }
}

/// The configuration for the same server by another way than its socket.
fn over_a_network(config: &Config) -> Config {
    let mut there = config.clone().host("localhost");
    there.sockets.peer_uid = None;
    there
}

/// Whether it is what a blocking transport says at the deadline.
fn is_timeout(error: &Error, deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= time::now())
        && matches!(error, Error::Io(e) if e.io_error().kind() == io::ErrorKind::TimedOut)
}

fn peer(config: &Config) -> String {
    match config.endpoint() {
        Endpoint::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Socket(path) => path.display().to_string(),
    }
}

#[cfg(unix)]
async fn connect_socket(
    front: Front,
    path: &std::path::Path,
    options: &SocketOptions,
    peer: &str,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let connected = front.connect_unix(path, deadline).await;
    let checked = connected.and_then(|stream| {
        options.peer_uid.map_or(Ok(()), |uid| check_peer(uid, stream.peer_uid()?))?;
        Ok(stream)
    });
    checked.map_err(|error| IoError::new(IoTask::Connect, peer, Sent::No, error).into())
}

/// Before the first byte: somebody else may listen in the server's place (T-102).
#[cfg(unix)]
fn check_peer(wanted: u32, found: u32) -> io::Result<()> {
    match wanted == found {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "a process of the user {found} listens there, and not one of {wanted}, as \
                 `socket-peer-uid` demands"
            ),
        )),
    }
}

#[cfg(not(unix))]
async fn connect_socket(
    _: Front,
    _: &std::path::Path,
    _: &SocketOptions,
    peer: &str,
    _: Option<Instant>,
) -> Result<Stream> {
    let error = io::ErrorKind::Unsupported.into();
    Err(IoError::new(IoTask::Connect, peer, Sent::No, error).into())
}

impl Front {
    #[cfg(unix)]
    async fn connect_unix(
        self,
        path: &std::path::Path,
        deadline: Option<Instant>,
    ) -> io::Result<Stream> {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio => {
                let connected = time::before(deadline, tokio::net::UnixStream::connect(path)).await;
                Ok(Stream::Unix(connected.unwrap_or_else(|| Err(time::timed_out()))?))
            }
            #[cfg(feature = "blocking")]
            Self::Blocking => {
                let stream = super::std_stream::connect_unix(path, deadline)?;
                Ok(Stream::Std(super::std_stream::StdStream::unix(stream)?))
            }
        }
    }
}
