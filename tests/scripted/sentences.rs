//! Bad input gets one clear sentence: what was wrong, and the way out.

use std::time::Duration;

use mywire::error::{IoTask, ValueError};
use mywire::wire::ColumnType;
use mywire::{Config, Error, Session};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::scripted::*;

/// Fails unless each of the words is in the error's one sentence.
fn assert_says(error: &dyn std::fmt::Display, words: &[&str]) {
    let shown = error.to_string();
    for word in words {
        assert!(shown.contains(word), "`{word}` is missing in: {shown}");
    }
    // Longer only where it lists all that there are.
    let told = shown.split("There are:").next().unwrap_or_default();
    assert!(!shown.contains('\n') && told.len() < 400, "{shown}");
}

#[test]
fn an_unknown_key_of_a_url_names_the_nearest() {
    for (key, nearest) in [
        ("sslmode", "ssl-mode"),
        ("ssl_modus", "ssl-mode"),
        ("connect_timeouts", "connect-timeout"),
    ] {
        let error = format!("mysql://app@localhost/shop?{key}=1").parse::<Config>().unwrap_err();
        assert_says(&error, &[key.replace('_', "-").as_str(), "unknown", "nearest", nearest]);
    }
}

#[test]
fn a_bad_port_says_what_ports_are() {
    for port in ["0", "65536", "-1", "+1", "abc", "33 06", ""] {
        let error = format!("mysql://app@localhost:{port}/shop").parse::<Config>();
        let Err(error) = error else { panic!("port `{port}` is taken") };
        if !port.contains(' ') {
            assert_says(&error, &["port", "1 to 65535"]);
        }
    }
    run(async {
        let error = Session::connect_with(&config().port(0)).await.unwrap_err();
        assert_says(&error, &["Port 0", "1 to 65535"]);
    });
}

#[test]
fn a_host_that_does_not_resolve_is_named() {
    run_on_sockets(async {
        // A name that is reserved for being nobody's.
        let config = config().host("no-such-host.invalid");
        let error = Session::connect_with(&config).await.unwrap_err();
        assert_says(&error, &["cannot find the address of no-such-host.invalid"]);
        assert!(matches!(&error, Error::Io(io) if io.task() == IoTask::Resolve));
        assert!(error.is_retryable());
    });
}

#[test]
fn a_refused_port_is_named() {
    run_on_sockets(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = config().host("127.0.0.1").port(port);
        let error = Session::connect_with(&config).await.unwrap_err();
        assert_says(&error, &["cannot connect to 127.0.0.1", &port.to_string(), "refused"]);
        assert!(matches!(&error, Error::Io(io) if io.task() == IoTask::Connect));
        assert!(error.is_retryable());
    });
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    run_on_sockets(async {
        let config = config().socket("/no/such/mysqld.sock");
        let error = Session::connect_with(&config).await.unwrap_err();
        assert_says(&error, &["cannot connect to /no/such/mysqld.sock"]);
    });
}

#[test]
fn a_port_where_ssh_answers_is_recognised() {
    run_on_sockets(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n").await.unwrap();
            stream
        });
        let config = config().host("127.0.0.1").port(port);
        let error = Session::connect_with(&config).await.unwrap_err();
        assert_says(&error, &["an SSH server", "not a MySQL or MariaDB server"]);
        peer.await.unwrap();
    });
}

#[test]
fn a_port_where_http_waits_to_be_asked_runs_into_the_timeout() {
    run_on_sockets(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = tokio::spawn(async move { listener.accept().await.unwrap() });
        let config = config().host("127.0.0.1").port(port);
        let config = config.connect_timeout(Duration::from_millis(200));
        let error = Session::connect_with(&config).await.unwrap_err();
        assert_says(&error, &["127.0.0.1", "no greeting", "is it a MySQL or MariaDB server?"]);
        peer.await.unwrap();
    });
}

/// A session whose statements return one row: `id` 300, `name` NULL.
async fn shop(rows: usize) -> (Session, Script) {
    replying(move |mut reply| {
        let id = column("id", ColumnType::LONGLONG);
        reply = reply.columns(&[id, column("name", ColumnType::VAR_STRING)]);
        for _ in 0..rows {
            reply = reply.row_of(&[Some(b"300"), None]);
        }
        reply.end()
    })
    .await
}

fn reason(error: &Error) -> ValueError {
    match error {
        Error::Column(error) => error.reason(),
        other => panic!("no column error: {other}"),
    }
}

#[test]
fn a_value_that_cannot_be_read_names_column_type_and_way_out() {
    run(async {
        let (mut session, script) = shop(1).await;
        let mut rows = session.query("SELECT", ()).await.unwrap();
        let row = rows.next().await.unwrap().unwrap();
        let wrong = row.get::<&str>("id").unwrap_err();
        assert_eq!(reason(&wrong), ValueError::Type);
        assert_says(&wrong, &["column 0 `id`", "BIGINT", "`&str`", "do not match", "cast"]);
        let narrow = row.get::<u8>("id").unwrap_err();
        assert_eq!(reason(&narrow), ValueError::Range);
        assert_says(&narrow, &["column 0 `id`", "BIGINT", "`u8`", "out of range", "wider type"]);
        let null = row.decode::<(u64, String)>().unwrap_err();
        assert_eq!(reason(&null), ValueError::Null);
        assert_says(&null, &["column 1 `name`", "VARCHAR", "NULL", "`Option<String>`"]);
        let absent = row.get::<u64>("nmae").unwrap_err();
        assert_eq!(row.try_get::<u64>("nmae").unwrap_err().to_string(), absent.to_string());
        assert_eq!(row.try_get::<u64>("id").unwrap(), row.get::<u64>("id").unwrap());
        assert_says(&absent, &["no column is called `nmae`", "`id`, `name`"]);
        let beyond = row.get::<u64>(2).unwrap_err();
        assert_says(&beyond, &["no column 2", "has 2", "counted from 0"]);
        let count = row.decode::<(u64, Option<String>, u64)>().unwrap_err();
        assert_says(&count, &["the row has 2 columns", "has 3"]);
        for error in [wrong, narrow, null, absent, beyond, count] {
            assert!(!error.is_fatal() && !error.is_retryable(), "{error}");
        }
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn fetch_one_of_no_row_of_two_and_of_an_update() {
    for (rows, words) in [
        (0, ["returned no row", "fetch_optional"]),
        (2, ["more than one row", "LIMIT 1"]),
        (2000, ["more than one row", "fetch_all"]),
    ] {
        run(async move {
            let (mut session, script) = shop(rows).await;
            let fetched = session.fetch_one::<(u64, Option<String>)>("SELECT", ()).await;
            let error = fetched.unwrap_err();
            assert_says(&error, &words);
            assert!(!error.is_fatal());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
    run(async {
        let (mut session, script) = replying(|reply| reply.ok()).await;
        let error = session.fetch_one::<u64>("UPDATE t SET n = 1", ()).await.unwrap_err();
        assert_says(&error, &["returns no rows", "`execute`"]);
        assert!(!error.is_fatal());
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn a_server_without_tls_where_it_is_required_names_both_ways_out() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.send(server.reply().greeting(&mysql())).await;
            server.until_closed().await;
        });
        let config = config().ssl_mode(mywire::SslMode::Required);
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        assert_says(&error, &["does not offer TLS", "enable TLS on the server", "ssl-mode="]);
        script.done().await;
    });
}
