//! Records conversations between any client and a MySQL or MariaDB server.
//!
//! ```text
//! cargo run --example record -- LISTEN TARGET [--out DIR] [--keep-tls]
//! ```
//!
//! Point a client at LISTEN. Each connection is passed on to TARGET packet by packet, and each
//! packet is named by where it stands in the conversation, printed, and written to a session file
//! in the format of `protocol-spec/README.md`.
//!
//! So that the conversation stays readable, SSL and both compressions are taken out of the
//! greeting's capabilities: the client then talks in plain text, as long as it is willing to. Record
//! with test accounts only. With `--keep-tls` the greeting is left alone, and what follows an
//! SSLRequest is passed on unseen.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it sees")]

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::{env, fmt, thread};

use mywire::wire::packet::{HEADER_SIZE, MAX_CHUNK};
use mywire::wire::{
    Capabilities, Command, EofPacket, Greeting, LoginRequest, OkPacket, PacketHeader, PrepareOk,
    ProgressReport, ResultSetHeader, StatusFlags, auth, infile, reply,
};

const UNREADABLE: Capabilities =
    Capabilities::SSL.with(Capabilities::COMPRESS).with(Capabilities::ZSTD_COMPRESSION_ALGORITHM);

#[derive(Clone)]
struct Options {
    target: String,
    out: Option<PathBuf>,
    keep_tls: bool,
}

fn main() -> io::Result<()> {
    let mut places = Vec::new();
    let mut options = Options { target: String::new(), out: None, keep_tls: false };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" => options.out = arguments.next().map(PathBuf::from),
            "--keep-tls" => options.keep_tls = true,
            _ => places.push(argument),
        }
    }
    let Ok([listen, target]) = <[String; 2]>::try_from(places) else {
        eprintln!("usage: record LISTEN TARGET [--out DIR] [--keep-tls]");
        std::process::exit(2);
    };
    options.target = target;
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder)?;
    }
    let listener = TcpListener::bind(&listen)?;
    println!("listening on {}", listener.local_addr()?);
    for (number, client) in listener.incoming().enumerate() {
        let options = options.clone();
        thread::spawn(move || {
            if let Err(error) = client.and_then(|client| serve(client, number + 1, options)) {
                eprintln!("session {}: {error}", number + 1);
            }
        });
    }
    Ok(())
}

/// Passes one connection on, in both directions, until either side ends it.
fn serve(client: TcpStream, number: usize, options: Options) -> io::Result<()> {
    let server = TcpStream::connect(&options.target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let log = Log::create(number, &options)?;
    let conversation = Arc::new(Mutex::new(Conversation::new(log, options.keep_tls)));
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let other = Arc::clone(&conversation);
    let upstream = thread::spawn(move || pump(from_client, to_server, Side::Client, &other));
    let downstream = pump(server, client, Side::Server, &conversation);
    upstream.join().unwrap_or(Ok(())).and(downstream)
}

/// Passes packets on from one side. Each is noted before it is passed on, so that it stands in the
/// file before whatever it causes.
fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    side: Side,
    conversation: &Mutex<Conversation>,
) -> io::Result<()> {
    let mut continued = false;
    let mut start = [0; HEADER_SIZE];
    while read_header(&mut from, &mut start)? {
        if conversation.lock().is_ok_and(|conversation| conversation.state == State::Encrypted) {
            // These are no packet headers: TLS has begun.
            to.write_all(&start)?;
            io::copy(&mut from, &mut to)?;
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
    to.shutdown(Shutdown::Both).or(Ok(()))
}

/// Reads a packet header; `false` if the side has ended instead.
fn read_header(from: &mut TcpStream, header: &mut [u8; HEADER_SIZE]) -> io::Result<bool> {
    match from.read_exact(header) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
        read => read.map(|()| true),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// Where a conversation stands: what the next packet means.
///
/// ```text
///   Greeting → Login → Authentication → Commands → Reply → Columns → ColumnsEnd → Rows
///                                          ▲ │       ▲ │ └ Infile        │         │
///                                          └─┼───────┼─┴─────────────────┴─────────┘
///                                            │       └ more results
///        COM_STMT_PREPARE: Parameters → ParametersEnd → Columns;  COM_STMT_FETCH: Rows
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Login,
    Authentication,
    Commands,
    Reply,
    /// Definitions of a prepared statement's parameters, and how many of columns follow them.
    Parameters(u16, u16),
    ParametersEnd(u16),
    Columns(u64),
    ColumnsEnd,
    Rows,
    Infile,
    /// The reply to a command that this recorder does not follow.
    Unfollowed,
    Encrypted,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameters(..) => f.write_str("Parameters"),
            Self::ParametersEnd(_) => f.write_str("ParametersEnd"),
            Self::Columns(_) => f.write_str("Columns"),
            state => write!(f, "{state:?}"),
        }
    }
}

/// What a reply answers, which tells how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    Query,
    Prepare,
    Execute,
    Fetch,
    Unfollowed,
}

/// One connection's conversation, followed packet by packet.
struct Conversation {
    state: State,
    answered: Answered,
    /// A result set of OUT parameters, which says only in front of them that a result follows.
    out_params: bool,
    keep_tls: bool,
    offered: Capabilities,
    capabilities: Capabilities,
    /// The commands already sent whose replies are due.
    due: VecDeque<Answered>,
    log: Log,
}

impl Conversation {
    fn new(log: Log, keep_tls: bool) -> Self {
        Self {
            state: State::Greeting,
            answered: Answered::Query,
            out_params: false,
            keep_tls,
            offered: Capabilities::NONE,
            capabilities: Capabilities::NONE,
            due: VecDeque::new(),
            log,
        }
    }

    /// Names a packet and writes it down. May take capabilities out of the greeting.
    fn note(
        &mut self,
        side: Side,
        header: PacketHeader,
        payload: &mut [u8],
        continued: bool,
    ) -> io::Result<()> {
        if side == Side::Server && matches!(self.state, State::Commands | State::Unfollowed) {
            self.answered = self.due.pop_front().unwrap_or(Answered::Unfollowed);
            self.state = match self.answered {
                Answered::Unfollowed => State::Unfollowed,
                Answered::Fetch => State::Rows,
                _ => State::Reply,
            };
        }
        let state = self.state;
        let mut extra = String::new();
        let message = match side {
            _ if continued => "Continuation",
            Side::Server if state == State::Greeting => self.on_greeting(payload, &mut extra),
            Side::Server => self.on_server(payload, header.is_continued()),
            Side::Client => self.on_client(payload, &mut extra),
        };
        self.log.packet(side, header.sequence, message, state, &extra, payload)
    }

    fn on_greeting(&mut self, payload: &mut [u8], extra: &mut String) -> &'static str {
        if payload.first() == Some(&reply::ERR) {
            return "ErrPacket";
        }
        let mut changed = Vec::new();
        let Ok(greeting) = Greeting::decode(payload) else { return "Unknown" };
        self.state = State::Login;
        self.offered = greeting.capabilities;
        *extra = format!("server: {}\n", String::from_utf8_lossy(greeting.server_version));
        if !self.keep_tls {
            self.offered = greeting.capabilities.without(UNREADABLE);
            let readable = Greeting { capabilities: self.offered, ..greeting };
            if readable.encode(&mut changed).is_ok() && changed.len() == payload.len() {
                payload.copy_from_slice(&changed);
                *extra += "changed: SSL and compression taken out of the capabilities\n";
            }
        }
        "Greeting"
    }

    fn on_client(&mut self, payload: &[u8], extra: &mut String) -> &'static str {
        match self.state {
            State::Login => {
                let ssl = payload.get(1).is_some_and(|byte| byte & 0x08 != 0);
                if ssl && payload.len() == 32 {
                    self.state = State::Encrypted;
                    return "SslRequest";
                }
                self.state = State::Authentication;
                let Ok(login) = LoginRequest::decode(payload) else { return "Unknown" };
                self.capabilities = login.capabilities & self.offered;
                *extra = format!("negotiated: {}\n", names(self.capabilities));
                "LoginRequest"
            }
            State::Authentication => "AuthResponse",
            State::Infile if payload.is_empty() => {
                self.state = State::Reply;
                "LocalInfileEnd"
            }
            State::Infile => "LocalInfileData",
            _ => match Command::decode(payload) {
                Ok(Command::Quit | Command::StmtSendLongData { .. } | Command::StmtClose(_)) => {
                    "Command"
                }
                Ok(command) => {
                    self.due.push_back(match command {
                        Command::StmtPrepare(_) => Answered::Prepare,
                        Command::StmtExecute(_) | Command::StmtBulkExecute(_) => Answered::Execute,
                        Command::StmtFetch { .. } => Answered::Fetch,
                        _ => Answered::Query,
                    });
                    "Command"
                }
                Err(_) => {
                    self.due.push_back(Answered::Unfollowed);
                    "UnfollowedCommand"
                }
            },
        }
    }

    fn on_server(&mut self, payload: &[u8], continued: bool) -> &'static str {
        if self.state == State::Authentication {
            return match payload.first() {
                Some(&reply::OK) => {
                    self.state = State::Commands;
                    "OkPacket"
                }
                Some(&reply::ERR) => "ErrPacket",
                Some(&auth::SWITCH) => "AuthSwitchRequest",
                Some(&auth::NEXT_FACTOR) => "AuthNextFactor",
                _ => "AuthMoreData",
            };
        }
        let deprecate_eof = self.capabilities.contains(Capabilities::DEPRECATE_EOF);
        match (self.state, payload.first()) {
            (State::Unfollowed | State::Commands, _) => "Unknown",
            (_, Some(&reply::ERR)) if ProgressReport::is_report(payload, self.capabilities) => {
                "ProgressReport"
            }
            (_, Some(&reply::ERR)) => {
                self.state = State::Commands;
                "ErrPacket"
            }
            (State::Reply, Some(&reply::OK)) if self.answered == Answered::Prepare => {
                self.on_prepare_ok(payload)
            }
            (State::Reply, Some(&reply::OK)) => self.ok(payload),
            (State::Reply, Some(&infile::LOCAL_INFILE)) => {
                self.state = State::Infile;
                "LocalInfileRequest"
            }
            (State::Reply, _) => match ResultSetHeader::decode(payload, self.capabilities) {
                Ok(header) => {
                    self.state = match header {
                        ResultSetHeader { columns, metadata_follows: true } => {
                            State::Columns(columns)
                        }
                        _ if deprecate_eof => State::Rows,
                        _ => State::ColumnsEnd,
                    };
                    "ResultSetHeader"
                }
                Err(_) => "Unknown",
            },
            (State::Parameters(left, columns), _) => {
                self.state = match left.saturating_sub(1) {
                    0 if deprecate_eof => Self::prepared_columns(columns),
                    0 => State::ParametersEnd(columns),
                    left => State::Parameters(left, columns),
                };
                "ColumnDefinition"
            }
            (State::ParametersEnd(columns), _) => {
                self.state = Self::prepared_columns(columns);
                "EofPacket"
            }
            (State::Columns(left), _) => {
                self.state = match left.saturating_sub(1) {
                    0 if deprecate_eof => self.after_columns(StatusFlags::default()),
                    0 => State::ColumnsEnd,
                    left => State::Columns(left),
                };
                "ColumnDefinition"
            }
            (State::ColumnsEnd, _) => {
                let status = EofPacket::decode(payload)
                    .map_or_else(|_| StatusFlags::default(), |eof| eof.status);
                self.state = self.after_columns(status);
                "EofPacket"
            }
            (State::Rows, Some(&reply::EOF)) if payload.len() == EofPacket::SIZE => {
                match EofPacket::decode(payload) {
                    Ok(eof) => self.result_ends(eof.status),
                    Err(_) => return "Unknown",
                }
                "EofPacket"
            }
            // A row starts so only if its first value takes 16 MiB and more.
            (State::Rows, Some(&reply::EOF)) if deprecate_eof && !continued => self.ok(payload),
            _ if matches!(self.answered, Answered::Execute | Answered::Fetch) => "BinaryRow",
            _ => "TextRow",
        }
    }

    fn on_prepare_ok(&mut self, payload: &[u8]) -> &'static str {
        let Ok(ok) = PrepareOk::decode(payload, self.capabilities) else { return "Unknown" };
        self.state = match ok {
            PrepareOk { metadata_follows: false, .. } => State::Commands,
            PrepareOk { parameters: 0, columns, .. } => Self::prepared_columns(columns),
            PrepareOk { parameters, columns, .. } => State::Parameters(parameters, columns),
        };
        "PrepareOk"
    }

    fn prepared_columns(columns: u16) -> State {
        if columns == 0 { State::Commands } else { State::Columns(columns.into()) }
    }

    /// A prepared statement has no rows yet, and those of a cursor are to be fetched.
    fn after_columns(&mut self, status: StatusFlags) -> State {
        let no_rows = status.contains(StatusFlags::CURSOR_EXISTS);
        self.out_params = status.contains(StatusFlags::PS_OUT_PARAMS);
        if no_rows || self.answered == Answered::Prepare { State::Commands } else { State::Rows }
    }

    fn ok(&mut self, payload: &[u8]) -> &'static str {
        let Ok(ok) = OkPacket::decode(payload, self.capabilities) else { return "Unknown" };
        self.result_ends(ok.status);
        "OkPacket"
    }

    fn result_ends(&mut self, status: StatusFlags) {
        let more = status.contains(StatusFlags::MORE_RESULTS) || self.out_params;
        self.out_params = false;
        self.state = if more { State::Reply } else { State::Commands };
    }
}

fn names(capabilities: Capabilities) -> String {
    let text = format!("{capabilities:?}");
    text.trim_start_matches("Capabilities(").trim_end_matches(')').to_owned()
}

/// Where packets are written down.
struct Log {
    file: Option<File>,
    session: usize,
    packets: usize,
}

impl Log {
    fn create(session: usize, options: &Options) -> io::Result<Self> {
        let mut file = match &options.out {
            Some(folder) => Some(File::create(folder.join(format!("session-{session}.txt")))?),
            None => None,
        };
        if let Some(file) = &mut file {
            writeln!(file, "# Recorded by examples/record.rs.")?;
        }
        Ok(Self { file, session, packets: 0 })
    }

    fn packet(
        &mut self,
        side: Side,
        sequence: u8,
        message: &str,
        state: State,
        extra: &str,
        payload: &[u8],
    ) -> io::Result<()> {
        self.packets += 1;
        let (session, length) = (self.session, payload.len());
        println!("{session:3} {side:?} {sequence:3} {message} ({state}), {length} bytes");
        let Some(file) = &mut self.file else { return Ok(()) };
        let direction = if side == Side::Client { "client" } else { "server" };
        let mut text = format!(
            "\npacket: {}\ndirection: {direction}\nsequence: {sequence}\nmessage: {message}\n\
             state: {state}\n{extra}",
            self.packets,
        );
        for line in payload.chunks(16) {
            let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let ascii: String = line.iter().map(|&byte| printable(byte)).collect();
            text += &format!("{:<47}  # {ascii}\n", hex.join(" "));
        }
        file.write_all(text.as_bytes())
    }
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}
