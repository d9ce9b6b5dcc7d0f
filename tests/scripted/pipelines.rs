//! Pipelines at servers that are silent, drop commands, or break off.

use mywire::error::UsageError;
use mywire::wire::Command;
use mywire::{Error, Sent};

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
