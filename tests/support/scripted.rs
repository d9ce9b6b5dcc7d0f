//! An in-memory server that says exactly what a test tells it to say.
//!
//! ```text
//!   Session ──▶ Tap ──▶ pipe ──▶ Server ◀── the test's script
//!                │
//!                └──▶ Wire: every byte that the client wrote
//! ```
//!
//! A script is an async block that reads what the client sends and answers with [`Packets`]:
//!
//! ```ignore
//! let (stream, script) = serve(|mut server| async move {
//!     server.login().await;
//!     server.expect(Command::Query(b"SELECT 1")).await;
//!     server.send(server.reply().numbers([1])).await;
//!     server.echo().await;
//! });
//! let mut session = Session::from_stream(stream, &config()).await.unwrap();
//! assert_eq!(session.fetch_one::<u64>("SELECT 1", ()).await.unwrap(), 1);
//! drop(session);
//! script.done().await;
//! ```
//!
//! Everything of it can be used without a session, too: [`Packets`] feeds a bare `Connection`.

#![allow(dead_code, reason = "each test target uses a part of it")]

mod answers;
mod bare;
mod packets;
#[cfg(feature = "tls")]
mod tls;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use mywire::wire::packet::{HEADER_SIZE, MAX_CHUNK};
use mywire::wire::{Capabilities, ColumnType, Command, Greeting, LoginRequest, PacketHeader};
use mywire::{Config, Error, Session};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

pub use answers::*;
pub use bare::*;
pub use packets::*;
#[cfg(feature = "tls")]
pub use tls::*;

/// What the pipe holds in each direction, in bytes: as much as a socket's buffers.
const PIPE: usize = 256 << 10;

/// A password that is found again wherever it leaks.
pub const PASSWORD: &str = "s3nt1nel-pa55word";

/// Runs a test whose every byte is in memory, on a clock that jumps: when nobody has anything to
/// do, the next timer fires at once. So a hang fails without a wait, and timeouts cost no time.
pub fn run(test: impl Future<Output = ()>) {
    block_on(true, test);
}

/// Runs a test that uses real sockets, on the real clock.
pub fn run_on_sockets(test: impl Future<Output = ()>) {
    block_on(false, test);
}

fn block_on(paused: bool, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        // Longer than every timeout that a test may be about.
        let hour = Duration::from_secs(if paused { 3600 } else { 120 });
        tokio::time::timeout(hour, test).await.expect("the test hangs");
    });
}

/// The configuration of an account at the server of a script.
pub fn config() -> Config {
    Config::default().user("app").password(PASSWORD)
}

/// Starts a script; the first result is the client's end of the pipe.
pub fn serve<F>(script: impl FnOnce(Server) -> F) -> (Tap, Script)
where
    F: Future<Output = ()> + Send + 'static,
{
    serve_through(PIPE, script)
}

/// [`serve`] with a pipe that holds `capacity` bytes in each direction.
pub fn serve_through<F>(capacity: usize, script: impl FnOnce(Server) -> F) -> (Tap, Script)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (client, server) = tokio::io::duplex(capacity);
    let wire = Wire::default();
    let task = tokio::spawn(script(Server::new(server)));
    (Tap { pipe: client, wire: wire.clone() }, Script { task: Some(task), wire })
}

/// A session with a server that greets with `greeting`, takes the login, and goes on with `script`.
pub async fn logged_in<F>(
    greeting: Greeting<'static>,
    config: &Config,
    script: impl FnOnce(Server) -> F + Send + 'static,
) -> (Session, Script)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (stream, running) = serve(|mut server| async move {
        server.login_as(&greeting).await;
        script(server).await;
    });
    (Session::from_stream(stream, config).await.expect("a login"), running)
}

/// A session whose first command gets `reply`, and every later one an echo, see [`Server::echo`].
pub async fn replying(
    reply: impl FnOnce(Packets) -> Packets + Send + 'static,
) -> (Session, Script) {
    replying_as(mysql(), reply).await
}

/// [`replying`] after another greeting.
pub async fn replying_as(
    greeting: Greeting<'static>,
    reply: impl FnOnce(Packets) -> Packets + Send + 'static,
) -> (Session, Script) {
    logged_in(greeting, &config(), |mut server| async move {
        server.command().await;
        let reply = reply(server.reply());
        server.send(reply).await;
        server.echo().await;
    })
    .await
}

/// Whether the session is in step: the echo of a fresh statement, and of nothing else, comes back.
pub async fn assert_in_step(session: &mut Session) {
    let marker: String = session.fetch_one("marker", ()).await.expect("a usable session");
    assert_eq!(marker, "marker");
}

/// A dead session answers every call with an error, and writes nothing (G4).
pub async fn assert_dead(session: &mut Session, script: &Script) {
    let written = script.wire.len();
    assert!(session.is_dead());
    let errors: [Error; 6] = [
        session.query("SELECT 1", ()).await.map(drop).unwrap_err(),
        session.execute("SELECT 1", ()).await.unwrap_err(),
        session.fetch_one::<u64>("SELECT 1", ()).await.unwrap_err(),
        session.ping().await.unwrap_err(),
        session.use_database("shop").await.unwrap_err(),
        session.reset().await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_fatal(), "{error}");
        assert_eq!(error.was_sent(), mywire::Sent::No, "{error}");
    }
    assert_eq!(script.wire.len(), written, "a dead session wrote something");
}

/// A script under way.
#[derive(Debug)]
pub struct Script {
    task: Option<JoinHandle<()>>,
    pub wire: Wire,
}

impl Script {
    /// Waits for the script's end, and fails the test if the script failed. Drop the session first
    /// if the script reads on until the client leaves.
    pub async fn done(mut self) -> Wire {
        let task = self.task.take().expect("a script ends once");
        if let Err(error) = task.await {
            std::panic::resume_unwind(error.into_panic());
        }
        self.wire.clone()
    }

    /// Gives up a script that has no end of its own.
    pub fn abandon(mut self) -> Wire {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.wire.clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // What a script found wrong must not go unseen.
        assert!(
            self.task.is_none() || std::thread::panicking(),
            "the test has to end its script with `done` or `abandon`"
        );
    }
}

/// Every byte that the client wrote, write by write.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<Vec<Vec<u8>>>>);

impl Wire {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().expect("no panic while locked")
    }

    /// The writes, each as it was made.
    pub fn writes(&self) -> Vec<Vec<u8>> {
        self.lock().clone()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lock().concat()
    }

    pub fn len(&self) -> usize {
        self.lock().iter().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, needle: &[u8]) -> bool {
        self.bytes().windows(needle.len()).any(|window| window == needle)
    }

    /// Fails if the password, a hash of it, or the beginning of one, was written.
    pub fn assert_without_secret(&self, password: &str) {
        let written = self.bytes();
        let mut secrets = vec![password.as_bytes().to_vec()];
        let mut sha1 = Sha1::digest(password).to_vec();
        let mut sha256 = Sha256::digest(password).to_vec();
        for _ in 0..3 {
            secrets.push(sha1[..6].to_vec());
            secrets.push(sha256[..6].to_vec());
            sha1 = Sha1::digest(&sha1).to_vec();
            sha256 = Sha256::digest(&sha256).to_vec();
        }
        for secret in secrets {
            let found = written.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "a secret was written: {written:?}");
        }
    }
}

/// The client's end of the pipe. It notes what is written.
#[derive(Debug)]
pub struct Tap {
    pipe: DuplexStream,
    wire: Wire,
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.pipe).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            self.wire.lock().push(bytes[..n].to_vec());
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// The server's side. Dropping it closes the connection.
#[derive(Debug)]
pub struct Server {
    io: Io,
    /// Bytes read and not looked at.
    pending: Vec<u8>,
    /// The sequence id that is due, on either side.
    sequence: u8,
    capabilities: Capabilities,
}

#[derive(Debug)]
enum Io {
    Plain(DuplexStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsPipe>),
    /// While the handshake takes the pipe.
    Gone,
}

impl Server {
    fn new(pipe: DuplexStream) -> Self {
        let capabilities = Capabilities::NONE;
        Self { io: Io::Plain(pipe), pending: Vec::new(), sequence: 0, capabilities }
    }

    // The login.

    /// Greets as a MySQL server and takes the login.
    pub async fn login(&mut self) -> ClientLogin {
        self.login_as(&mysql()).await
    }

    /// Greets and takes the login, whatever the password.
    pub async fn login_as(&mut self, greeting: &Greeting<'_>) -> ClientLogin {
        let login = self.greet(greeting).await;
        let mut reply = self.reply();
        if login.request().auth_plugin == b"caching_sha2_password" {
            reply = reply.more_data(&[0x03]);
        }
        self.send(reply.ok()).await;
        login
    }

    /// Greets, and reads the login request.
    pub async fn greet(&mut self, greeting: &Greeting<'_>) -> ClientLogin {
        self.send(self.reply().greeting(greeting)).await;
        self.login_request().await
    }

    /// Reads the login request, whose capabilities hold from now on.
    pub async fn login_request(&mut self) -> ClientLogin {
        let login = ClientLogin { payload: self.payload().await };
        self.capabilities = login.request().capabilities;
        login
    }

    /// What both sides agreed on.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    // Reading.

    /// The client's next payload, joined from its chunks, whose ids are checked.
    pub async fn payload(&mut self) -> Vec<u8> {
        self.try_payload().await.expect("the client left instead of sending a packet")
    }

    /// [`payload`](Self::payload), or `None` if the client left.
    pub async fn try_payload(&mut self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        loop {
            if !self.fill(HEADER_SIZE).await {
                assert!(self.pending.is_empty() && payload.is_empty(), "the client left halfway");
                return None;
            }
            let header = self.pending.first_chunk().expect("a header");
            let header = PacketHeader::decode(*header);
            assert_eq!(header.sequence, self.sequence, "the client's sequence id");
            self.sequence = self.sequence.wrapping_add(1);
            let length = usize::try_from(header.length).expect("a length");
            assert!(self.fill(HEADER_SIZE + length).await, "the client left in a packet");
            payload.extend_from_slice(&self.pending[HEADER_SIZE..HEADER_SIZE + length]);
            self.pending.drain(..HEADER_SIZE + length);
            if length < MAX_CHUNK {
                return Some(payload);
            }
        }
    }

    /// The payload of the next command.
    pub async fn command(&mut self) -> Vec<u8> {
        self.sequence = 0;
        self.payload().await
    }

    /// [`command`](Self::command), or `None` if the client left.
    pub async fn try_command(&mut self) -> Option<Vec<u8>> {
        self.sequence = 0;
        self.try_payload().await
    }

    /// Reads the next command, which has to be this one.
    pub async fn expect(&mut self, command: Command<'_>) {
        let payload = self.command().await;
        assert_eq!(Command::decode(&payload), Ok(command));
    }

    /// Reads on until the client leaves; says how many bytes that were.
    pub async fn until_closed(&mut self) -> usize {
        let mut read = std::mem::take(&mut self.pending).len();
        while self.fill(1).await {
            read += self.pending.len();
            self.pending.clear();
        }
        read
    }

    /// Waits until the client has begun to write; `false` if it left.
    pub async fn begun(&mut self) -> bool {
        self.fill(1).await
    }

    /// Reads what is there, at least a byte; 0 if the client left.
    pub async fn read_some(&mut self) -> usize {
        self.fill(1).await;
        std::mem::take(&mut self.pending).len()
    }

    /// Does what an ordinary server does until the client leaves; a query's result is one row that
    /// holds the query.
    pub async fn echo(&mut self) {
        loop {
            self.sequence = 0;
            let Some(payload) = self.try_payload().await else { return };
            let reply = self.reply();
            let reply = match Command::decode(&payload).expect("a command") {
                Command::Quit => return,
                Command::Query(sql) if sql.starts_with(b"SET NAMES") => reply.ok(),
                Command::Query(sql) => {
                    let columns = [column("echo", ColumnType::VAR_STRING)];
                    reply.columns(&columns).row_of(&[Some(sql)]).end()
                }
                _ => reply.ok(),
            };
            self.send(reply).await;
        }
    }

    /// Reads until `length` bytes are pending; `false` if the client left before.
    async fn fill(&mut self, length: usize) -> bool {
        while self.pending.len() < length {
            let read = match &mut self.io {
                Io::Plain(pipe) => pipe.read_buf(&mut self.pending).await,
                #[cfg(feature = "tls")]
                Io::Tls(pipe) => pipe.read(&mut self.pending).await,
                Io::Gone => Ok(0),
            };
            if read.unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    }

    // Writing.

    /// Starts the packets that are due now.
    pub fn reply(&self) -> Packets {
        Packets::new(self.capabilities, self.sequence)
    }

    /// Sends packets; the next id of the exchange follows theirs. A client that left gets nothing.
    pub async fn send(&mut self, packets: Packets) {
        self.sequence = packets.sequence();
        self.write(packets.bytes()).await;
    }

    /// Sends bytes that need not be packets; `false` if the client left.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        let written = match &mut self.io {
            Io::Plain(pipe) => pipe.write_all(bytes).await,
            #[cfg(feature = "tls")]
            Io::Tls(pipe) => pipe.write_all(bytes).await,
            Io::Gone => Err(io::ErrorKind::NotConnected.into()),
        };
        written.is_ok()
    }

    /// Says that nothing more will be sent, and goes on listening.
    pub async fn half_close(&mut self) {
        match &mut self.io {
            Io::Plain(pipe) => pipe.shutdown().await,
            #[cfg(feature = "tls")]
            Io::Tls(pipe) => pipe.half_close().await,
            Io::Gone => Ok(()),
        }
        .expect("a pipe that closes");
    }

    /// Closes the connection in both directions.
    pub fn close(self) {
        drop(self);
    }
}

/// What the client logged in with.
#[derive(Clone, Debug)]
pub struct ClientLogin {
    pub payload: Vec<u8>,
}

impl ClientLogin {
    pub fn request(&self) -> LoginRequest<'_> {
        LoginRequest::decode(&self.payload).expect("a login request")
    }
}
