//! Results, and futures, that are dropped before they are over.

use std::time::Duration;

use mywire::error::UsageError;
use mywire::wire::{Capabilities, ColumnType, Command, Greeting, StatusFlags};
use mywire::{Error, Limits, Sent};
use tokio::time::{sleep, timeout};

use crate::scripted::*;

/// Sends packet by packet, a second apart: every wait in between is a place to give up.
async fn send_slowly(server: &mut Server, packets: &Packets) {
    let mut rest = packets.bytes();
    while let Some((header, _)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (packet, more) = rest.split_at(4 + usize::try_from(length).unwrap());
        // Cut within the packet as well.
        for part in [&packet[..2], &packet[2..5], &packet[5..]] {
            server.write(part).await;
            sleep(Duration::from_secs(1)).await;
        }
        rest = more;
    }
}

#[test]
fn e95_t60_rows_dropped_after_each_row_leave_the_next_statement_alone() {
    for read in 0..=3 {
        run(async move {
            let (mut session, script) = replying(|reply| reply.numbers([1, 2, 3])).await;
            let mut rows = session.query("SELECT n", ()).await.unwrap();
            for _ in 0..read {
                rows.next().await.unwrap().expect("a row");
            }
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e95_t60_a_future_dropped_at_any_moment_leaves_the_next_statement_alone() {
    let more = || ok_status(StatusFlags::AUTOCOMMIT.with(StatusFlags::MORE_RESULTS));
    // Two results take 3 * 10 seconds: each half second is a moment.
    for half_seconds in 0..64_u32 {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    server.expect(Command::Query(b"SELECT n; SELECT n")).await;
                    let reply = server.reply().columns(&[column("n", ColumnType::LONGLONG)]);
                    let reply = reply.row(&["1"]).row(&["2"]).row(&["3"]).end_with(&more());
                    send_slowly(&mut server, &reply.numbers([4])).await;
                    server.echo().await;
                })
                .await;
            let half_second = Duration::from_millis(500);
            let patience = half_second * half_seconds + Duration::from_millis(1);
            let whole = timeout(patience, async {
                let mut rows = session.query("SELECT n; SELECT n", ()).await.unwrap();
                let mut numbers = Vec::new();
                loop {
                    while let Some(row) = rows.next().await.unwrap() {
                        numbers.push(row.decode::<u64>().unwrap());
                    }
                    if !rows.next_result().await.unwrap() {
                        return numbers;
                    }
                }
            })
            .await;
            if let Ok(numbers) = whole {
                assert_eq!(numbers, [1, 2, 3, 4]);
            }
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e95_methods_of_rows_that_were_dropped_can_be_called_again() {
    run(async {
        let more = ok_status(StatusFlags::AUTOCOMMIT.with(StatusFlags::MORE_RESULTS));
        let (mut session, script) = logged_in(mysql(), &config(), move |mut server| async move {
            server.command().await;
            let reply = server.reply().columns(&[column("n", ColumnType::LONGLONG)]);
            let reply = reply.row(&["1"]).row(&["2"]).end_with(&more).numbers([3, 4]);
            send_slowly(&mut server, &reply).await;
            server.echo().await;
        })
        .await;
        let mut rows = session.query("SELECT n; SELECT n", ()).await.unwrap();
        let mut numbers = Vec::new();
        let mut dropped = 0;
        let second = Duration::from_millis(700);
        loop {
            match timeout(second, rows.next()).await {
                Err(_) => dropped += 1,
                Ok(Ok(Some(row))) => numbers.push(row.decode::<u64>().unwrap()),
                Ok(Ok(None)) => match timeout(second, rows.next_result()).await {
                    Err(_) => dropped += 1,
                    Ok(Ok(true)) => {}
                    Ok(Ok(false)) => break,
                    Ok(Err(error)) => panic!("{error}"),
                },
                Ok(Err(error)) => panic!("{error}"),
            }
        }
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert!(dropped > 5, "{dropped} futures were dropped");
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t61_a_statement_dropped_half_written_is_written_to_its_end() {
    run(async {
        let sql = "x".repeat(1 << 20);
        let expected = sql.clone();
        // As long as it takes.
        let limits = Limits::default().max_discard_time(Duration::MAX);
        let config = config().limits(limits);
        let (mut session, script) = logged_in(mysql(), &config, move |mut server| async move {
            // Not a byte is read for a while.
            sleep(Duration::from_secs(100)).await;
            let received = server.command().await;
            assert!(received[1..] == *expected.as_bytes());
            server.send(server.reply().numbers([1])).await;
            server.echo().await;
        })
        .await;
        let given_up = timeout(Duration::from_secs(10), session.execute(&sql, ())).await;
        assert!(given_up.is_err());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t111_a_result_beyond_the_limit_is_not_skipped_but_closed() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.login().await;
            server.command().await;
            server.send(server.reply().columns(&[column("b", ColumnType::LONG_BLOB)])).await;
            // Rows without end.
            let mut row = server.reply().row_of(&[Some(&[b'x'; 60_000])]);
            while server.write(row.bytes()).await {
                row = Packets::new(server.capabilities(), row.sequence())
                    .row_of(&[Some(&[b'x'; 60_000])]);
            }
        });
        let config = config().limits(Limits::default().max_discard(4 << 20));
        let mut session = mywire::Session::from_stream(stream, &config).await.unwrap();
        let mut rows = session.query("SELECT b", ()).await.unwrap();
        rows.next().await.unwrap().expect("a row");
        let error = session.ping().await.unwrap_err();
        let abandoned = UsageError::AbandonedResult { max_discard: 4 << 20 };
        assert!(matches!(&error, Error::Usage(usage) if *usage == abandoned), "{error}");
        assert!(error.to_string().contains("Limits::max_discard"), "{error}");
        assert!(error.is_fatal());
        assert_eq!(error.was_sent(), Sent::No);
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t33_endless_small_packets_are_not_settled_for_ever() {
    type Flood = fn(Packets) -> Packets;
    let floods: [Flood; 2] = [
        // Results without end.
        |reply| reply.ok_with(&ok_status(StatusFlags::MORE_RESULTS)),
        // One row after another.
        |reply| reply.row(&["1"]),
    ];
    for (kind, flood) in floods.into_iter().enumerate() {
        run(async move {
            let (mut session, script) = logged_in(mysql(), &config(), move |server| async move {
                let mut server = server;
                server.command().await;
                let mut reply = server.reply();
                if kind == 1 {
                    reply = reply.columns(&[column("n", ColumnType::LONGLONG)]);
                }
                for _ in 0..1000 {
                    reply = flood(reply);
                }
                while server.write(reply.bytes()).await {
                    reply = Packets::new(server.capabilities(), reply.sequence());
                    for _ in 0..1000 {
                        reply = flood(reply);
                    }
                }
            })
            .await;
            let _ = session.query("SELECT n", ()).await.unwrap();
            let error = session.ping().await.unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::AbandonedResult { .. })), "{error}");
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e96_t64_a_reset_sets_the_character_set_in_the_same_write() {
    for (collation, statement) in [
        (None, "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"),
        (Some("utf8mb4_bin"), "SET NAMES utf8mb4 COLLATE utf8mb4_bin"),
    ] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.login().await;
                if collation.is_some() {
                    server.expect(Command::Query(statement.as_bytes())).await;
                    server.send(server.reply().ok()).await;
                }
                server.expect(Command::ResetConnection).await;
                let first = server.reply().ok();
                server.expect(Command::Query(statement.as_bytes())).await;
                server.send(first).await;
                server.send(Packets::new(server.capabilities(), 1).ok()).await;
                server.echo().await;
            });
            let mut config = config().database("shop");
            if let Some(collation) = collation {
                config = config.collation(collation);
            }
            let mut session = mywire::Session::from_stream(stream, &config).await.unwrap();
            let before = script.wire.writes().len();
            session.reset().await.unwrap();
            assert_eq!(script.wire.writes().len(), before + 1, "one write");
            assert_eq!(session.database(), Some("shop"));
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e96_a_reset_that_is_refused_leaves_the_session_in_step() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.expect(Command::ResetConnection).await;
            server.send(server.reply().err(1047, "Unknown command")).await;
            server.echo().await;
        })
        .await;
        let error = session.reset().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1047);
        // The reply to the second command is still due.
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// A change of the default database that nobody waited for is one all the same; a server without
/// trackers does not tell of it.
#[test]
fn t60_a_database_that_was_chosen_by_a_dropped_future_is_known() {
    for refused in [false, true] {
        run(async move {
            let greeting = mysql();
            let without = Capabilities::SESSION_TRACK;
            let capabilities = greeting.capabilities.without(without);
            let greeting = Greeting { capabilities, ..greeting };
            let config = config().database("home");
            let (mut session, script) =
                logged_in(greeting, &config, move |mut server| async move {
                    server.expect(Command::InitDb(b"shop")).await;
                    sleep(Duration::from_secs(2)).await;
                    let reply = server.reply();
                    let reply =
                        if refused { reply.err(1049, "Unknown database") } else { reply.ok() };
                    server.send(reply).await;
                    server.echo().await;
                })
                .await;
            let choosing = session.use_database("shop");
            assert!(timeout(Duration::from_secs(1), choosing).await.is_err());
            session.ping().await.unwrap();
            assert_eq!(session.database(), Some(if refused { "home" } else { "shop" }));
            session.use_database("other").await.unwrap();
            assert_eq!(session.database(), Some("other"));
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}
