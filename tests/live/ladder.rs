//! Leaving early: skip, kill, close; and cancelling from elsewhere. Checks S4, S7, S8 and finding H
//! of the Python drivers' list.

use std::time::Duration;

use mywire::error::{ServerErrorKind, Timeout, UsageError};
use mywire::{Discard, Error, Limits, Sent, Session};
use tokio::time::timeout;

use crate::proxy::{Direction, Fault, Proxy};
use crate::target::{code, connect, running, usable};
use crate::{Target, each_server};

/// 3,000,000 rows of 1 KB.
const STREAM: u64 = 3_000_000 * 1000;

fn stream() -> String {
    wide(3_000_000)
}

/// Rows of 1 KB, which come as they are made.
fn wide(rows: u32) -> String {
    format!("SELECT a0.d, REPEAT('x', 1000) FROM {} LIMIT {rows}", digits(7))
}

/// A statement that takes for ever and fails when it is killed, which SLEEP does not everywhere.
fn endless() -> String {
    format!("SELECT SUM(a0.d) FROM {}", digits(15))
}

/// The product of tables of ten rows.
fn digits(tables: u32) -> String {
    let ten = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
               SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    let tables: Vec<_> = (0..tables).map(|table| format!("{ten} a{table}")).collect();
    tables.join(", ")
}

/// What the server has sent to this session.
async fn bytes_sent(session: &mut Session) -> u64 {
    let (_, sent): (String, String) =
        session.fetch_one("SHOW SESSION STATUS LIKE 'Bytes_sent'", ()).await.unwrap();
    sent.parse().unwrap()
}

/// Waits until the server runs nothing for a session any more.
async fn is_over(watcher: &mut Session, id: u64) {
    while running(watcher, id).await.is_some_and(|sql| !sql.is_empty()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn seed_g_s4_t111_a_stream_of_three_gigabytes_is_left_after_ten_rows() {
    each_server(async |target| {
        // With TLS, and without over the socket.
        for config in [target.config(), target.local_config()] {
            let mut session = connect(&config).await;
            for dropped in [true, false] {
                let before = bytes_sent(&mut session).await;
                let mut rows = session.query(&stream(), ()).await.unwrap();
                for _ in 0..10 {
                    let row = rows.next().await.unwrap().unwrap();
                    assert_eq!(row.get::<&str>(1).unwrap().len(), 1000);
                }
                match dropped {
                    true => drop(rows),
                    false => rows.cancel().await.unwrap(),
                }
                usable(&mut session).await;
                let sent = bytes_sent(&mut session).await - before;
                assert!(sent < STREAM / 20, "{sent} bytes of {STREAM} were sent");
            }
            session.close().await.unwrap();
        }
    });
}

#[test]
fn s4_a_stream_left_with_skip_is_read_up_to_the_limit() {
    each_server(async |target| {
        let limits = Limits::default().max_discard(1 << 20);
        let config = target.config().discard(Discard::Skip).limits(limits.clone());
        let mut session = connect(&config).await;
        drop(session.query(&stream(), ()).await.unwrap());
        let error = session.ping().await.unwrap_err();
        let abandoned = UsageError::AbandonedResult { max_discard: 1 << 20 };
        assert!(matches!(&error, Error::Usage(usage) if *usage == abandoned), "{error:?}");
        assert!(session.is_dead());
        // What the limit allows is read to its end, without a kill.
        let config = config.limits(limits.max_discard(u64::MAX));
        let mut session = connect(&config).await;
        let before = bytes_sent(&mut session).await;
        session.query(&wide(30_000), ()).await.unwrap().cancel().await.unwrap();
        usable(&mut session).await;
        assert!(bytes_sent(&mut session).await - before > 30_000_000);
    });
}

#[test]
fn s4_a_stream_left_with_close_closes_the_session_at_once() {
    each_server(async |target| {
        let config = target.config().discard(Discard::Close);
        let mut session = connect(&config).await;
        let error = session.query(&stream(), ()).await.unwrap().cancel().await.unwrap_err();
        assert!(matches!(&error, Error::Usage(UsageError::LeftEarly)), "{error:?}");
        assert!(error.is_fatal() && session.is_dead());
        // What is in the buffer is no reason to.
        let mut session = connect(&config).await;
        drop(session.query("SELECT 1 UNION SELECT 2", ()).await.unwrap());
        usable(&mut session).await;
    });
}

/// H: the Python drivers close their socket, and the server goes on.
#[test]
fn seed_h_t60_a_dropped_statement_ends_on_the_server_and_the_session_lives() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        for config in [target.config(), target.local_config()] {
            let mut session = connect(&config).await;
            let id = u64::from(session.connection_id());
            let slow = session.execute("SELECT SLEEP(1000)", ());
            assert!(timeout(Duration::from_millis(50), slow).await.is_err());
            usable(&mut session).await;
            is_over(&mut watcher, id).await;
            // Through the binary protocol, in a transaction, which stays (T-94).
            let mut transaction = session.begin().await.unwrap();
            transaction.execute("SET @mark = 7", ()).await.unwrap();
            let slow = transaction.execute("SELECT SLEEP(?)", (1000,));
            assert!(timeout(Duration::from_millis(50), slow).await.is_err());
            let mark: i64 = transaction.fetch_one("SELECT @mark", ()).await.unwrap();
            assert_eq!(mark, 7);
            transaction.execute("DO 1", ()).await.unwrap();
            assert!(transaction.in_transaction());
            transaction.commit().await.unwrap();
        }
    });
}

#[test]
fn t93_a_handle_cancels_the_next_statement_and_no_other() {
    each_server(async |target| {
        for config in [target.config(), target.local_config()] {
            let mut session = connect(&config).await;
            let handle = session.cancel_handle();
            let canceller = tokio::spawn({
                let handle = handle.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    handle.cancel().await
                }
            });
            let slow = session.execute(&endless(), ()).await;
            assert_eq!(code(slow), 1317);
            assert!(canceller.await.unwrap().unwrap());
            usable(&mut session).await;
            // It was for that one: it does nothing to others.
            assert!(!handle.cancel().await.unwrap());
            usable(&mut session).await;
            // Before its statement begins, it does not begin.
            let handle = session.cancel_handle();
            assert!(handle.cancel().await.unwrap());
            let error = session.execute("SET @never = 1", ()).await.unwrap_err();
            assert!(matches!(&error, Error::Usage(UsageError::Cancelled)), "{error:?}");
            assert!(!error.is_fatal());
            let never: Option<i64> = session.fetch_one("SELECT @never", ()).await.unwrap();
            assert_eq!(never, None);
            // In the middle of rows.
            let mut rows = session.query(&stream(), ()).await.unwrap();
            rows.next().await.unwrap().unwrap();
            let handle = rows.cancel_handle();
            let cancelled = tokio::spawn(async move { handle.cancel().await });
            let error = loop {
                match rows.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("it came to its end"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.as_server().map(|error| error.code()), Some(1317));
            assert!(cancelled.await.unwrap().unwrap());
            usable(&mut session).await;
        }
    });
}

/// A kill that comes when its statement has just ended waits for the next one on the server.
#[test]
fn e94_a_late_kill_never_hits_the_next_statement() {
    each_server(async |target| {
        let mut session = target.local().await;
        let mut told = 0;
        for round in 0..200_u64 {
            let handle = session.cancel_handle();
            let canceller = tokio::spawn(async move { handle.cancel().await });
            // About as long as a kill takes, and a little around.
            let sql =
                format!("SELECT SLEEP({})", f64::from(u32::try_from(round % 20).unwrap()) / 4000.0);
            match session.execute(&sql, ()).await {
                Ok(_) | Err(Error::Usage(UsageError::Cancelled)) => {}
                Err(error) => {
                    assert_eq!(error.as_server().map(|e| e.code()), Some(1317), "{error}")
                }
            }
            let tag = format!("tag {round}");
            let back: String = session.fetch_one(&format!("SELECT '{tag}'"), ()).await.unwrap();
            assert_eq!(back, tag);
            let prepared: String = session.fetch_one("SELECT ?", (tag.as_str(),)).await.unwrap();
            assert_eq!(prepared, tag);
            told += u32::from(canceller.await.unwrap().unwrap());
        }
        println!("{}: {told} of 200 statements were told to end", target.server.name);
    });
}

/// What the no-op is for: without it the next statement is hit, or is not, as the server likes.
#[test]
fn e94_what_a_late_kill_does_by_itself() {
    each_server(async |target| {
        let mut session = target.local().await;
        let mut killer = target.local().await;
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        let mut hit = 0;
        for _ in 0..20 {
            killer.execute(&format!("KILL QUERY {id}"), ()).await.unwrap();
            match session.fetch_one::<i64>("SELECT COUNT(*) FROM mysql.user", ()).await {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.as_server().map(|e| e.code()), Some(1317), "{error}");
                    hit += 1;
                }
            }
            // Whatever it did, the one after the no-op is right.
            killer.execute(&format!("KILL QUERY {id}"), ()).await.unwrap();
            let _ = session.execute("DO 0", ()).await;
            session.fetch_one::<i64>("SELECT COUNT(*) FROM mysql.user", ()).await.unwrap();
        }
        println!("{}: a late kill hit the next statement {hit} times of 20", target.server.name);
    });
}

#[test]
fn e98_behind_a_proxy_nothing_is_killed_unless_the_server_was_asked() {
    each_server(async |target| {
        let proxy = Proxy::start(target.server.port, Direction::ToClient, Fault::None).await;
        let config = target.config().port(proxy.port);
        let slow = "SELECT SLEEP(0.5)";
        let mut session = connect(&config).await;
        let handle = session.cancel_handle();
        let cancelled = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            handle.cancel().await
        };
        let (answer, cancelled) = tokio::join!(session.fetch_one::<i64>(slow, ()), cancelled);
        assert_eq!(answer.unwrap(), 0, "it went on");
        let error = cancelled.unwrap_err();
        assert!(matches!(&error, Error::Usage(UsageError::CannotCancel { .. })), "{error:?}");
        assert!(error.to_string().contains("Config::identify"), "{error}");
        assert!(!error.is_fatal());
        usable(&mut session).await;
        // Leaving closes then, and says why.
        let limits = Limits::default().max_discard(1 << 20);
        let mut session = connect(&config.clone().limits(limits)).await;
        let error = session.query(&stream(), ()).await.unwrap().cancel().await.unwrap_err();
        assert!(matches!(&error, Error::Usage(UsageError::NotKilled { .. })), "{error:?}");
        assert!(error.to_string().contains("Config::identify"), "{error}");
        // The server was asked who it is: it may be killed, and is.
        let mut session = connect(&config.identify(true)).await;
        let before = proxy.to_client();
        session.query(&stream(), ()).await.unwrap().cancel().await.unwrap();
        usable(&mut session).await;
        assert!(proxy.to_client() - before < STREAM / 20);
    });
}

#[test]
fn a_session_from_a_stream_has_no_second_connection() {
    each_server(async |target: &Target| {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", target.server.port)).await;
        let limits = Limits::default().max_discard(1 << 20);
        let config = target.config().limits(limits);
        let mut session = Session::from_stream(stream.unwrap(), &config).await.unwrap();
        let rows = session.query(&self::stream(), ()).await.unwrap();
        let error = rows.cancel_handle().cancel().await.unwrap_err();
        assert!(error.to_string().contains("no address"), "{error}");
        let error = rows.cancel().await.unwrap_err();
        assert!(matches!(&error, Error::Usage(UsageError::AbandonedResult { .. })), "{error:?}");
    });
}

/// The server that the second connection reaches dies meanwhile: the session is not trusted.
#[test]
fn t93_a_second_connection_that_is_lost_closes_the_session() {
    each_server(async |target| {
        let proxy = Proxy::start(target.server.port, Direction::ToClient, Fault::None).await;
        let limits = Limits::default().max_discard_time(Duration::from_millis(400));
        let config = target.config().port(proxy.port).limits(limits).identify(true);
        let mut session = connect(&config).await;
        let slow = session.execute("SELECT SLEEP(3)", ());
        assert!(timeout(Duration::from_millis(50), slow).await.is_err());
        proxy.freeze();
        let error = session.ping().await.unwrap_err();
        assert!(error.is_fatal(), "{error}");
        assert!(matches!(&error, Error::Usage(UsageError::NotKilled { .. })), "{error:?}");
        assert!(session.is_dead());
    });
}

#[test]
fn s7_s17_a_statement_timeout_ends_the_statement_on_the_server() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        for config in [target.config(), target.local_config()] {
            let limit = Duration::from_millis(100);
            let mut session = connect(&config.statement_timeout(limit)).await;
            let id = u64::from(session.connection_id());
            for sql in [endless(), "DO SLEEP(1000)".to_owned()] {
                let error = session.execute(&sql, ()).await.unwrap_err();
                let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
                assert_eq!((timeout.timeout(), timeout.after()), (Timeout::Statement, limit));
                assert!(!error.is_fatal(), "{error}");
                assert_eq!(error.was_sent(), Sent::Maybe);
                is_over(&mut watcher, id).await;
                usable(&mut session).await;
            }
            // In the middle of rows, whose further calls say the same.
            let sql = format!("SELECT 1 UNION ALL SELECT SLEEP(1000) FROM {}", digits(2));
            if let Ok(mut rows) = session.query(&sql, ()).await {
                loop {
                    match rows.next().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("it came to its end"),
                        Err(error) => {
                            assert!(matches!(&error, Error::Timeout(_)), "{error:?}");
                            break;
                        }
                    }
                }
                assert!(matches!(rows.next().await, Err(Error::Timeout(_))));
                assert!(matches!(rows.finish().await, Err(Error::Timeout(_))));
            }
            usable(&mut session).await;
            is_over(&mut watcher, id).await;
        }
    });
}

#[test]
fn s7_s17_the_server_limits_statements_by_itself() {
    each_server(async |target| {
        let config = target.config().server_statement_timeout(Duration::from_millis(100));
        let mut session = connect(&config).await;
        let expected = if session.is_mariadb() { 1969 } else { 3024 };
        for _ in 0..2 {
            let error = session.execute(&endless(), ()).await.unwrap_err();
            let server = error.as_server().unwrap();
            assert_eq!(server.code(), expected, "{error}");
            assert_eq!(server.kind(), ServerErrorKind::QueryTimeout);
            assert!(!error.is_fatal());
            usable(&mut session).await;
            // A reset does not lose it.
            session.reset().await.unwrap();
        }
    });
}

/// S7: the server says why it ends the session, as an answer or in place of one.
#[test]
fn s7_t97_a_killed_session_is_told_and_stays_dead() {
    each_server(async |target| {
        let mut killer = target.local().await;
        for config in [target.config(), target.local_config()] {
            let mut session = connect(&config).await;
            let id = session.connection_id();
            session.execute("SET @mark = 1", ()).await.unwrap();
            let (ended, ()) = tokio::join!(session.execute("DO SLEEP(1000)", ()), async {
                while running(&mut killer, id.into()).await.is_none_or(|sql| sql.is_empty()) {}
                killer.execute(&format!("KILL {id}"), ()).await.unwrap();
            });
            let error = ended.unwrap_err();
            assert_ne!(error.was_sent(), Sent::No, "{error}");
            // Some say first that the statement was interrupted, and then close.
            if !error.is_fatal() {
                assert_eq!(error.as_server().map(|error| error.code()), Some(1317), "{error}");
                assert!(session.ping().await.unwrap_err().is_fatal());
            }
            assert!(session.is_dead());
            for _ in 0..2 {
                let error = session.fetch_one::<i64>("SELECT @mark", ()).await.unwrap_err();
                assert!(error.is_fatal() && error.was_sent() == Sent::No, "{error}");
            }
            // While it is idle.
            let mut session = connect(&config).await;
            let id = session.connection_id();
            killer.execute(&format!("KILL {id}"), ()).await.unwrap();
            while running(&mut killer, id.into()).await.is_some() {}
            assert!(session.ping().await.unwrap_err().is_fatal());
            assert!(session.is_dead());
        }
    });
}

#[test]
fn t91_a_peer_that_is_gone_without_a_word_is_a_read_timeout() {
    each_server(async |target| {
        let proxy = Proxy::start(target.server.port, Direction::ToClient, Fault::None).await;
        let limit = Duration::from_millis(200);
        let config = target.config().port(proxy.port).read_timeout(limit);
        let mut session = connect(&config).await;
        usable(&mut session).await;
        proxy.freeze();
        let error = session.execute("SELECT 1", ()).await.unwrap_err();
        let Error::Timeout(timeout) = &error else { panic!("{error:?}") };
        assert_eq!((timeout.timeout(), timeout.after()), (Timeout::Read, limit));
        assert!(error.is_fatal() && session.is_dead());
        assert_eq!(error.was_sent(), Sent::Maybe);
    });
}
