//! Sessions whose callers gave up and went away for long, or for good.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use mywire::wire::{Command, OkPacket, SessionState, StateChange, StatusFlags};
use mywire::{Limits, Sent, Session};
use tokio::time::{sleep, timeout};

use crate::scripted::*;

const SECOND: Duration = Duration::from_secs(1);

/// T-61: what the transport did not take of a dropped statement is not offered it by the farewell.
#[test]
fn t61_close_sends_nothing_more_of_a_statement_dropped_half_written() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            // While the session closes.
            sleep(SECOND + SECOND / 2).await;
            server.until_closed().await;
        })
        .await;
        let sql = "x".repeat(1 << 20);
        assert!(timeout(SECOND, session.execute(&sql, ())).await.is_err());
        let written = script.wire.len();
        assert!(written < 1 << 20, "{written} bytes fit into the pipe");
        session.close().await.unwrap();
        assert_eq!(script.wire.len(), written);
        script.done().await;
    });
}

/// T-111: only the time in which somebody waits counts against a statement that is left.
#[test]
fn t111_the_time_in_which_nobody_waits_for_the_end_does_not_count() {
    run(async {
        let limits = Limits::default().max_discard_time(20 * SECOND);
        let (mut session, script) =
            logged_in(mysql(), &config().limits(limits), |mut server| async move {
                server.command().await;
                sleep(110 * SECOND).await;
                server.send(server.reply().numbers([1])).await;
                server.echo().await;
            })
            .await;
        assert!(timeout(SECOND, session.execute("SELECT n", ())).await.is_err());
        assert!(timeout(4 * SECOND, session.ping()).await.is_err());
        sleep(100 * SECOND).await;
        session.ping().await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// A wait that its caller gave up is not the next command's, even if the server is silent still.
#[test]
fn s17_t60_a_silence_that_nobody_waited_through_is_no_read_timeout() {
    run(async {
        let config = config().read_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            server.command().await;
            sleep(103 * SECOND).await;
            server.send(server.reply().numbers([1])).await;
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

/// The same of a server that took nothing meanwhile.
#[test]
fn s17_t61_a_full_transport_that_nobody_waited_for_is_no_write_timeout() {
    run(async {
        let config = config().write_timeout(5 * SECOND);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            sleep(103 * SECOND).await;
            server.command().await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        let sql = "x".repeat(1 << 20);
        assert!(timeout(SECOND, session.execute(&sql, ())).await.is_err());
        sleep(100 * SECOND).await;
        session.ping().await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// E-06: a task that has had its share of the runtime's time still sees what waits in front of its
/// command, and sends nothing behind it.
#[test]
fn t62_e06_what_waits_is_seen_without_a_share_of_the_time() {
    run_on_sockets(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connected, is_connected) = tokio::sync::oneshot::channel();
        let (mut tap, script) = serve(|mut server| async move {
            server.login().await;
            is_connected.await.unwrap();
            server.write(server.reply().with_sequence(0).err(4031, "inactivity").bytes()).await;
            server.until_closed().await;
        });
        let relay = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut tcp, &mut tap).await;
        });
        let config = config().host("127.0.0.1").port(port);
        let mut session =
            Session::connect_with(&config.ssl_mode(mywire::SslMode::Disabled)).await.unwrap();
        let written = script.wire.len();
        connected.send(()).unwrap();
        sleep(Duration::from_millis(200)).await;
        let error = {
            let mut ping = pin!(session.ping());
            let mut fresh = true;
            poll_fn(|cx| {
                while fresh && pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
                fresh = false;
                ping.as_mut().poll(cx)
            })
            .await
            .unwrap_err()
        };
        assert_eq!(error.as_server().map(mywire::error::ServerError::code), Some(4031), "{error}");
        assert_eq!(error.was_sent(), Sent::No);
        drop(session);
        relay.await.unwrap();
        assert_eq!(script.done().await.len(), written);
    });
}

/// A reset that nobody waited for does not lose a part of its setup without a word.
#[test]
fn t64_the_setup_behind_a_dropped_reset_is_made_sure_of() {
    run(async {
        let names = b"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci";
        let config = config().init_command("CALL warm_up()");
        let (stream, script) = serve(move |mut server| async move {
            server.login().await;
            server.expect(Command::Query(b"CALL warm_up()")).await;
            server.send(server.reply().ok()).await;
            server.expect(Command::ResetConnection).await;
            let reset = server.reply();
            server.expect(Command::Query(names)).await;
            let first = server.reply();
            server.expect(Command::Query(b"CALL warm_up()")).await;
            let second = server.reply();
            sleep(2 * SECOND).await;
            server.send(reset.ok()).await;
            server.send(first.ok()).await;
            server.send(second.err(1205, "a lock")).await;
            // Nobody heard of that.
            server.expect(Command::Query(names)).await;
            let first = server.reply();
            server.expect(Command::Query(b"CALL warm_up()")).await;
            let second = server.reply();
            server.send(first.ok()).await;
            server.send(second.ok()).await;
            server.expect(Command::Ping).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        });
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        assert!(timeout(SECOND, session.reset()).await.is_err());
        session.ping().await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// What the server told of the last user is not the next one's.
#[test]
fn t63_a_reset_forgets_what_was_tracked() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.command().await;
            let mut state = Vec::new();
            StateChange::Gtids { encoding: 0, text: b"uuid:1-9" }.encode(&mut state);
            StateChange::TransactionState(b"T_______").encode(&mut state);
            let url = StateChange::SystemVariable {
                name: b"redirect_url",
                value: Some(b"mysql://elsewhere"),
            };
            url.encode(&mut state);
            let reply = server.reply().ok_with(&OkPacket {
                status: StatusFlags::SESSION_STATE_CHANGED,
                session_state: SessionState::decode(&state).unwrap(),
                ..ok()
            });
            server.send(reply).await;
            server.echo().await;
        })
        .await;
        session.execute("COMMIT", ()).await.unwrap();
        assert_eq!(session.gtids(), Some("uuid:1-9"));
        assert_eq!(session.redirect_url(), Some("mysql://elsewhere"));
        assert!(session.transaction_state().is_some());
        session.reset().await.unwrap();
        assert_eq!((session.gtids(), session.redirect_url()), (None, None));
        assert_eq!(session.transaction_state(), None);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}
