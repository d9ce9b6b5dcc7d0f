//! One statement with many rows of parameters.

use mywire::error::{BulkError, UsageError, ValueError};
use mywire::{BulkRow, BulkValue, Error, Limits, Session, Statement, Value};

use crate::each_server;
use crate::target::{Target, code, connect, usable};

/// Two sessions, one that waits for each reply, each with an empty table `t`.
async fn sessions(target: &Target) -> Vec<(Session, Statement)> {
    let config = target.local_config();
    let mut sessions = Vec::new();
    for config in [config.clone(), config.pipelining(false)] {
        let mut session = connect(&config).await;
        target.database(&mut session).await;
        let create = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n INT UNIQUE, \
                      s VARCHAR(200) DEFAULT 'none') ENGINE=InnoDB";
        session.execute(create, ()).await.unwrap();
        let insert = session.prepare("INSERT INTO t (n, s) VALUES (?, ?)").await.unwrap();
        sessions.push((session, insert));
    }
    sessions
}

async fn count(session: &mut Session) -> i64 {
    session.fetch_one("SELECT COUNT(*) FROM t", ()).await.unwrap()
}

fn bulk(error: &Error) -> &BulkError {
    match error {
        Error::Bulk(bulk) => bulk,
        other => panic!("no error of a bulk execution: {other}"),
    }
}

#[test]
fn many_rows_of_one_statement() {
    const ROWS: i64 = 5_000;

    each_server(async |target| {
        for (mut session, insert) in sessions(target).await {
            // More than one command's worth, and one row that is more by itself.
            let text = |n: i64| if n % 3 == 0 { None } else { Some("s".repeat(n as usize % 190)) };
            let rows = (0..ROWS).map(|n| (n, text(n)));
            let done = session.bulk(&insert, rows).await.unwrap();
            assert_eq!((done.rows, done.affected_rows), (ROWS as u64, ROWS as u64));
            assert_eq!((done.last_insert_id, done.warnings), (1, 0));
            let mut rows = session.query("SELECT n, s FROM t ORDER BY n", ()).await.unwrap();
            for n in 0..ROWS {
                let row = rows.next().await.unwrap().unwrap();
                assert_eq!(row.decode::<(i64, Option<String>)>().unwrap(), (n, text(n)));
            }
            drop(rows);
            // No rows are no command.
            let none = session.bulk(&insert, Vec::<(i64, &str)>::new()).await.unwrap();
            assert_eq!((none.rows, none.affected_rows), (0, 0));
            usable(&mut session).await;
        }
    });
}

#[test]
fn types_that_change_from_row_to_row() {
    each_server(async |target| {
        for (mut session, insert) in sessions(target).await {
            let value = |n: i64| match n % 4 {
                0 => Value::Int(n),
                1 => Value::from(n.to_string()),
                2 => Value::UInt(n as u64),
                _ => Value::Double(n as f64),
            };
            let rows = (0..600).map(|n| [value(n), if n < 300 { Value::Null } else { value(n) }]);
            session.bulk(&insert, rows).await.unwrap();
            let all: Vec<(i64, Option<i64>)> = session
                .fetch_all("SELECT n, CAST(s AS SIGNED) FROM t ORDER BY n", ())
                .await
                .unwrap();
            let wanted: Vec<_> = (0..600).map(|n| (n, (n >= 300).then_some(n))).collect();
            assert_eq!(all, wanted);
        }
    });
}

#[test]
fn a_failure_names_its_row() {
    each_server(async |target| {
        for (mut session, insert) in sessions(target).await {
            session.execute("INSERT INTO t (n) VALUES (700)", ()).await.unwrap();
            let mut tx = session.begin().await.unwrap();
            let error = tx.bulk(&insert, (0..2_000).map(|n| (n, "x"))).await.unwrap_err();
            let failed = bulk(&error);
            assert_eq!((failed.rows(), error.as_server().unwrap().code()), (700..701, 1062));
            assert!(error.to_string().starts_with("row 700 of the parameters: "), "{error}");
            assert!(!error.is_fatal());
            // The command's rows are gone, or each that did not fail is there.
            let done = failed.done().rows;
            assert_eq!(done > 0, !tx.is_mariadb());
            let there: u64 = tx.fetch_one("SELECT COUNT(*) FROM t", ()).await.unwrap();
            assert_eq!(there, done + 1);
            tx.rollback().await.unwrap();
            assert_eq!(count(&mut session).await, 1);

            // A row that cannot be sent: those before it are executed.
            let rows = (0..10).map(|n| (n, if n == 6 { f64::NAN } else { 0.5 }));
            let error = session.bulk(&insert, rows).await.unwrap_err();
            let failed = bulk(&error);
            assert_eq!(failed.rows(), 6..7);
            let Error::Param(param) = failed.error() else { panic!("{error}") };
            assert_eq!((param.index(), param.reason()), (1, ValueError::Range));
            assert_eq!((failed.done().rows, count(&mut session).await), (6, 7));
            let error = session.bulk(&insert, [[1001, 2].as_slice(), &[3]]).await.unwrap_err();
            let wrong = UsageError::ParameterCount { statement: 2, given: 1 };
            assert!(matches!(bulk(&error).error(), Error::Usage(usage) if *usage == wrong));
            assert_eq!((bulk(&error).rows(), bulk(&error).done().rows), (1..2, 1));
            assert_eq!(count(&mut session).await, 8);
            usable(&mut session).await;
        }
    });
}

#[test]
fn each_row_tells_its_insert_id() {
    each_server(async |target| {
        for (mut session, insert) in sessions(target).await {
            let mut seen = Vec::new();
            let each = |row: BulkRow| seen.push(row);
            let rows = (0..1_500).map(|n| (n, "x"));
            let done = session.bulk_each(&insert, rows, each).await.unwrap();
            assert_eq!((done.rows, done.affected_rows), (1_500, 1_500));
            let ids: Vec<u64> = session.fetch_all("SELECT id FROM t ORDER BY n", ()).await.unwrap();
            assert_eq!(seen.len(), 1_500);
            for ((n, row), id) in (0_u64..).zip(&seen).zip(ids) {
                assert_eq!((row.row, row.last_insert_id, row.affected_rows), (n, id, 1));
            }
        }
    });
}

#[test]
fn indicators_stand_for_values() {
    each_server(async |target| {
        for (mut session, insert) in sessions(target).await {
            use BulkValue::{Default, Ignore, Null, Value};

            let rows = [(1, Value("one")), (2, Default), (3, Null), (4, Ignore)];
            let outcome = session.bulk(&insert, rows).await;
            // Anywhere but in a bulk execution on MariaDB they are refused.
            let lone = session.execute(&insert, (5, Default::<&str>)).await.unwrap_err();
            assert!(matches!(lone, Error::Param(_)), "{lone}");
            let all: Vec<(i64, Option<String>)> =
                session.fetch_all("SELECT n, s FROM t ORDER BY n", ()).await.unwrap();
            let none = || Some(String::from("none"));
            let one = (1, Some(String::from("one")));
            if session.is_mariadb() {
                assert_eq!(outcome.unwrap().affected_rows, 4);
                assert_eq!(all, [one, (2, none()), (3, None), (4, none())]);
            } else {
                let error = outcome.unwrap_err();
                assert_eq!(bulk(&error).rows(), 1..2);
                assert!(matches!(bulk(&error).error(), Error::Param(_)), "{error}");
                assert_eq!(all, [one]);
            }
            usable(&mut session).await;
        }
    });
}

#[test]
fn statements_that_are_no_inserts() {
    each_server(async |target| {
        for (mut session, insert) in sessions(target).await {
            session.bulk(&insert, (0..10).map(|n| (n, "x"))).await.unwrap();
            let update = session.prepare("UPDATE t SET s = ? WHERE n < ?").await.unwrap();
            let done = session.bulk(&update, [("a", 2), ("b", 5)]).await.unwrap();
            assert_eq!((done.rows, done.affected_rows), (2, 7));
            let select = session.prepare("SELECT n FROM t WHERE n < ?").await.unwrap();
            let done = session.bulk(&select, [(3,), (4,)]).await.unwrap();
            assert_eq!((done.rows, done.affected_rows), (2, 0));
            let nothing = session.prepare("DELETE FROM t").await.unwrap();
            let done = session.bulk(&nothing, [(), ()]).await.unwrap();
            assert_eq!((done.rows, done.affected_rows), (2, 10));
            assert_eq!(code(session.bulk(&insert, [(1, "a"), (1, "b")]).await), 1062);
            usable(&mut session).await;
        }
    });
}

#[test]
fn t113_a_row_that_is_too_long_is_named() {
    each_server(async |target| {
        let limits = Limits::default().max_command(128 << 10);
        let mut session = connect(&target.local_config().limits(limits)).await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (n INT, s LONGTEXT)", ()).await.unwrap();
        let insert = session.prepare("INSERT INTO t VALUES (?, ?)").await.unwrap();
        for long in [0, 2] {
            session.execute("DELETE FROM t", ()).await.unwrap();
            let rows = (0..5_u64).map(|n| (n, "s".repeat(if n == long { 200 << 10 } else { 9 })));
            let error = session.bulk(&insert, rows).await.unwrap_err();
            let failed = bulk(&error);
            assert_eq!((failed.rows(), failed.done().rows), (long..long + 1, long));
            assert!(matches!(failed.error(), Error::Usage(UsageError::TooLong { .. })), "{error}");
            assert_eq!(count(&mut session).await as u64, long);
        }
        usable(&mut session).await;
    });
}

/// MariaDB takes many rows for some kinds of statements only.
#[test]
fn statements_that_take_one_row_at_a_time() {
    each_server(async |target| {
        for (mut session, _) in sessions(target).await {
            session
                .execute("CREATE PROCEDURE p (a INT) INSERT INTO t (n) VALUES (a)", ())
                .await
                .unwrap();
            for (sql, n) in [("CALL p(?)", 0), ("SET @n = ?", 10), ("DO ?", 20)] {
                let statement = session.prepare(sql).await.unwrap();
                let done = session.bulk(&statement, (n..n + 3).map(|n| (n,))).await;
                let done = done.unwrap_or_else(|error| panic!("{sql}: {error}"));
                assert_eq!(done.rows, 3, "{sql}");
            }
            assert_eq!(count(&mut session).await, 3);
            let hidden =
                session.prepare("/* ; */ -- SET\n INSERT INTO t (n) VALUES (?)").await.unwrap();
            session.bulk(&hidden, [(7,), (8,)]).await.unwrap();
            assert_eq!(count(&mut session).await, 5);
            usable(&mut session).await;
        }
    });
}
