//! Pipelines at servers that are silent, drop commands, or break off.

use std::time::Duration;

use mywire::error::UsageError;
use mywire::wire::{ColumnType, Command, Execute};
use mywire::{Error, Sent, Session};

use crate::scripted::*;

/// T-112: a queue that nobody answers ends with an error, not with the memory.
#[test]
fn t112_commands_to_a_silent_server_are_bounded() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.until_closed().await;
        })
        .await;
        let mut pipeline = session.pipeline();
        let full = loop {
            match pipeline.query("SELECT 1", ()).await {
                Ok(()) => assert!(pipeline.len() <= 2_000, "no end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(full, Error::Usage(UsageError::PipelineFull { .. })), "{full}");
        assert_eq!((full.was_sent(), full.is_fatal()), (Sent::No, false));
        assert!(!pipeline.has_room());
        drop(pipeline);
        drop(session);
        script.abandon();
    });
}

/// What waits is bounded in bytes as well, and what was sent is not kept.
#[test]
fn t112_bytes_that_wait_are_bounded() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            // Reads nothing at all.
            std::future::pending::<()>().await;
            server.command().await;
        })
        .await;
        let long = format!("SELECT '{}'", "x".repeat(100 << 10));
        let mut pipeline = session.pipeline();
        let mut queued = 0;
        while pipeline.has_room() {
            pipeline.query(&long, ()).await.unwrap();
            queued += 1;
        }
        assert!(queued <= 16, "{queued} commands of 100 KiB");
        assert!(pipeline.query("SELECT 1", ()).await.is_err());
        drop(session);
        script.abandon();
    });
}

/// The commands go out together, and the switch for proxies sends one after the other.
#[test]
fn one_write_or_one_at_a_time() {
    for pipelining in [true, false] {
        run(async move {
            let config = config().pipelining(pipelining);
            let (mut session, script) = logged_in(mysql(), &config, move |mut server| async move {
                server.expect(Command::Query(b"a")).await;
                if !pipelining {
                    server.send(server.reply().ok()).await;
                }
                server.expect(Command::Query(b"b")).await;
                if pipelining {
                    // Replies of both, in one piece.
                    let both = server.reply().ok().bytes().repeat(2);
                    assert!(server.write(&both).await);
                } else {
                    server.send(server.reply().ok()).await;
                }
                server.echo().await;
            })
            .await;
            let before = script.wire.writes().len();
            let mut pipeline = session.pipeline();
            pipeline.query("a", ()).await.unwrap();
            pipeline.query("b", ()).await.unwrap();
            assert_eq!(script.wire.writes().len(), before, "nothing is sent before it is needed");
            for _ in 0..2 {
                pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
            }
            let writes = script.wire.writes().len() - before;
            assert_eq!(writes, if pipelining { 1 } else { 2 });
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// A lost connection is the answer to everything that was not answered, told once.
#[test]
fn a_server_that_breaks_off_ends_the_pipeline() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            for sql in [b"a", b"b", b"c"] {
                server.expect(Command::Query(sql)).await;
            }
            server.send(server.reply().ok()).await;
            server.close();
        })
        .await;
        let mut pipeline = session.pipeline();
        for sql in ["a", "b", "c"] {
            pipeline.query(sql, ()).await.unwrap();
        }
        pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
        let error = pipeline.next_reply().await.unwrap().unwrap_err();
        assert_eq!((error.was_sent(), error.is_fatal()), (Sent::Maybe, true));
        assert!(pipeline.next_reply().await.is_none());
        drop(pipeline);
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

/// Rows whose replies never came are not told as done.
#[test]
fn a_server_that_breaks_off_a_bulk_execution() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.expect(Command::StmtPrepare(b"x")).await;
            server.send(server.reply().prepared(7, 1, &[])).await;
            for row in 0..5 {
                server.command().await;
                if row < 2 {
                    server.send(server.reply().ok()).await;
                }
            }
            server.close();
        })
        .await;
        let statement = session.prepare("x").await.unwrap();
        let error = session.bulk(&statement, (0..5).map(|n| (n,))).await.unwrap_err();
        let Error::Bulk(bulk) = &error else { panic!("{error}") };
        assert_eq!((bulk.rows(), bulk.done().rows), (2..3, 2));
        assert_eq!((error.was_sent(), error.is_fatal()), (Sent::Maybe, true));
        assert!(!error.is_retryable());
        assert_dead(&mut session, &script).await;
        drop((session, statement));
        script.done().await;
    });
}

/// A future dropped while it waits for a reply, and a pipeline dropped with replies due.
#[test]
fn dropped_futures_lose_no_reply() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            for sql in [&b"a"[..], b"b", b"c"] {
                server.expect(Command::Query(sql)).await;
            }
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            let all = server.reply().ok().bytes().repeat(3);
            assert!(server.write(&all).await);
            server.echo().await;
        })
        .await;
        let mut pipeline = session.pipeline();
        for sql in ["a", "b", "c"] {
            pipeline.query(sql, ()).await.unwrap();
        }
        let soon = std::time::Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, pipeline.next_reply()).await.is_err());
        assert_eq!(pipeline.len(), 3);
        pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
        drop(pipeline.next_reply().await.unwrap().unwrap());
        assert_eq!(pipeline.len(), 1);
        drop(pipeline);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// A reply that is cancelled is over, and no other one is: not in its rows, not behind its end, not
/// the last one.
#[test]
fn a_cancelled_reply_takes_none_of_those_behind_it() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            for sql in [&b"a"[..], b"b", b"c", b"d"] {
                server.expect(Command::Query(sql)).await;
            }
            let numbers = |range| server.reply().numbers(range);
            let all = [numbers(1..4), server.reply().ok(), numbers(7..9), numbers(4..6)];
            for reply in all {
                assert!(server.write(reply.bytes()).await);
            }
            server.echo().await;
        })
        .await;
        let mut pipeline = session.pipeline();
        for sql in ["a", "b", "c", "d"] {
            pipeline.query(sql, ()).await.unwrap();
        }
        let mut rows = pipeline.next_reply().await.unwrap().unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().get::<u64>(0).unwrap(), 1);
        rows.cancel().await.unwrap();
        assert_eq!(pipeline.len(), 3);
        pipeline.next_reply().await.unwrap().unwrap().cancel().await.unwrap();
        let mut rows = pipeline.next_reply().await.unwrap().unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().get::<u64>(0).unwrap(), 7);
        assert_eq!(rows.next().await.unwrap().unwrap().get::<u64>(0).unwrap(), 8);
        drop(rows);
        let mut rows = pipeline.next_reply().await.unwrap().unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().get::<u64>(0).unwrap(), 4);
        rows.cancel().await.unwrap();
        assert!(pipeline.is_empty() && pipeline.next_reply().await.is_none());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// T-93: a pipeline, and rows that are taken up again, are what a handle for the next statement is
/// about; it does not reach the statement behind them.
#[test]
fn t93_a_handle_for_a_pipeline_never_cancels_the_statement_behind_it() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.echo().await;
        })
        .await;
        let handle = session.cancel_handle();
        let mut pipeline = session.pipeline();
        pipeline.query("a", ()).await.unwrap();
        pipeline.query("b", ()).await.unwrap();
        assert!(!handle.cancel().await.unwrap(), "pipelines are not cancelled");
        let reply = pipeline.next_reply().await.unwrap().unwrap();
        assert!(!reply.cancel_handle().cancel().await.unwrap());
        drop(pipeline);
        assert!(!handle.cancel().await.unwrap());
        assert_in_step(&mut session).await;
        // Before it begins, it can be kept from beginning.
        let handle = session.cancel_handle();
        assert!(handle.cancel().await.unwrap());
        let mut pipeline = session.pipeline();
        let error = pipeline.query("c", ()).await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::Cancelled)), "{error}");
        assert!(pipeline.is_empty() && pipeline.next_reply().await.is_none());
        pipeline.query("d", ()).await.unwrap();
        pipeline.next_reply().await.unwrap().unwrap();
        drop(pipeline);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// Caches a statement with one parameter, and executes it.
async fn cache(session: &mut Session, sql: &str) {
    session.execute(sql, (1,)).await.unwrap();
}

async fn expect_prepare(server: &mut Server, sql: &str, statement: u32) {
    server.expect(Command::StmtPrepare(sql.as_bytes())).await;
    server.send(server.reply().prepared(statement, 1, &[])).await;
}

async fn expect_execution(server: &mut Server, statement: u32) {
    let payload = server.command().await;
    let Ok(Command::StmtExecute(Execute { statement: executed, .. })) = Command::decode(&payload)
    else {
        panic!("no execution: {payload:?}")
    };
    assert_eq!(executed, statement);
}

/// K-24: a statement that only preparing anew mends is prepared anew, and only that one.
#[test]
fn k24_a_spoilt_statement_leaves_the_cache() {
    for code in [1243, 1615, 3144] {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    for (sql, statement) in [("x ?", 1), ("y ?", 2)] {
                        expect_prepare(&mut server, sql, statement).await;
                        expect_execution(&mut server, statement).await;
                        server.send(server.reply().ok()).await;
                    }
                    expect_execution(&mut server, 2).await;
                    expect_execution(&mut server, 1).await;
                    let refused = server.reply().err(code, "prepare it anew");
                    assert!(server.write(server.reply().ok().bytes()).await);
                    assert!(server.write(refused.bytes()).await);
                    server.expect(Command::StmtClose(1)).await;
                    expect_execution(&mut server, 2).await;
                    server.send(server.reply().ok()).await;
                    expect_prepare(&mut server, "x ?", 3).await;
                    expect_execution(&mut server, 3).await;
                    server.send(server.reply().ok()).await;
                    server.echo().await;
                })
                .await;
            cache(&mut session, "x ?").await;
            cache(&mut session, "y ?").await;
            let mut pipeline = session.pipeline();
            pipeline.query("y ?", (1,)).await.unwrap();
            pipeline.query("x ?", (1,)).await.unwrap();
            pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
            let error = pipeline.next_reply().await.unwrap().unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), code);
            pipeline.query("y ?", (2,)).await.unwrap();
            pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
            pipeline.query("x ?", (2,)).await.unwrap();
            pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
            drop(pipeline);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// A row that the server refuses comes before one that could not be sent.
#[test]
fn a_bulk_execution_names_the_first_row_that_failed() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "x ?", 7).await;
            for _ in 0..4 {
                expect_execution(&mut server, 7).await;
            }
            for row in 0..4 {
                let reply = server.reply();
                let reply = if row == 1 { reply.err(1062, "twice") } else { reply.ok() };
                assert!(server.write(reply.bytes()).await);
            }
            server.echo().await;
        })
        .await;
        let statement = session.prepare("x ?").await.unwrap();
        let rows = (0..9).map(|n| (if n == 4 { f64::NAN } else { 1.0 },));
        let error = session.bulk(&statement, rows).await.unwrap_err();
        let Error::Bulk(bulk) = &error else { panic!("{error}") };
        assert_eq!((bulk.rows(), bulk.done().rows), (1..2, 3));
        assert_eq!(bulk.error().as_server().unwrap().code(), 1062);
        assert_in_step(&mut session).await;
        drop((session, statement));
        script.done().await;
    });
}

/// The answer to everything that was not answered leaves nothing to wait for.
#[test]
fn a_pipeline_of_a_dead_session_is_empty() {
    for pipelining in [true, false] {
        run(async move {
            let config = config().pipelining(pipelining);
            let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
                server.expect(Command::Query(b"a")).await;
                server.close();
            })
            .await;
            let mut pipeline = session.pipeline();
            for sql in ["a", "b", "c"] {
                pipeline.query(sql, ()).await.unwrap();
            }
            let error = pipeline.next_reply().await.unwrap().unwrap_err();
            assert!(error.is_fatal());
            assert_eq!((pipeline.len(), pipeline.is_empty()), (0, true));
            assert!(pipeline.next_reply().await.is_none());
            assert!(pipeline.query("d", ()).await.unwrap_err().is_fatal());
            assert!(pipeline.next_reply().await.is_none());
            drop(pipeline);
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

/// What is too long to be sent is refused when it is queued, also if it would wait.
#[test]
fn what_is_too_long_is_never_queued() {
    for pipelining in [true, false] {
        run(async move {
            let limits = mywire::Limits::default().max_command(128 << 10);
            let config = config().pipelining(pipelining).limits(limits);
            let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
                expect_prepare(&mut server, "x ?", 7).await;
                server.echo().await;
            })
            .await;
            let statement = session.prepare("x ?").await.unwrap();
            let long = "x".repeat(128 << 10);
            let mut pipeline = session.pipeline();
            pipeline.query("a", ()).await.unwrap();
            for error in [
                pipeline.query(&long, ()).await.unwrap_err(),
                pipeline.query(&statement, (&long,)).await.unwrap_err(),
            ] {
                assert!(matches!(error, Error::Usage(UsageError::TooLong { .. })), "{error}");
            }
            assert_eq!(pipeline.len(), 1);
            pipeline.query("b", ()).await.unwrap();
            for sql in ["a", "b"] {
                let mut rows = pipeline.next_reply().await.unwrap().unwrap();
                assert_eq!(rows.next().await.unwrap().unwrap().get::<&str>(0).unwrap(), sql);
            }
            drop(pipeline);
            drop((session, statement));
            script.done().await;
        });
    }
}

/// A row in pieces that a timeout has ended stays ended: it neither looks complete nor goes on.
#[test]
fn pieces_of_a_row_that_timed_out_say_so_again() {
    run(async {
        let config = config().statement_timeout(Duration::from_secs(1));
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.expect(Command::Query(b"a")).await;
            let columns =
                [column("s", ColumnType::VAR_STRING), column("t", ColumnType::VAR_STRING)];
            let reply =
                server.reply().columns(&columns).row(&[&"0123456789".repeat(20), "x"]).end();
            let bytes = reply.bytes();
            let cut = bytes.windows(4).position(|window| window == b"0123").unwrap() + 100;
            assert!(server.write(&bytes[..cut]).await);
            tokio::time::sleep(Duration::from_millis(1_010)).await;
            assert!(server.write(&bytes[cut..]).await);
            server.echo().await;
        })
        .await;
        let mut rows = session.query("a", ()).await.unwrap();
        let mut row = rows.next_chunked().await.unwrap().unwrap();
        let mut field = row.next_field().await.unwrap().unwrap();
        let error = loop {
            match field.chunk().await {
                Ok(piece) => assert!(piece.is_some(), "the value is not complete"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Timeout(_)) && !error.is_fatal(), "{error}");
        for _ in 0..2 {
            let error = field.chunk().await.unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::RowsOver)), "{error}");
        }
        let error = row.next_field().await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::RowsOver)), "{error}");
        drop(row);
        assert!(rows.next().await.is_err());
        drop(rows);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// What happened to the rows behind the first that failed is unknown once the session is lost, so
/// nothing is to be tried again as if nothing had happened.
#[test]
fn a_bulk_execution_that_fails_and_is_lost_behind_it() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            expect_prepare(&mut server, "x ?", 7).await;
            for _ in 0..3 {
                expect_execution(&mut server, 7).await;
            }
            server.send(server.reply().err(1213, "deadlock")).await;
            server.close();
        })
        .await;
        let statement = session.prepare("x ?").await.unwrap();
        let error = session.bulk(&statement, (0..3).map(|n| (n,))).await.unwrap_err();
        let Error::Bulk(bulk) = &error else { panic!("{error}") };
        assert_eq!((bulk.rows(), bulk.done().rows), (0..1, 0));
        assert_eq!(error.as_server().unwrap().code(), 1213);
        assert!(bulk.error().is_retryable() && !error.is_retryable());
        assert_eq!((error.was_sent(), error.is_fatal()), (Sent::Yes, true));
        assert_dead(&mut session, &script).await;
        drop((session, statement));
        script.done().await;
    });
}
