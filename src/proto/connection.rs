//! The connection: what comes in, what goes out, and which state is next.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Fault;
#[cfg(feature = "compress")]
use super::compress::Compress;
use super::connect::{Connecting, Login, MAX_LOGIN_PACKET, Progress};
use super::exchange::{LastOk, Reply};
use super::field::FieldWalk;
use super::known::Known;
use super::recv::{Arrival, Recv, Skipped, Span};
use super::send::SendBuf;
use super::server_info::ServerInfo;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::watch::Watch;
use crate::attributes::QueryAttributes;
use crate::auth::Channel;
use crate::columns::Columns;
use crate::config::{ConfigError, Limits};
#[cfg(feature = "tls")]
use crate::error::TlsError;
use crate::error::{
    Error, Lost, ProtocolError, ProtocolErrorKind as Kind, Result, Sent, ServerError, UsageError,
    server,
};
use crate::value::Format;
use crate::wire::infile::LOCAL_INFILE;
use crate::wire::{Capabilities, ColumnDefinition, ErrPacket, PrepareOk, StatusFlags, reply};

/// A connection to a server, without the transport.
///
/// A front reads into [`spare`](Self::spare), says so with [`received`](Self::received), writes
/// what [`send_buf`](Self::send_buf) holds, says so with [`sent`](Self::sent), and asks
/// [`step`](Self::step) what happened. After a fatal error nothing is written and no row comes out.
///
/// ```text
///              login                        command
///   Connecting ─────▶ Idle ◀──────────────────────────────────┐
///                      │ ▲ OK, ERR                            │
///                      ▼ │              OK / EOF / ERR        │
///                     Reply ──▶ Columns ──▶ Rows ─────────────┤
///                      ▲                     │ MORE_RESULTS   │
///                      └─────────────────────┘                │
///   any of them ── protocol error, end of input ──▶ Dead      │
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) state: State,
    pub(super) recv: Recv,
    pub(super) send: SendBuf,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Box<Tls>>,
    #[cfg(feature = "compress")]
    pub(super) compress: Option<Box<Compress>>,
    /// The transport has no more input.
    pub(super) ended: bool,
    /// TLS is wanted and does not protect what comes yet: it can be anybody's (H-25).
    pub(super) unverified: bool,
    /// How well the bytes are protected, once the login is over.
    pub(super) channel: Option<Channel>,
    /// Commands whose replies are not over, and the sequence id that each reply begins with: the
    /// one behind the command's last chunk (F-04), or its last frame (F-37).
    pub(super) unanswered: VecDeque<(Reply, u8)>,
    /// What those of them name that choose a default database.
    pub(super) schemas: VecDeque<Box<[u8]>>,
    /// Whether a byte of an unanswered command left.
    pub(super) exposed: bool,
    pub(super) reading: Reading,
    /// The row that is read value by value.
    pub(super) walk: Option<FieldWalk>,
    pub(super) capabilities: Capabilities,
    pub(super) limits: Limits,
    pub(super) columns: Arc<Columns>,
    pub(super) known: Known,
    pub(super) row: Span,
    /// The protocol of the rows in progress, or of the last ones.
    pub(super) format: Format,
    pub(super) prepared: Option<PrepareOk>,
    pub(super) last_ok: LastOk,
    /// Whether a row came since the last fetch began.
    has_rows: bool,
    pub(super) info: ServerInfo,
    pub(super) watch: Watch,
    /// What goes with queries, if both sides know such.
    pub(super) attributes: Arc<QueryAttributes>,
}

/// What the connection is in the middle of.
#[derive(Debug)]
pub(super) enum State {
    Connecting(Box<Connecting>),
    Idle,
    /// The first packet of a reply, or of its next result, is due.
    Reply(Reply),
    /// Column definitions are due.
    Columns {
        reply: Reply,
        left: usize,
    },
    /// The EOF packet behind the column definitions is due.
    ColumnsEnd(Reply),
    Rows(Reply),
    /// Definitions of a prepared statement's parameters are due, then those of its columns.
    Parameters {
        left: usize,
        columns: usize,
    },
    /// The EOF packet behind the parameters' definitions is due.
    ParametersEnd {
        columns: usize,
    },
    /// The result set opened a cursor: its rows are to be fetched (K-22).
    CursorOpened(Reply),
    /// The server waits for what a LOAD DATA LOCAL loads (R-60).
    File {
        /// Whether a part of it was sent.
        begun: bool,
    },
    Dead,
}

/// How rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Row by row.
    Rows,
    /// Not at all: they are dropped until the end of the result set.
    Nothing,
    /// The next row value by value.
    Fields,
    /// What is left of a row is dropped; then the next one value by value, or row by row.
    RestOfRow { then_fields: bool },
}

/// What happened. It borrows nothing: look at it through the views of [`Connection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Send what there is to send, then read.
    NeedInput,
    /// Nothing is asked for.
    Idle,
    /// The login is over.
    Connected,
    /// A result set begins; see [`Connection::columns`].
    Columns,
    /// A row; see [`Connection::row`] and [`Connection::batch`].
    Row,
    /// A value of the row that is read in pieces begins; see [`Connection::field`].
    Field,
    /// A piece of that value; see [`Connection::chunk`].
    Chunk,
    /// The row that was read in pieces is over.
    RowEnd,
    /// A statement is prepared; see [`Connection::prepared`] and [`Connection::columns`].
    Prepared,
    /// A statement is done, or a result set has ended; see [`Connection::done`], which also says
    /// whether another result follows.
    Done,
    /// The server waits for what [`Connection::load_local`]'s statement loads; see
    /// [`Connection::send_file`].
    LocalInfile,
    /// A long statement reports how far it is; see [`Connection::progress`].
    Progress,
}

impl Connection {
    /// A connection that waits for the server's greeting, to answer it with `login`.
    #[must_use]
    pub fn new(login: Login, limits: Limits) -> Self {
        let unverified = Connecting::wants_tls(&login);
        Self {
            state: State::Connecting(Box::new(Connecting::new(login))),
            recv: Recv::new(MAX_LOGIN_PACKET.min(limits.max_packet)),
            send: SendBuf::default(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "compress")]
            compress: None,
            ended: false,
            unverified,
            channel: None,
            unanswered: VecDeque::new(),
            schemas: VecDeque::new(),
            exposed: false,
            reading: Reading::Rows,
            walk: None,
            capabilities: Capabilities::NONE,
            limits,
            columns: Arc::default(),
            known: Known::default(),
            row: Span::default(),
            format: Format::Text,
            prepared: None,
            last_ok: LastOk::default(),
            has_rows: false,
            info: ServerInfo::default(),
            watch: Watch::default(),
            attributes: Arc::default(),
        }
    }

    // Steps.

    /// Says what happened next.
    ///
    /// [`Step::NeedInput`] means that only more input brings more; [`Step::Idle`] that nothing is
    /// asked for. An error of the server about a command leaves the connection usable
    /// ([`Error::is_fatal`] tells); after any other error it is dead. Views are void afterwards.
    ///
    /// Cost: no allocation and no copy for a row.
    #[inline]
    pub fn step(&mut self) -> Result<Step> {
        if self.step_to_row() { Ok(Step::Row) } else { self.step_slowly() }
    }

    /// [`step`](Self::step) if it is [`Step::Row`], the row is here as a whole and begins as no
    /// other packet does; otherwise nothing happens.
    #[inline]
    pub(crate) fn step_to_row(&mut self) -> bool {
        if matches!(self.state, State::Rows(_))
            && self.reading == Reading::Rows
            && let Some(row) = self.recv.row(self.format)
        {
            self.row = row;
            self.has_rows = true;
            return true;
        }
        false
    }

    #[cold]
    #[inline(never)]
    fn step_slowly(&mut self) -> Result<Step> {
        self.row = Span::default();
        loop {
            match self.transition(Self::advance)? {
                None => continue,
                Some(Step::NeedInput) => {}
                Some(step) => return Ok(step),
            }
            if !self.more_input()? {
                return Ok(Step::NeedInput);
            }
        }
    }

    /// Makes room for input, and takes what TLS has; `false` if the transport has to bring more.
    pub(super) fn more_input(&mut self) -> Result<bool> {
        self.make_room();
        match self.pull() {
            Ok(false) if self.ended => Err(self.lost()),
            Ok(progress) => Ok(progress),
            Err(fault) => Err(self.die(fault)),
        }
    }

    /// Runs a transition: it consumes the state, and a fault leaves the connection dead. `None`
    /// means that there is nothing to tell yet.
    fn transition(
        &mut self,
        transition: impl FnOnce(&mut Self, State) -> Result<(State, Outcome), Fault>,
    ) -> Result<Option<Step>> {
        let state = std::mem::replace(&mut self.state, State::Dead);
        if matches!(state, State::Dead) {
            return Err(dead());
        }
        let (state, outcome) = transition(self, state).map_err(|fault| self.die(fault))?;
        self.state = state;
        match outcome {
            Outcome::Continue => Ok(None),
            Outcome::Step(step) => Ok(Some(step)),
            Outcome::Refused(error) => {
                if error.is_fatal() {
                    self.kill();
                }
                Err(Error::Server(error))
            }
            Outcome::Failed(error) => Err(error.into()),
        }
    }

    /// Moves on by one packet, if it is here.
    fn advance(&mut self, state: State) -> Result<(State, Outcome), Fault> {
        let state = match state {
            State::Connecting(connecting) => return self.advance_login(connecting),
            State::Idle => match self.unanswered.front() {
                None => return self.look_while_idle(),
                Some(&(reply, sequence)) => {
                    self.begin_reply(sequence);
                    match self.of_last_prepared(reply) {
                        // The definitions were those of the execution.
                        Reply::Fetch => {
                            self.format = Format::Binary;
                            self.has_rows = false;
                            State::Rows(reply)
                        }
                        reply => State::Reply(reply),
                    }
                }
            },
            state => state,
        };
        match state {
            State::Rows(_) if self.reading != Reading::Rows => return self.read_otherwise(state),
            State::CursorOpened(reply) => return Ok(self.result_ends(reply)),
            // Whatever the server says meanwhile is looked at behind the file's end (R-62).
            State::File { .. } => return Ok((state, Outcome::Step(Step::LocalInfile))),
            _ => {}
        }
        match self.recv.packet()? {
            Some(span) => self.on_packet(state, span),
            None => Ok((state, Outcome::Step(Step::NeedInput))),
        }
    }

    /// Reads rows in another way than row by row.
    fn read_otherwise(&mut self, state: State) -> Result<(State, Outcome), Fault> {
        match self.reading {
            Reading::Rows | Reading::Nothing => self.skip_rows_here(state),
            Reading::RestOfRow { then_fields } => match self.recv.skip_packet(self.format)? {
                None => Ok((state, Outcome::Step(Step::NeedInput))),
                Some(_) => {
                    self.reading = if then_fields { Reading::Fields } else { Reading::Rows };
                    Ok((state, Outcome::Continue))
                }
            },
            Reading::Fields => self.read_fields(state),
        }
    }

    /// Reads the next row value by value.
    fn read_fields(&mut self, state: State) -> Result<(State, Outcome), Fault> {
        let mut walk = match self.walk.take() {
            Some(walk) => walk,
            // Until the first value can be told, the row can still be read whole.
            None if !self.recv.begins_with(FieldWalk::head_len(self)) => {
                return Ok((state, Outcome::Step(Step::NeedInput)));
            }
            None => match self.recv.stream_row(self.format)? {
                None => return Ok((state, Outcome::Step(Step::NeedInput))),
                Some(Arrival::Row) => {
                    self.has_rows = true;
                    FieldWalk::new(self.format, None)
                }
                Some(Arrival::Packet(span)) => match self.on_packet(state, span)? {
                    (same, Outcome::Step(Step::Row)) => {
                        // It is given out value by value, not whole as well.
                        self.row = Span::default();
                        self.walk = Some(FieldWalk::new(self.format, Some(span)));
                        return Ok((same, Outcome::Continue));
                    }
                    ended => return Ok(ended),
                },
            },
        };
        let outcome = walk.advance(self)?;
        match outcome {
            Outcome::Step(Step::RowEnd) => self.reading = Reading::Rows,
            _ => self.walk = Some(walk),
        }
        Ok((state, outcome))
    }

    /// Drops the rows that are here.
    fn skip_rows_here(&mut self, state: State) -> Result<(State, Outcome), Fault> {
        loop {
            match self.recv.skip_packet(self.format)? {
                None => return Ok((state, Outcome::Step(Step::NeedInput))),
                Some(Skipped::Row) => self.has_rows = true,
                Some(Skipped::LikeTerminator) => self.check_full_chunk()?,
                Some(Skipped::Packet(span)) => match self.on_packet(state, span)? {
                    (state, Outcome::Step(Step::Row)) => {
                        self.row = Span::default();
                        return Ok((state, Outcome::Continue));
                    }
                    ended => return Ok(ended),
                },
            }
        }
    }

    fn on_packet(&mut self, state: State, span: Span) -> Result<(State, Outcome), Fault> {
        let Some(&first) = self.recv.bytes(span).first() else {
            return Err(Kind::EmptyPacket.into());
        };
        if first == reply::ERR {
            return self.on_error_packet(state, span);
        }
        match state {
            State::Reply(reply) => self.on_reply(reply, first, span),
            State::Columns { reply, left } => self.on_column(reply, left, span),
            State::ColumnsEnd(reply) => {
                self.on_columns_end(span)?;
                Ok(self.columns_complete(reply))
            }
            State::Parameters { left, columns } => {
                ColumnDefinition::decode(self.recv.bytes(span), self.capabilities)?;
                let left = left.saturating_sub(1);
                let state = match left {
                    0 if self.capabilities.contains(Capabilities::DEPRECATE_EOF) => {
                        return Ok(self.parameters_complete(columns));
                    }
                    0 => State::ParametersEnd { columns },
                    left => State::Parameters { left, columns },
                };
                Ok((state, Outcome::Continue))
            }
            State::ParametersEnd { columns } => {
                self.on_columns_end(span)?;
                Ok(self.parameters_complete(columns))
            }
            State::Rows(reply) => {
                if first == reply::EOF && self.ends_rows(span) {
                    self.on_terminator(span)?;
                    self.check_fetch(reply, first)?;
                    return Ok(self.result_ends(reply));
                }
                if self.format == Format::Binary && !self.format.starts_row(first) {
                    return Err(Kind::Unexpected { due: "a row", header: first }.into());
                }
                if first == reply::OK && self.is_misplaced_ok(span) {
                    let due = "a row or the end of the rows";
                    return Err(Kind::Unexpected { due, header: first }.into());
                }
                self.row = span;
                self.has_rows = true;
                Ok((State::Rows(reply), Outcome::Step(Step::Row)))
            }
            State::Connecting(_)
            | State::Idle
            | State::CursorOpened(_)
            | State::File { .. }
            | State::Dead => Err(Kind::Unsolicited.into()),
        }
    }

    fn on_reply(&mut self, reply: Reply, first: u8, span: Span) -> Result<(State, Outcome), Fault> {
        match (reply, first) {
            (Reply::Prepare, reply::OK) => {
                let PrepareOk { parameters, columns, .. } = self.on_prepare_ok(span)?;
                let columns = usize::from(columns);
                Ok(match usize::from(parameters) {
                    0 => self.parameters_complete(columns),
                    left => (State::Parameters { left, columns }, Outcome::Continue),
                })
            }
            (Reply::RefusedFile, reply::OK) => {
                self.on_ok(span)?;
                let (state, _) = self.result_ends(Reply::Text);
                Ok((state, Outcome::Failed(UsageError::LocalInfileRefused)))
            }
            (_, reply::OK) => {
                self.on_ok(span)?;
                match reply {
                    Reply::Reset => self.known.forget_all(),
                    Reply::Schema => self.note_schema(),
                    _ => {}
                }
                Ok(self.result_ends(reply))
            }
            (Reply::Text | Reply::Binary { .. } | Reply::Load, LOCAL_INFILE) => {
                self.on_local_infile(reply, span)
            }
            (Reply::Text | Reply::Binary { .. } | Reply::Load, header)
                if header != reply::EOF && header != LOCAL_INFILE =>
            {
                Ok(match self.on_result_set_header(reply, span)? {
                    0 => self.definitions_end(reply),
                    left => (State::Columns { reply, left }, Outcome::Continue),
                })
            }
            (_, header) => Err(Kind::Unexpected { due: "a reply", header }.into()),
        }
    }

    fn on_column(
        &mut self,
        reply: Reply,
        left: usize,
        span: Span,
    ) -> Result<(State, Outcome), Fault> {
        self.on_column_definition(span)?;
        match left.saturating_sub(1) {
            0 => {}
            left => return Ok((State::Columns { reply, left }, Outcome::Continue)),
        }
        match (reply, self.prepared) {
            (Reply::Binary { statement }, _) => self.remember_columns(statement),
            (Reply::Prepare, Some(prepared)) => self.remember_columns(prepared.statement),
            _ => {}
        }
        Ok(self.definitions_end(reply))
    }

    /// Behind the definitions, or where they are left out.
    fn definitions_end(&mut self, reply: Reply) -> (State, Outcome) {
        if self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            return self.columns_complete(reply);
        }
        (State::ColumnsEnd(reply), Outcome::Continue)
    }

    /// The definitions of a result set, or of a prepared statement's columns, are all here.
    fn columns_complete(&mut self, reply: Reply) -> (State, Outcome) {
        self.reading = Reading::Rows;
        self.walk = None;
        if reply == Reply::Prepare {
            self.answered();
            return (State::Idle, Outcome::Step(Step::Prepared));
        }
        self.format = reply.format();
        let status = self.last_ok.status;
        let deprecated = self.capabilities.contains(Capabilities::DEPRECATE_EOF);
        let state = match !deprecated && status.contains(StatusFlags::CURSOR_EXISTS) {
            true => State::CursorOpened(reply),
            false => State::Rows(reply),
        };
        (state, Outcome::Step(Step::Columns))
    }

    /// The definitions of a prepared statement's parameters are all here.
    fn parameters_complete(&mut self, columns: usize) -> (State, Outcome) {
        match columns {
            0 => self.columns_complete(Reply::Prepare),
            left => {
                let reply = Reply::Prepare;
                (State::Columns { reply, left }, Outcome::Continue)
            }
        }
    }

    /// Fails if a fetch has brought nothing and the cursor is said to have more: the next one would
    /// bring as much, for ever.
    fn check_fetch(&self, reply: Reply, header: u8) -> Result<(), Fault> {
        let status = self.last_ok.status;
        let more = status.contains(StatusFlags::CURSOR_EXISTS)
            && !status.contains(StatusFlags::LAST_ROW_SENT);
        if reply == Reply::Fetch && !self.has_rows && more {
            return Err(Kind::Unexpected { due: "rows of a cursor, or its end", header }.into());
        }
        Ok(())
    }

    /// After an OK packet or a terminator: the next result, or the end of the command.
    fn result_ends(&mut self, reply: Reply) -> (State, Outcome) {
        self.reading = Reading::Rows;
        self.walk = None;
        let state = if self.last_ok.status.contains(StatusFlags::MORE_RESULTS) {
            State::Reply(reply)
        } else {
            self.answered();
            State::Idle
        };
        (state, Outcome::Step(Step::Done))
    }

    /// The command in progress has its whole reply.
    fn answered(&mut self) {
        if let Some((Reply::Schema, _)) = self.unanswered.pop_front() {
            self.schemas.pop_front();
        }
        self.forget_closed();
        self.reading = Reading::Rows;
        self.walk = None;
        self.last_ok.end_command();
        if self.unanswered.is_empty() {
            self.exposed = false;
            // A session that is idle from now on holds no more than it needs.
            self.recv.rest();
        }
    }

    /// An ERR packet: a progress report, or the end of the command (R-17).
    fn on_error_packet(&mut self, state: State, span: Span) -> Result<(State, Outcome), Fault> {
        if self.on_progress(span)? {
            return Ok((state, Outcome::Step(Step::Progress)));
        }
        let packet = ErrPacket::decode(self.recv.bytes(span))?;
        let error = ServerError::new(&packet, self.error_context(Sent::Yes, false));
        self.last_ok.forget();
        self.watch.sees_error(error.kind());
        // No result follows an error, whatever the last status word said (E-53).
        self.info.status = self.info.status.without(StatusFlags::MORE_RESULTS);
        self.answered();
        Ok((State::Idle, Outcome::Refused(error.into())))
    }

    /// Nothing may come while nothing is asked for; an error report is at least understood (F-11).
    fn look_while_idle(&mut self) -> Result<(State, Outcome), Fault> {
        if !self.recv.in_packet() {
            // A window that the last reply filled has no space for what waits behind a filter.
            self.recv.rest();
            if !self.pull()? {
                if self.ended {
                    return Err(Kind::ConnectionLost(Lost::Idle).into());
                }
                return Ok((State::Idle, Outcome::Step(Step::Idle)));
            }
        }
        self.recv.set_sequence(0);
        match self.recv.packet()? {
            Some(span) if self.recv.bytes(span).first() == Some(&reply::ERR) => {
                Err(Fault::MisplacedError(self.recv.bytes(span).to_vec()))
            }
            Some(_) => Err(Kind::Unsolicited.into()),
            None => Ok((State::Idle, Outcome::Step(Step::NeedInput))),
        }
    }

    fn advance_login(&mut self, connecting: Box<Connecting>) -> Result<(State, Outcome), Fault> {
        match connecting.advance(self)? {
            Progress::NeedInput(connecting) => {
                Ok((State::Connecting(connecting), Outcome::Step(Step::NeedInput)))
            }
            Progress::Connected(options) => {
                self.recv.set_max_packet(self.limits.max_packet);
                self.begin_compression(options);
                Ok((State::Idle, Outcome::Step(Step::Connected)))
            }
            Progress::Refused(error) => Ok((State::Dead, Outcome::Refused(error.into()))),
        }
    }

    // Input.

    pub(super) fn make_room(&mut self) {
        self.row = Span::default();
        match self.walk.as_mut().and_then(FieldWalk::here_mut) {
            Some(row) => row.start = self.recv.make_room_behind(row.start),
            None => self.recv.make_room(),
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.make_room();
        }
        #[cfg(feature = "compress")]
        if let Some(compress) = &mut self.compress {
            compress.make_room();
        }
    }

    // Ends.

    /// Kills the connection because its transport failed: nothing is written any more.
    pub fn abort(&mut self) {
        self.kill();
    }

    /// Whether the connection is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead)
    }

    /// Whether nothing is asked for, and the login is over.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.unanswered.is_empty()
    }

    /// How many commands were given whose replies are not complete.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// The statement whose execution is to be answered next.
    #[cfg(any(feature = "tokio", feature = "blocking"))]
    pub(crate) fn statement_due(&self) -> Option<u32> {
        match self.unanswered.front() {
            Some((Reply::Binary { statement }, _)) => Some(*statement),
            _ => None,
        }
    }

    /// How far the commands got that are not answered yet.
    #[must_use]
    pub fn unanswered_sent(&self) -> Sent {
        if self.exposed { Sent::Maybe } else { Sent::No }
    }

    fn kill(&mut self) {
        self.state = State::Dead;
        self.walk = None;
        self.send.clear();
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.outgoing.clear();
        }
        #[cfg(feature = "compress")]
        if let Some(compress) = &mut self.compress {
            compress.outgoing.clear();
        }
        self.row = Span::default();
    }

    /// Kills the connection and says why.
    pub(super) fn die(&mut self, fault: Fault) -> Error {
        let sent = self.unanswered_sent();
        let error = match fault {
            Fault::Protocol(kind) => ProtocolError::new(kind, sent).into(),
            Fault::MisplacedError(payload) => match ErrPacket::decode(&payload) {
                Ok(packet) => ServerError::new(&packet, self.error_context(sent, true)).into(),
                Err(error) => ProtocolError::new(error.into(), sent).into(),
            },
            Fault::Auth(error) => error.into(),
            #[cfg(feature = "tls")]
            Fault::Tls(TlsError::Failed(error)) if self.channel.is_some() => {
                TlsError::Broken { error, sent }.into()
            }
            Fault::Tls(error) => error.into(),
            Fault::Encode(error) => ConfigError::new(error.to_string()).into(),
        };
        self.kill();
        error
    }

    /// The input ended: says where.
    fn lost(&mut self) -> Error {
        let lost = match &self.state {
            State::Connecting(connecting) if connecting.is_before_greeting() => {
                Lost::BeforeGreeting
            }
            State::Connecting(_) => Lost::Login,
            _ if self.in_packet() => Lost::InPacket,
            State::Idle => Lost::Idle,
            State::Reply(_) => Lost::BeforeReply,
            _ => Lost::InReply,
        };
        self.die(Kind::ConnectionLost(lost).into())
    }

    /// Whether the input stands in the middle of a packet, or of a frame.
    fn in_packet(&self) -> bool {
        #[cfg(feature = "compress")]
        if self.compress.as_ref().is_some_and(|compress| compress.in_frame()) {
            return true;
        }
        self.recv.in_packet()
    }

    pub(super) fn error_context(&self, sent: Sent, fatal: bool) -> server::Context {
        let max_message = self.limits.max_error_message;
        server::Context { sent, fatal, verified: !self.unverified, max_message }
    }
}

pub(super) fn dead() -> Error {
    ProtocolError::new(Kind::Dead, Sent::No).into()
}

/// How a transition ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing to tell yet.
    Continue,
    Step(Step),
    /// The server refused: not a fault of the connection. On the heap, so that the outcomes of
    /// every day are moved around in a few words.
    Refused(Box<ServerError>),
    /// The caller asked for what cannot be.
    Failed(UsageError),
}
