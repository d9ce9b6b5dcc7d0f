//! Servers that are slow on purpose, on a clock that jumps.

use std::time::Duration;

use mywire::error::IoTask;
use mywire::wire::ColumnType;
use mywire::{Error, Sent, Session};
use tokio::time::{Instant, sleep};

use crate::scripted::*;

async fn times_out(stream: Tap) -> Error {
    let began = Instant::now();
    let config = config().connect_timeout(Duration::from_secs(7));
    let error = Session::from_stream(stream, &config).await.expect_err("a timeout");
    assert_eq!(began.elapsed().as_secs(), 7);
    let Error::Io(io) = &error else { panic!("{error}") };
    assert_eq!(io.task(), IoTask::Handshake);
    assert_eq!(io.io_error().kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(error.was_sent(), Sent::No);
    error
}

#[test]
fn t39_the_connect_timeout_covers_a_server_that_says_nothing() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.until_closed().await;
        });
        let error = times_out(stream).await;
        assert!(error.to_string().contains("is it a MySQL or MariaDB server?"), "{error}");
        assert!(script.done().await.is_empty());
    });
}

#[test]
fn t39_the_connect_timeout_covers_a_server_that_trickles() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            let greeting = server.reply().greeting(&mysql());
            for byte in greeting.bytes() {
                if !server.write(&[*byte]).await {
                    return;
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
        let error = times_out(stream).await;
        assert!(error.to_string().contains("longer than the connect timeout"), "{error}");
        assert!(script.abandon().is_empty());
    });
}

#[test]
fn t39_the_connect_timeout_covers_a_server_that_never_ends_the_login() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            server.until_closed().await;
        });
        times_out(stream).await;
        script.done().await.assert_without_secret(PASSWORD);
    });
    // In the middle of the TLS handshake.
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.send(server.reply().greeting(&with_tls(mysql()))).await;
            server.until_closed().await;
        });
        times_out(stream).await;
        script.done().await;
    });
}

#[test]
fn t40_a_large_statement_and_a_large_unread_reply_do_not_block_each_other() {
    run(async {
        let sql = "x".repeat(32 << 20);
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            // The server says 10 MiB before it reads on: three chunks will come.
            assert!(server.begun().await);
            let blob = column("b", ColumnType::BLOB);
            let mut reply = server.reply().with_sequence(3).columns(&[blob]);
            for _ in 0..100 {
                reply = reply.row_of(&[Some(&[b'y'; 100 << 10])]);
            }
            assert!(server.write(reply.end().bytes()).await);
            assert_eq!(server.command().await.len(), (32 << 20) + 1);
            server.echo().await;
        })
        .await;
        let mut rows = session.query(&sql, ()).await.unwrap();
        let mut bytes = 0;
        while let Some(row) = rows.next().await.unwrap() {
            bytes += row.get::<&[u8]>(0).unwrap().len();
        }
        assert_eq!(bytes, 100 * (100 << 10));
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}
