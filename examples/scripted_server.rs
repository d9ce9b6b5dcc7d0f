//! A server for testing other people's clients: it answers as a real one would, or nearly so.
//!
//! ```text
//! cargo run --example scripted_server -- LISTEN [--seed N]
//! ```
//!
//! Whoever connects is let in, whatever the password. `SELECT n` gives `n` rows of a number and a
//! text, as text or, prepared, in binary; `FAIL` gives an error; everything else an OK.
//!
//! With a seed, one reply of each connection is damaged: cut, repeated, a byte changed, a length
//! that is not kept, a wrong sequence id, another reply in its place. Connection `k` has the seed
//! `N + k`, which is printed: the seed alone brings the damage back. A good client tells its caller
//! of an error and neither hangs, crashes, takes memory for what did not come, nor takes one
//! statement's rows for another's.
//!
//! [`Server`] works on anything that reads and writes, so a test can have it in the same process;
//! `tests/scripted_server.rs` runs this crate's own client against it. Take the file and change what
//! it answers: all messages are those of [`mywire::wire`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it prints what it does")]

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::{env, thread};

use mywire::wire::binary_row::Layout;
use mywire::wire::{
    BinaryRow, Capabilities, ColumnDefinition, ColumnFlags, ColumnType, Command, EofPacket,
    ErrPacket, ExtendedMetadata, Greeting, LoginRequest, OkPacket, PacketHeader, PrepareOk,
    ResultSetHeader, SessionState, StatusFlags, TextRow, packet,
};

/// What the server can do; its replies follow what the client takes of it.
const OFFERED: Capabilities = Capabilities::PROTOCOL_41
    .with(Capabilities::LONG_PASSWORD)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::CONNECT_WITH_DB)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::MULTI_RESULTS)
    .with(Capabilities::PS_MULTI_RESULTS)
    .with(Capabilities::DEPRECATE_EOF);

/// The replies among which one is damaged, the greeting's and the login's included.
const DAMAGED_AMONG: u64 = 8;

/// The most rows that a statement can ask for.
const MAX_ROWS: u64 = 100_000;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (listen, seed) = match &arguments[..] {
        [listen] => (listen, None),
        [listen, flag, seed] if flag == "--seed" => match seed.parse::<u64>() {
            Ok(seed) => (listen, Some(seed)),
            Err(error) => {
                eprintln!("the seed `{seed}` is no number: {error}");
                std::process::exit(2);
            }
        },
        _ => {
            eprintln!("usage: scripted_server LISTEN [--seed N]");
            std::process::exit(2);
        }
    };
    let listener = TcpListener::bind(listen)?;
    println!("listening on {}", listener.local_addr()?);
    for (client, number) in listener.incoming().zip(0..) {
        let (client, seed) = (client?, seed.map(|seed| seed + number));
        println!("connection {number}: seed {seed:?}");
        thread::spawn(move || match Server::new(client, seed).run() {
            Ok(()) => println!("connection {number}: closed by the client"),
            Err(error) => println!("connection {number}: {error}"),
        });
    }
    Ok(())
}

/// One connection of a client.
#[derive(Debug)]
pub struct Server<S> {
    stream: S,
    capabilities: Capabilities,
    /// The id of the next packet of the exchange.
    sequence: u8,
    /// The reply that is being made.
    reply: Vec<u8>,
    replies: u64,
    damage: Option<Damage>,
    /// The rows that each prepared statement asks for.
    statements: HashMap<u32, String>,
    prepared: u32,
}

impl<S: Read + Write> Server<S> {
    /// A server at the other end of `stream`; honest without a seed.
    pub fn new(stream: S, seed: Option<u64>) -> Self {
        Self {
            stream,
            capabilities: OFFERED,
            sequence: 0,
            reply: Vec::new(),
            replies: 0,
            damage: seed.map(Damage::new),
            statements: HashMap::new(),
            prepared: 0,
        }
    }

    /// Serves until the client leaves. What the client sends that is no message is an error.
    pub fn run(&mut self) -> io::Result<()> {
        let mut payload = Vec::new();
        let greeting = Greeting {
            server_version: b"9.7.0-scripted",
            connection_id: 1,
            nonce_first: *b"abcdefgh",
            nonce_rest: b"ijklmnopqrst",
            capabilities: OFFERED,
            collation: 45,
            status: StatusFlags::AUTOCOMMIT,
            auth_plugin: b"mysql_native_password",
        };
        greeting.encode(&mut payload).map_err(io::Error::other)?;
        self.packet(&payload);
        self.send()?;
        let Some(login) = self.receive()? else { return Ok(()) };
        let login = LoginRequest::decode(&login).map_err(io::Error::other)?;
        self.capabilities = OFFERED & login.capabilities;
        self.ok(0x00);
        self.send()?;
        while let Some(command) = self.receive()? {
            match Command::decode(&command).map_err(io::Error::other)? {
                Command::Quit => return Ok(()),
                command => self.answer(command),
            }
            self.send()?;
        }
        Ok(())
    }

    fn answer(&mut self, command: Command<'_>) {
        match command {
            Command::Query(sql) => self.run_sql(&String::from_utf8_lossy(sql), false),
            Command::StmtPrepare(sql) => {
                self.prepared += 1;
                let statement = self.prepared;
                let sql = String::from_utf8_lossy(sql).into_owned();
                let columns = if asks_for(&sql).is_some() { 2 } else { 0 };
                self.statements.insert(statement, sql);
                let ok = PrepareOk {
                    statement,
                    columns,
                    metadata_follows: true,
                    ..PrepareOk::default()
                };
                self.message(|capabilities, out| ok.encode(capabilities, out));
                if columns > 0 {
                    self.definitions();
                }
            }
            Command::StmtExecute(execute) => match self.statements.get(&execute.statement).cloned()
            {
                Some(sql) => self.run_sql(&sql, true),
                None => self.err(1243, b"unknown statement"),
            },
            // There is no reply.
            Command::StmtClose(statement) => drop(self.statements.remove(&statement)),
            Command::StmtSendLongData { .. } => {}
            _ => self.ok(0x00),
        }
    }

    fn run_sql(&mut self, sql: &str, binary: bool) {
        match asks_for(sql) {
            Some(rows) => self.rows(rows, binary),
            None if sql.starts_with("FAIL") => self.err(1064, b"as was asked for"),
            None => self.ok(0x00),
        }
    }

    fn rows(&mut self, rows: u64, binary: bool) {
        let header = ResultSetHeader { columns: 2, metadata_follows: true };
        self.message(|capabilities, out| header.encode(capabilities, out));
        self.definitions();
        for row in 0..rows {
            let text = format!("row {row}");
            let number = match binary {
                true => row.to_le_bytes().to_vec(),
                false => row.to_string().into_bytes(),
            };
            self.message(|_, out| match binary {
                true => BinaryRow::encode(
                    [
                        (Layout::Fixed(8), Some(&number[..])),
                        (Layout::LengthEncoded, Some(text.as_bytes())),
                    ]
                    .into_iter(),
                    out,
                ),
                false => TextRow::encode([Some(&number[..]), Some(text.as_bytes())], out),
            });
        }
        match self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            true => self.ok(0xFE),
            false => self.eof(),
        }
    }

    fn definitions(&mut self) {
        for (name, column_type) in
            [(&b"number"[..], ColumnType::LONGLONG), (b"text", ColumnType::VAR_STRING)]
        {
            let column = ColumnDefinition {
                catalog: b"def",
                schema: b"",
                table: b"",
                org_table: b"",
                name,
                org_name: b"",
                extended: ExtendedMetadata::default(),
                collation: 45,
                length: 80,
                column_type,
                flags: ColumnFlags::NOT_NULL,
                decimals: 0,
            };
            self.message(|capabilities, out| column.encode(capabilities, out));
        }
        if !self.capabilities.contains(Capabilities::DEPRECATE_EOF) {
            self.eof();
        }
    }

    fn ok(&mut self, header: u8) {
        let ok = OkPacket {
            affected_rows: 0,
            last_insert_id: 0,
            status: StatusFlags::AUTOCOMMIT,
            warnings: 0,
            info: b"",
            session_state: SessionState::default(),
        };
        self.message(|capabilities, out| ok.encode(header, capabilities, out));
    }

    fn err(&mut self, code: u16, message: &[u8]) {
        let err = ErrPacket { code, sqlstate: Some(*b"HY000"), message };
        self.message(|_, out| err.encode(out));
    }

    fn eof(&mut self) {
        let eof = EofPacket { warnings: 0, status: StatusFlags::AUTOCOMMIT };
        self.message(|_, out| eof.encode(out));
    }

    fn message(&mut self, encode: impl FnOnce(Capabilities, &mut Vec<u8>)) {
        let mut payload = Vec::new();
        encode(self.capabilities, &mut payload);
        self.packet(&payload);
    }

    fn packet(&mut self, payload: &[u8]) {
        self.sequence = packet::write(&mut self.reply, payload, self.sequence);
    }

    /// Sends the reply that was made, damaged if its turn has come.
    fn send(&mut self) -> io::Result<()> {
        let mut reply = std::mem::take(&mut self.reply);
        if let Some(damage) = &mut self.damage {
            damage.apply(self.replies, &mut reply);
        }
        self.replies += 1;
        self.stream.write_all(&reply)?;
        self.stream.flush()
    }

    /// The client's next packet; `None` if it has left.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; packet::HEADER_SIZE];
            match self.stream.read_exact(&mut header) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                read => read?,
            }
            let header = PacketHeader::decode(header);
            // As much as comes, not as much as is announced.
            let mut part = (&mut self.stream).take(header.length.into());
            part.read_to_end(&mut payload)?;
            self.sequence = header.sequence.wrapping_add(1);
            if !header.is_continued() {
                return Ok(Some(payload));
            }
        }
    }
}

/// The rows that SQL asks for; `None` if it asks for none.
fn asks_for(sql: &str) -> Option<u64> {
    let number: u64 = sql.strip_prefix("SELECT ")?.trim().parse().ok()?;
    Some(number.min(MAX_ROWS))
}

/// What is done to one reply of a connection.
#[derive(Debug)]
struct Damage {
    random: u64,
    reply: u64,
}

impl Damage {
    fn new(seed: u64) -> Self {
        // Neighbouring seeds are to have nothing in common, and 0 would stay 0.
        let mut damage = Self { random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, reply: 0 };
        damage.reply = damage.below(DAMAGED_AMONG);
        damage
    }

    /// A number below `limit`; 0 below 0.
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % limit.max(1)
    }

    fn place(&mut self, reply: &[u8]) -> usize {
        let length = u64::try_from(reply.len()).unwrap_or(u64::MAX);
        usize::try_from(self.below(length)).unwrap_or(0)
    }

    fn apply(&mut self, number: u64, reply: &mut Vec<u8>) {
        if number != self.reply || reply.is_empty() {
            return;
        }
        let at = self.place(reply);
        let [byte, ..] = self.below(256).to_le_bytes();
        match self.below(8) {
            0 => reply.truncate(at),
            1 => reply[at] = byte,
            2 => reply.insert(at, byte),
            3 => drop(reply.remove(at)),
            // The first packet's length, and its sequence id.
            4 => reply[at % 3] = byte,
            5 => reply[packet::HEADER_SIZE - 1] = byte,
            6 => reply.extend_from_within(..),
            // What begins, instead, as every kind of reply does.
            _ => {
                if let Some(first) = reply.get_mut(packet::HEADER_SIZE) {
                    *first = [0x00, 0xFB, 0xFE, 0xFF, 0x01, 0x02][usize::from(byte % 6)];
                }
            }
        }
    }
}
