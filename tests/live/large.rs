//! Payloads around and beyond 16 MiB, both ways.

use mywire::error::{ServerErrorKind, UsageError};
use mywire::{Error, Row, Session};

use crate::each_server;
use crate::target::{connect, exclusively, usable};

/// The most that one packet carries.
const CHUNK: usize = 0xFF_FFFF;

/// The payload of a row: one value with its length before it.
fn value_len(payload: usize) -> usize {
    // 0xFD and three bytes up to 2^24 - 1, 0xFE and eight bytes from there on.
    if payload - 4 < 1 << 24 { payload - 4 } else { payload - 9 }
}

/// A value of `len` bytes whose end is told from its middle.
fn value(len: usize) -> String {
    format!("CONCAT(REPEAT('x', {}), 'END')", len - 3)
}

#[track_caller]
fn assert_value(row: &Row<'_>, column: usize, len: usize) {
    let value = row.raw(column).unwrap().unwrap();
    assert_eq!(value.len(), len);
    assert!(value.ends_with(b"xEND") && value[..len - 3].iter().all(|&byte| byte == b'x'));
}

/// F-02: payloads at the border of one packet, of two, and between.
#[test]
fn f02_s10_rows_of_16_mib_and_more_read_and_skipped() {
    each_server(async |target| {
        let mut session = target.local().await;
        for payload in [CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 40, 2 * CHUNK - 1, 2 * CHUNK, 1 << 25]
        {
            let len = value_len(payload);
            let sql = format!("SELECT {} UNION ALL SELECT 'next'", value(len));
            let mut rows = session.query(&sql, ()).await.unwrap();
            let row = rows.next().await.unwrap().unwrap();
            assert_eq!(row.payload().len(), payload);
            assert_value(&row, 0, len);
            assert_eq!(rows.next().await.unwrap().unwrap().decode::<&str>().unwrap(), "next");
            assert!(rows.next().await.unwrap().is_none());
            rows.finish().await.unwrap();
            // The same as batches, skipped from the start, and left.
            let mut rows = session.query(&sql, ()).await.unwrap();
            let mut lengths = Vec::new();
            rows.for_each(|row| {
                lengths.push(row.payload().len());
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(lengths, [payload, 5]);
            drop(rows);
            session.execute(&sql, ()).await.unwrap();
            usable(&mut session).await;
        }
    });
}

/// E-44: such a row starts with 0xFE, as a terminator does.
#[test]
fn e44_a_first_column_of_2_to_the_24_bytes_is_a_row() {
    each_server(async |target| {
        let mut session = target.local().await;
        for len in [(1 << 24) - 1, 1 << 24, (1 << 24) + 1] {
            let sql = format!("SELECT {}, 7 UNION ALL SELECT 'next', 8", value(len));
            let mut rows = session.query(&sql, ()).await.unwrap();
            let row = rows.next().await.unwrap().unwrap();
            assert_eq!(row.payload()[0], if len < 1 << 24 { 0xFD } else { 0xFE });
            assert_value(&row, 0, len);
            assert_eq!(row.get::<i64>(1).unwrap(), 7);
            let next: (String, i64) = rows.next().await.unwrap().unwrap().decode().unwrap();
            assert_eq!(next, ("next".into(), 8));
            assert!(rows.next().await.unwrap().is_none());
            rows.finish().await.unwrap();
            session.execute(&sql, ()).await.unwrap();
            usable(&mut session).await;
        }
    });
}

/// A large row in the middle of small ones, with the rest skipped from within it.
#[test]
fn large_rows_among_small_ones() {
    each_server(async |target| {
        let mut session = target.local().await;
        let big = value(20_000_000);
        let sql =
            format!("SELECT 'a' UNION ALL SELECT 'b' UNION ALL SELECT {big} UNION ALL SELECT 'd'");
        let mut rows = session.query(&sql, ()).await.unwrap();
        let mut lengths = Vec::new();
        while let Some(batch) = rows.next_batch().await.unwrap() {
            lengths.extend(batch.map(|row| row.unwrap().raw(0).unwrap().unwrap().len()));
        }
        assert_eq!(lengths, [1, 1, 20_000_000, 1]);
        rows.finish().await.unwrap();
        let mut rows = session.query(&sql, ()).await.unwrap();
        assert!(rows.next().await.unwrap().is_some());
        rows.finish().await.unwrap();
        usable(&mut session).await;
    });
}

/// E-02: the server has all of it, in order.
#[test]
fn e02_s10_statements_of_16_mib_and_more() {
    each_server(async |target| {
        let mut session = target.local().await;
        let frame = "SELECT LENGTH(''),SHA2('', 256)".len();
        for payload in
            [CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 2, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1]
        {
            // The command's byte counts.
            let text = payload - 1;
            let each = (text - frame) / 2;
            let pad = " ".repeat((text - frame) % 2);
            let value: String = (0..each).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
            let sql = format!("SELECT LENGTH('{value}'),{pad}SHA2('{value}', 256)");
            assert_eq!(sql.len() + 1, payload);
            let (length, hash): (usize, String) = session.fetch_one(&sql, ()).await.unwrap();
            assert_eq!(length, each);
            // The server makes the same value by itself.
            let repeated = format!(
                "SELECT SHA2(LEFT(REPEAT('abcdefghijklmnopqrstuvw', {}), {each}), 256)",
                each / 23 + 1
            );
            assert_eq!(hash, session.fetch_one::<String>(&repeated, ()).await.unwrap());
        }
        usable(&mut session).await;
    });
}

#[test]
fn a_statement_beyond_the_protocols_gibibyte_is_refused_here() {
    each_server(async |target| {
        let mut session = target.local().await;
        let sql = "x".repeat(1 << 30);
        let error = session.execute(&sql, ()).await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::TooLong { max, .. }) if max == 1 << 30));
        assert!(!error.is_fatal());
        assert_eq!(error.was_sent(), mywire::Sent::No);
        usable(&mut session).await;
    });
}

/// E-07: beyond what the server takes there is one clear error, whatever the transport did.
#[test]
fn e07_a_statement_beyond_the_servers_max_allowed_packet() {
    each_server(async |target| {
        let mut lock = exclusively(target, "max_allowed_packet").await;
        let limit: u64 = lock.fetch_one("SELECT @@GLOBAL.max_allowed_packet", ()).await.unwrap();
        let set = |to: u64| format!("SET GLOBAL max_allowed_packet = {to}");
        // Sessions take the value when they are opened: it is low for no longer than that.
        lock.execute(&set(1 << 20), ()).await.unwrap();
        let sessions = [
            Session::connect_with(&target.local_config()).await,
            Session::connect_with(&target.config()).await,
            Session::connect_with(&target.config()).await,
        ];
        lock.execute(&set(limit), ()).await.unwrap();
        for (session, size) in sessions.into_iter().zip([1 << 21, 1 << 21, 40 << 20]) {
            let mut session = session.unwrap();
            usable(&mut session).await;
            let sql = format!("SELECT LENGTH('{}')", "x".repeat(size));
            let error = session.execute(&sql, ()).await.unwrap_err();
            let server = error.as_server().unwrap_or_else(|| panic!("{error:?}"));
            assert_eq!((server.code(), server.kind()), (1153, ServerErrorKind::PacketTooLarge));
            assert!(error.to_string().contains("max_allowed_packet"), "{error}");
            assert!(error.is_fatal());
            assert!(session.ping().await.is_err());
        }
        usable(&mut connect(&target.config()).await).await;
    });
}
