//! Each timeout by its name, on a clock that jumps. Check S17.

use std::time::Duration;

use mywire::error::{Timeout, UsageError};
use mywire::wire::binary_row::Layout;
use mywire::wire::{ColumnType, Command, StatusFlags};
use mywire::{Config, Error, Limits, Sent, Session};
use tokio::time::{Instant, sleep, timeout};

use crate::scripted::*;

const SECOND: Duration = Duration::from_secs(1);

/// Which timeout it is, after how long, and whether the session died of it.
#[track_caller]
fn which(error: &Error) -> (Timeout, Duration, bool) {
    let Error::Timeout(timeout) = error else { panic!("{error:?}") };
    assert!(!error.is_retryable() || error.was_sent() == Sent::No);
    (timeout.timeout(), timeout.after(), error.is_fatal())
}

/// One row, its packets with a pause before each byte or each packet.
async fn trickle(server: &mut Server, by_byte: bool, pause: Duration) {
    let reply = server.reply().numbers([4711]);
    let mut rest = reply.bytes();
    while let Some((header, _)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (packet, more) = rest.split_at(4 + usize::try_from(length).unwrap());
        let step = if by_byte { 1 } else { packet.len() };
        for piece in packet.chunks(step) {
            sleep(pause).await;
            if !server.write(piece).await {
                return;
            }
        }
        rest = more;
    }
}

#[test]
fn s17_t39_t91_a_silent_server_is_a_read_timeout() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            server.until_closed().await;
        })
        .await;
        let began = Instant::now();
        let error = session.fetch_one::<u64>("SELECT n", ()).await.unwrap_err();
        assert_eq!(which(&error), (Timeout::Read, 5 * SECOND, true));
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert_eq!(began.elapsed().as_secs(), 5);
        assert_eq!(
            error.to_string(),
            "the server sent nothing for 5s, the read timeout; the session is closed"
        );
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn s17_a_server_that_sends_a_packet_in_time_is_no_read_timeout() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            trickle(&mut server, false, 4 * SECOND).await;
            server.echo().await;
        })
        .await;
        let began = Instant::now();
        assert_eq!(session.fetch_one::<u64>("SELECT n", ()).await.unwrap(), 4711);
        assert!(began.elapsed() >= 16 * SECOND);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t39_bytes_one_by_one_do_not_make_a_read_timeout_last() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            trickle(&mut server, true, 3 * SECOND).await;
            server.until_closed().await;
        })
        .await;
        let error = session.fetch_one::<u64>("SELECT n", ()).await.unwrap_err();
        assert_eq!(which(&error), (Timeout::Read, 5 * SECOND, true));
        drop(session);
        script.abandon();
    });
}

#[test]
fn s17_a_large_value_that_keeps_coming_is_no_read_timeout() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            let blob = column("b", ColumnType::LONG_BLOB);
            let reply = server.reply().columns(&[blob]).row_of(&[Some(&[b'x'; 1 << 20])]).end();
            for piece in reply.bytes().chunks(20 << 10) {
                sleep(4 * SECOND).await;
                server.write(piece).await;
            }
            server.echo().await;
        })
        .await;
        let value: Vec<u8> = session.fetch_one("SELECT b", ()).await.unwrap();
        assert_eq!(value.len(), 1 << 20);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn s17_a_slow_reader_is_no_timeout() {
    run(async {
        let config = config().read_timeout(5 * SECOND).statement_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            let reply = server.reply().numbers(0..200_000);
            server.send(reply).await;
            server.echo().await;
        })
        .await;
        let mut rows = session.query("SELECT n", ()).await.unwrap();
        let mut count = 0;
        while let Some(row) = rows.next().await.unwrap() {
            assert_eq!(row.get::<u64>(0).unwrap(), count);
            if count % 10_000 == 0 {
                sleep(100 * SECOND).await;
            }
            count += 1;
        }
        assert_eq!(count, 200_000);
        drop(rows);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// The server answers while the caller of a dropped future does something else for long.
#[test]
fn s17_a_reader_who_comes_back_late_finds_what_came_meanwhile() {
    run(async {
        let config = config().read_timeout(5 * SECOND).statement_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            let reply = server.reply().columns(&[column("n", ColumnType::LONGLONG)]).row(&["1"]);
            let sequence = reply.sequence();
            server.write(reply.bytes()).await;
            sleep(2 * SECOND).await;
            let rest = Packets::new(server.capabilities(), sequence).row(&["2"]).end();
            server.write(rest.bytes()).await;
            server.echo().await;
        })
        .await;
        let mut rows = session.query("SELECT n", ()).await.unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<u64>().unwrap(), 1);
        assert!(timeout(SECOND, rows.next()).await.is_err());
        sleep(100 * SECOND).await;
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<u64>().unwrap(), 2);
        assert!(rows.next().await.unwrap().is_none());
        drop(rows);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn s17_t40_a_server_that_takes_nothing_is_a_write_timeout() {
    run(async {
        let config = config().write_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |server| async move {
            sleep(1000 * SECOND).await;
            server.close();
        })
        .await;
        let error = session.execute(&"x".repeat(1 << 20), ()).await.unwrap_err();
        assert_eq!(which(&error), (Timeout::Write, 5 * SECOND, true));
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert!(error.to_string().contains("5s, the write timeout"), "{error}");
        assert!(session.is_dead());
        drop(session);
        script.done().await;
    });
}

#[test]
fn s17_t40_a_server_that_takes_a_little_in_time_is_no_write_timeout() {
    run(async {
        let config = config().write_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            let mut taken = 0;
            for _ in 0..5 {
                sleep(4 * SECOND).await;
                taken += server.read_some().await;
            }
            while taken < 4 + (1 << 20) + 1 {
                taken += server.read_some().await;
            }
            server.send(server.reply().with_sequence(1).ok()).await;
            server.echo().await;
        })
        .await;
        session.execute(&"x".repeat(1 << 20), ()).await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn s17_a_statement_timeout_counts_all_waits_of_a_statement() {
    run(async {
        let config = config().statement_timeout(10 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            trickle(&mut server, false, 3 * SECOND).await;
            server.echo().await;
        })
        .await;
        let began = Instant::now();
        // Four packets: the last would come after twelve seconds, just behind the time.
        let error = session.fetch_one::<u64>("SELECT n", ()).await.unwrap_err();
        let (timeout, after, fatal) = which(&error);
        assert_eq!((timeout, after), (Timeout::Statement, 10 * SECOND));
        // There is no way to kill it here, so it is not waited for any longer.
        assert!(fatal, "{error}");
        assert_eq!(began.elapsed().as_secs(), 10);
        assert!(error.to_string().contains("10s, the statement timeout"), "{error}");
        assert!(session.is_dead());
        drop(session);
        script.abandon();
    });
}

#[test]
fn s17_a_statement_that_ends_while_it_is_left_leaves_the_session_usable() {
    run(async {
        let config = config().statement_timeout(10 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            sleep(10 * SECOND + Duration::from_millis(10)).await;
            server.send(server.reply().numbers([1])).await;
            server.echo().await;
        })
        .await;
        let error = session.fetch_one::<u64>("SELECT n", ()).await.unwrap_err();
        assert_eq!(which(&error), (Timeout::Statement, 10 * SECOND, false));
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t111_what_does_not_end_is_left_by_closing() {
    run(async {
        let limits = Limits::default().max_discard_time(20 * SECOND);
        let (mut session, script) =
            logged_in(mysql(), &config().limits(limits), |mut server| async move {
                server.command().await;
                server.until_closed().await;
            })
            .await;
        assert!(timeout(SECOND, session.execute("SELECT n", ())).await.is_err());
        let began = Instant::now();
        // However often the wait is given up, it is one.
        for _ in 0..4 {
            assert!(timeout(4 * SECOND, session.ping()).await.is_err());
        }
        let error = session.ping().await.unwrap_err();
        let abandoned = UsageError::AbandonedStatement { max_discard_time: 20 * SECOND };
        assert!(matches!(&error, Error::Usage(usage) if *usage == abandoned), "{error:?}");
        assert!(error.to_string().contains("Limits::max_discard_time"), "{error}");
        assert_eq!((error.was_sent(), error.is_fatal()), (Sent::No, true));
        assert_eq!(began.elapsed().as_secs(), 20);
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t100_times_beyond_the_clock_are_no_limit() {
    run(async {
        let limits = Limits::default().max_discard_time(Duration::MAX).max_skip_time(Duration::MAX);
        let config = config()
            .connect_timeout(Duration::MAX)
            .read_timeout(Duration::MAX)
            .write_timeout(Duration::MAX)
            .statement_timeout(Duration::MAX)
            .limits(limits);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            sleep(1000 * SECOND).await;
            server.send(server.reply().numbers([1])).await;
            server.echo().await;
        })
        .await;
        assert!(timeout(SECOND, session.execute("SELECT n", ())).await.is_err());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
    for timeout in [Duration::ZERO, Duration::from_nanos(999_999)] {
        for config in [
            Config::default().read_timeout(timeout),
            Config::default().write_timeout(timeout),
            Config::default().statement_timeout(timeout),
            Config::default().server_statement_timeout(timeout),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains("timeout of less than a millisecond"), "{error}");
        }
    }
}

#[test]
fn s17_the_servers_limit_goes_out_with_the_login_and_with_each_reset() {
    for (greeting, statement) in [
        (mysql(), "SET SESSION max_execution_time = 1500"),
        (mariadb(), "SET SESSION max_statement_time = 1.500"),
    ] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.login_as(&greeting).await;
                server.echo().await;
            });
            let config = config().server_statement_timeout(Duration::from_millis(1500));
            let mut session = Session::from_stream(stream, &config).await.unwrap();
            session.reset().await.unwrap();
            drop(session);
            let wire = script.done().await;
            let found = wire.bytes();
            let statement = statement.as_bytes();
            let found = found.windows(statement.len()).filter(|window| *window == statement);
            assert_eq!(found.count(), 2);
        });
    }
}

/// What a LOAD DATA LOCAL waits for while its data are written counts, and ends it: by closing, for
/// half a file has no other end.
#[test]
fn s17_r62_a_statement_timeout_ends_a_load_whose_data_are_not_taken() {
    run(async {
        let config = config().local_infile(true).statement_timeout(10 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            server.send(server.reply().payload(b"\xFBx")).await;
            sleep(1000 * SECOND).await;
            server.close();
        })
        .await;
        let began = Instant::now();
        let file = vec![b'x'; 1 << 20];
        let error = session.load_local("LOAD", &file[..]).await.unwrap_err();
        assert_eq!(which(&error), (Timeout::Statement, 10 * SECOND, true));
        assert_eq!(error.was_sent(), Sent::Maybe);
        assert_eq!(began.elapsed().as_secs(), 10);
        assert_dead(&mut session, &script).await;
        drop(session);
        script.abandon();
    });
}

/// The time that the caller's reader takes is not the server's.
#[test]
fn s17_r60_a_slow_file_is_no_timeout() {
    const PIECES: usize = 4;
    run(async {
        let config =
            config().local_infile(true).read_timeout(5 * SECOND).statement_timeout(9 * SECOND);
        let (stream, script) = serve_through(16 << 10, |mut server| async move {
            server.login().await;
            server.command().await;
            server.send(server.reply().payload(b"\xFBx")).await;
            // Each piece waits for a while: more than the pipe holds is on its way.
            while {
                sleep(SECOND).await;
                !server.payload().await.is_empty()
            } {}
            server.send(server.reply().ok()).await;
            server.echo().await;
        });
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        let (mut disk, file) = tokio::io::duplex(64 << 10);
        let reading = tokio::spawn(async move {
            for _ in 0..PIECES {
                tokio::io::AsyncWriteExt::write_all(&mut disk, &[b'x'; 64 << 10]).await.unwrap();
                sleep(100 * SECOND).await;
            }
        });
        session.load_local("LOAD", file).await.unwrap();
        reading.await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// A wait that its caller gave up is over with what it waited for, whoever takes that.
#[test]
fn s17_t60_a_wait_that_was_given_up_does_not_count_against_the_next_command() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            sleep(2 * SECOND).await;
            server.send(server.reply().numbers([1])).await;
            server.expect(Command::Ping).await;
            sleep(2 * SECOND).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        assert!(timeout(SECOND, session.execute("SELECT n", ())).await.is_err());
        sleep(100 * SECOND).await;
        session.ping().await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// Nothing is expected of a server that did not get the command yet, as long as it takes some.
#[test]
fn s17_t40_a_command_that_is_taken_slowly_is_no_read_timeout() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            let mut taken = 0;
            for _ in 0..6 {
                sleep(4 * SECOND).await;
                taken += server.read_some().await;
            }
            while taken < 4 + (1 << 20) + 1 {
                taken += server.read_some().await;
            }
            sleep(4 * SECOND).await;
            server.send(server.reply().with_sequence(1).ok()).await;
            // One that takes nothing is silent all the same.
            sleep(1000 * SECOND).await;
            server.close();
        })
        .await;
        session.execute(&"x".repeat(1 << 20), ()).await.unwrap();
        let error = session.execute(&"x".repeat(1 << 20), ()).await.unwrap_err();
        assert_eq!(which(&error), (Timeout::Read, 5 * SECOND, true));
        drop(session);
        script.abandon();
    });
}

/// A look at what is to come waits as everything else does, and its error ends the rows.
#[test]
fn s17_r72_the_wait_for_out_params_has_the_statements_limit() {
    for in_time in [true, false] {
        run(async move {
            let config = config().statement_timeout(10 * SECOND);
            let (mut session, script) = logged_in(mysql(), &config, move |mut server| async move {
                server.command().await;
                let n = column("n", ColumnType::LONGLONG);
                let reply = server.reply().columns(&[n]).row(&["1"]);
                let sequence = reply.sequence();
                server.write(reply.bytes()).await;
                sleep(10 * SECOND + Duration::from_millis(10)).await;
                if !in_time {
                    sleep(1000 * SECOND).await;
                }
                let rest = Packets::new(server.capabilities(), sequence).end();
                server.write(rest.bytes()).await;
                server.echo().await;
            })
            .await;
            let mut rows = session.query("CALL p()", ()).await.unwrap();
            let error = rows.is_out_params().await.unwrap_err();
            assert_eq!(which(&error), (Timeout::Statement, 10 * SECOND, !in_time));
            if in_time {
                let again = rows.next().await.unwrap_err();
                assert_eq!(which(&again), which(&error));
                assert!(!rows.is_out_params().await.unwrap());
                drop(rows);
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            } else {
                drop(rows);
                assert!(session.is_dead());
                script.abandon();
            }
        });
    }
}

/// The time since a wait for OUT parameters was given up is nobody's.
#[test]
fn s17_r72_a_look_for_out_params_that_was_given_up_does_not_count() {
    run(async {
        let config = config().statement_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            let reply = server.reply().columns(&[column("n", ColumnType::LONGLONG)]).row(&["1"]);
            let sequence = reply.sequence();
            server.write(reply.bytes()).await;
            sleep(103 * SECOND).await;
            let rest = Packets::new(server.capabilities(), sequence).end();
            server.write(rest.bytes()).await;
            server.echo().await;
        })
        .await;
        let mut rows = session.query("CALL p()", ()).await.unwrap();
        assert!(timeout(SECOND, rows.is_out_params()).await.is_err());
        sleep(100 * SECOND).await;
        assert!(!rows.is_out_params().await.unwrap());
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<u64>().unwrap(), 1);
        assert!(rows.next().await.unwrap().is_none());
        drop(rows);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// Rows whose putting aside fails are over, and so is the limit of their statement.
#[test]
fn s17_a_suspend_that_fails_leaves_its_limit_to_nobody() {
    run(async {
        let config = config().statement_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            let n = [column("n", ColumnType::LONGLONG)];
            server.expect(Command::StmtPrepare(b"x")).await;
            server.send(server.reply().prepared(3, 0, &n)).await;
            server.command().await;
            let exists = ok_status(StatusFlags::CURSOR_EXISTS);
            server.send(server.reply().columns(&n).end_with(&exists)).await;
            server.expect(Command::StmtFetch { statement: 3, rows: 2 }).await;
            let row = (Layout::Fixed(8), Some(&[7, 0, 0, 0, 0, 0, 0, 0][..]));
            server.send(server.reply().binary_row(&[row]).err(1317, "interrupted")).await;
            server.expect(Command::Ping).await;
            sleep(20 * SECOND).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        let statement = session.prepare("x").await.unwrap().with_fetch_size(2);
        let mut rows = session.query(&statement, ()).await.unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<u64>().unwrap(), 7);
        let error = rows.suspend().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1317);
        session.ping().await.unwrap();
        drop(statement);
        drop(session);
        script.abandon();
    });
}
