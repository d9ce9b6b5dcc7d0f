//! Values of any size: written from a reader, read in pieces.
//!
//! `MYWIRE_TEST_LARGE_VALUE` sets the size of the largest one in bytes, up to 1 GiB less 1 KiB; by
//! default it is one that keeps the suite quick. The servers take a value of 1 GiB and send it back
//! in a row that is longer than `Limits::max_packet` can be.

use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use counting_alloc::{peak, start};
use mywire::error::IoTask;
use mywire::{Error, LongData, Session};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::target::usable;
use crate::{Target, each_server};

const VARIABLE: &str = "MYWIRE_TEST_LARGE_VALUE";

fn largest() -> u64 {
    match std::env::var(VARIABLE) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is a number of bytes")),
        Err(_) => 64 << 20,
    }
}

/// A reader of so many bytes that none of their places looks like another one's near it.
struct Pattern {
    at: u64,
    left: u64,
    /// It fails behind its last byte.
    fails: bool,
}

impl Pattern {
    fn new(length: u64) -> Self {
        Self { at: 0, left: length, fails: false }
    }
}

/// The bytes at a place and behind it, some hundred KiB of them.
fn bytes_at(at: u64) -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..(512 << 10)).map(|i| (i % 251) as u8).collect());
    &BYTES[(at % 251) as usize..]
}

impl AsyncRead for Pattern {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 && self.fails {
            return Poll::Ready(Err(io::Error::other("the disk is on fire")));
        }
        let bytes = bytes_at(self.at);
        let n = buf.remaining().min(bytes.len()).min(self.left as usize);
        buf.put_slice(&bytes[..n]);
        self.at += n as u64;
        self.left -= n as u64;
        Poll::Ready(Ok(()))
    }
}

/// The session's heap and the process's memory may grow by this much while a value goes by.
const HEAP: usize = 1 << 20;
const RESIDENT: u64 = 8 << 20;

/// What of the process is in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

async fn table(target: &Target, session: &mut Session) {
    target.database(session).await;
    let engine = if session.is_mariadb() { "Aria" } else { "MyISAM" };
    let sql = format!(
        "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, s LONGTEXT, n INT) ENGINE = {engine}"
    );
    session.execute(&sql, ()).await.unwrap();
}

/// Bytes that go in flat come out flat. The process's memory is that of all cases together, so it
/// is looked at only when this one runs alone, which setting the size means.
#[test]
fn a_large_value_goes_in_and_comes_out_flat() {
    each_server(async |target| {
        let size = largest();
        let mut session = target.local().await;
        table(target, &mut session).await;
        let insert = session.prepare("INSERT INTO t VALUES (1, ?, 'text', ?)").await.unwrap();
        // What the test itself needs is there before.
        bytes_at(0);
        let (before, resident_before) = (start(), resident());
        let mut most_resident = 0;
        let sent = session.send_long_data(&insert, 0, Pattern::new(size)).await.unwrap();
        assert_eq!(sent, size);
        session.execute(&insert, (LongData, 7)).await.unwrap();
        let written = peak() - before;
        most_resident = most_resident.max(resident().saturating_sub(resident_before));

        let select = session.prepare("SELECT b, s, n FROM t").await.unwrap();
        let before = start();
        let mut rows = session.query(&select, ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        assert_eq!(field.len(), size);
        let (mut at, mut pieces) = (0, 0_u64);
        while let Some(piece) = field.chunk().await.unwrap() {
            let right = piece == &bytes_at(at)[..piece.len()];
            assert!(right, "within {} bytes from {at}", piece.len());
            at += piece.len() as u64;
            pieces += 1;
            if pieces.is_multiple_of(256) {
                most_resident = most_resident.max(resident().saturating_sub(resident_before));
            }
        }
        assert_eq!(at, size);
        let mut field = row.next_field().await.unwrap().unwrap();
        assert_eq!(field.chunk().await.unwrap(), Some(&b"text"[..]));
        let mut field = row.next_field().await.unwrap().unwrap();
        assert_eq!(field.chunk().await.unwrap(), Some(&7_i32.to_le_bytes()[..]));
        assert!(row.next_field().await.unwrap().is_none());
        drop(row);
        assert!(rows.next_chunked().await.unwrap().is_none());
        drop(rows);
        let read = peak() - before;
        println!(
            "{}: {size} bytes: heap +{written} to write, +{read} to read in {pieces} pieces; \
             resident +{most_resident}",
            target.server.name
        );
        assert!(written < HEAP && read < HEAP, "{written} {read}");
        if std::env::var_os(VARIABLE).is_some() {
            assert!(most_resident < RESIDENT, "{most_resident}");
        }
        // The same through the text protocol, left early by the row and by the result.
        session.execute("INSERT INTO t VALUES (2, 'x', 'y', 8)", ()).await.unwrap();
        let mut rows = session.query("SELECT b, n FROM t", ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        assert!(field.chunk().await.unwrap().is_some_and(|piece| piece[0] == 0));
        drop(row);
        let next: (String, i64) = rows.next().await.unwrap().unwrap().decode().unwrap();
        assert_eq!(next, ("x".into(), 8));
        drop(rows);
        usable(&mut session).await;
    });
}

/// E-82: a reader that fails is its own error; what the server had is dropped, and the statement
/// and the session go on.
#[test]
fn e82_a_reader_that_fails_midway() {
    each_server(async |target| {
        let mut session = target.local().await;
        table(target, &mut session).await;
        let insert = session.prepare("INSERT INTO t VALUES (?, ?, NULL, NULL)").await.unwrap();
        for length in [0, 1, 300_000] {
            let reader = Pattern { fails: true, ..Pattern::new(length) };
            let error = session.send_long_data(&insert, 1, reader).await.unwrap_err();
            assert!(!error.is_fatal(), "{error}");
            let Error::Io(io) = &error else { panic!("{error:?}") };
            assert_eq!(io.task(), IoTask::ReadValue);
            assert!(error.to_string().contains("the disk is on fire"), "{error}");
            usable(&mut session).await;
            // Nothing of the first attempt is left.
            session.send_long_data(&insert, 1, &b"second"[..]).await.unwrap();
            session.execute(&insert, (length, LongData)).await.unwrap();
            let sql = format!("SELECT b FROM t WHERE id = {length}");
            assert_eq!(session.fetch_one::<Vec<u8>>(&sql, ()).await.unwrap(), b"second");
        }
    });
}

/// K-17, E-82: no bytes are a value and not NULL; NULL stands beside long data; text is text; and a
/// second execution needs its own.
#[test]
fn k17_empty_null_and_text() {
    each_server(async |target| {
        let mut session = target.local().await;
        table(target, &mut session).await;
        let insert = session.prepare("INSERT INTO t VALUES (?, ?, ?, ?)").await.unwrap();
        assert_eq!(session.send_long_data(&insert, 1, tokio::io::empty()).await.unwrap(), 0);
        session.execute(&insert, (1, LongData, None::<&str>, None::<i32>)).await.unwrap();
        let text = "Zürich, 東京, 🦀; ".repeat(20_000);
        session.send_long_data(&insert, 2, text.as_bytes()).await.unwrap();
        session.execute(&insert, (2, None::<&[u8]>, LongData, 5)).await.unwrap();
        // Both, one after the other, in the other order.
        session.send_long_data(&insert, 2, &b"later"[..]).await.unwrap();
        session.send_long_data(&insert, 1, &b"\xFF\x00\xFE"[..]).await.unwrap();
        session.execute(&insert, (3, LongData, LongData, 6)).await.unwrap();
        // And none: the values are the execution's own again.
        session.execute(&insert, (4, &b"own"[..], "words", 7)).await.unwrap();
        type Found = (i32, Option<Vec<u8>>, Option<String>, Option<i32>);
        let found: Vec<Found> =
            session.fetch_all("SELECT id, b, s, n FROM t ORDER BY id", ()).await.unwrap();
        let expected = [
            (1, Some(vec![]), None, None),
            (2, None, Some(text), Some(5)),
            (3, Some(vec![0xFF, 0, 0xFE]), Some("later".into()), Some(6)),
            (4, Some(b"own".to_vec()), Some("words".into()), Some(7)),
        ];
        assert!(found == expected, "{} rows", found.len());
        // The empty value is an empty field, and NULL is none.
        let mut rows = session.query("SELECT b, s FROM t WHERE id = 1", ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        assert!(!field.is_null() && field.is_empty());
        assert!(field.chunk().await.unwrap().is_none());
        let mut field = row.next_field().await.unwrap().unwrap();
        assert!(field.is_null());
        assert_eq!(field.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    });
}

asynchronous! {
/// A dropped `send_long_data` leaves a session that answers what it is asked, and a statement that
/// a reset makes good.
#[test]
fn a_dropped_send_long_data_leaves_the_session_in_step() {
    each_server(async |target| {
        let mut session = target.local().await;
        table(target, &mut session).await;
        let insert = session.prepare("INSERT INTO t VALUES (1, ?, NULL, NULL)").await.unwrap();
        let head = Pattern::new(200_000);
        let stuck = head.chain(Never);
        tokio::select! {
            biased;
            _ = session.send_long_data(&insert, 0, stuck) => panic!("it never ends"),
            () = tokio::task::yield_now() => {}
        }
        let marker: String = session.fetch_one("SELECT 'marker 8c1f'", ()).await.unwrap();
        assert_eq!(marker, "marker 8c1f");
        session.reset_statement(&insert).await.unwrap();
        session.send_long_data(&insert, 0, &b"whole"[..]).await.unwrap();
        session.execute(&insert, (LongData,)).await.unwrap();
        assert_eq!(session.fetch_one::<Vec<u8>>("SELECT b FROM t", ()).await.unwrap(), b"whole");
        usable(&mut session).await;
    });
}
}

/// A reader that has nothing to say, ever.
struct Never;

impl AsyncRead for Never {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
