//! What statements and rows in pieces cost in memory: counted, not estimated.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::as_conversions, reason = "numbers of a test")]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]
#![allow(dead_code, reason = "the other users of the shared files need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "support/synthesiser.rs"]
mod synthesiser;

use std::sync::Arc;

use counting_alloc::{calls, peak, start};
use fuzz::server::{LoginKind, Offer, Writer, login, login_turns};
use mywire::proto::{Connection, Step, Transport};
use mywire::wire::binary_row::Layout;
use mywire::wire::packet::MAX_CHUNK;
use mywire::wire::{Capabilities, ColumnType, PacketHeader, StatusFlags};
use mywire::{Config, DateTime, Limits, LongData, QueryAttributes, Session, SslMode};
use synthesiser::{OFFER, Piece, Synthesiser, block_on, capabilities, session};
use tokio::io::AsyncReadExt;

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

const TYPES: [ColumnType; 4] =
    [ColumnType::LONGLONG, ColumnType::VAR_STRING, ColumnType::DATETIME, ColumnType::VAR_STRING];

type Small<'r> = (i64, &'r str, DateTime, Option<&'r str>);

fn small_row(number: u32, writer: &mut Writer) {
    let id = u64::from(number).to_le_bytes();
    let name = format!("name of {number}");
    writer.binary_row(&[
        (Layout::Fixed(8), Some(&id)),
        (Layout::LengthEncoded, Some(name.as_bytes())),
        (Layout::Temporal, Some(&[0xE8, 0x07, 2, 29, 12, 34, 56])),
        (Layout::LengthEncoded, None),
    ]);
}

#[test]
fn binary_rows_one_by_one_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::typed(&TYPES, 1_000, small_row)).await;
        let mut rows = session.query("SELECT ?", (1,)).await.unwrap();
        let (mut count, mut before) = (0_usize, 0);
        while let Some(row) = rows.next().await.unwrap() {
            let (id, name, ..): Small<'_> = row.decode().unwrap();
            assert!(id < 256 && name.starts_with("name"));
            count += 1;
            if count == 10_000 {
                before = calls();
            }
        }
        assert_eq!(calls() - before, 0, "allocations for {} rows", count - 10_000);
        assert_eq!(count, 256_000);
    });
}

#[test]
fn batches_of_binary_rows_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::typed(&TYPES, 1_000, small_row)).await;
        let mut rows = session.query("SELECT ?", (1,)).await.unwrap();
        let (mut count, mut before, mut warm) = (0, 0, 0);
        while let Some(batch) = rows.next_batch().await.unwrap() {
            for row in batch {
                let (_, name, ..): Small<'_> = row.unwrap().decode().unwrap();
                assert!(name.starts_with("name"));
                count += 1;
            }
            if warm == 0 && count >= 10_000 {
                (before, warm) = (calls(), count);
            }
        }
        assert_eq!(calls() - before, 0, "allocations for {} rows", count - warm);
        assert_eq!(count, 256_000);
    });
}

/// Allocations of 1,000 executions of a statement that was executed before.
async fn executions(session: &mut Session) -> usize {
    let statement = session.prepare("INSERT ?").await.unwrap();
    let name = "a name that is bound again and again";
    for _ in 0..3 {
        session.execute(&statement, (name,)).await.unwrap();
    }
    let before = calls();
    for _ in 0..1_000 {
        session.execute(&statement, (name,)).await.unwrap();
    }
    let prepared = calls() - before;
    for _ in 0..3 {
        session.execute("INSERT ?", (name,)).await.unwrap();
    }
    let before = calls();
    for _ in 0..1_000 {
        session.execute("INSERT ?", (name,)).await.unwrap();
    }
    let cached = calls() - before;
    assert_eq!(prepared, cached, "a cached statement costs what a prepared one does");
    prepared
}

#[test]
fn executions_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::without_rows()).await;
        let calls = executions(&mut session).await;
        println!("1,000 executions without rows: {calls} allocations");
        assert_eq!(calls, 0);
    });
}

/// Attributes go with an execution as they are, however many there are.
#[test]
fn executions_with_attributes_allocate_nothing() {
    block_on(async {
        let config = Config::default().user("app").password("x").ssl_mode(SslMode::Disabled);
        let config = config.query_attributes(true);
        let mut counts = Vec::new();
        for attributes in [1, 40] {
            let server = Synthesiser::without_rows();
            let mut session = Session::from_stream(server, &config).await.unwrap();
            let attributes = (0..attributes).fold(QueryAttributes::default(), |all, number| {
                all.with(format!("attribute {number}"), "a value").unwrap()
            });
            assert!(session.set_query_attributes(attributes));
            counts.push(executions(&mut session).await);
        }
        println!("1,000 executions with 1 attribute and with 40: {counts:?} allocations");
        assert_eq!(counts, [0, 0]);
    });
}

/// The columns of an execution take the place of the last one's.
#[test]
fn executions_with_rows_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::typed(&TYPES, 1, small_row)).await;
        let calls = executions(&mut session).await;
        println!("1,000 executions with 4 columns and 256 rows: {calls} allocations");
        assert_eq!(calls, 0);
    });
}

/// Definitions that a MariaDB leaves out cost nothing, whatever other results come in between; those
/// that it sends again take the old ones' place. E-63.
#[test]
fn executions_with_known_columns_allocate_nothing() {
    let offer = Offer { mariadb: true, ..OFFER };
    let (mut connection, capabilities) = behind_login_of(offer, Limits::default());
    let reply = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new(1, capabilities);
        write(&mut writer);
        writer.out
    };
    connection.prepare(b"SELECT").unwrap();
    answer(&mut connection, &reply(&|writer| writer.prepared(0, &TYPES)));
    let rows = |writer: &mut Writer| {
        small_row(7, writer);
        writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    };
    let known = reply(&|writer| {
        writer.known_columns(&TYPES);
        rows(writer);
    });
    let told = reply(&|writer| {
        writer.typed_columns(&TYPES);
        rows(writer);
    });
    let text = reply(&|writer| {
        writer.columns(&[b"text"]);
        writer.row([Some(&b"x"[..])]);
        writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    });
    let ok = reply(&|writer| writer.plain_ok(StatusFlags::AUTOCOMMIT));
    let mut before = 0;
    for round in 0..1_010 {
        if round == 10 {
            before = calls();
        }
        for reply in [&known, &told, &known] {
            connection.execute(7, 0, |_| Ok(())).unwrap();
            assert_eq!(answer(&mut connection, reply), 1);
            connection.ping().unwrap();
            answer(&mut connection, &ok);
            connection.query(b"SELECT").unwrap();
            assert_eq!(answer(&mut connection, &text), 1);
        }
    }
    assert_eq!(calls() - before, 0);
}

/// Gives the connection a reply, once it has sent its command; gives the number of rows.
fn answer(connection: &mut Connection, bytes: &[u8]) -> usize {
    let sent = connection.send_buf().len();
    connection.sent(sent);
    connection.spare()[..bytes.len()].copy_from_slice(bytes);
    connection.received(bytes.len());
    let mut rows = 0;
    loop {
        match connection.step().unwrap() {
            Step::Row => {
                rows += 1;
                if connection.columns().len() == TYPES.len() {
                    let (id, ..): Small<'_> = connection.row().decode().unwrap();
                    assert_eq!(id, 7);
                }
            }
            Step::Idle => return rows,
            _ => {}
        }
    }
}

/// A reply with one text value of `length` bytes, which are those of `body` again and again, and
/// a row behind it.
fn huge_value(length: u64, body: &Arc<[u8]>) -> Vec<Piece> {
    let mut head = Writer::new(1, capabilities());
    head.columns(&[b"v"]);
    let mut sequence = head.sequence;
    let prefix = [&[0xFE][..], &length.to_le_bytes()].concat();
    let mut left = length + prefix.len() as u64;
    let mut pieces: Vec<Piece> = vec![(head.out.into(), 1)];
    let mut first = Some(prefix);
    loop {
        let chunk = left.min(MAX_CHUNK as u64) as usize;
        let header = PacketHeader { length: chunk as u32, sequence };
        pieces.push((header.encode().as_slice().into(), 1));
        sequence = sequence.wrapping_add(1);
        let mut of_value = chunk;
        if let Some(prefix) = first.take() {
            of_value -= prefix.len();
            pieces.push((prefix.into(), 1));
        }
        pieces.push((body.clone(), of_value / body.len()));
        let rest = of_value % body.len();
        pieces.push((body[..rest].into(), usize::from(rest > 0)));
        left -= chunk as u64;
        if chunk < MAX_CHUNK {
            break;
        }
    }
    let mut tail = Writer::new(sequence, capabilities());
    tail.row([Some(&b"behind"[..])]);
    tail.end_of_rows(StatusFlags::AUTOCOMMIT);
    pieces.push((tail.out.into(), 1));
    pieces
}

/// A value longer than any 32-bit length, in pieces that cost nothing. Without a session, for its
/// configuration ends where the servers' values do.
#[test]
fn a_value_of_4_gib_is_flat() {
    const LENGTH: u64 = (4 << 30) + 5;
    let body: Arc<[u8]> = vec![b'v'; 1 << 20].into();
    let mut said = huge_value(LENGTH, &body).into_iter();
    let mut saying = said.next().unwrap();
    let mut connection = behind_login(Limits::default().max_packet(8 << 30));
    connection.query(b"SELECT").unwrap();
    let sent = connection.send_buf().len();
    connection.sent(sent);
    let before = start();
    let (mut at, mut bytes, mut pieces, mut rows, mut warm) = (0, 0, 0_usize, 0, 0);
    loop {
        match connection.step().unwrap() {
            Step::Columns => connection.chunk_row(),
            Step::Field => assert_eq!(connection.field().unwrap().length, Some(LENGTH)),
            Step::Chunk => {
                let piece = connection.chunk();
                assert!(piece[0] == b'v' && piece[piece.len() - 1] == b'v');
                bytes += piece.len() as u64;
                pieces += 1;
                if pieces == 16 {
                    warm = calls();
                }
            }
            Step::RowEnd => {
                let allocations = calls() - warm;
                println!("4 GiB in {pieces} pieces: {allocations} allocations");
                assert_eq!(allocations, 0);
            }
            Step::Row => {
                assert_eq!(connection.row().decode::<&str>().unwrap(), "behind");
                rows += 1;
            }
            Step::Done => break,
            Step::NeedInput => {
                while at == saying.0.len() * saying.1 {
                    (saying, at) = (said.next().unwrap(), 0);
                }
                let piece = &saying.0[at % saying.0.len()..];
                let spare = connection.spare();
                let n = spare.len().min(piece.len());
                spare[..n].copy_from_slice(&piece[..n]);
                connection.received(n);
                at += n;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((bytes, rows), (LENGTH, 1));
    let grown = peak() - before;
    println!("4 GiB: heap +{grown}");
    assert!(grown < 1 << 20, "{grown}");
}

fn behind_login(limits: Limits) -> Connection {
    behind_login_of(OFFER, limits).0
}

fn behind_login_of(offer: Offer, limits: Limits) -> (Connection, Capabilities) {
    let login = login(Transport::Network);
    let (turns, capabilities) = login_turns(LoginKind::Native, offer, &login);
    let mut connection = Connection::new(login, limits);
    for turn in &turns {
        connection.spare()[..turn.len()].copy_from_slice(turn);
        connection.received(turn.len());
        connection.step().unwrap();
        let sent = connection.send_buf().len();
        connection.sent(sent);
    }
    assert_eq!(connection.step().unwrap(), Step::Idle);
    (connection, capabilities)
}

/// The largest row that a session takes.
#[test]
fn a_row_of_1_gib_in_pieces_is_flat() {
    const LENGTH: u64 = (1 << 30) - 9;
    block_on(async {
        let body: Arc<[u8]> = vec![b'v'; 1 << 20].into();
        let mut session = session(Synthesiser::playing(huge_value(LENGTH, &body))).await;
        let before = start();
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        assert_eq!(field.len(), LENGTH);
        let (mut bytes, mut pieces, mut warm) = (0, 0_usize, 0);
        while let Some(piece) = field.chunk().await.unwrap() {
            bytes += piece.len() as u64;
            pieces += 1;
            if pieces == 16 {
                warm = calls();
            }
        }
        assert_eq!(calls() - warm, 0);
        assert_eq!(bytes, LENGTH);
        let grown = peak() - before;
        println!("1 GiB through a session, in {pieces} pieces: heap +{grown}");
        assert!(grown < 1 << 20, "{grown}");
        assert!(row.next_field().await.unwrap().is_none());
        drop(row);
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<&str>().unwrap(), "behind");
        assert!(rows.next().await.unwrap().is_none());
    });
}

/// The same through `AsyncRead`, and left in the middle.
#[test]
fn a_value_of_1_gib_left_in_the_middle_is_flat() {
    const LENGTH: u64 = (1 << 30) - 100;
    block_on(async {
        let body: Arc<[u8]> = vec![b'v'; 1 << 20].into();
        let mut session = session(Synthesiser::playing(huge_value(LENGTH, &body))).await;
        let before = start();
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        let mut buf = [0; 10_000];
        for _ in 0..50_000 {
            field.read_exact(&mut buf).await.unwrap();
        }
        drop(row);
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<&str>().unwrap(), "behind");
        let grown = peak() - before;
        println!("1 GiB left in the middle: heap +{grown}");
        assert!(grown < 1 << 20, "{grown}");
    });
}

/// A parameter of 4 GiB goes out in the memory of a piece.
#[test]
fn a_parameter_of_4_gib_is_flat() {
    const LENGTH: u64 = 4 << 30;
    block_on(async {
        let mut session = session(Synthesiser::without_rows()).await;
        let statement = session.prepare("INSERT ?").await.unwrap();
        session.execute(&statement, ("warm",)).await.unwrap();
        let before = start();
        let reader = tokio::io::repeat(b'v').take(LENGTH);
        assert_eq!(session.send_long_data(&statement, 0, reader).await.unwrap(), LENGTH);
        session.execute(&statement, (LongData,)).await.unwrap();
        let grown = peak() - before;
        println!("a parameter of 4 GiB: heap +{grown}");
        assert!(grown < 1 << 20, "{grown}");
    });
}
