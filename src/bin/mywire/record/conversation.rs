//! One connection's conversation, followed packet by packet.

use std::collections::VecDeque;
use std::{fmt, io};

use mywire::wire::{
    Capabilities, Command, EofPacket, Greeting, LoginRequest, OkPacket, PacketHeader, PrepareOk,
    ProgressReport, ResultSetHeader, StatusFlags, auth, infile, reply,
};

use super::log::Log;

const UNREADABLE: Capabilities =
    Capabilities::SSL.with(Capabilities::COMPRESS).with(Capabilities::ZSTD_COMPRESSION_ALGORITHM);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
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
pub(crate) enum State {
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
pub(crate) struct Conversation {
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
    pub(crate) fn new(log: Log, keep_tls: bool) -> Self {
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

    /// Whether what follows are no packets: TLS has begun.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.state == State::Encrypted
    }

    /// Names a packet and writes it down. May take capabilities out of the greeting.
    pub(crate) fn note(
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
        let command = Command::decode(payload).ok().filter(|_| message == "Command");
        let name = command.map_or(message, |command| command.name());
        self.log.packet(side, header.sequence, [name, message], state, &extra, payload)
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
