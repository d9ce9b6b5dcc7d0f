//! The server at the other end of a session: it answers what the SQL asks for, over a transport
//! that takes and gives a few bytes at a time.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use mywire::wire::{
    BinaryRow, Capabilities, ColumnDefinition, ColumnType, Command, LocalInfileRequest, OkPacket,
    PacketHeader, Parameters, PrepareOk, StatusFlags, binary_row::Layout,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::recorded::recordings;
use super::server::{Offer, Writer, column, login, negotiated, ok};
use super::source::Source;

/// Something that no honest server does, to the reply of one command.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which reply, counted from the login's.
    reply: usize,
    kind: usize,
    place: usize,
    bytes: Vec<u8>,
}

impl Fault {
    pub fn draw(source: &mut Source<'_>) -> Self {
        Self {
            reply: source.below(16),
            kind: source.below(6),
            place: usize::from(source.u16()),
            bytes: source.slice(12).to_vec(),
        }
    }

    /// Damages a reply; `true` if nothing follows it.
    fn apply(&self, reply: &mut Vec<u8>) -> bool {
        let at = self.place % (reply.len() + 1);
        match self.kind {
            0 => reply.truncate(at),
            1 => drop(reply.splice(at..at, self.bytes.iter().copied())),
            2 => {
                let end = (at + self.bytes.len()).min(reply.len());
                reply.splice(at..end, self.bytes.iter().copied());
            }
            3 => {
                let recordings = recordings();
                let recording = &recordings[self.place % recordings.len()];
                let place = self.place / recordings.len();
                if let Some(count) = recording.exchanges.len().checked_sub(1) {
                    reply.clone_from(&recording.exchanges[place % (count + 1)].1);
                }
            }
            4 => {
                reply.truncate(at);
                return true;
            }
            _ => reply.extend_from_slice(&self.bytes),
        }
        false
    }
}

/// What is seen of the client.
#[derive(Debug, Default)]
pub struct Watched {
    pub sent: Mutex<Vec<u8>>,
    pub written: AtomicUsize,
}

/// The transport and the server behind it.
#[derive(Debug)]
pub struct Scripted {
    /// The most bytes that are given and taken at a time.
    portions: (usize, usize),
    /// Whether it was not ready the last time: to read, and to write.
    refused: [bool; 2],
    faults: Vec<Fault>,
    watched: Arc<Watched>,
    /// What the client sent and is no whole packet yet.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    given: usize,
    /// Nothing follows what is in `outgoing`.
    ended: bool,
    replies: usize,
    capabilities: Capabilities,
    state: State,
    /// The SQL of each prepared statement.
    statements: HashMap<u32, String>,
    last_statement: u32,
    in_transaction: bool,
}

#[derive(Debug)]
enum State {
    Login,
    Commands,
    /// Data of a file come, so many bytes until now.
    File(u64),
}

impl Scripted {
    pub fn new(portions: (usize, usize), faults: Vec<Fault>) -> (Self, Arc<Watched>) {
        let offer = Offer { mariadb: false, deprecate_eof: true, session_track: true, tls: false };
        let greeting = offer.greeting(b"mysql_native_password");
        let mut first = Writer::new(0, Capabilities::NONE);
        first.packet(&greeting);
        let mut login = login(mywire::proto::Transport::Network);
        login.options = Capabilities::LOCAL_FILES;
        let watched = Arc::<Watched>::default();
        let mut scripted = Self {
            portions,
            refused: [false; 2],
            faults,
            watched: watched.clone(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            given: 0,
            ended: false,
            replies: 0,
            capabilities: negotiated(&login, &greeting),
            state: State::Login,
            statements: HashMap::new(),
            last_statement: 0,
            in_transaction: false,
        };
        scripted.reply(first.out);
        (scripted, watched)
    }

    fn reply(&mut self, mut reply: Vec<u8>) {
        for fault in self.faults.iter().filter(|fault| fault.reply == self.replies) {
            self.ended |= fault.apply(&mut reply);
        }
        self.replies += 1;
        self.outgoing.drain(..self.given);
        self.given = 0;
        self.outgoing.extend_from_slice(&reply);
    }

    /// How many bytes may pass now; `None` if none may, and the task is woken.
    fn portion(&mut self, way: usize, context: &Context<'_>) -> Option<usize> {
        self.refused[way] = !self.refused[way];
        if self.refused[way] {
            context.waker().wake_by_ref();
            return None;
        }
        Some(if way == 0 { self.portions.0 } else { self.portions.1 })
    }

    /// Answers the packets that are whole.
    fn answer(&mut self) {
        while let Some(header) = self.incoming.first_chunk::<4>() {
            let header = PacketHeader::decode(*header);
            let end = 4 + usize::try_from(header.length).expect("24 bits");
            if self.incoming.len() < end {
                return;
            }
            let packet: Vec<u8> = self.incoming.drain(..end).collect();
            let mut writer = Writer::new(header.sequence.wrapping_add(1), self.capabilities);
            self.on_packet(&packet[4..], &mut writer);
            if !writer.out.is_empty() {
                self.reply(writer.out);
            }
        }
    }

    fn on_packet(&mut self, payload: &[u8], writer: &mut Writer) {
        match self.state {
            State::Login => {
                self.state = State::Commands;
                writer.plain_ok(self.status());
            }
            State::File(length) if payload.is_empty() => {
                self.state = State::Commands;
                writer.ok(0, &OkPacket { affected_rows: length, status: self.status(), ..ok() });
            }
            State::File(ref mut length) => {
                *length += u64::try_from(payload.len()).expect("a short packet");
            }
            State::Commands => match Command::decode(payload) {
                Ok(command) => self.on_command(command, writer),
                Err(error) => panic!("the client sent {payload:?}: {error}"),
            },
        }
    }

    fn on_command(&mut self, command: Command<'_>, writer: &mut Writer) {
        match command {
            Command::Quit => self.ended = true,
            Command::Query(sql) => {
                let sql = std::str::from_utf8(sql).expect("the caller's SQL");
                self.on_query(sql, writer);
            }
            Command::StmtPrepare(sql) => {
                let sql = String::from_utf8(sql.to_vec()).expect("the caller's SQL");
                self.on_prepare(sql, writer);
            }
            Command::StmtExecute(execute) => {
                let sql = &self.statements[&execute.statement];
                let parameter = match Parameters::decode(execute.parameters, 1) {
                    Ok(parameters) if sql.contains('?') => Some(number(&parameters)),
                    _ => None,
                };
                let asked = numbers(sql, parameter);
                self.results(asked, true, writer);
            }
            Command::StmtClose(statement) => drop(self.statements.remove(&statement)),
            Command::ResetConnection => {
                self.statements.clear();
                self.in_transaction = false;
                writer.plain_ok(self.status());
            }
            Command::Ping | Command::InitDb(_) => writer.plain_ok(self.status()),
            other => panic!("{other:?} is not asked for"),
        }
    }

    fn on_query(&mut self, sql: &str, writer: &mut Writer) {
        match sql.split(' ').next().unwrap_or_default() {
            "SELECT" => self.results(numbers(sql, None), false, writer),
            "FAIL" => {
                let message = sql.replace("FAIL", "statement");
                writer.err(1064, message.as_bytes());
            }
            "LOAD" => {
                let mut payload = Vec::new();
                LocalInfileRequest { name: b"7" }.encode(&mut payload);
                writer.packet(&payload);
                self.state = State::File(0);
            }
            word => {
                self.in_transaction = match word {
                    "START" | "BEGIN" => true,
                    "COMMIT" | "ROLLBACK" => false,
                    _ => self.in_transaction,
                };
                writer.plain_ok(self.status());
            }
        }
    }

    fn on_prepare(&mut self, sql: String, writer: &mut Writer) {
        self.last_statement += 1;
        let parameters = u16::from(sql.contains('?'));
        let columns = columns();
        let prepared = PrepareOk {
            statement: self.last_statement,
            columns: 3,
            parameters,
            warnings: 0,
            metadata_follows: true,
        };
        let mut payload = Vec::new();
        prepared.encode(self.capabilities, &mut payload);
        writer.packet(&payload);
        for definition in [column(b"?")].iter().take(parameters.into()).chain(&columns) {
            let mut payload = Vec::new();
            definition.encode(self.capabilities, &mut payload);
            writer.packet(&payload);
        }
        self.statements.insert(self.last_statement, sql);
    }

    fn results(&self, [number, rows, results]: [u64; 3], binary: bool, writer: &mut Writer) {
        for left in (0..results).rev() {
            writer.head(&columns());
            for row in 0..rows {
                let (tag, filler) = (format!("statement {number}"), vec![b'.'; filler(row)]);
                let id = match binary {
                    true => row.to_le_bytes().to_vec(),
                    false => row.to_string().into_bytes(),
                };
                if !binary {
                    writer.row([Some(&id[..]), Some(tag.as_bytes()), Some(&filler)]);
                    continue;
                }
                let mut payload = Vec::new();
                let cells = [
                    (Layout::Fixed(8), Some(&id[..])),
                    (Layout::LengthEncoded, Some(tag.as_bytes())),
                    (Layout::LengthEncoded, Some(&filler)),
                ];
                BinaryRow::encode(cells.into_iter(), &mut payload);
                writer.packet(&payload);
            }
            let status = match left {
                0 => self.status(),
                _ => self.status().with(StatusFlags::MORE_RESULTS),
            };
            writer.ok(0xFE, &OkPacket { affected_rows: number, status, ..ok() });
        }
    }

    fn status(&self) -> StatusFlags {
        match self.in_transaction {
            true => StatusFlags::AUTOCOMMIT.with(StatusFlags::IN_TRANS),
            false => StatusFlags::AUTOCOMMIT,
        }
    }
}

/// The length of a row's last value: some are longer than a portion.
pub fn filler(row: u64) -> usize {
    usize::try_from(row * 97 % 300).expect("it is small")
}

fn columns() -> [ColumnDefinition<'static>; 3] {
    let id = ColumnDefinition { column_type: ColumnType::LONGLONG, ..column(b"id") };
    [id, column(b"tag"), column(b"filler")]
}

/// The number, the rows and the results that SQL asks for.
fn numbers(sql: &str, parameter: Option<u64>) -> [u64; 3] {
    let mut words = sql.split(' ').skip(1).map(|word| match parameter {
        Some(parameter) if word == "?" => parameter,
        _ => word.parse().expect("a number"),
    });
    std::array::from_fn(|_| words.next().expect("three numbers"))
}

/// The one parameter of a statement.
fn number(parameters: &Parameters<'_>) -> u64 {
    let types = [mywire::wire::statement::ParameterType::unsigned(ColumnType::LONGLONG)];
    let values = parameters.values(&types).expect("one parameter");
    let bytes = values[0].expect("it is a number");
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.outgoing.len() - self.given;
        if left == 0 {
            // A silent server is waited for until the caller's patience ends.
            return if self.ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let Some(portion) = self.portion(0, context) else { return Poll::Pending };
        let length = portion.min(left).min(buf.remaining());
        let start = self.given;
        buf.put_slice(&self.outgoing[start..start + length]);
        self.given += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(portion) = self.portion(1, context) else { return Poll::Pending };
        let bytes = &bytes[..portion.min(bytes.len())];
        self.watched.written.fetch_add(bytes.len(), Ordering::Relaxed);
        self.watched.sent.lock().expect("nobody panicked").extend_from_slice(bytes);
        self.incoming.extend_from_slice(bytes);
        self.answer();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}
