//! The cost of a row, in the text and in the binary protocol, without a server.
//!
//! ```text
//! cargo bench --bench rows                              nanoseconds per row, best of five
//! cargo bench --bench rows -- SHAPE WAY ROWS            one run, for a profiler
//! cargo bench --bench rows -- params8 EXECUTIONS        the same of executions
//! benches/instructions.sh                               instructions per row, from callgrind
//! ```
//!
//! A block of packets is read again and again, as a socket would give it: the copy into the
//! session's buffer is part of the cost, the kernel is not. `drain` is that copy alone. With the
//! feature `serde`, `serde` reads rows as structs by name.
//!
//! `params0` is an execution without parameters that is answered with an OK packet; `params8` has 8
//! of different types, and `types8` sends their types again each time. The difference is what
//! encoding them costs.

#![allow(clippy::as_conversions, reason = "figures for people")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark may fail loudly")]

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mywire::value::Format;
use mywire::wire::binary_row::Layout;
use mywire::wire::{
    BinaryRow, Capabilities, ColumnDefinition, ColumnFlags, ColumnType, ExtendedMetadata, Greeting,
    OkPacket, PrepareOk, ResultSetHeader, SessionState, StatusFlags, TextRow, packet,
};
use mywire::{Config, Date, DateTime, Row, Rows, Session, SslMode, Statement, ToValue};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Rows in the block: a multiple of 256 keeps the sequence ids right.
const BLOCK_ROWS: usize = 256 * 16;

const ROWS: u64 = 2_000_000;

const CAPABILITIES: Capabilities = Capabilities::LONG_PASSWORD
    .with(Capabilities::PROTOCOL_41)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::DEPRECATE_EOF);

#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    format: Format,
    columns: &'static [ColumnType],
    cell: fn(row: usize, column: usize) -> Option<String>,
    decode: fn(Row<'_>) -> u64,
    /// The same as a struct, by the columns' names.
    #[cfg(feature = "serde")]
    deserialize: Option<fn(Row<'_>) -> u64>,
}

const SHAPES: [Shape; 9] = [
    Shape {
        name: "ints8",
        format: Format::Text,
        columns: &[ColumnType::LONGLONG; 8],
        cell: |row, column| Some((row * 7919 + 10_usize.pow(column as u32)).to_string()),
        decode: |row| {
            type Ints = (i64, i64, i64, i64, i64, i64, i64, i64);
            let (a, b, c, d, e, f, g, h) = row.decode::<Ints>().expect("eight integers");
            (a ^ b ^ c ^ d ^ e ^ f ^ g ^ h) as u64
        },
        #[cfg(feature = "serde")]
        deserialize: Some(|row| {
            #[derive(serde::Deserialize)]
            struct Ints {
                c0: i64,
                c1: i64,
                c2: i64,
                c3: i64,
                c4: i64,
                c5: i64,
                c6: i64,
                c7: i64,
            }
            let ints: Ints = row.deserialize().expect("eight integers");
            let first = ints.c0 ^ ints.c1 ^ ints.c2 ^ ints.c3;
            (first ^ ints.c4 ^ ints.c5 ^ ints.c6 ^ ints.c7) as u64
        }),
    },
    Shape {
        name: "mixed7",
        format: Format::Text,
        columns: &[
            ColumnType::LONGLONG,
            ColumnType::VAR_STRING,
            ColumnType::VAR_STRING,
            ColumnType::DOUBLE,
            ColumnType::DATETIME,
            ColumnType::TINY,
            ColumnType::VAR_STRING,
        ],
        cell: |row, column| match column {
            0 => Some((row * 1_000_003).to_string()),
            1 => Some(format!("customer number {row:06}")),
            2 => Some(format!("user{row}@example.com")),
            3 => Some(format!("{}.25", row % 1000)),
            4 => Some(format!("2026-11-{:02} 12:34:{:02}.654321", row % 28 + 1, row % 60)),
            5 => Some((row % 2).to_string()),
            _ => (row % 4 != 0).then(|| "a note".to_owned()),
        },
        decode: |row| {
            type Mixed<'r> = (i64, &'r str, &'r str, f64, DateTime, bool, Option<&'r str>);
            let (id, name, mail, score, when, flag, note) =
                row.decode::<Mixed<'_>>().expect("seven values");
            (id as u64)
                ^ (name.len() + mail.len() + note.map_or(0, str::len)) as u64
                ^ u64::from(when.microsecond)
                ^ score.to_bits()
                ^ u64::from(flag)
        },
        // Without the date, which serde has no type of its own for.
        #[cfg(feature = "serde")]
        deserialize: Some(|row| {
            #[derive(serde::Deserialize)]
            struct Mixed<'r> {
                c0: i64,
                c1: &'r str,
                c2: &'r str,
                c3: f64,
                c5: bool,
                c6: Option<&'r str>,
            }
            let mixed: Mixed<'_> = row.deserialize().expect("seven values");
            let note = mixed.c6.map_or(0, str::len);
            (mixed.c0 as u64)
                ^ (mixed.c1.len() + mixed.c2.len() + note) as u64
                ^ mixed.c3.to_bits()
                ^ u64::from(mixed.c5)
        }),
    },
    Shape {
        name: "strings4",
        format: Format::Text,
        columns: &[ColumnType::VAR_STRING; 4],
        cell: |row, column| Some(format!("{row:020}{column:012}")),
        decode: |row| {
            let (a, b, c, d) = row.decode::<(&str, &str, &str, &str)>().expect("four strings");
            (a.len() + b.len() + c.len() + d.len()) as u64 ^ u64::from(a.as_bytes()[19])
        },
        #[cfg(feature = "serde")]
        deserialize: Some(|row| {
            #[derive(serde::Deserialize)]
            struct Strings<'r> {
                c0: &'r str,
                c1: &'r str,
                c2: &'r str,
                c3: &'r str,
            }
            let Strings { c0, c1, c2, c3 } = row.deserialize().expect("four strings");
            (c0.len() + c1.len() + c2.len() + c3.len()) as u64 ^ u64::from(c0.as_bytes()[19])
        }),
    },
    Shape {
        name: "bytes4",
        format: Format::Text,
        columns: &[ColumnType::VAR_STRING; 4],
        cell: |row, column| Some(format!("{row:020}{column:012}")),
        decode: |row| {
            let (a, b, c, d) = row.decode::<(&[u8], &[u8], &[u8], &[u8])>().expect("four strings");
            (a.len() + b.len() + c.len() + d.len()) as u64 ^ u64::from(a[19])
        },
        #[cfg(feature = "serde")]
        deserialize: None,
    },
    Shape {
        name: "accents4",
        format: Format::Text,
        columns: &[ColumnType::VAR_STRING; 4],
        cell: |row, column| {
            Some(match column {
                0 => format!("Grüße aus Köln {row:012}é"),
                1 => format!("Ærøskøbing åben {row:011}ß"),
                2 => format!("日本語の文字 {row:013}"),
                _ => format!("Привет {row:019}"),
            })
        },
        decode: |row| {
            let (a, b, c, d) = row.decode::<(&str, &str, &str, &str)>().expect("four strings");
            (a.len() + b.len() + c.len() + d.len()) as u64 ^ u64::from(a.as_bytes()[19])
        },
        #[cfg(feature = "serde")]
        deserialize: None,
    },
    Shape {
        name: "one",
        format: Format::Text,
        columns: &[ColumnType::LONGLONG],
        cell: |row, _| Some((row * 7919).to_string()),
        decode: |row| row.decode::<i64>().expect("an integer") as u64,
        #[cfg(feature = "serde")]
        deserialize: None,
    },
    Shape {
        name: "cols50",
        format: Format::Text,
        columns: [TURN; 25].as_flattened(),
        cell: |row, column| {
            Some(match column % 2 {
                0 => (row * 7919 + column).to_string(),
                _ => format!("value {row} of {column}"),
            })
        },
        decode: |row| {
            let mut values = row.reader();
            let mut sum = 0;
            for _ in 0..25 {
                sum ^= values.read::<i64>().expect("an integer") as u64;
                sum ^= values.read::<&str>().expect("a string").len() as u64;
            }
            values.finish().expect("the row's end");
            sum
        },
        #[cfg(feature = "serde")]
        deserialize: None,
    },
    Shape {
        name: "nulls16",
        format: Format::Text,
        columns: [TURN; 8].as_flattened(),
        cell: |row, column| (row % 16 == column).then(|| row.to_string()),
        decode: |row| {
            macro_rules! sixteen {
                ($($name:ident $text:ident)+) => {{
                    let ($($name, $text,)+): ($(sixteen!(@int $name), sixteen!(@str $text),)+) =
                        row.decode().expect("sixteen values");
                    0 $(^ $name.unwrap_or(0) as u64 ^ $text.map_or(0, str::len) as u64)+
                }};
                (@int $name:ident) => { Option<i64> };
                (@str $name:ident) => { Option<&str> };
            }
            sixteen!(a b c d e f g h i j k l m n o p)
        },
        #[cfg(feature = "serde")]
        deserialize: None,
    },
    Shape {
        name: "money6",
        format: Format::Text,
        columns: &[
            ColumnType::NEWDECIMAL,
            ColumnType::NEWDECIMAL,
            ColumnType::DATE,
            ColumnType::DATE,
            ColumnType::DATETIME,
            ColumnType::DATETIME,
        ],
        cell: |row, column| {
            Some(match column {
                0 => format!("{row}.25"),
                1 => format!("{}.567891", row * 1234),
                2 | 3 => format!("20{:02}-{:02}-{:02}", row % 90, row % 12 + 1, row % 28 + 1),
                _ => format!("2026-11-{:02} 12:34:{:02}", row % 28 + 1, row % 60),
            })
        },
        decode: |row| {
            type Money<'r> = (&'r str, &'r str, Date, Date, DateTime, DateTime);
            let (a, b, c, d, e, f) = row.decode::<Money<'_>>().expect("six values");
            (a.len() ^ b.len()) as u64
                ^ u64::from(c.day ^ d.day ^ e.date.day ^ f.date.day ^ e.second ^ f.hour)
        },
        #[cfg(feature = "serde")]
        deserialize: None,
    },
];

/// Columns by turns.
const TURN: [ColumnType; 2] = [ColumnType::LONGLONG, ColumnType::VAR_STRING];

/// A way to read rows.
type Way = fn(&Shape, u64) -> u64;

const WAYS: &[(&str, Way)] = &[
    ("drain", drain),
    ("next", read_next),
    ("batch", read_batch),
    #[cfg(feature = "serde")]
    ("serde", read_serde),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    if let [way, executions] = &arguments[..] {
        let (_, run) = EXECUTIONS.iter().find(|(name, _)| name == way).expect("known executions");
        black_box(run(executions.parse().expect("a number of executions")));
        return;
    }
    if let [shape, way, rows] = &arguments[..] {
        let shape = shapes().find(|known| known.to_string() == *shape).expect("a known shape");
        let shape = &shape;
        let (_, way) = WAYS.iter().find(|(name, _)| name == way).expect("a known way");
        black_box(way(shape, rows.parse().expect("a number of rows")));
        return;
    }
    print!("{:<16}", "ns/row");
    WAYS.iter().for_each(|(name, _)| print!(" {name:>8}"));
    println!("   bytes/row");
    for shape in shapes() {
        print!("{:<16}", shape.to_string());
        for (name, way) in WAYS {
            match shape.is_read_as(name) {
                true => print!(" {:>8.1}", best_ns(ROWS, || way(&shape, ROWS))),
                false => print!(" {:>8}", "-"),
            }
        }
        println!("   {}", block(&shape).len() / BLOCK_ROWS);
    }
    println!("\n{:<16} {:>8}", "ns/execution", "best");
    for (name, way) in EXECUTIONS {
        println!("{name:<16} {:>8.1}", best_ns(EXECUTED, || way(EXECUTED)));
    }
}

/// Every shape in both protocols.
fn shapes() -> impl Iterator<Item = Shape> {
    [Format::Text, Format::Binary]
        .into_iter()
        .flat_map(|format| SHAPES.map(|shape| Shape { format, ..shape }))
}

impl Shape {
    /// Whether there is a struct for the shape, if that is the way.
    fn is_read_as(&self, way: &str) -> bool {
        #[cfg(feature = "serde")]
        let has_struct = self.deserialize.is_some();
        #[cfg(not(feature = "serde"))]
        let has_struct = false;
        way != "serde" || has_struct
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let format = match self.format {
            Format::Text => "text",
            Format::Binary => "binary",
        };
        write!(f, "{format}-{}", self.name)
    }
}

fn best_ns(count: u64, run: impl Fn() -> u64) -> f64 {
    let runs = (0..5).map(|_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed().as_secs_f64() * 1e9 / count as f64
    });
    runs.fold(f64::INFINITY, f64::min)
}

fn drain(shape: &Shape, rows: u64) -> u64 {
    let mut server = Server::of_rows(shape);
    let mut buffer = vec![0; 128 << 10];
    let bytes_per_row = server.block.len() as u64 / BLOCK_ROWS as u64;
    let mut left = rows * bytes_per_row;
    let mut sum = 0;
    while left > 0 {
        let n = server.fill(&mut buffer);
        sum += u64::from(black_box(&buffer)[n / 2]);
        left = left.saturating_sub(n as u64);
    }
    sum
}

fn read_next(shape: &Shape, rows: u64) -> u64 {
    ready(async {
        let mut session = session(shape).await;
        let mut result = query(&mut session, shape).await;
        let mut sum = 0_u64;
        for _ in 0..rows {
            let row = result.next().await.expect("no error").expect("a row");
            sum = sum.wrapping_add((shape.decode)(row));
        }
        sum
    })
}

fn read_batch(shape: &Shape, rows: u64) -> u64 {
    ready(async {
        let mut session = session(shape).await;
        let mut result = query(&mut session, shape).await;
        let (mut sum, mut seen) = (0_u64, 0);
        while seen < rows {
            let batch = result.next_batch().await.expect("no error").expect("rows");
            for row in batch {
                sum = sum.wrapping_add((shape.decode)(row.expect("well formed")));
                seen += 1;
            }
        }
        sum
    })
}

#[cfg(feature = "serde")]
fn read_serde(shape: &Shape, rows: u64) -> u64 {
    ready(async {
        let mut session = session(shape).await;
        let mut result = query(&mut session, shape).await;
        let deserialize = shape.deserialize.expect("a struct for this shape");
        let mut sum = 0_u64;
        for _ in 0..rows {
            let row = result.next().await.expect("no error").expect("a row");
            sum = sum.wrapping_add(deserialize(row));
        }
        sum
    })
}

async fn query<'s>(session: &'s mut Session, shape: &Shape) -> Rows<'s> {
    let result = match shape.format {
        Format::Text => session.query("SELECT", ()).await,
        Format::Binary => {
            let statement = session.prepare("SELECT").await.expect("a statement");
            session.query(&statement, ()).await
        }
    };
    result.expect("a result set")
}

async fn session(shape: &Shape) -> Session {
    let config = Config::default().user("bench").ssl_mode(SslMode::Disabled);
    Session::from_stream(Server::of_rows(shape), &config).await.expect("a login")
}

/// How often a statement is executed for a figure.
const EXECUTED: u64 = 1_000_000;

const EXECUTIONS: [(&str, Executions); 3] =
    [("params0", execute0), ("params8", execute8), ("types8", execute_types8)];

type Executions = fn(u64) -> u64;

fn execute0(times: u64) -> u64 {
    execute(0, times, async |session, statement, _| {
        session.execute(statement, ()).await.expect("an answer").affected_rows
    })
}

fn execute8(times: u64) -> u64 {
    execute(8, times, async |session, statement, number| {
        let params = params8(number);
        session.execute(statement, params).await.expect("an answer").affected_rows
    })
}

fn execute_types8(times: u64) -> u64 {
    execute(8, times, async |session, statement, number| {
        let (id, name, mail, score, when, flag, note, bytes) = params8(number);
        let done = match number % 2 {
            0 => session.execute(statement, (id, name, mail, score, when, flag, note, bytes)).await,
            _ => session.execute(statement, (name, id, mail, score, when, flag, note, bytes)).await,
        };
        done.expect("an answer").affected_rows
    })
}

type Params8 =
    (u64, &'static str, &'static str, f64, DateTime, bool, Option<&'static str>, &'static [u8]);

fn params8(number: u64) -> Params8 {
    let when = DateTime::new(Date::new(2026, 11, 25), 12, 34, 56, 654_321);
    let name = "customer number 000017";
    (number, name, "user17@example.com", 1.25, when, number.is_multiple_of(2), None, &[0xFE; 32])
}

fn execute(
    parameters: u16,
    times: u64,
    once: impl AsyncFn(&mut Session, &Statement, u64) -> u64,
) -> u64 {
    ready(async {
        let config = Config::default().user("bench").ssl_mode(SslMode::Disabled);
        let server = Server::acknowledging(parameters);
        let mut session = Session::from_stream(server, &config).await.expect("a login");
        let statement = session.prepare("INSERT").await.expect("a statement");
        let mut sum = 0_u64;
        for number in 0..times {
            sum = sum.wrapping_add(once(&mut session, &statement, number).await);
        }
        sum
    })
}

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    // The connect timeout wants a timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let _guard = runtime.as_ref().expect("a runtime").enter();
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the data are always there"),
    }
}

/// A server that logs everybody in, prepares a statement, and answers queries and executions: with
/// an OK packet, or with rows for ever.
struct Server {
    login_ok: Vec<u8>,
    prepared: Vec<u8>,
    reply: Vec<u8>,
    /// The rows behind the reply.
    block: Vec<u8>,
    at: usize,
    flowing: bool,
    /// What is to be read before anything else.
    saying: Vec<u8>,
}

impl Server {
    fn new(parameters: u16, reply: Vec<u8>, block: Vec<u8>) -> Self {
        let [greeting, ok] = greeting_and_ok();
        let mut payload = Vec::new();
        PrepareOk { statement: 1, parameters, ..PrepareOk::default() }
            .encode(CAPABILITIES, &mut payload);
        let mut prepared = framed(&payload, 1);
        for place in 0..parameters {
            payload.clear();
            encode_column("?", ColumnType::VAR_STRING, &mut payload);
            prepared.extend(framed(&payload, place as u8 + 2));
        }
        let (saying, login_ok) = (framed(&greeting, 0), framed(&ok, 2));
        Self { login_ok, prepared, reply, block, at: 0, flowing: false, saying }
    }

    fn of_rows(shape: &Shape) -> Self {
        Self::new(0, head(shape), block(shape))
    }

    fn acknowledging(parameters: u16) -> Self {
        let [_, ok] = greeting_and_ok();
        Self::new(parameters, framed(&ok, 1), Vec::new())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let n = buffer.len().min(self.block.len() - self.at);
        buffer[..n].copy_from_slice(&self.block[self.at..self.at + n]);
        self.at = (self.at + n) % self.block.len();
        n
    }
}

impl AsyncRead for Server {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.saying.is_empty() {
            let n = buffer.remaining().min(self.saying.len());
            buffer.put_slice(&self.saying[..n]);
            self.saying.drain(..n);
        } else if self.flowing {
            let n = self.fill(buffer.initialize_unfilled());
            buffer.advance(n);
        } else {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { login_ok, prepared, reply, block, flowing, saying, .. } = &mut *self;
        match bytes {
            [_, _, _, 0, 0x16, ..] => saying.extend_from_slice(prepared),
            [_, _, _, 0, 0x03 | 0x17, ..] => {
                saying.extend_from_slice(reply);
                *flowing = !block.is_empty();
            }
            [_, _, _, 1, ..] => saying.extend_from_slice(login_ok),
            _ => {}
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn encode_column(name: &str, column_type: ColumnType, out: &mut Vec<u8>) {
    ColumnDefinition {
        catalog: b"def",
        schema: b"",
        table: b"",
        org_table: b"",
        name: name.as_bytes(),
        org_name: b"",
        extended: ExtendedMetadata::default(),
        collation: 45,
        length: 0,
        column_type,
        flags: ColumnFlags::default(),
        decimals: 0,
    }
    .encode(CAPABILITIES, out);
}

fn framed(payload: &[u8], sequence: u8) -> Vec<u8> {
    let mut out = Vec::new();
    packet::write(&mut out, payload, sequence);
    out
}

/// The greeting and an OK packet, without headers.
fn greeting_and_ok() -> [Vec<u8>; 2] {
    let mut greeting = Vec::new();
    let packet = Greeting {
        server_version: b"9.0.0",
        connection_id: 1,
        nonce_first: [1; 8],
        nonce_rest: &[2; 12],
        capabilities: CAPABILITIES,
        collation: 45,
        status: StatusFlags::AUTOCOMMIT,
        auth_plugin: b"mysql_native_password",
    };
    packet.encode(&mut greeting).expect("a greeting");
    let mut ok = Vec::new();
    OkPacket {
        affected_rows: 0,
        last_insert_id: 0,
        status: StatusFlags::AUTOCOMMIT,
        warnings: 0,
        info: b"",
        session_state: SessionState::default(),
    }
    .encode(0, CAPABILITIES, &mut ok);
    [greeting, ok]
}

/// What comes before the rows of the block.
fn head(shape: &Shape) -> Vec<u8> {
    let mut head = Vec::new();
    let mut payload = Vec::new();
    ResultSetHeader { columns: shape.columns.len() as u64, metadata_follows: true }
        .encode(CAPABILITIES, &mut payload);
    let mut sequence = packet::write(&mut head, &payload, 1);
    for (place, &column_type) in shape.columns.iter().enumerate() {
        payload.clear();
        encode_column(&format!("c{place}"), column_type, &mut payload);
        sequence = packet::write(&mut head, &payload, sequence);
    }
    // Rows start with id 0 in the block: pad the head to a whole round of ids with rows.
    while sequence != 0 {
        sequence = packet::write(&mut head, &row(shape, 0), sequence);
    }
    head
}

fn block(shape: &Shape) -> Vec<u8> {
    let mut block = Vec::new();
    let mut sequence = 0;
    for number in 0..BLOCK_ROWS {
        sequence = packet::write(&mut block, &row(shape, number), sequence);
    }
    block
}

fn row(shape: &Shape, number: usize) -> Vec<u8> {
    let cells: Vec<Option<String>> =
        (0..shape.columns.len()).map(|column| (shape.cell)(number, column)).collect();
    let mut payload = Vec::new();
    match shape.format {
        Format::Text => {
            let cells = cells.iter().map(|cell| cell.as_deref().map(str::as_bytes));
            TextRow::encode(cells, &mut payload);
        }
        Format::Binary => {
            let cells: Vec<Option<Vec<u8>>> = cells
                .into_iter()
                .zip(shape.columns)
                .map(|(cell, &column_type)| cell.map(|text| binary(&text, column_type)))
                .collect();
            let layouts = shape.columns.iter().map(|&column_type| Layout::of(column_type));
            BinaryRow::encode(layouts.zip(cells.iter().map(Option::as_deref)), &mut payload);
        }
    }
    payload
}

/// The binary form of a value's text.
fn binary(text: &str, column_type: ColumnType) -> Vec<u8> {
    match column_type {
        ColumnType::LONGLONG => text.parse::<i64>().unwrap().to_le_bytes().to_vec(),
        ColumnType::TINY => vec![text.parse().unwrap()],
        ColumnType::DOUBLE => text.parse::<f64>().unwrap().to_le_bytes().to_vec(),
        ColumnType::DATE => {
            let mut out = Vec::new();
            text.parse::<Date>().unwrap().write(&mut out).unwrap();
            out.split_off(1)
        }
        ColumnType::DATETIME => {
            let mut out = Vec::new();
            text.parse::<DateTime>().unwrap().write(&mut out).unwrap();
            out.split_off(1)
        }
        _ => text.as_bytes().to_vec(),
    }
}
