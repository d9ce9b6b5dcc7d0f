//! What follows the login, and every reset: init commands and the session's options.

use mywire::wire::{Command, OkPacket, SessionState, StatusFlags};
use mywire::{Config, Error, Session};

use crate::scripted::*;

const STATEMENTS: [&str; 5] = [
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'",
    "SET SESSION time_zone = '+02:00'",
    "SET @token = 's3nt1nel'",
    "CALL warm_up()",
];

fn with_setup() -> Config {
    config()
        .collation("utf8mb4_bin")
        .sql_mode("ANSI_QUOTES,STRICT_ALL_TABLES")
        .time_zone("+02:00")
        .init_command(STATEMENTS[3])
        .init_command(STATEMENTS[4])
}

/// Reads the statements, all of which have to be there before the first is answered, and answers
/// them; the last has two results and rows.
async fn set_up(server: &mut Server) {
    let mut replies = Vec::new();
    for statement in STATEMENTS {
        server.expect(Command::Query(statement.as_bytes())).await;
        replies.push(server.reply());
    }
    for (i, reply) in replies.into_iter().enumerate() {
        let more = StatusFlags::MORE_RESULTS;
        let reply = match i + 1 == STATEMENTS.len() {
            false => reply.ok(),
            true => {
                let n = column("n", mywire::wire::ColumnType::LONGLONG);
                reply.columns(&[n]).row(&["1"]).end_with(&ok_status(more)).ok()
            }
        };
        server.send(reply).await;
    }
}

#[test]
fn t64_the_setup_goes_out_in_one_write_after_login_and_reset() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.login().await;
            set_up(&mut server).await;
            server.expect(Command::ResetConnection).await;
            let first = server.reply().ok();
            // The reset's reply after all that follows it has come.
            let mut replies = Vec::new();
            for statement in STATEMENTS {
                server.expect(Command::Query(statement.as_bytes())).await;
                replies.push(server.reply().ok());
            }
            server.send(first).await;
            for reply in replies {
                server.send(reply).await;
            }
            server.echo().await;
        });
        let mut session = Session::from_stream(stream, &with_setup()).await.unwrap();
        assert_eq!(script.wire.writes().len(), 2, "a login request, and the setup");
        session.reset().await.unwrap();
        assert_eq!(script.wire.writes().len(), 3, "a reset with the setup");
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t83_a_failing_part_of_the_setup_is_named_and_not_quoted() {
    let names = [
        "the option `collation`",
        "the option `sql-mode`",
        "the option `time-zone`",
        "init command 1",
        "init command 2",
    ];
    for (failing, name) in names.into_iter().enumerate() {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.login().await;
                for statement in STATEMENTS.iter().take(failing + 1) {
                    server.expect(Command::Query(statement.as_bytes())).await;
                    let reply = server.reply();
                    if *statement == STATEMENTS[failing] {
                        server.send(reply.err(1064, "no")).await;
                    } else {
                        server.send(reply.ok()).await;
                    }
                }
                server.until_closed().await;
            });
            let error = Session::from_stream(stream, &with_setup()).await.unwrap_err();
            assert!(error.to_string().starts_with(&format!("{name} failed: server error 1064")));
            assert_eq!(error.as_server().unwrap().setup(), Some(name));
            assert!(!format!("{error} {error:?} {error:#?}").contains("s3nt1nel"), "{error:?}");
            script.done().await;
        });
    }
}

/// E-42: the session state in the login's OK is taken, its info is not shown, and nothing is asked
/// for what the login settled.
#[test]
fn e42_a_first_ok_with_session_state_costs_no_statement() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mariadb()).await;
            let state = b"\x00\x1D\x14character_set_client\x07utf8mb4\x01\x05\x04shop";
            server
                .send(server.reply().ok_with(&OkPacket {
                    status: StatusFlags::SESSION_STATE_CHANGED,
                    session_state: SessionState::decode(state).unwrap(),
                    ..ok()
                }))
                .await;
            server.expect(Command::Query(b"marker")).await;
            server.send(server.reply().ok()).await;
        });
        let mut session = Session::from_stream(stream, &config()).await.unwrap();
        assert_eq!(session.database(), Some("shop"));
        session.execute("marker", ()).await.unwrap();
        drop(session);
        script.done().await;
    });
}

/// T-10: where a server wants to send us is data. The session stays with it, and so do the secrets.
#[test]
fn t10_a_redirection_is_not_followed() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mariadb()).await;
            let url = b"mysql://evil:pw@evil.test:3306/";
            let mut variable = vec![12];
            variable.extend_from_slice(b"redirect_url");
            variable.push(u8::try_from(url.len()).unwrap());
            variable.extend_from_slice(url);
            let mut state = vec![0, u8::try_from(variable.len()).unwrap()];
            state.extend_from_slice(&variable);
            for _ in 0..2 {
                server
                    .send(server.reply().ok_with(&OkPacket {
                        status: StatusFlags::SESSION_STATE_CHANGED,
                        info: b"Location: mysql://evil.test/",
                        session_state: SessionState::decode(&state).unwrap(),
                        ..ok()
                    }))
                    .await;
                server.expect(Command::Query(b"marker")).await;
            }
            server.send(server.reply().ok()).await;
        });
        let mut session = Session::from_stream(stream, &config()).await.unwrap();
        for _ in 0..2 {
            session.execute("marker", ()).await.unwrap();
        }
        drop(session);
        script.done().await;
    });
}

/// T-113: what the server would close the session over is stopped here, and the session goes on.
#[test]
fn t113_a_command_beyond_the_limit_is_not_sent() {
    run(async {
        let config = config().limits(mywire::Limits::default().max_command(128 << 10));
        let (mut session, script) =
            logged_in(mysql(), &config, |mut server| async move { server.echo().await }).await;
        let written = script.wire.len();
        let error = session.execute(&"x".repeat(128 << 10), ()).await.unwrap_err();
        assert!(matches!(error, Error::Usage(_)) && !error.is_fatal(), "{error}");
        assert!(error.to_string().contains("131072"), "{error}");
        assert_eq!(script.wire.len(), written);
        let largest = "x".repeat((128 << 10) - 1);
        let back: String = session.fetch_one(&largest, ()).await.unwrap();
        assert!(back == largest);
        drop(session);
        script.done().await;
    });
}
