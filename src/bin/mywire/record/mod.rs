//! Passes connections between any client and a server on, and writes down what is said: what
//! `mywire record` and the example `record` run.
//!
//! Each packet is named by where it stands in the conversation, printed, and written to a session
//! file in the format of `protocol-spec/README.md`.
//!
//! So that the conversation stays readable, SSL and both compressions are taken out of the
//! greeting's capabilities: the client then talks in plain text, as long as it is willing to.

mod conversation;
mod log;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use conversation::{Conversation, Side};
use log::Log;
use mywire::wire::PacketHeader;
use mywire::wire::packet::{HEADER_SIZE, MAX_CHUNK};

/// What is recorded, and where to.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Address to listen on.
    pub(crate) listen: String,
    /// Address of the server.
    pub(crate) target: String,
    /// Folder of the session files, if there are to be any.
    pub(crate) out: Option<PathBuf>,
    /// Leaves the greeting as it is; what follows an SSLRequest is passed on unseen.
    pub(crate) keep_tls: bool,
}

/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Records until the process ends.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    if let Some(folder) = &options.out {
        let failed = |error| named(&format!("cannot make the folder {}", folder.display()), &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let listener = TcpListener::bind(&options.listen)
        .map_err(|error| named(&format!("cannot listen on {}", options.listen), &error))?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    for (number, client) in (1..).zip(listener.incoming()) {
        if client.is_err() {
            // Mostly of too many open files, which a moment later are fewer.
            thread::sleep(ACCEPT_PAUSE);
        }
        let options = options.clone();
        thread::spawn(move || {
            if let Err(error) = client.and_then(|client| serve(client, number, &options)) {
                // Of a standard error that is closed nobody can be told.
                let _ = writeln!(io::stderr(), "session {number}: {error}");
            }
        });
    }
    Ok(())
}

fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Passes one connection on, in both directions, until either side ends it.
fn serve(client: TcpStream, number: usize, options: &Options) -> io::Result<()> {
    let server = TcpStream::connect(&options.target)
        .map_err(|error| named(&format!("cannot connect to {}", options.target), &error))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let log = Log::create(number, options)?;
    let conversation = Arc::new(Mutex::new(Conversation::new(log, options.keep_tls)));
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let other = Arc::clone(&conversation);
    let upstream = thread::spawn(move || pump(from_client, to_server, Side::Client, &other));
    let downstream = pump(server, client, Side::Server, &conversation);
    upstream.join().unwrap_or(Ok(())).and(downstream)
}

/// Passes packets on from one side, and ends both however that ends: the other direction must not
/// wait for what nobody passes on.
fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    side: Side,
    conversation: &Mutex<Conversation>,
) -> io::Result<()> {
    let outcome = pass(&mut from, &mut to, side, conversation);
    for stream in [to, from] {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
    outcome
}

/// Passes packets on until the side has ended. Each is noted before it is passed on, so that it stands in the
/// file before whatever it causes.
fn pass(
    from: &mut TcpStream,
    to: &mut TcpStream,
    side: Side,
    conversation: &Mutex<Conversation>,
) -> io::Result<()> {
    let mut continued = false;
    let mut start = [0; HEADER_SIZE];
    while read_header(from, &mut start)? {
        if conversation.lock().is_ok_and(|conversation| conversation.is_encrypted()) {
            // These are no packet headers: TLS has begun.
            to.write_all(&start)?;
            io::copy(from, to)?;
            break;
        }
        let header = PacketHeader::decode(start);
        let mut payload = vec![0; usize::try_from(header.length).unwrap_or(MAX_CHUNK)];
        from.read_exact(&mut payload)?;
        let mut conversation = conversation.lock().map_err(|_| ErrorKind::Other)?;
        conversation.note(side, header, &mut payload, continued)?;
        continued = header.is_continued();
        drop(conversation);
        // The greeting's length does not change with its capabilities.
        to.write_all(&start)?;
        to.write_all(&payload)?;
    }
    Ok(())
}

/// Reads a packet header; `false` if the side has ended instead.
fn read_header(from: &mut TcpStream, header: &mut [u8; HEADER_SIZE]) -> io::Result<bool> {
    match from.read_exact(header) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
        read => read.map(|()| true),
    }
}
