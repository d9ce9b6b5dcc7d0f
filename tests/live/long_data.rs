//! Long data that no execution has asked for yet: servers keep them, and would take them in the place
//! of whatever comes next.

use mywire::error::{Result, UsageError};
use mywire::{Error, LongData, Session, Statement};
use tokio::io::AsyncReadExt;

use crate::each_server;
use crate::target::{code, exclusively};

const SQL: &str = "SELECT CONCAT(?, '|', ?)";

/// Sends a part of a value, and drops the future.
async fn send_part(session: &mut Session, statement: &Statement, parameter: u16) {
    let (mine, mut theirs) = tokio::io::duplex(1 << 10);
    tokio::io::AsyncWriteExt::write_all(&mut theirs, b"part").await.unwrap();
    tokio::select! {
        biased;
        _ = session.send_long_data(statement, parameter, mine.take(100)) => panic!("it never ends"),
        () = tokio::task::yield_now() => {}
    }
}

fn usage<T: std::fmt::Debug>(result: Result<T>) -> UsageError {
    match result.unwrap_err() {
        Error::Usage(error) => error,
        error => panic!("{error}"),
    }
}

/// E-82: what is wrong with long data is told by the execution, and nothing of them is left behind it.
#[test]
fn e82_the_execution_tells_what_is_wrong() {
    each_server(async |target| {
        let mut lock = exclusively(target, "max_allowed_packet").await;
        let limit: u64 = lock.fetch_one("SELECT @@GLOBAL.max_allowed_packet", ()).await.unwrap();
        let set = |to: u64| format!("SET GLOBAL max_allowed_packet = {to}");
        // Sessions take the value when they are opened: it is low for no longer than that.
        lock.execute(&set(1 << 20), ()).await.unwrap();
        let session = Session::connect_with(&target.local_config()).await;
        lock.execute(&set(limit), ()).await.unwrap();
        drop(lock);
        let mut session = session.unwrap();
        target.database(&mut session).await;
        session.execute("SET sql_mode = 'STRICT_ALL_TABLES'", ()).await.unwrap();
        session.execute("CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(9))", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (1, 'first')", ()).await.unwrap();
        let insert = session.prepare("INSERT INTO t VALUES (?, ?)").await.unwrap();
        let mut id = 1;
        for (key, length, reset, expected) in [
            (1, 5, false, 1062),
            (1, 5, true, 1062),
            (9, 10, false, 1406),
            // Beyond the server's limit for all pieces together.
            (9, 2 << 20, false, 1105),
            (9, 2 << 20, true, 1105),
        ] {
            let value = vec![b'l'; length];
            session.send_long_data(&insert, 1, &value[..]).await.unwrap();
            assert_eq!(code(session.execute(&insert, (key, LongData)).await), expected, "{length}");
            if reset {
                session.reset_statement(&insert).await.unwrap();
            }
            for own in [false, true] {
                id += 1;
                match own {
                    true => session.execute(&insert, (id, "own")).await.unwrap(),
                    false => {
                        session.send_long_data(&insert, 1, &b"long"[..]).await.unwrap();
                        session.execute(&insert, (id, LongData)).await.unwrap()
                    }
                };
                let sql = format!("SELECT b FROM t WHERE id = {id}");
                let held: String = session.fetch_one(&sql, ()).await.unwrap();
                assert_eq!(held, if own { "own" } else { "long" }, "{length}");
            }
        }
    });
}

/// K-17: an execution without long data gets its own values, whatever was sent before.
#[test]
fn k17_values_that_nobody_asks_for_are_dropped() {
    each_server(async |target| {
        let mut session = target.local().await;
        let statement = session.prepare(SQL).await.unwrap();
        for part in [false, true] {
            for kind in 0..3 {
                for parameter in [0, 1] {
                    match part {
                        true => send_part(&mut session, &statement, parameter).await,
                        false => {
                            let sent = session.send_long_data(&statement, parameter, &b"stray"[..]);
                            assert_eq!(sent.await.unwrap(), 5);
                        }
                    }
                }
                let seen: String = match kind {
                    0 => session.fetch_one(&statement, ("a", "b")).await.unwrap(),
                    // The type of long data, without being any.
                    1 => session.fetch_one(&statement, (&b"a"[..], &b"b"[..])).await.unwrap(),
                    _ => {
                        let mut pipeline = session.pipeline();
                        pipeline.query(&statement, ("a", "b")).await.unwrap();
                        let mut reply = pipeline.next_reply().await.unwrap().unwrap();
                        reply.next().await.unwrap().unwrap().decode().unwrap()
                    }
                };
                assert_eq!(seen, "a|b", "part: {part}, kind: {kind}");
            }
        }
    });
}

/// K-17: with some long data, neither a part of it nor that of another parameter is taken.
#[test]
fn k17_an_execution_takes_what_was_sent_or_fails() {
    each_server(async |target| {
        let mut session = target.local().await;
        let s = &mut session;
        let statement = s.prepare(SQL).await.unwrap();
        let get = async |s: &mut Session| s.fetch_one::<String>(&statement, (LongData, "b")).await;
        assert_eq!(usage(get(s).await), UsageError::NoLongData { index: 0 });
        send_part(s, &statement, 0).await;
        assert_eq!(usage(get(s).await), UsageError::LongDataInPart { index: 0 });
        let again = s.send_long_data(&statement, 0, &b"whole"[..]).await;
        assert_eq!(usage(again), UsageError::LongDataInPart { index: 0 });
        s.reset_statement(&statement).await.unwrap();
        s.send_long_data(&statement, 0, &b"whole"[..]).await.unwrap();
        s.send_long_data(&statement, 1, &b"stray"[..]).await.unwrap();
        assert_eq!(usage(get(s).await), UsageError::LongDataLeft { index: 1 });
        s.reset_statement(&statement).await.unwrap();
        s.send_long_data(&statement, 0, &b"who"[..]).await.unwrap();
        s.send_long_data(&statement, 0, &b"le"[..]).await.unwrap();
        assert_eq!(get(s).await.unwrap(), "whole|b");
        // It is gone with its execution.
        assert_eq!(usage(get(s).await), UsageError::NoLongData { index: 0 });

        // Behind another command of a pipeline there is no room for a reset.
        s.send_long_data(&statement, 0, &b"stray"[..]).await.unwrap();
        let mut pipeline = s.pipeline();
        pipeline.ping().await.unwrap();
        let refused = pipeline.query(&statement, ("a", "b")).await;
        assert_eq!(usage(refused), UsageError::LongDataLeft { index: 0 });
        pipeline.query(&statement, (LongData, "b")).await.unwrap();
        pipeline.query(&statement, ("c", "d")).await.unwrap();
        pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
        for wanted in ["stray|b", "c|d"] {
            let mut reply = pipeline.next_reply().await.unwrap().unwrap();
            assert_eq!(reply.next().await.unwrap().unwrap().decode::<String>().unwrap(), wanted);
        }
        drop(pipeline);
        assert_eq!(s.fetch_one::<String>(&statement, ("e", "f")).await.unwrap(), "e|f");
    });
}

/// MySQL prepares a statement twice that is executed with a cursor and without one, so what was sent
/// for one of both is not there for the other.
#[test]
fn k17_long_data_belong_to_one_kind_of_execution() {
    each_server(async |target| {
        let mut session = target.local().await;
        let plain = session.prepare(SQL).await.unwrap();
        let cursor = plain.clone().with_fetch_size(2);
        let one: String = session.fetch_one(&plain, ("a", "b")).await.unwrap();
        assert_eq!(one, "a|b");
        session.send_long_data(&cursor, 0, &b"sent"[..]).await.unwrap();
        let other = session.fetch_one::<String>(&plain, (LongData, "b")).await;
        if session.is_mariadb() {
            return assert_eq!(other.unwrap(), "sent|b");
        }
        assert_eq!(usage(other), UsageError::NoLongData { index: 0 });
        let sent: String = session.fetch_one(&cursor, (LongData, "b")).await.unwrap();
        assert_eq!(sent, "sent|b");
    });
}

/// Behind an execution that failed nothing of its long data is left, nor for many rows at once.
#[test]
fn k17_a_failed_execution_leaves_nothing() {
    each_server(async |target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (a INT PRIMARY KEY, b TEXT)", ()).await.unwrap();
        let insert = session.prepare("INSERT INTO t VALUES (?, ?)").await.unwrap();
        session.execute(&insert, (1, "one")).await.unwrap();
        session.send_long_data(&insert, 1, &b"long"[..]).await.unwrap();
        assert_eq!(code(session.execute(&insert, (1, LongData)).await), 1062);
        session.execute(&insert, (2, "two")).await.unwrap();
        session.send_long_data(&insert, 1, &b"three"[..]).await.unwrap();
        session.execute(&insert, (3, LongData)).await.unwrap();
        session.send_long_data(&insert, 1, &b"stray"[..]).await.unwrap();
        session.bulk(&insert, [(4, "four"), (5, "five")]).await.unwrap();
        let all: Vec<String> = session.fetch_all("SELECT b FROM t ORDER BY a", ()).await.unwrap();
        assert_eq!(all, ["one", "two", "three", "four", "five"]);
    });
}
