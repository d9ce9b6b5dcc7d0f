//! Prepared statements: what goes out byte by byte, and replies that no honest server gives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::Duration;

use mywire::error::{ProtocolErrorKind, ValueError};
use mywire::wire::binary_row::Layout;
use mywire::wire::statement::ParameterType;
use mywire::wire::{
    Capabilities, ColumnDefinition, ColumnType, Command, Execute, Greeting, StatusFlags,
};
use mywire::{Error, OwnedRow, Sent, ToValue};
use tokio::time::{sleep, timeout};

use crate::scripted::*;

/// A server with and one without `DEPRECATE_EOF`.
fn both_modes() -> [Greeting<'static>; 2] {
    let old = mysql().capabilities.without(Capabilities::DEPRECATE_EOF);
    [mysql(), Greeting { capabilities: old, ..mysql() }]
}

fn number() -> ColumnDefinition<'static> {
    column("n", ColumnType::LONGLONG)
}

/// Binary rows of one BIGINT.
fn binary_numbers(mut reply: Packets, numbers: impl IntoIterator<Item = u64>) -> Packets {
    for number in numbers {
        reply = reply.binary_row(&[(Layout::Fixed(8), Some(&number.to_le_bytes()))]);
    }
    reply
}

async fn expect_prepare(server: &mut Server, sql: &str, statement: u32, parameters: u16) {
    server.expect(Command::StmtPrepare(sql.as_bytes())).await;
    server.send(server.reply().prepared(statement, parameters, &[number()])).await;
}

#[test]
fn e47_groups_of_definitions_in_both_modes() {
    for greeting in both_modes() {
        for (parameters, columns) in [(0, 0), (2, 0), (0, 2), (2, 2)] {
            run(async move {
                let (mut session, script) =
                    logged_in(greeting, &config(), move |mut server| async move {
                        server.expect(Command::StmtPrepare(b"x")).await;
                        let columns = vec![number(); columns];
                        server.send(server.reply().prepared(7, parameters, &columns)).await;
                        server.echo().await;
                    })
                    .await;
                let statement = session.prepare("x").await.unwrap();
                assert_eq!(statement.parameters(), usize::from(parameters));
                assert_eq!(statement.columns().len(), columns);
                assert_in_step(&mut session).await;
                drop((session, statement));
                script.done().await;
            });
        }
    }
}

/// K-11, K-14: every byte of two executions; equal types are not sent twice, others are.
#[test]
fn e89_the_bytes_of_executions() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "x", 0x0403_0201, 2).await;
            let expected: [&[u8]; 5] = [
                b"\x17\x01\x02\x03\x04\0\x01\0\0\0\0\x01\x08\0\xFD\0\x07\0\0\0\0\0\0\0\x02ab",
                b"\x17\x01\x02\x03\x04\0\x01\0\0\0\0\0\x08\0\0\0\0\0\0\0\x01c",
                b"\x17\x01\x02\x03\x04\0\x01\0\0\0\x02\0\x09\0\0\0\0\0\0\0",
                b"\x17\x01\x02\x03\x04\0\x01\0\0\0\0\x01\x01\x80\xFD\0\xFF\0",
                // After an error nobody knows which types the server has.
                b"\x17\x01\x02\x03\x04\0\x01\0\0\0\0\x01\x01\x80\xFD\0\xFF\0",
            ];
            for (i, expected) in expected.into_iter().enumerate() {
                assert_eq!(server.command().await, expected, "execution {i}");
                let reply = server.reply();
                server.send(if i == 3 { reply.err(1062, "twice") } else { reply.ok() }).await;
            }
            server.echo().await;
        })
        .await;
        let x = session.prepare("x").await.unwrap();
        session.execute(&x, (7_i64, "ab")).await.unwrap();
        session.execute(&x, (8_i64, "c")).await.unwrap();
        session.execute(&x, (9_i64, None::<&str>)).await.unwrap();
        let error = session.execute(&x, (255_u8, "")).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1062);
        session.execute(&x, (255_u8, "")).await.unwrap();
        // Refused before a byte of it is written.
        let written = script.wire.len();
        let error = session.execute(&x, (f64::NAN, "")).await.unwrap_err();
        assert_eq!(error.was_sent(), Sent::No);
        assert_eq!(script.wire.len(), written);
        assert_in_step(&mut session).await;
        drop((session, x));
        script.done().await;
    });
}

#[test]
fn e83_closes_go_out_with_the_next_command() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "a", 1, 0).await;
            expect_prepare(&mut server, "b", 2, 0).await;
            server.expect(Command::StmtClose(1)).await;
            server.expect(Command::StmtClose(2)).await;
            server.expect(Command::Ping).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        let (a, b) = (session.prepare("a").await.unwrap(), session.prepare("b").await.unwrap());
        let before = script.wire.writes().len();
        drop(a);
        drop(b);
        assert_eq!(script.wire.writes().len(), before);
        session.ping().await.unwrap();
        assert_eq!(script.wire.writes().len(), before + 1, "one write");
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn e90_at_the_servers_limit_the_cache_is_given_back_first() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "a ?", 1, 1).await;
            server.command().await;
            server.send(server.reply().ok()).await;
            server.expect(Command::StmtPrepare(b"b ?")).await;
            server.send(server.reply().err(1461, "too many")).await;
            server.expect(Command::StmtClose(1)).await;
            expect_prepare(&mut server, "b ?", 2, 1).await;
            server.command().await;
            server.send(server.reply().ok()).await;
            // Nothing is left to give back: the error is the caller's.
            for _ in 0..2 {
                if matches!(Command::decode(&server.command().await), Ok(Command::StmtClose(2))) {
                    server.command().await;
                }
                server.send(server.reply().err(1461, "too many")).await;
            }
            // With nothing in the cache there is no second attempt.
            server.expect(Command::StmtPrepare(b"d")).await;
            server.send(server.reply().err(1461, "too many")).await;
            // A preparation by hand gets the cache's room as well.
            expect_prepare(&mut server, "e ?", 3, 1).await;
            server.command().await;
            server.send(server.reply().ok()).await;
            server.expect(Command::StmtPrepare(b"f")).await;
            server.send(server.reply().err(1461, "too many")).await;
            server.expect(Command::StmtClose(3)).await;
            expect_prepare(&mut server, "f", 4, 0).await;
            server.echo().await;
        })
        .await;
        session.execute("a ?", (1,)).await.unwrap();
        session.execute("b ?", (1,)).await.unwrap();
        for attempt in
            [session.execute("c ?", (1,)).await.map(drop), session.prepare("d").await.map(drop)]
        {
            assert_eq!(attempt.unwrap_err().as_server().unwrap().code(), 1461);
        }
        session.execute("e ?", (1,)).await.unwrap();
        let f = session.prepare("f").await.unwrap();
        assert_in_step(&mut session).await;
        drop((session, f));
        script.done().await;
    });
}

/// K-22, E-80, E-81: a cursor, in both modes, whose end has both flags set.
#[test]
fn e80_e81_cursors_in_both_modes() {
    for greeting in both_modes() {
        for opened in [true, false] {
            run(async move {
                let (mut session, script) =
                    logged_in(greeting, &config(), move |mut server| async move {
                        expect_prepare(&mut server, "x", 5, 0).await;
                        let flags = Execute::CURSOR_READ_ONLY;
                        let execute = Execute { statement: 5, flags, parameters: &[] };
                        server.expect(Command::StmtExecute(execute)).await;
                        send_cursor(&mut server, opened).await;
                        if opened {
                            let exists = StatusFlags::CURSOR_EXISTS;
                            let last = exists.with(StatusFlags::LAST_ROW_SENT);
                            for (numbers, status) in [(0..2, exists), (2..4, exists), (4..5, last)]
                            {
                                server.expect(Command::StmtFetch { statement: 5, rows: 2 }).await;
                                let reply = binary_numbers(server.reply(), numbers);
                                server.send(reply.end_with(&ok_status(status))).await;
                            }
                        }
                        server.echo().await;
                    })
                    .await;
                let x = session.prepare("x").await.unwrap().with_fetch_size(2);
                let all: Vec<u64> = session.fetch_all(&x, ()).await.unwrap();
                assert_eq!(all, [0, 1, 2, 3, 4]);
                assert_in_step(&mut session).await;
                drop((session, x));
                script.done().await;
            });
        }
    }
}

/// E-81: a cursor that has more and never gives any is no end, and no reason to ask for ever.
#[test]
fn e81_a_fetch_without_rows_is_the_end_or_an_error() {
    for greeting in both_modes() {
        for skipped in [true, false] {
            run(async move {
                let (mut session, script) =
                    logged_in(greeting, &config(), move |mut server| async move {
                        expect_prepare(&mut server, "x", 5, 0).await;
                        server.command().await;
                        send_cursor(&mut server, true).await;
                        let exists = ok_status(StatusFlags::CURSOR_EXISTS);
                        // As many rows as there are sequence ids, and then none.
                        for numbers in [0..256, 0..0] {
                            server.expect(Command::StmtFetch { statement: 5, rows: 256 }).await;
                            let reply = binary_numbers(server.reply(), numbers);
                            server.send(reply.end_with(&exists)).await;
                        }
                        server.until_closed().await;
                    })
                    .await;
                let x = session.prepare("x").await.unwrap().with_fetch_size(256);
                let mut rows = session.query(&x, ()).await.unwrap();
                let error = match skipped {
                    true => rows.next_result().await.unwrap_err(),
                    false => rows.collect::<u64>().await.unwrap_err(),
                };
                let Error::Protocol(protocol) = &error else { panic!("{error}") };
                assert!(matches!(protocol.kind(), ProtocolErrorKind::Unexpected { .. }), "{error}");
                assert!(error.is_fatal());
                drop(rows);
                assert_dead(&mut session, &script).await;
                drop((session, x));
                script.done().await;
            });
        }
    }
}

/// The head of a result set whose rows are in a cursor, or follow.
async fn send_cursor(server: &mut Server, opened: bool) {
    let exists = ok_status(StatusFlags::CURSOR_EXISTS);
    let deprecated = server.capabilities().contains(Capabilities::DEPRECATE_EOF);
    let reply = match (opened, deprecated) {
        (false, _) => binary_numbers(server.reply().columns(&[number()]), 0..5).end(),
        (true, true) => server.reply().columns(&[number()]).end_with(&exists),
        (true, false) => {
            let mut definition = Vec::new();
            number().encode(server.capabilities(), &mut definition);
            server.reply().payload(&[1]).payload(&definition).eof(StatusFlags::CURSOR_EXISTS)
        }
    };
    server.send(reply).await;
}

#[test]
fn e76_e77_binary_rows_that_are_not_what_they_should_be() {
    let (long, unknown) = (ColumnType::LONG, ColumnType(200));
    for (column_type, payload, fatal) in [
        (long, &b"\0\0\x01\0\0"[..], false),
        (long, b"\0\0\x01\0\0\0\0\0", false),
        // As long as the OK packet that servers put in the place of a lost end.
        (long, b"\0\0\x01\0\0\0\0", true),
        (long, b"\0", false),
        (unknown, b"\0\0\x01x", false),
        (long, b"\x01\0\x01\0\0\0", true),
        (long, b"\xFB", true),
    ] {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    expect_prepare(&mut server, "x", 5, 0).await;
                    server.command().await;
                    let reply = server.reply().columns(&[column("c", column_type)]);
                    server.send(reply.payload(payload).end()).await;
                    server.echo().await;
                })
                .await;
            let x = session.prepare("x").await.unwrap();
            let row = session.fetch_all::<(i64,)>(&x, ()).await;
            let error = row.unwrap_err();
            if fatal {
                let Error::Protocol(protocol) = &error else { panic!("{payload:?}: {error}") };
                let unexpected = matches!(protocol.kind(), ProtocolErrorKind::Unexpected { .. });
                assert!(unexpected, "{payload:?}: {error}");
                assert_dead(&mut session, &script).await;
            } else {
                // The packets are in step all the same, so the session is.
                let Error::Column(column) = &error else { panic!("{payload:?}: {error}") };
                assert_eq!(column.reason(), ValueError::Row, "{payload:?}");
                assert_in_step(&mut session).await;
            }
            drop((session, x));
            script.abandon();
        });
    }
}

/// E-93: only a query can be answered by a request for a file.
#[test]
fn e93_no_file_for_a_prepared_statement() {
    for prepared in [false, true] {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    if prepared {
                        expect_prepare(&mut server, "x", 5, 0).await;
                    }
                    server.command().await;
                    server.send(server.reply().payload(b"\xFB/etc/passwd")).await;
                    server.until_closed().await;
                })
                .await;
            let error = match session.prepare("x").await {
                Ok(x) => session.execute(&x, ()).await.unwrap_err(),
                Err(error) => error,
            };
            assert!(matches!(error, Error::Protocol(_)), "{error}");
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn errors_in_prepare_leave_the_session_in_step() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.expect(Command::StmtPrepare(b"x")).await;
            server.send(server.reply().err(1064, "no")).await;
            server.echo().await;
        })
        .await;
        let error = session.prepare("x").await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1064);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// A statement that was prepared for a future that is gone is nobody's: it is closed.
#[test]
fn e95_a_dropped_prepare_leaves_no_statement_behind() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.expect(Command::StmtPrepare(b"x")).await;
            sleep(Duration::from_secs(10)).await;
            server.send(server.reply().prepared(9, 1, &[number()])).await;
            server.expect(Command::StmtClose(9)).await;
            server.echo().await;
        })
        .await;
        assert!(timeout(Duration::from_secs(5), session.prepare("x")).await.is_err());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// Prepare, execute and two fetches, given up at every moment.
#[test]
fn e95_t60_dropped_at_any_moment_of_a_cursor() {
    for half_seconds in 0..32_u32 {
        run(async move {
            let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
                loop {
                    let payload = server.command().await;
                    let reply = server.reply();
                    let exists = StatusFlags::CURSOR_EXISTS;
                    let reply = match Command::decode(&payload).unwrap() {
                        Command::StmtPrepare(_) => reply.prepared(3, 1, &[number()]),
                        Command::StmtExecute(_) => {
                            reply.columns(&[number()]).end_with(&ok_status(exists))
                        }
                        Command::StmtFetch { .. } => {
                            let status = StatusFlags::LAST_ROW_SENT;
                            binary_numbers(reply, [1, 2]).end_with(&ok_status(status))
                        }
                        Command::StmtClose(_) => continue,
                        Command::Query(sql) => {
                            let columns = [column("echo", ColumnType::VAR_STRING)];
                            let reply = reply.columns(&columns).row_of(&[Some(sql)]).end();
                            server.send(reply).await;
                            server.echo().await;
                            return;
                        }
                        other => panic!("{other:?}"),
                    };
                    for part in reply.bytes().chunks(reply.bytes().len() / 3 + 1) {
                        sleep(Duration::from_secs(1)).await;
                        server.write(part).await;
                    }
                }
            })
            .await;
            let patience = Duration::from_millis(500) * half_seconds + Duration::from_millis(1);
            let whole = timeout(patience, async {
                let x = session.prepare("x").await.unwrap().with_fetch_size(2);
                session.fetch_all::<OwnedRow>(&x, (1,)).await.unwrap().len()
            })
            .await;
            assert_eq!(whole.is_ok(), half_seconds >= 18, "{half_seconds}");
            if let Ok(rows) = whole {
                assert_eq!(rows, 2);
            }
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// A panic in a caller's own code leaves nothing of its packet behind.
#[test]
fn a_parameter_that_panics_is_not_sent() {
    struct Faulty;

    impl ToValue for Faulty {
        fn parameter_type(&self) -> Option<ParameterType> {
            "".parameter_type()
        }

        fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
            out.extend_from_slice(b"half");
            panic!("a caller's own fault");
        }
    }

    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "x", 7, 2).await;
            server.expect(Command::Ping).await;
            server.send(server.reply().ok()).await;
            let first = b"\x17\x07\0\0\0\0\x01\0\0\0\0\x01\x08\0\x08\0".to_vec();
            assert!(server.command().await.starts_with(&first));
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        let x = session.prepare("x").await.unwrap();
        let written = script.wire.len();
        let mut sending = Box::pin(session.execute(&x, (7_i64, Faulty)));
        let mut context = Context::from_waker(Waker::noop());
        let poll = AssertUnwindSafe(|| sending.as_mut().poll(&mut context));
        assert!(catch_unwind(poll).is_err());
        drop(sending);
        assert_eq!(script.wire.len(), written);
        session.ping().await.unwrap();
        session.execute(&x, (7_i64, 8_i64)).await.unwrap();
        assert_in_step(&mut session).await;
        drop((session, x));
        script.done().await;
    });
}

/// A MariaDB with and one without `DEPRECATE_EOF`.
fn both_mariadbs() -> [Greeting<'static>; 2] {
    let old = mariadb().capabilities.without(Capabilities::DEPRECATE_EOF);
    [mariadb(), Greeting { capabilities: old, ..mariadb() }]
}

/// What PREPARE or the last execution sent holds where definitions are left out, whatever ran in
/// between, and what is sent again replaces it.
#[test]
fn e63_definitions_that_are_left_out_are_the_last_ones() {
    for greeting in both_mariadbs() {
        run(async move {
            let (mut session, script) =
                logged_in(greeting, &config(), move |mut server| async move {
                    assert!(server.capabilities().contains(Capabilities::MARIADB_CACHE_METADATA));
                    server.expect(Command::StmtPrepare(b"a")).await;
                    server.send(server.reply().prepared(1, 0, &[number()])).await;
                    server.expect(Command::StmtPrepare(b"b")).await;
                    let text = column("s", ColumnType::VAR_STRING);
                    server.send(server.reply().prepared(2, 0, &[text, number()])).await;
                    for round in 0..3_u64 {
                        server.command().await;
                        let reply = server.reply().known_columns(1);
                        server.send(binary_numbers(reply, [round, round + 1]).end()).await;
                        server.command().await;
                        let cells = [
                            (Layout::LengthEncoded, Some(&b"text"[..])),
                            (Layout::Fixed(8), Some(&[7, 0, 0, 0, 0, 0, 0, 0])),
                        ];
                        let reply = server.reply().known_columns(2).binary_row(&cells);
                        server.send(reply.end()).await;
                        server.command().await;
                        server.send(server.reply().columns(&[number()]).row(&["1"]).end()).await;
                    }
                    // The table was altered.
                    let other = [column("t", ColumnType::VAR_STRING)];
                    let row = [(Layout::LengthEncoded, Some(&b"new"[..]))];
                    server.command().await;
                    server.send(server.reply().columns(&other).binary_row(&row).end()).await;
                    server.command().await;
                    server.send(server.reply().known_columns(1).binary_row(&row).end()).await;
                    server.echo().await;
                })
                .await;
            let a = session.prepare("a").await.unwrap();
            let b = session.prepare("b").await.unwrap();
            for round in 0..3_i64 {
                let numbers: Vec<i64> = session.fetch_all(&a, ()).await.unwrap();
                assert_eq!(numbers, [round, round + 1]);
                // Rows that are kept keep their columns.
                let row: OwnedRow = session.fetch_one(&b, ()).await.unwrap();
                assert_eq!(session.fetch_one::<i64>("text", ()).await.unwrap(), 1);
                assert_eq!(row.decode::<(&str, i64)>().unwrap(), ("text", 7));
            }
            for _ in 0..2 {
                let row: OwnedRow = session.fetch_one(&a, ()).await.unwrap();
                assert_eq!(row.columns().get(0).unwrap().name(), "t");
                assert_eq!(row.decode::<&str>().unwrap(), "new");
            }
            assert_eq!(a.columns().get(0).unwrap().name(), "n", "as it was prepared");
            assert_in_step(&mut session).await;
            drop((session, a, b));
            script.done().await;
        });
    }
}

/// Definitions that nobody knows, or of another number of columns: rows could not be read.
#[test]
fn e63_unknown_definitions_are_a_protocol_error() {
    for greeting in both_mariadbs() {
        for (prepared, columns, text) in [(1, 2, false), (0, 1, false), (2, 1, false), (1, 1, true)]
        {
            run(async move {
                let (mut session, script) =
                    logged_in(greeting, &config(), move |mut server| async move {
                        server.expect(Command::StmtPrepare(b"a")).await;
                        let definitions = vec![number(); prepared];
                        server.send(server.reply().prepared(1, 0, &definitions)).await;
                        server.command().await;
                        server.send(server.reply().known_columns(columns)).await;
                        server.until_closed().await;
                    })
                    .await;
                let statement = session.prepare("a").await.unwrap();
                let error = match text {
                    true => session.query("text", ()).await.unwrap_err(),
                    false => session.query(&statement, ()).await.unwrap_err(),
                };
                let Error::Protocol(protocol) = &error else { panic!("{error}") };
                let known = if text { 0 } else { prepared };
                let columns = usize::try_from(columns).unwrap();
                assert_eq!(protocol.kind(), ProtocolErrorKind::NoDefinitions { columns, known });
                assert_dead(&mut session, &script).await;
                drop((session, statement));
                script.done().await;
            });
        }
    }
}

/// K-24: a statement that the server does not know was not executed, so a cached one is prepared
/// anew; once, and no other error does that.
#[test]
fn k24_a_cached_statement_that_is_unknown_is_prepared_anew() {
    for (code, handler, again) in [
        (1243, "(1) given to mysqld_stmt_execute", true),
        // What a statement of SQL says, which a procedure executes.
        (1243, "(gone) given to EXECUTE", false),
        (1243, "(1) given to EXECUTE", false),
        (1615, "", false),
        (1064, "", false),
    ] {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    expect_prepare(&mut server, "a ?", 1, 1).await;
                    server.command().await;
                    server.send(server.reply().ok()).await;
                    server.command().await;
                    let message = format!("Unknown prepared statement handler {handler}");
                    server.send(server.reply().err(code, &message)).await;
                    if again {
                        server.expect(Command::StmtClose(1)).await;
                        expect_prepare(&mut server, "a ?", 2, 1).await;
                        server.command().await;
                        server.send(server.reply().err(code, "still not")).await;
                        server.expect(Command::StmtClose(2)).await;
                    } else if code != 1064 {
                        server.expect(Command::StmtClose(1)).await;
                    }
                    server.echo().await;
                })
                .await;
            session.execute("a ?", (1,)).await.unwrap();
            let error = session.execute("a ?", (1,)).await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), code);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// E-96: a reset that the server refuses leaves its statements: they can be executed, and those that
/// nobody has are closed.
#[test]
fn e96_a_refused_reset_leaves_the_statements() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "x", 1, 0).await;
            expect_prepare(&mut server, "a ?", 2, 1).await;
            server.command().await;
            server.send(server.reply().ok()).await;
            server.expect(Command::ResetConnection).await;
            let refusal = server.reply().err(1047, "Unknown command");
            server.command().await;
            server.send(refusal).await;
            server.send(Packets::new(server.capabilities(), 1).ok()).await;
            server.expect(Command::StmtClose(2)).await;
            let execute = Execute { statement: 1, flags: 0, parameters: &[] };
            server.expect(Command::StmtExecute(execute)).await;
            server.send(server.reply().ok()).await;
            server.expect(Command::StmtClose(1)).await;
            server.echo().await;
        })
        .await;
        let x = session.prepare("x").await.unwrap();
        session.execute("a ?", (1,)).await.unwrap();
        assert_eq!(session.reset().await.unwrap_err().as_server().unwrap().code(), 1047);
        session.execute(&x, ()).await.unwrap();
        drop(x);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}
