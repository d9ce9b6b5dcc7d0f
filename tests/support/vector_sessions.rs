//! Recorded sessions through `mywire::proto::Connection`, the server's bytes cut at will.

use std::collections::HashMap;

use mywire::proto::{Connection, Login, Step};
use mywire::value::Format;
use mywire::wire::binary_row::Layout;
use mywire::wire::packet::HEADER_SIZE;
use mywire::wire::{
    BinaryRow, ColumnDefinition, Command, ConnectAttributes, EofPacket, ErrPacket, LoginRequest,
    OkPacket, PacketHeader, PrepareOk, ProgressReport, ResultSetHeader, SessionState, StatusFlags,
    TextRow,
};
use mywire::{Error, Limits, Secret};

use crate::vector_fields::capabilities;
use crate::vectors::Block;

/// MULTI_FACTOR_AUTHENTICATION in the fourth byte of the capabilities.
const FURTHER_FACTORS: u8 = 0x10;

/// Each column's name and type code.
type Described = Vec<(Vec<u8>, u8)>;

/// What a session says, as far as a caller sees it.
#[derive(Debug, PartialEq)]
pub enum Event {
    Connected,
    Columns(Described),
    Prepared { ok: PrepareOk, columns: Described },
    Row(Vec<u8>),
    Done { counts: [u64; 3], status: StatusFlags, info: Vec<u8>, state: Vec<u8> },
    Error { code: u16, sqlstate: Option<Vec<u8>>, message: Vec<u8> },
    Progress { stages: [u8; 2], progress: u32, text: Vec<u8> },
}

/// How the server's bytes arrive.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Each turn's bytes at once.
    Nowhere,
    /// In two reads, with this many of the whole session's bytes before the cut.
    At(usize),
    Everywhere,
}

/// A recorded session, turn by turn.
pub struct Session {
    pub name: String,
    login: Login,
    turns: Vec<Turn>,
    /// What the EOF packet behind the last definitions said.
    before_rows: StatusFlags,
    /// The statement that the last command executed, if it did.
    executed: Option<u32>,
    /// The columns last sent of each statement.
    known: HashMap<u32, Described>,
    pub expected: Vec<Event>,
}

/// What the server sends, and what the client answers to it.
struct Turn {
    server: Vec<u8>,
    client: Vec<u8>,
    /// The answer, if it is a command.
    command: Option<Vec<u8>>,
}

impl Session {
    pub fn new(blocks: &[Block]) -> Self {
        let head = &blocks[0];
        assert_eq!(head.kind(), "session", "{}", head.place);
        let mut login = Login::new(head.header("user"), Secret::from(head.header("password")));
        login.database = head.find("database").map(str::to_owned);
        login.options = capabilities(head.header("options"));
        let mut session = Self {
            name: head.name().to_owned(),
            login,
            turns: Vec::new(),
            before_rows: StatusFlags::default(),
            executed: None,
            known: HashMap::new(),
            expected: Vec::new(),
        };
        let mut server = Vec::new();
        let mut columns = Vec::new();
        let mut negotiated = capabilities("none");
        for packet in &blocks[1..] {
            let bytes = framed(packet);
            if packet.header("direction") == "server" {
                server.extend(bytes);
                session.expect(packet, negotiated, &mut columns);
                session.remember();
                continue;
            }
            let command = match packet.header("message") {
                "LoginRequest" => {
                    negotiated = capabilities(packet.header("negotiated"));
                    for (name, value) in
                        LoginRequest::decode(&packet.bytes).unwrap().attributes.iter()
                    {
                        let attributes = &mut session.login.attributes;
                        ConnectAttributes::push(attributes, name, value).unwrap();
                    }
                    None
                }
                "Command" => {
                    session.executed = match Command::decode(&packet.bytes) {
                        Ok(Command::StmtExecute(execute)) => Some(execute.statement),
                        _ => None,
                    };
                    Some(packet.bytes.clone())
                }
                _ => None,
            };
            session.turns.push(Turn {
                server: std::mem::take(&mut server),
                client: bytes,
                command,
            });
        }
        if !server.is_empty() {
            session.turns.push(Turn { server, client: Vec::new(), command: None });
        }
        session
    }

    pub fn server_len(&self) -> usize {
        self.turns.iter().map(|turn| turn.server.len()).sum()
    }

    /// What a packet of the server means to a caller, by the name that it was recorded with.
    fn expect(
        &mut self,
        packet: &Block,
        negotiated: mywire::wire::Capabilities,
        columns: &mut Described,
    ) {
        let payload = &packet.bytes;
        let header = matches!(self.expected.last(), Some(Event::Columns(_)));
        let event = match packet.header("message") {
            "Greeting" | "AuthSwitchRequest" | "AuthMoreData" => return,
            "ResultSetHeader" => {
                let header = ResultSetHeader::decode(payload, negotiated).unwrap();
                // Definitions that are left out are those that were sent last.
                let known = match header.metadata_follows {
                    true => Vec::new(),
                    false => self.known[&self.executed.unwrap()].clone(),
                };
                return self.expected.push(Event::Columns(known));
            }
            "PrepareOk" => {
                let ok = PrepareOk::decode(payload, negotiated).unwrap();
                return self.expected.push(Event::Prepared { ok, columns: Vec::new() });
            }
            // Nobody asks for the parameters' definitions.
            "ColumnDefinition" if packet.header("state") == "Parameters" => return,
            "EofPacket" if packet.header("state") == "ParametersEnd" => return,
            "ColumnDefinition" => {
                let column = ColumnDefinition::decode(payload, negotiated).unwrap();
                columns.push((column.name.to_vec(), column.column_type.0));
                return match self.expected.last_mut() {
                    Some(Event::Columns(list) | Event::Prepared { columns: list, .. }) => {
                        list.append(columns);
                    }
                    _ => panic!("{}: a definition outside of a result set", packet.place),
                };
            }
            "OkPacket" if packet.header("state") == "Authentication" => Event::Connected,
            "OkPacket" => {
                let ok = OkPacket::decode(payload, negotiated).unwrap();
                Event::Done {
                    counts: [ok.affected_rows, ok.last_insert_id, ok.warnings.into()],
                    status: ok.status,
                    info: ok.info.to_vec(),
                    state: ok.session_state.encoded().to_vec(),
                }
            }
            "EofPacket" => {
                let eof = EofPacket::decode(payload).unwrap();
                let behind_columns = packet.header("state") == "ColumnsEnd";
                // It ends the result only if it opened a cursor (K-22).
                if behind_columns && !eof.status.contains(StatusFlags::CURSOR_EXISTS) {
                    self.before_rows = eof.status;
                    return;
                }
                let mut status = eof.status;
                // Behind OUT parameters MySQL leaves out that a result follows.
                if self.before_rows.contains(StatusFlags::PS_OUT_PARAMS) {
                    status.0 |= self.before_rows.0;
                }
                self.before_rows = StatusFlags::default();
                let state = SessionState::default().encoded().to_vec();
                let counts = [0, 0, eof.warnings.into()];
                Event::Done { counts, status, info: Vec::new(), state }
            }
            "ErrPacket" => {
                let err = ErrPacket::decode(payload).unwrap();
                let sqlstate = err.sqlstate.map(|state| state.to_vec());
                Event::Error { code: err.code, sqlstate, message: err.message.to_vec() }
            }
            "TextRow" | "BinaryRow" => Event::Row(payload.clone()),
            "ProgressReport" => {
                let report = ProgressReport::decode(payload).unwrap();
                Event::Progress {
                    stages: [report.stage, report.max_stage],
                    progress: report.progress,
                    text: report.text.to_vec(),
                }
            }
            message => panic!("{}: {message} cannot be replayed", packet.place),
        };
        assert!(!header || !matches!(event, Event::Columns(_)), "{}", packet.place);
        self.expected.push(event);
    }

    fn remember(&mut self) {
        match (self.expected.last(), self.executed) {
            (Some(Event::Prepared { ok, columns }), _) => {
                self.known.insert(ok.statement, columns.clone());
            }
            (Some(Event::Columns(columns)), Some(statement)) => {
                self.known.insert(statement, columns.clone());
            }
            _ => {}
        }
    }

    /// Runs the session and returns what came out. Each answer of the client must be, byte for byte,
    /// the recorded one.
    pub fn replay(&self, cut: Cut) -> Vec<Event> {
        let mut connection = Connection::new(self.login.clone(), Limits::default());
        let mut events = Vec::new();
        let mut before = 0;
        for (number, turn) in self.turns.iter().enumerate() {
            for piece in pieces(&turn.server, before, cut) {
                feed(&mut connection, piece, &mut events);
            }
            before += turn.server.len();
            if let Some(command) = &turn.command {
                match Command::decode(command).unwrap() {
                    Command::Quit => connection.quit(),
                    Command::InitDb(schema) => connection.init_db(schema),
                    Command::Query(sql) => connection.query(sql),
                    Command::Ping => connection.ping(),
                    Command::ResetConnection => connection.reset_connection(),
                    Command::StmtPrepare(sql) => connection.prepare(sql),
                    Command::StmtExecute(execute) => {
                        connection.execute(execute.statement, execute.flags, |out| {
                            out.extend_from_slice(execute.parameters);
                            Ok(())
                        })
                    }
                    Command::StmtBulkExecute(execute) => {
                        connection.execute_bulk(execute.statement, execute.flags, |out| {
                            out.extend_from_slice(execute.parameters);
                            Ok(())
                        })
                    }
                    Command::StmtSendLongData { statement, parameter, data } => {
                        connection.send_long_data(statement, parameter, data)
                    }
                    Command::StmtClose(statement) => connection.close_statement(statement),
                    Command::StmtReset(statement) => connection.reset_statement(statement),
                    Command::StmtFetch { statement, rows } => connection.fetch(statement, rows),
                    other => panic!("{other:?} needs a call here"),
                }
                .unwrap();
            }
            let mut sent = connection.send_buf().to_vec();
            connection.sent(sent.len());
            if number == 0 {
                // Recorded before the login said that it can answer further factors.
                sent[HEADER_SIZE + 3] &= !FURTHER_FACTORS;
            }
            assert!(connection.send_buf().is_empty(), "everything was taken");
            assert_eq!(sent, turn.client, "{}, answer {number}, {cut:?}", self.name);
        }
        events
    }
}

fn framed(packet: &Block) -> Vec<u8> {
    let length = u32::try_from(packet.bytes.len()).unwrap();
    let sequence = packet.header("sequence").parse().unwrap();
    let mut bytes = PacketHeader { length, sequence }.encode().to_vec();
    bytes.extend_from_slice(&packet.bytes);
    bytes
}

/// One turn's bytes as the cut leaves them; `before` is how many bytes earlier turns had.
fn pieces(bytes: &[u8], before: usize, cut: Cut) -> Vec<&[u8]> {
    let mut pieces = match cut {
        Cut::At(at) if before < at && at < before + bytes.len() => {
            let (first, second) = bytes.split_at(at - before);
            vec![first, second]
        }
        Cut::Everywhere => bytes.chunks(1).collect(),
        _ => vec![bytes],
    };
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Gives the connection one read's bytes and takes all that comes of it.
fn feed(connection: &mut Connection, mut bytes: &[u8], events: &mut Vec<Event>) {
    loop {
        let event = match connection.step() {
            Ok(Step::NeedInput | Step::Idle) if bytes.is_empty() => return,
            Ok(Step::NeedInput | Step::Idle) => {
                let space = connection.spare();
                let count = bytes.len().min(space.len());
                assert_ne!(count, 0, "there is space to read into");
                space[..count].copy_from_slice(&bytes[..count]);
                bytes = &bytes[count..];
                connection.received(count);
                continue;
            }
            Ok(Step::Connected) => Event::Connected,
            Ok(Step::Columns) => Event::Columns(described(connection)),
            Ok(Step::Prepared) => {
                let ok = connection.prepared().expect("a statement was announced");
                Event::Prepared { ok, columns: described(connection) }
            }
            Ok(Step::Row) => {
                let row = connection.row();
                cells_agree(row, connection.format());
                Event::Row(row.payload().to_vec())
            }
            Ok(Step::Done) => {
                let done = connection.done();
                Event::Done {
                    counts: [done.affected_rows, done.last_insert_id, done.warnings.into()],
                    status: done.status,
                    info: done.info.clone().into_bytes(),
                    state: done.session_state().encoded().to_vec(),
                }
            }
            Ok(Step::Progress) => {
                let report = connection.progress().expect("a report was announced");
                Event::Progress {
                    stages: [report.stage, report.max_stage],
                    progress: report.progress,
                    text: report.text.to_vec(),
                }
            }
            Ok(step) => panic!("{step:?} needs an event here"),
            Err(Error::Server(error)) => Event::Error {
                code: error.code(),
                sqlstate: Some(error.sqlstate().as_bytes().to_vec()),
                message: error.message().as_bytes().to_vec(),
            },
            Err(error) => panic!("{error}"),
        };
        events.push(event);
        if connection.is_dead() {
            return;
        }
    }
}

fn described(connection: &Connection) -> Described {
    let columns = connection.columns().iter();
    columns.map(|column| (column.name_bytes().to_vec(), column.column_type().0)).collect()
}

/// A row's values through the public view are those of the wire.
fn cells_agree(row: mywire::Row<'_>, format: Format) {
    let values = row.iter().map(|value| value.unwrap().map(|value| value.bytes().to_vec()));
    let columns = row.columns().len();
    match format {
        Format::Text => {
            let mut cells = TextRow::decode(row.payload(), columns).unwrap().cells();
            values.for_each(|value| assert_eq!(value.as_deref(), cells.next_cell().unwrap()));
            cells.finish().unwrap();
        }
        Format::Binary => {
            let layouts: Vec<_> =
                row.columns().iter().map(|column| Layout::of(column.column_type())).collect();
            let row = BinaryRow::decode(row.payload(), &layouts).unwrap();
            let mut cells = row.cells(columns).unwrap();
            for (value, layout) in values.zip(layouts) {
                assert_eq!(value.as_deref(), cells.next_cell(layout).unwrap());
            }
            cells.finish().unwrap();
        }
    }
}
