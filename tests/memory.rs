//! What a session costs in memory: counted, not estimated.

#![allow(missing_docs, unreachable_pub, reason = "a test")]
#![allow(clippy::as_conversions, reason = "numbers of a test")]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]
#![allow(dead_code, reason = "the other users of the shared files need the rest")]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "support/synthesiser.rs"]
mod synthesiser;

use counting_alloc::{calls, live, peak, start};
use fuzz::server::{LoginKind, Writer, login, login_turns};
use mywire::Limits;
use mywire::proto::{Connection, Step, Transport};
use mywire::wire::packet::MAX_CHUNK;
use mywire::wire::{Capabilities, PacketHeader, StatusFlags};
use synthesiser::{OFFER, Synthesiser, block_on, session};

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;

fn small_row(number: u32, writer: &mut Writer) {
    let id = number.to_string();
    let name = format!("name of {number}");
    writer.row([Some(id.as_bytes()), Some(name.as_bytes()), None]);
}

const COLUMNS: [&[u8]; 3] = [b"id", b"name", b"note"];

type Small<'r> = (u64, &'r str, Option<&'r str>);

#[test]
fn rows_one_by_one_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::new(&COLUMNS, 1_000, small_row)).await;
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let (mut count, mut sum, mut before) = (0_usize, 0, 0);
        while let Some(row) = rows.next().await.unwrap() {
            let (id, name, note): Small<'_> = row.decode().unwrap();
            sum += id + name.len() as u64 + note.map_or(1, |note| note.len() as u64);
            count += 1;
            if count == 10_000 {
                before = calls();
            }
        }
        assert_eq!(calls() - before, 0, "allocations for {} rows", count - 10_000);
        assert_eq!(count, 256_000);
        assert!(sum > 0);
    });
}

#[cfg(feature = "serde")]
#[test]
fn deserialized_rows_allocate_nothing() {
    #[derive(serde::Deserialize)]
    struct Small<'r> {
        note: Option<&'r str>,
        id: u64,
        name: &'r str,
    }
    block_on(async {
        let mut session = session(Synthesiser::new(&COLUMNS, 1_000, small_row)).await;
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let (mut count, mut before) = (0, 0);
        while let Some(row) = rows.next().await.unwrap() {
            let calls_before = calls();
            let Small { note, id, name } = row.deserialize().unwrap();
            assert!(note.is_none() && id < 256_000 && name.starts_with("name"));
            // Which column is which field is found out at the second row, and kept: the places, and
            // what serde says to a place that the type does not have.
            assert_eq!(calls() - calls_before, 2 * usize::from(count == 1), "row {count}");
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
fn batches_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::new(&COLUMNS, 1_000, small_row)).await;
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let (mut count, mut batches, mut before, mut warm) = (0, 0, 0, 0);
        while let Some(batch) = rows.next_batch().await.unwrap() {
            batches += 1;
            for row in batch {
                let (_, name, _): Small<'_> = row.unwrap().decode().unwrap();
                assert!(name.starts_with("name"));
                count += 1;
            }
            if warm == 0 && count >= 10_000 {
                (before, warm) = (calls(), count);
            }
        }
        assert_eq!(calls() - before, 0, "allocations for {} rows", count - warm);
        assert_eq!(count, 256_000);
        assert!(batches < 20_000, "{batches} batches are hardly batches");
    });
}

/// 8 GiB of values go by in less than 1 MiB.
#[test]
fn a_result_of_8_gib_does_not_grow_the_heap() {
    const VALUE: usize = 64 << 10;
    const BLOCKS: usize = (8 << 30) / (256 * VALUE);
    block_on(async {
        let value = vec![b'v'; VALUE];
        let server = Synthesiser::new(&[b"v"], BLOCKS, |_, writer| writer.row([Some(&value[..])]));
        let mut session = session(server).await;
        let before = start();
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let mut bytes = 0;
        while let Some(row) = rows.next().await.unwrap() {
            bytes += row.decode::<&[u8]>().unwrap().len();
        }
        assert_eq!(bytes, 8 << 30);
        let grown = peak() - before;
        println!("8 GiB grew the heap by {grown} bytes");
        assert!(grown < 1 << 20, "{grown}");
    });
}

#[test]
fn pings_allocate_nothing() {
    block_on(async {
        let mut session = session(Synthesiser::new(&COLUMNS, 1, small_row)).await;
        session.ping().await.unwrap();
        let before = calls();
        for _ in 0..1_000 {
            session.ping().await.unwrap();
        }
        assert_eq!(calls() - before, 0);
    });
}

/// What each of thousands of idle sessions costs, fresh and after a large result.
#[test]
fn an_idle_session_holds_32_kib_at_most() {
    block_on(async {
        let value = vec![b'v'; 60 << 10];
        let server = Synthesiser::new(&[b"v"], 4, |_, writer| writer.row([Some(&value[..])]));
        // The second answer to a query is as good as the first: only what the session holds counts.
        let before = live();
        let mut session = session(server).await;
        session.ping().await.unwrap();
        let fresh = live().wrapping_sub(before);
        session.execute("SELECT", ()).await.unwrap();
        let used = live().wrapping_sub(before);
        println!("an idle session holds {fresh} bytes, after a large result {used}");
        assert!(fresh <= 32 << 10, "{fresh}");
        assert!(used <= 32 << 10, "{used}");
    });
}

/// A connection behind its login, without a front.
struct Raw {
    connection: Connection,
    received: usize,
    capabilities: Capabilities,
}

impl Raw {
    fn new(limits: Limits) -> Self {
        let login = login(Transport::Network);
        let (turns, capabilities) = login_turns(LoginKind::Native, OFFER, &login);
        let connection = Connection::new(login, limits);
        let mut raw = Self { connection, received: 0, capabilities };
        for turn in &turns {
            raw.feed(turn);
            while raw.connection.step().unwrap() != Step::NeedInput {
                if raw.connection.is_idle() {
                    break;
                }
            }
            let n = raw.connection.send_buf().len();
            raw.connection.sent(n);
        }
        assert_eq!(raw.connection.step().unwrap(), Step::Idle);
        raw
    }

    /// Begins a result set of one column.
    fn with_rows(limits: Limits) -> (Self, u8) {
        let mut raw = Self::new(limits);
        raw.query();
        let mut head = Writer::new(1, raw.capabilities);
        head.columns(&[b"v"]);
        raw.feed(&head.out);
        assert_eq!(raw.connection.step().unwrap(), Step::Columns);
        (raw, head.sequence)
    }

    fn query(&mut self) {
        self.connection.query(b"SELECT").unwrap();
        let n = self.connection.send_buf().len();
        self.connection.sent(n);
    }

    /// Hands over bytes that fit into the space that there is.
    fn feed(&mut self, bytes: &[u8]) {
        self.connection.spare()[..bytes.len()].copy_from_slice(bytes);
        self.connection.received(bytes.len());
        self.received += bytes.len();
    }

    /// Hands over `n` bytes of anything, as many as fit; gives how many.
    fn fill(&mut self, n: usize) -> usize {
        let n = n.min(self.connection.spare().len());
        self.connection.received(n);
        self.received += n;
        n
    }
}

/// T-30, G2: a length that is only claimed costs nothing.
#[test]
fn t30_a_claimed_packet_costs_nothing() {
    for skipping in [false, true] {
        let (mut raw, sequence) = Raw::with_rows(Limits::default());
        if skipping {
            raw.connection.skip_rows();
        }
        let before = start();
        raw.feed(&[0xFF, 0xFF, 0xFF, sequence, 0xFE]);
        for _ in 0..100 {
            assert_eq!(raw.connection.step().unwrap(), Step::NeedInput);
        }
        assert_eq!(peak() - before, 0, "skipping: {skipping}");
    }
}

/// T-30: claimed counts and lengths inside packets are refused, and allocate no more than the
/// error.
#[test]
fn t30_claimed_counts_and_lengths_cost_nothing() {
    let replies: [(&[u8], &str); 7] = [
        // Columns: 2^64 - 1, 2^24 - 1, 65,535, and 4,097 of at most 4,096.
        (b"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "Unexpected"),
        (b"\xFD\xFF\xFF\xFF", "max_columns"),
        (b"\xFC\xFF\xFF", "max_columns"),
        (b"\xFC\x01\x10", "max_columns"),
        // An info text of 2^63 bytes, a state block of 2^63 bytes.
        (b"\x00\x00\x00\x02\x00\x00\x00\xFE\x00\x00\x00\x00\x00\x00\x00\x80", "Malformed"),
        (b"\x00\x00\x00\x02\x40\x00\x00\x00\xFE\x00\x00\x00\x00\x00\x00\x00\x80", "Malformed"),
        // No column at all, in a form that is longer than needed.
        (b"\xFC\x00\x00", "Malformed"),
    ];
    for (payload, reason) in replies {
        let mut raw = Raw::new(Limits::default());
        raw.query();
        let mut writer = Writer::new(1, raw.capabilities);
        writer.packet(payload);
        let before = start();
        raw.feed(&writer.out);
        let error = raw.connection.step().unwrap_err();
        let held = peak() - before;
        assert!(held < 1024, "{held} for {payload:02x?}");
        assert!(format!("{error:#?}").contains(reason), "{error:#?}");
    }
}

/// T-30: a value of 2^63 bytes in a row of ten is an error of that row.
#[test]
fn t30_a_claimed_value_costs_nothing() {
    let (mut raw, sequence) = Raw::with_rows(Limits::default());
    let mut writer = Writer::new(sequence, raw.capabilities);
    writer.packet(b"\xFD\xFF\xFF\xFFx");
    raw.feed(&writer.out);
    assert_eq!(raw.connection.step().unwrap(), Step::Row);
    let before = start();
    raw.connection.row().decode::<&[u8]>().unwrap_err();
    assert!(peak() - before < 1024);
}

/// G2: while a large row arrives the window is at most twice what came, and both windows exist
/// while it grows.
#[test]
fn g2_the_window_follows_what_really_came() {
    let (mut raw, sequence) = Raw::with_rows(Limits::default());
    let before = start();
    raw.received = 0;
    let length = u32::try_from(MAX_CHUNK - 1).unwrap();
    raw.feed(&PacketHeader { length, sequence }.encode());
    raw.feed(&[0xFD, 0xFA, 0xFF, 0xFF]);
    let mut left = MAX_CHUNK - 5;
    while left > 0 {
        assert_eq!(raw.connection.step().unwrap(), Step::NeedInput);
        let held = peak() - before;
        assert!(held <= 3 * raw.received + (192 << 10), "{held} for {}", raw.received);
        left -= raw.fill(left.min(1_460));
    }
    assert_eq!(raw.connection.step().unwrap(), Step::Row);
}

/// A row of 1 GiB that nobody wants goes by in a window of its usual size.
#[test]
fn a_skipped_row_of_1_gib_is_flat() {
    let (mut raw, mut sequence) = Raw::with_rows(Limits::default());
    raw.connection.skip_rows();
    let before = start();
    let mut left: usize = 1 << 30;
    let mut first = true;
    loop {
        let chunk = left.min(MAX_CHUNK);
        let length = u32::try_from(chunk).unwrap();
        raw.connection.step().unwrap();
        raw.feed(&PacketHeader { length, sequence }.encode());
        sequence = sequence.wrapping_add(1);
        let mut body = chunk;
        if first {
            raw.feed(b"\xFE");
            body -= 1;
            first = false;
        }
        while body > 0 {
            assert_eq!(raw.connection.step().unwrap(), Step::NeedInput);
            body -= raw.fill(body);
        }
        left -= chunk;
        if chunk < MAX_CHUNK {
            break;
        }
    }
    let mut writer = Writer::new(sequence, raw.capabilities);
    writer.end_of_rows(StatusFlags::AUTOCOMMIT);
    raw.connection.step().unwrap();
    raw.feed(&writer.out);
    assert_eq!(raw.connection.step().unwrap(), Step::Done);
    let grown = peak() - before;
    println!("1 GiB skipped grew the heap by {grown} bytes");
    assert!(grown < 1 << 20, "{grown}");
}

/// The window of a large row is given back while the stream goes on, and the rest when it ends.
#[test]
fn large_windows_are_given_back() {
    let mut raw = Raw::new(Limits::default());
    let idle = live();
    raw.query();
    let mut head = Writer::new(1, raw.capabilities);
    head.columns(&[b"v"]);
    raw.feed(&head.out);
    assert_eq!(raw.connection.step().unwrap(), Step::Columns);
    let mut sequence = head.sequence;
    let length = u32::try_from(MAX_CHUNK - 1).unwrap();
    raw.feed(&PacketHeader { length, sequence }.encode());
    raw.feed(&[0xFD, 0xFA, 0xFF, 0xFF]);
    let mut left = MAX_CHUNK - 5;
    while left > 0 {
        raw.connection.step().unwrap();
        left -= raw.fill(left);
    }
    assert_eq!(raw.connection.step().unwrap(), Step::Row);
    assert!(live() - idle > MAX_CHUNK);
    for _ in 0..40 {
        assert_eq!(raw.connection.step().unwrap(), Step::NeedInput);
        sequence = sequence.wrapping_add(1);
        let mut row = Writer::new(sequence, raw.capabilities);
        row.row([Some(&b"small"[..])]);
        raw.feed(&row.out);
        assert_eq!(raw.connection.step().unwrap(), Step::Row);
    }
    let streaming = live() - idle;
    assert!(streaming <= 160 << 10, "{streaming}");
    let mut tail = Writer::new(sequence.wrapping_add(1), raw.capabilities);
    tail.end_of_rows(StatusFlags::AUTOCOMMIT);
    raw.feed(&tail.out);
    assert_eq!(raw.connection.step().unwrap(), Step::Done);
    assert_eq!(raw.connection.step().unwrap(), Step::Idle);
    let rested = live() - idle;
    assert!(rested <= 2 << 10, "{rested}");
}
