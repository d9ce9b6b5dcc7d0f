//! Connections that end, in every place.

use std::time::Duration;

use mywire::error::{Lost, ProtocolErrorKind as Kind};
use mywire::wire::{Capabilities, ColumnType, Command, StatusFlags};
use mywire::{Error, Sent};
use tokio::time::{Instant, sleep};

use crate::scripted::*;

fn lost(error: &Error) -> Lost {
    match error {
        Error::Protocol(error) => match error.kind() {
            Kind::ConnectionLost(lost) => lost,
            other => panic!("{other:?}"),
        },
        other => panic!("no lost connection: {other}"),
    }
}

#[test]
fn e99_t92_a_result_cut_after_each_byte_never_looks_complete() {
    let whole = |reply: Packets| reply.numbers([1, 2, 3]);
    let reply = whole(Packets::new(Capabilities::DEPRECATE_EOF | Capabilities::SESSION_TRACK, 1));
    let length = reply.bytes().len();
    // Where packets begin: there the connection is lost between packets, elsewhere in one.
    let mut begins = vec![0];
    while let Some((header, _)) = reply.bytes()[begins[begins.len() - 1]..].split_first_chunk::<4>()
    {
        let packet = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        begins.push(begins[begins.len() - 1] + 4 + usize::try_from(packet).unwrap());
    }
    for cut in 0..length {
        let between = begins.contains(&cut);
        run(async move {
            let (mut session, script) = logged_in(mysql(), &config(), move |server| async move {
                let mut server = server;
                server.command().await;
                let reply = whole(server.reply());
                server.write(&reply.bytes()[..cut]).await;
                server.close();
            })
            .await;
            let error = match session.query("SELECT n", ()).await {
                Err(error) => error,
                Ok(mut rows) => {
                    let mut n = 0;
                    loop {
                        match rows.next().await {
                            Ok(Some(row)) => {
                                n += 1;
                                assert_eq!(row.decode::<u64>().unwrap(), n);
                            }
                            Ok(None) => panic!("a result cut at byte {cut} looks complete"),
                            Err(error) => break error,
                        }
                    }
                }
            };
            let expected = match (cut, between) {
                (0, _) => Lost::BeforeReply,
                (_, true) => Lost::InReply,
                (_, false) => Lost::InPacket,
            };
            assert_eq!(lost(&error), expected, "cut at byte {cut}");
            assert_eq!(error.was_sent(), Sent::Maybe);
            assert!(!error.is_retryable());
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn t92_a_shutdown_between_rows_is_told_after_the_rows() {
    for code in [1053, 1927, 3169, 4031] {
        run(async move {
            let (mut session, script) = logged_in(mysql(), &config(), move |server| async move {
                let mut server = server;
                server.command().await;
                let reply = server.reply().columns(&[column("n", ColumnType::LONGLONG)]);
                server.send(reply.row(&["1"]).err(code, "Server shutdown in progress")).await;
                server.close();
            })
            .await;
            let mut rows = session.query("SELECT n", ()).await.unwrap();
            assert!(rows.next().await.unwrap().is_some());
            let error = rows.next().await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), code);
            assert!(error.is_fatal());
            assert!(rows.next().await.is_err());
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn t90_a_connection_that_closed_before_the_statement_was_written_is_retryable() {
    run(async {
        let (mut session, script) =
            logged_in(mysql(), &config(), |server| async move { server.close() }).await;
        sleep(Duration::from_secs(1)).await;
        let written = script.wire.len();
        let error = session.execute("DELETE FROM t", ()).await.unwrap_err();
        assert_eq!(lost(&error), Lost::Idle);
        assert_eq!(error.was_sent(), Sent::No);
        assert!(error.is_retryable());
        assert_eq!(script.wire.len(), written);
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

/// T-65, T-90: nobody knows whether it was committed, and nothing tries again.
#[test]
fn t65_a_commit_whose_reply_is_lost_is_of_unknown_outcome() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |server| async move {
            let mut server = server;
            for _ in ["START TRANSACTION", "INSERT"] {
                server.command().await;
                let status = StatusFlags::IN_TRANS.with(StatusFlags::AUTOCOMMIT);
                server.send(server.reply().ok_with(&ok_status(status))).await;
            }
            assert_eq!(server.command().await[1..], *b"COMMIT");
            server.close();
        })
        .await;
        let mut transaction = session.begin().await.unwrap();
        transaction.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
        let error = transaction.commit().await.unwrap_err();
        assert_eq!(lost(&error), Lost::BeforeReply);
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert!(error.is_fatal() && !error.is_retryable());
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t101_closing_says_good_bye() {
    run(async {
        let (session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.expect(Command::Quit).await;
            // Some servers answer it, and nobody listens.
            server.send(server.reply().err(1053, "Server shutdown in progress")).await;
            assert_eq!(server.until_closed().await, 0);
        })
        .await;
        session.close().await.unwrap();
        script.done().await;
    });
}

#[test]
fn t101_closing_does_not_wait_for_a_peer_that_does_not_read() {
    run(async {
        let (stream, script) = serve_through(64, |mut server| async move {
            server.login().await;
            server.command().await;
            server.send(server.reply().columns(&[column("n", ColumnType::LONGLONG)])).await;
            std::future::pending::<()>().await;
        });
        let mut session = mywire::Session::from_stream(stream, &config()).await.unwrap();
        let _ = session.query("SELECT n", ()).await.unwrap();
        // The pipe is full of a statement that nobody reads.
        let sql = "x".repeat(1000);
        let given_up =
            tokio::time::timeout(Duration::from_secs(5), session.execute(&sql, ())).await;
        assert!(given_up.is_err());
        let began = Instant::now();
        session.close().await.unwrap();
        // On a clock that jumps this is a bound on the waiting, not on the speed.
        assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
        script.abandon();
    });
}

#[test]
fn t101_a_peer_that_left_does_not_make_closing_fail() {
    run(async {
        let (session, script) =
            logged_in(mysql(), &config(), |server| async move { server.close() }).await;
        sleep(Duration::from_secs(1)).await;
        session.close().await.unwrap();
        script.done().await;
    });
}
