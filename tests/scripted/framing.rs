//! Chunks and sequence ids, in both directions.

use std::time::Duration;

use mywire::error::{ProtocolErrorKind as Kind, ValueError};
use mywire::wire::{ColumnType, Command};
use mywire::{Error, Sent};
use tokio::time::{sleep, timeout};

use crate::scripted::*;

const MAX_CHUNK: usize = 0xFF_FFFF;

/// Bytes that betray a shift.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap_or_default()).collect()
}

/// A cell that makes a row of one column exactly `row` bytes long.
fn cell_of_row(row: usize) -> Vec<u8> {
    let prefix = if row - 4 < 1 << 24 { 4 } else { 9 };
    pattern(row - prefix)
}

fn protocol_kind(error: &Error) -> Kind {
    match error {
        Error::Protocol(error) => error.kind(),
        other => panic!("no protocol error: {other}"),
    }
}

#[test]
fn e01_e02_payloads_around_every_multiple_of_a_chunk_come_whole() {
    for length in [MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1, 2 * MAX_CHUNK, 2 * MAX_CHUNK + 1] {
        run(async move {
            let cell = cell_of_row(length);
            let sent = cell.clone();
            let (mut session, script) = replying(move |reply| {
                let blob = column("b", ColumnType::LONG_BLOB);
                let reply = reply.columns(&[blob]).row_of(&[Some(b"before")]);
                reply.row_of(&[Some(&sent)]).row_of(&[Some(b"after")]).end()
            })
            .await;
            let mut rows = session.query("SELECT b", ()).await.unwrap();
            for expected in [&b"before"[..], &cell, b"after"] {
                let row = rows.next().await.unwrap().expect("a row");
                assert!(row.raw(0).unwrap() == Some(expected), "a row of {length} bytes");
            }
            assert!(rows.next().await.unwrap().is_none());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e01_without_the_empty_packet_the_payload_goes_on() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.command().await;
            let head = server.reply().columns(&[column("b", ColumnType::LONG_BLOB)]);
            let row = Packets::new(server.capabilities(), head.sequence())
                .row_of(&[Some(&cell_of_row(MAX_CHUNK))]);
            server.send(head).await;
            // All but the four bytes of the empty packet.
            let (chunk, empty) = row.bytes().split_at(4 + MAX_CHUNK);
            server.write(chunk).await;
            sleep(Duration::from_secs(100)).await;
            server.write(empty).await;
            let end = server.reply().with_sequence(row.sequence()).end();
            server.send(end).await;
            server.echo().await;
        })
        .await;
        let mut rows = session.query("SELECT b", ()).await.unwrap();
        assert!(timeout(Duration::from_secs(50), rows.next()).await.is_err(), "a row too early");
        let row = rows.next().await.unwrap().expect("a row");
        assert!(row.raw(0).unwrap() == Some(&cell_of_row(MAX_CHUNK)));
        assert!(rows.next().await.unwrap().is_none());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn e02_statements_around_every_multiple_of_a_chunk_go_out_in_chunks() {
    for payload in [MAX_CHUNK - 1, MAX_CHUNK, MAX_CHUNK + 1, 2 * MAX_CHUNK] {
        run(async move {
            let sql = "x".repeat(payload - 1);
            let expected = sql.clone();
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    // The reply's id follows that of the last chunk (F-04).
                    let received = server.command().await;
                    assert!(received[1..] == *expected.as_bytes(), "a payload of {payload} bytes");
                    let reply = server.reply();
                    let chunks = u8::try_from(payload / MAX_CHUNK + 1).unwrap();
                    assert_eq!(reply.sequence(), chunks);
                    server.send(reply.ok()).await;
                    server.echo().await;
                })
                .await;
            let before = script.wire.len();
            session.execute(&sql, ()).await.unwrap();
            let chunks = payload / MAX_CHUNK + 1;
            assert_eq!(script.wire.len() - before, payload + 4 * chunks);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e03_a_second_chunk_may_begin_with_anything() {
    for first in [0xFE, 0xFF, 0x00, 0xFB] {
        // Read as rows, and skipped as rows that nobody wants.
        for skipped in [false, true] {
            run(async move {
                let mut cell = cell_of_row(MAX_CHUNK + 20);
                let second_chunk = MAX_CHUNK - 4;
                cell[second_chunk] = first;
                let sent = cell.clone();
                let (mut session, script) = replying(move |reply| {
                    let blob = column("b", ColumnType::LONG_BLOB);
                    reply.columns(&[blob]).row_of(&[Some(&sent)]).row_of(&[Some(b"2")]).end()
                })
                .await;
                let mut rows = session.query("SELECT b", ()).await.unwrap();
                if skipped {
                    rows.finish().await.unwrap();
                } else {
                    let row = rows.next().await.unwrap().expect("a row");
                    assert!(row.raw(0).unwrap() == Some(&cell), "0x{first:02x}");
                    let row = rows.next().await.unwrap().expect("a second row");
                    assert_eq!(row.raw(0).unwrap(), Some(&b"2"[..]));
                    assert!(rows.next().await.unwrap().is_none());
                }
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

#[test]
fn e04_the_sequence_wraps_in_a_long_result() {
    run(async {
        let (mut session, script) = replying(|reply| reply.numbers(0..600)).await;
        let all: Vec<u64> = session.fetch_all("SELECT n", ()).await.unwrap();
        assert_eq!(all, (0..600).collect::<Vec<u64>>());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn e05_an_empty_packet_is_a_protocol_error_wherever_one_is_due() {
    let head = |reply: Packets| reply.columns(&[column("n", ColumnType::LONGLONG)]);
    let places: [fn(Packets) -> Packets; 4] = [
        |reply| reply,
        |reply| reply.payload(&[1]),
        |reply| reply.columns(&[column("n", ColumnType::LONGLONG)]),
        |reply| reply.columns(&[column("n", ColumnType::LONGLONG)]).row(&["1"]),
    ];
    for (place, begin) in places.into_iter().enumerate() {
        run(async move {
            let (mut session, script) =
                replying(move |reply| begin(reply).payload(b"").row(&["7"]).end()).await;
            let error = session.fetch_all::<u64>("SELECT n", ()).await.unwrap_err();
            assert_eq!(protocol_kind(&error), Kind::EmptyPacket, "place {place}");
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
    // Skipped rows are no exception.
    run(async {
        let (mut session, script) =
            replying(move |reply| head(reply).row(&["1"]).payload(b"").end()).await;
        let error = session.execute("SELECT n", ()).await.unwrap_err();
        assert_eq!(protocol_kind(&error), Kind::EmptyPacket);
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

#[test]
fn e06_t96_an_idle_session_that_the_server_closed_says_why() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |server| async move {
            let mut server = server;
            let farewell = server.reply().with_sequence(0);
            let why = "The client was disconnected by the server because of inactivity.";
            server.send(farewell.err(4031, why)).await;
        })
        .await;
        sleep(Duration::from_secs(1)).await;
        let written = script.wire.len();
        let error = session.execute("DELETE FROM t", ()).await.unwrap_err();
        let server = error.as_server().expect("the server's own words");
        assert_eq!(server.code(), 4031);
        assert_eq!(server.kind(), mywire::error::ServerErrorKind::IdleTimeout);
        assert!(error.is_fatal() && error.is_retryable());
        assert_eq!(error.was_sent(), Sent::No);
        assert_eq!(script.wire.len(), written, "nothing may be written");
        assert_dead(&mut session, &script).await;
        script.done().await;
    });
}

#[test]
fn f11_t62_whatever_else_comes_while_nothing_is_asked_for_ends_the_session() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            let unasked = server.reply().with_sequence(0).ok();
            server.send(unasked).await;
            server.until_closed().await;
        })
        .await;
        sleep(Duration::from_secs(1)).await;
        let error = session.ping().await.unwrap_err();
        assert_eq!(protocol_kind(&error), Kind::Unsolicited);
        assert_eq!(error.was_sent(), Sent::No);
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

#[test]
fn e07_an_error_during_a_long_statement_is_reported_in_place_of_a_broken_pipe() {
    for sequence in [1, 0] {
        run(async move {
            let (mut session, script) = logged_in(mysql(), &config(), move |server| async move {
                let mut server = server;
                let too_large = server.reply().with_sequence(sequence);
                let too_large = too_large.err(1153, "Got a packet bigger than allowed");
                server.write(too_large.bytes()).await;
                // The client is still writing when both directions close.
                server.close();
            })
            .await;
            // Nothing is there yet when the statement begins.
            let error = session.execute(&"x".repeat(40 << 20), ()).await.unwrap_err();
            let server = error.as_server().unwrap_or_else(|| panic!("not the reason: {error}"));
            assert_eq!(server.code(), 1153);
            assert!(error.is_fatal());
            assert_dead(&mut session, &script).await;
            script.done().await;
        });
    }
}

#[test]
fn e07_a_statement_that_is_too_large_is_answered_after_a_part_of_it() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            let mut some = 0;
            while some < 100 << 10 {
                some += server.read_some().await;
            }
            let too_large = server.reply().with_sequence(1);
            server.send(too_large.err(1153, "Got a packet bigger than allowed")).await;
            server.close();
        })
        .await;
        let error = session.execute(&"x".repeat(40 << 20), ()).await.unwrap_err();
        let server = error.as_server().unwrap_or_else(|| panic!("not the reason: {error}"));
        assert_eq!(server.code(), 1153);
        assert_ne!(error.was_sent(), Sent::No);
        assert!(!error.is_retryable());
        assert_dead(&mut session, &script).await;
        script.done().await;
    });
}

#[test]
fn e07_a_connection_that_closes_without_a_word_shows_the_write_that_failed() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.read_some().await;
            server.close();
        })
        .await;
        let error = session.execute(&"x".repeat(4 << 20), ()).await.unwrap_err();
        assert!(matches!(&error, Error::Io(io) if io.task() == mywire::error::IoTask::Write));
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert_dead(&mut session, &script).await;
        script.done().await;
    });
}

#[test]
fn e09_t56_a_wrong_sequence_id_is_fatal_and_its_row_is_not_delivered() {
    for (expected, found) in [(5, 6), (5, 4), (5, 0), (5, 255)] {
        run(async move {
            let (mut session, script) = replying(move |reply| {
                let reply = reply.columns(&[column("n", ColumnType::LONGLONG)]).row(&["1"]);
                let reply = reply.row(&["2"]).with_sequence(found);
                reply.row(&["3"]).row(&["4"]).end()
            })
            .await;
            let mut rows = session.query("SELECT n", ()).await.unwrap();
            for n in 1..=2_u64 {
                let row = rows.next().await.unwrap().expect("a row");
                assert_eq!(row.decode::<u64>().unwrap(), n);
            }
            let error = rows.next().await.unwrap_err();
            assert_eq!(protocol_kind(&error), Kind::OutOfOrder { expected, found });
            // The result never looks complete afterwards.
            assert!(rows.next().await.is_err());
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
}

#[test]
fn e09_a_batch_ends_before_a_wrong_sequence_id() {
    run(async {
        let (mut session, script) = replying(|reply| {
            let reply = reply.columns(&[column("n", ColumnType::LONGLONG)]).row(&["1"]);
            reply.row(&["2"]).with_sequence(9).row(&["3"]).end()
        })
        .await;
        let mut rows = session.query("SELECT n", ()).await.unwrap();
        let mut seen = 0;
        let error = loop {
            match rows.next_batch().await {
                Ok(Some(batch)) => seen += batch.len(),
                Ok(None) => panic!("the end of a broken result"),
                Err(error) => break error,
            }
        };
        assert_eq!(seen, 2);
        assert_eq!(protocol_kind(&error), Kind::OutOfOrder { expected: 5, found: 9 });
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

#[test]
fn e10_e11_e12_lengths_in_a_row_are_checked_when_they_are_reached() {
    // The row, and its one cell if it is sound.
    let rows: [(&[u8], Option<&[u8]>); 8] = [
        (b"\xFC\x01", None),
        (b"\xFC\x05\x00ab", None),
        (b"\xFD\xFF\xFF\xFF", None),
        // 2^63 and 2^64 - 1 bytes; a header of 0xFE is no row, so a cell stands before.
        (b"\x00\xFE\0\0\0\0\0\0\0\x80x", None),
        (b"\x00\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", None),
        (b"\x00\xFE\x01\0\0\0", None),
        // Not the shortest form, as some proxies write it.
        (b"\xFC\x05\x00hello", Some(b"hello")),
        (b"\xFD\x01\x00\x00x", Some(b"x")),
    ];
    for (payload, sound) in rows {
        run(async move {
            let columns = if payload[0] == 0 { 2 } else { 1 };
            let (mut session, script) = replying(move |reply| {
                let definition = column("b", ColumnType::VAR_STRING);
                reply.columns(&vec![definition; columns]).payload(payload).end()
            })
            .await;
            let mut rows = session.query("SELECT b", ()).await.unwrap();
            let row = rows.next().await.unwrap().expect("a row");
            match sound {
                Some(cell) => assert_eq!(row.raw(0).unwrap(), Some(cell)),
                None => {
                    let error = row.raw(columns - 1).unwrap_err();
                    let Error::Column(column) = &error else { panic!("no column error: {error}") };
                    assert_eq!((column.index(), column.reason()), (columns - 1, ValueError::Row));
                    assert!(!error.is_fatal());
                }
            }
            assert!(rows.next().await.unwrap().is_none());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn t21_a_statement_arrives_as_it_was_given() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.expect(Command::Query("SELECT '\0\u{1F642}\n'".as_bytes())).await;
            server.send(server.reply().ok()).await;
            server.until_closed().await;
        })
        .await;
        session.execute("SELECT '\0\u{1F642}\n'", ()).await.unwrap();
        drop(session);
        script.done().await;
    });
}
