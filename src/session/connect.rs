//! Opening a session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Session;
use super::statement::StatementCache;
use super::stream::Stream;
use super::transaction::Guarded;
use crate::config::{Config, Endpoint};
use crate::error::{IoError, IoTask, Result, Sent};
use crate::login::set_names;
use crate::proto::{Connection, Login, Step};

impl Session {
    /// Opens a session with the server that a URL names; see [`Config`] for the form of URLs.
    ///
    /// Cost: the handshake and nothing more, unless a collation is configured, which takes one
    /// round trip. Fails within [`Config::connect_timeout`]. Dropping the future closes the
    /// connection.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(&url.parse()?).await
    }

    /// Opens a session as `config` says; see [`connect`](Self::connect).
    pub async fn connect_with(config: &Config) -> Result<Self> {
        let login = Login::from_config(config)?;
        let deadline = deadline(config);
        let peer = peer(config);
        let stream = match config.endpoint() {
            Endpoint::Tcp { host, port } => connect_tcp(host, *port, &peer, deadline).await?,
            Endpoint::Socket(path) => connect_socket(path, &peer, deadline).await?,
        };
        Self::open(stream, login, config, peer, deadline).await
    }

    /// Opens a session over the caller's own transport, which is taken for a network, and for one
    /// to the host of `config`. A proxy's tunnel is one, or a pipe to a scripted server.
    pub async fn from_stream<S>(stream: S, config: &Config) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let login = Login::from_config(config)?;
        let stream = Stream::Other(Box::new(stream));
        Self::open(stream, login, config, "the server".to_owned(), deadline(config)).await
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
        };
        match before(deadline, session.log_in()).await {
            Some(logged_in) => logged_in?,
            None => {
                let waited = match session.received {
                    0 => {
                        "it took the connection and sent no greeting in time: is it a MySQL or \
                          MariaDB server?"
                    }
                    _ => "the login took longer than the connect timeout",
                };
                let error = io::Error::new(io::ErrorKind::TimedOut, waited);
                return Err(session.io_error(IoTask::Handshake, error));
            }
        }
        Ok(session)
    }

    async fn log_in(&mut self) -> Result<()> {
        while self.step().await? != Step::Connected {}
        if self.config.collation.is_some() {
            self.connection.query(set_names(&self.config, self.is_mariadb()).as_bytes())?;
            self.finish_command().await?;
        }
        Ok(())
    }
}

/// When connecting has to be over; `None` if that is beyond what the clock can say (T-100).
fn deadline(config: &Config) -> Option<Instant> {
    Instant::now().checked_add(config.connect_timeout)
}

/// Runs a future until the deadline; `None` if that comes first.
async fn before<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

fn peer(config: &Config) -> String {
    match config.endpoint() {
        Endpoint::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Socket(path) => path.display().to_string(),
    }
}

async fn connect_tcp(
    host: &str,
    port: u16,
    peer: &str,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let failed = |task, error| IoError::new(task, peer, Sent::No, error);
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time");
    let found = before(deadline, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = found
        .unwrap_or_else(|| Err(timed_out()))
        .map_err(|error| failed(IoTask::Resolve, error))?
        .collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for (tried, address) in addresses.iter().enumerate() {
        // Each address gets its share of the time that is left (T-99).
        let share = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            let others = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            Instant::now() + left / others
        });
        match before(share, TcpStream::connect(address)).await {
            Some(Ok(stream)) => {
                // Commands are written whole: waiting for more only delays them.
                stream.set_nodelay(true).map_err(|error| failed(IoTask::Connect, error))?;
                return Ok(Stream::Tcp(stream));
            }
            Some(Err(error)) => last = error,
            None => last = timed_out(),
        }
    }
    Err(failed(IoTask::Connect, last).into())
}

#[cfg(unix)]
async fn connect_socket(
    path: &std::path::Path,
    peer: &str,
    deadline: Option<Instant>,
) -> Result<Stream> {
    let connected = before(deadline, tokio::net::UnixStream::connect(path)).await;
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time");
    let stream = connected.unwrap_or_else(|| Err(timed_out()));
    let stream = stream.map_err(|error| IoError::new(IoTask::Connect, peer, Sent::No, error))?;
    Ok(Stream::Unix(stream))
}

#[cfg(not(unix))]
async fn connect_socket(_: &std::path::Path, peer: &str, _: Option<Instant>) -> Result<Stream> {
    let error = io::ErrorKind::Unsupported.into();
    Err(IoError::new(IoTask::Connect, peer, Sent::No, error).into())
}
