//! Drives a [`Connection`] through a conversation and writes down what it says.

use mywire::Row;
use mywire::error::Error;
use mywire::proto::{Connection, Step};

use super::server::{Action, Conversation};
use super::source::Source;

/// How the server's bytes are cut into reads.
#[derive(Clone, Debug)]
pub enum Cuts {
    /// As much as there is space for.
    Whole,
    /// Reads of these sizes in turn, none of them 0.
    Sizes(Vec<usize>),
    /// Reads that end at these places of the whole stream, and nowhere else.
    At(Vec<usize>),
}

impl Cuts {
    pub fn draw(source: &mut Source<'_>) -> Self {
        match source.below(4) {
            0 => Self::Sizes(vec![1]),
            1 => Self::Sizes(vec![1 + source.below(9)]),
            _ => Self::Sizes((0..=source.below(8)).map(|_| 1 + source.below(6_000)).collect()),
        }
    }

    /// Coarser cuts of the same kind: about `reads` of them for `total` bytes.
    pub fn at_most(self, reads: usize, total: usize) -> Self {
        match self {
            Self::Sizes(sizes) => {
                let sum: usize = sizes.iter().sum();
                let factor = total * sizes.len() / (reads * sum).max(1) + 1;
                Self::Sizes(sizes.into_iter().map(|size| size * factor).collect())
            }
            other => other,
        }
    }

    /// The size of the read number `read`, which starts at `position`.
    fn size(&self, read: usize, position: usize) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Sizes(sizes) => sizes[read % sizes.len()],
            Self::At(places) => {
                let next = places.iter().find(|&&place| place > position);
                next.map_or(usize::MAX, |place| place - position)
            }
        }
    }
}

/// How the caller takes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Rows,
    Batches,
    /// Skips the rest of each result after this many rows.
    SkipAfter(usize),
    /// Skips the rest of a result at this look without enough input, wherever it falls.
    SkipWhenStarved(usize),
    /// Every row value by value and piece by piece.
    Chunks,
    /// A row whole, the next one in pieces, the next ones as a batch, and again.
    Mixed,
    /// Rows in pieces, with this done at the step of that number within rows, and at every
    /// following multiple of it.
    Leaving(Leave, usize),
}

/// What a reader of pieces does not want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The rest of the value in progress.
    Field,
    /// The rest of the row; the next one is read in pieces again.
    Row,
    /// The rest of the row; the next one is read whole.
    RowForWhole,
    /// The rest of the result.
    Result,
}

/// Stands for a value or a row that was not read to its end.
const LEFT: &str = "*";

impl Reading {
    /// Whether every row is seen.
    pub fn is_complete(self) -> bool {
        matches!(self, Self::Rows | Self::Batches | Self::Chunks | Self::Mixed)
    }
}

/// Whether `seen` tells what `expected` tells, apart from the values and rows that were left.
pub fn same_but_for_what_was_left(seen: &[Event], expected: &[Event]) -> bool {
    let same = |(seen, expected): (&Event, &Event)| match (seen, expected) {
        (Event::Row(seen), Event::Row(expected)) => {
            let (seen, expected) = (seen.split(';'), expected.split(';'));
            seen.clone().eq([LEFT])
                || seen.clone().count() == expected.clone().count()
                    && seen.zip(expected).all(|(seen, expected)| seen == LEFT || seen == expected)
        }
        (seen, expected) => seen == expected,
    };
    seen.len() == expected.len() && seen.iter().zip(expected).all(same)
}

/// What a connection said, free of everything that may depend on how the bytes came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Connected,
    Columns(String),
    Prepared(String),
    Row(String),
    Done(String),
    Progress(String),
    /// The server asked for the data of a LOAD DATA LOCAL, and got them.
    File,
    /// The command was not given: it is the caller's mistake.
    Refused(String),
    Error {
        text: String,
        fatal: bool,
    },
}

/// What carries the bytes between the connection and the conversation.
pub trait Wire {
    /// Takes what the client sent; gives what comes back at once.
    fn client_sent(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// Makes the server's bytes fit for the transport.
    fn seal(&mut self, bytes: &[u8]) -> Vec<u8>;
}

/// Bytes as they are; keeps what the client sent.
#[derive(Debug, Default)]
pub struct Plain {
    pub sent: Vec<u8>,
}

impl Wire for Plain {
    fn client_sent(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.sent.extend_from_slice(bytes);
        Vec::new()
    }

    fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }
}

/// Looks at the connection after every step, with the number of bytes received so far.
pub type Watch<'w> = &'w mut dyn FnMut(&Connection, usize);

/// Runs the conversation to its end, which is the end of input, and checks on the way what holds
/// for every connection: work is bounded by the input (G3), whoever wants input takes some, and a
/// dead connection stays dead and silent (G4).
pub fn run(
    conversation: &Conversation,
    cuts: &Cuts,
    reading: Reading,
    wire: &mut dyn Wire,
    watch: Watch<'_>,
) -> Vec<Event> {
    let connection = Connection::new(conversation.login.clone(), conversation.limits.clone());
    let mut drive = Drive {
        connection,
        incoming: Vec::new(),
        position: 0,
        reads: 0,
        received: 0,
        steps: 0,
        events: Vec::new(),
        reading,
        rows: 0,
        starved: 0,
        cells: Vec::new(),
        cell: None,
        field_steps: 0,
    };
    let mut login_turns = conversation.login_turns.iter();
    let mut turns = conversation.turns.iter();
    let mut given = 0;
    loop {
        drive.send(wire);
        let step = drive.step(given);
        watch(&drive.connection, drive.received);
        match step {
            None => break,
            Some(Step::NeedInput | Step::Idle) => {}
            Some(_) => continue,
        }
        // What the step made the client say comes before what the server says next.
        drive.send(wire);
        if drive.read(cuts) {
            continue;
        }
        if let Some(turn) = login_turns.next() {
            drive.incoming = wire.seal(turn);
            drive.position = 0;
            continue;
        }
        if step == Some(Step::Idle)
            && let Some(turn) = turns.next()
        {
            given += turn.actions.len();
            for action in &turn.actions {
                match act(&mut drive.connection, *action) {
                    // What cannot be asked for now was not asked for.
                    Err(Error::Usage(error)) => {
                        drive.events.push(Event::Refused(format!("{error:?}")));
                    }
                    asked => asked.expect("the connection is idle"),
                }
            }
            // Nothing stands in front of the rows of a fetch.
            drive.ask();
            drive.send(wire);
            drive.incoming.extend(wire.seal(&turn.reply));
            continue;
        }
        drive.connection.received(0);
    }
    let Drive { mut connection, events, .. } = drive;
    stays_dead(&mut connection);
    events
}

pub fn act(connection: &mut Connection, action: Action) -> Result<(), Error> {
    match action {
        Action::Query => connection.query(b"SELECT * FROM t"),
        Action::Ping => connection.ping(),
        Action::InitDb => connection.init_db(b"shop"),
        Action::Reset => connection.reset_connection(),
        Action::Prepare => connection.prepare(b"SELECT ?"),
        Action::Execute => connection.execute(7, 0, |_| Ok(())),
        Action::Load => connection.load_local(b"LOAD DATA LOCAL INFILE 'x' INTO TABLE t"),
        Action::ExecuteOne(statement) => connection.execute(statement, 0, |_| Ok(())),
        Action::ExecuteBulk(statement) => connection.execute_bulk(statement, 0, |_| Ok(())),
        Action::Fetch(statement) => connection.fetch(statement, 10),
        Action::ResetStatement(statement) => connection.reset_statement(statement),
        Action::CloseStatement(statement) => connection.close_statement(statement),
        Action::LongData(statement) => connection.send_long_data(statement, 0, b"long"),
    }
}

/// A dead connection says nothing, gives no row and takes no command, whatever comes (G4).
pub fn stays_dead(connection: &mut Connection) {
    for _ in 0..3 {
        assert!(connection.is_dead());
        assert!(connection.send_buf().is_empty(), "a dead connection wants to write");
        assert!(connection.row().payload().is_empty(), "a dead connection has a row");
        assert_eq!(connection.batch().len(), 0, "a dead connection has a batch");
        assert!(connection.step().is_err_and(|error| error.is_fatal()));
        assert!(connection.chunk().is_empty(), "a dead connection has a piece");
        assert!(connection.field().is_none(), "a dead connection has a value");
        connection.chunk_row();
        connection.skip_field();
        connection.leave_row();
        for action in Action::ALL {
            assert!(act(connection, action).is_err_and(|error| error.is_fatal()));
        }
        assert!(connection.quit().is_err());
        connection.skip_rows();
        // A healthy OK packet does not wake it.
        let ok = [7, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0];
        let spare = connection.spare();
        let n = spare.len().min(ok.len());
        spare[..n].copy_from_slice(&ok[..n]);
        connection.received(n);
    }
}

struct Drive {
    connection: Connection,
    /// The transport's bytes that were not read yet, from `position` on.
    incoming: Vec<u8>,
    position: usize,
    reads: usize,
    received: usize,
    steps: usize,
    events: Vec<Event>,
    reading: Reading,
    /// Rows of the result in progress.
    rows: usize,
    /// Steps within rows that wanted input.
    starved: usize,
    /// The values of the row that is read in pieces.
    cells: Vec<String>,
    /// The value in progress, as far as it came.
    cell: Option<Vec<u8>>,
    /// Steps of rows that are read in pieces.
    field_steps: usize,
}

impl Drive {
    /// Lets the client say what it has to say.
    fn send(&mut self, wire: &mut dyn Wire) {
        while !self.connection.send_buf().is_empty() {
            let bytes = self.connection.send_buf().to_vec();
            self.connection.sent(bytes.len());
            let answer = wire.client_sent(&bytes);
            self.incoming.drain(..self.position);
            self.position = 0;
            self.incoming.extend(answer);
        }
    }

    /// Reads once; `false` if there is nothing to read.
    fn read(&mut self, cuts: &Cuts) -> bool {
        let left = &self.incoming[self.position..];
        if left.is_empty() {
            return false;
        }
        let spare = self.connection.spare();
        assert!(!spare.is_empty(), "there is no space to read into");
        let n = cuts.size(self.reads, self.received).min(left.len()).min(spare.len());
        spare[..n].copy_from_slice(&left[..n]);
        self.connection.received(n);
        self.position += n;
        self.received += n;
        self.reads += 1;
        true
    }

    /// One step, written down; `None` if the connection died.
    fn step(&mut self, given: usize) -> Option<Step> {
        self.steps += 1;
        let inflated = usize::try_from(self.connection.inflated()).unwrap_or(usize::MAX);
        let most = (64 + 4 * given + 4 * self.received).saturating_add(inflated.saturating_mul(4));
        assert!(self.steps <= most, "{} steps for {} bytes", self.steps, self.received);
        let step = match self.connection.step() {
            Ok(step) => step,
            Err(error) => {
                let fatal = error.is_fatal();
                self.events.push(Event::Error { text: describe(&error), fatal });
                self.rows = 0;
                assert_eq!(fatal, self.connection.is_dead());
                if !fatal {
                    self.ask();
                }
                return if fatal { None } else { Some(Step::Progress) };
            }
        };
        match step {
            Step::Connected => self.events.push(Event::Connected),
            Step::Columns => {
                self.rows = 0;
                assert!(self.connection.row().payload().is_empty(), "a row before the first");
                let columns = self.connection.columns();
                self.events.push(Event::Columns(format!("{columns:?}")));
                if self.reading == Reading::SkipAfter(0) {
                    self.connection.skip_rows();
                }
                self.ask();
            }
            Step::Prepared => {
                let (prepared, columns) = (self.connection.prepared(), self.connection.columns());
                self.events.push(Event::Prepared(format!("{prepared:?} {columns:?}")));
                self.ask();
            }
            Step::Row => {
                let whole = !matches!(
                    self.reading,
                    Reading::Chunks
                        | Reading::Leaving(Leave::Field | Leave::Row | Leave::Result, _)
                );
                assert!(whole, "a row came whole that was wanted in pieces");
                self.take_rows();
                self.ask();
            }
            Step::Field | Step::Chunk | Step::RowEnd => {
                assert!(self.connection.row().payload().is_empty(), "a row beside a value");
                assert_eq!(self.connection.batch().len(), 0, "a batch beside a value");
                self.take_piece(step);
            }
            Step::Done => {
                self.rows = 0;
                assert!(self.connection.row().payload().is_empty(), "a row behind the last");
                let database = self.connection.server().database();
                let text = format!("{:?} {database:?}", self.connection.done());
                self.events.push(Event::Done(text));
                self.ask();
            }
            Step::LocalInfile => {
                self.events.push(Event::File);
                for part in [&b"1,one\n"[..], b"2,two\n"] {
                    self.connection.send_file(part).expect("it was asked for");
                }
                self.connection.end_file().expect("it was asked for");
            }
            Step::Progress => {
                let report = format!("{:?}", self.connection.progress().expect("it just came"));
                self.events.push(Event::Progress(report));
            }
            Step::NeedInput if self.rows > 0 => {
                self.starved += 1;
                if self.reading == Reading::SkipWhenStarved(self.starved) {
                    self.connection.skip_rows();
                }
            }
            _ => {}
        }
        if matches!(step, Step::Field | Step::Chunk | Step::RowEnd | Step::NeedInput) {
            self.leave();
        }
        Some(step)
    }

    /// Says how the next row is wanted.
    fn ask(&mut self) {
        let pieces = match self.reading {
            Reading::Chunks | Reading::Leaving(..) => true,
            Reading::Mixed => self.rows % 3 == 1,
            _ => false,
        };
        if pieces {
            self.connection.chunk_row();
        }
    }

    fn take_piece(&mut self, step: Step) {
        if step == Step::Chunk {
            let piece = self.connection.chunk();
            assert!(!piece.is_empty(), "a piece of nothing");
            self.cell.as_mut().expect("a value is in progress").extend_from_slice(piece);
            return;
        }
        self.end_cell();
        if step == Step::Field {
            let field = self.connection.field().expect("it just began");
            assert_eq!(field.index, self.cells.len(), "a value was lost");
            assert_eq!(self.connection.field_left(), field.length.unwrap_or(0));
            assert!(self.connection.chunk().is_empty(), "a piece before the first");
            match field.length {
                None => self.cells.push("NULL".to_owned()),
                Some(_) => self.cell = Some(Vec::new()),
            }
            return;
        }
        self.rows += 1;
        let row = std::mem::take(&mut self.cells).join(";");
        self.events.push(Event::Row(row));
        self.ask();
    }

    fn end_cell(&mut self) {
        if let Some(cell) = self.cell.take() {
            self.cells.push(describe_cell(&cell));
        }
    }

    /// Leaves what is not wanted at this step.
    fn leave(&mut self) {
        let Reading::Leaving(leave, at) = self.reading else { return };
        self.field_steps += 1;
        if !self.field_steps.is_multiple_of(at) {
            return;
        }
        if self.connection.field().is_none() {
            // There is no row: nothing is left, but the next row may be wanted in another way.
            if matches!(leave, Leave::Row | Leave::RowForWhole) {
                self.connection.leave_row();
            }
            if leave == Leave::Row {
                self.ask();
            }
            return;
        }
        match leave {
            Leave::Field => {
                self.connection.skip_field();
                // What is complete already is not skipped any more.
                if self.cell.take().is_some() {
                    self.cells.push(LEFT.to_owned());
                }
                return;
            }
            Leave::Result => self.connection.skip_rows(),
            Leave::Row | Leave::RowForWhole => {
                self.connection.leave_row();
                self.rows += 1;
                self.events.push(Event::Row(LEFT.to_owned()));
                if leave == Leave::Row {
                    self.ask();
                }
            }
        }
        self.cells.clear();
        self.cell = None;
    }

    fn take_rows(&mut self) {
        self.rows += 1;
        let batch = match self.reading {
            Reading::Batches => true,
            Reading::Mixed => self.rows.is_multiple_of(3),
            _ => false,
        };
        match batch {
            true => {
                for row in self.connection.batch() {
                    let row = describe_row(row.expect("a batch gives rows"));
                    self.events.push(Event::Row(row));
                }
            }
            false => self.events.push(Event::Row(describe_row(self.connection.row()))),
        }
        if self.reading == Reading::SkipAfter(self.rows) {
            self.connection.skip_rows();
        }
    }
}

fn describe(error: &Error) -> String {
    match error {
        // Which of its errors TLS meets first depends on the records, not on the packets.
        Error::Tls(_) => "Tls".to_owned(),
        // `{:?}` of an error is its sentence; what is compared is all that is in it.
        Error::Protocol(error) => format!("{error:?}"),
        Error::Server(error) => format!("{error:?}"),
        Error::Column(error) => format!("{error:?}"),
        error => format!("{error:#?}"),
    }
}

/// A row's cells; large ones by length and checksum.
fn describe_row(row: Row<'_>) -> String {
    let cells: Vec<String> = row
        .iter()
        .map(|cell| match cell {
            Ok(None) => "NULL".to_owned(),
            Ok(Some(value)) => describe_cell(value.bytes()),
            Err(error) => describe(&error),
        })
        .collect();
    cells.join(";")
}

fn describe_cell(bytes: &[u8]) -> String {
    match bytes.len() {
        ..=64 => format!("{bytes:?}"),
        length => format!("{length}:{:x}", checksum(bytes)),
    }
}

/// Of eight bytes at a time: rows of 16 MiB are told apart without optimisation, too.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut sum = rest.iter().fold(7_u64, |sum, &byte| sum.rotate_left(8) ^ u64::from(byte));
    for word in words {
        sum = (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    sum
}
