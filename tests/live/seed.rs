//! What other drivers got wrong (A to H), and the checks of their suites (S1 to S8), by name. What is
//! about pools is in `tests/pool`, values of 16 MiB and more (S10) in `large.rs`, accounts (S11) in
//! `accounts.rs`, types (S13) in `types.rs` and memory (S15) in `tests/memory.rs`.

use mywire::Session;
use mywire::error::ServerErrorKind;

use crate::each_server;
use crate::target::{Target, code, connect, usable};

async fn multi(target: &Target) -> Session {
    connect(&target.config().multi_statements(true)).await
}

/// A, S3: the second result set of a stream has its rows, and the third.
#[test]
fn seed_a_s3_every_result_set_has_its_rows() {
    each_server(async |target| {
        let mut session = multi(target).await;
        let sql = "SELECT 1; DO 0; SELECT 3 UNION ALL SELECT 4; SELECT 5 WHERE 1 = 0; SELECT 6";
        let mut rows = session.query(sql, ()).await.unwrap();
        let mut sets = vec![rows.collect::<i64>().await.unwrap()];
        while rows.next_result().await.unwrap() {
            if rows.columns().is_empty() {
                sets.push(vec![-1]);
            } else {
                sets.push(rows.collect::<i64>().await.unwrap());
            }
        }
        assert_eq!(sets, [vec![1], vec![-1], vec![3, 4], vec![], vec![6]]);
        drop(rows);
        usable(&mut session).await;
    });
}

/// B, S3: the next result set after one that was read in part; the rest of it is nobody's.
#[test]
fn seed_b_s3_the_next_set_after_a_partial_read() {
    each_server(async |target| {
        let mut session = multi(target).await;
        let sql =
            "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3; SELECT 7; SELECT nothing; SELECT 9";
        let mut rows = session.query(sql, ()).await.unwrap();
        let first: i64 = rows.next().await.unwrap().unwrap().decode().unwrap();
        assert_eq!(first, 1);
        assert!(rows.next_result().await.unwrap());
        assert_eq!(rows.collect::<i64>().await.unwrap(), [7]);
        // The error of a later set is the statement's.
        assert_eq!(code(rows.next_result().await), 1054);
        drop(rows);
        usable(&mut session).await;
    });
}

/// C, S2: the status word behind a result set counts: with autocommit off a SELECT begins a
/// transaction.
#[test]
fn seed_c_s2_the_end_of_rows_tells_of_the_transaction() {
    each_server(async |target| {
        let mut session = target.session().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE seed (a INT) ENGINE = InnoDB", ()).await.unwrap();
        session.execute("SET autocommit = 0", ()).await.unwrap();
        assert!(!session.in_transaction());
        let mut rows = session.query("SELECT a FROM seed", ()).await.unwrap();
        assert!(rows.next().await.unwrap().is_none());
        drop(rows);
        assert!(session.in_transaction());
        session.execute("COMMIT", ()).await.unwrap();
        assert!(!session.in_transaction());
    });
}

/// D, S2: a stream tells its warnings.
#[test]
fn seed_d_s2_a_stream_tells_its_warnings() {
    each_server(async |target| {
        let mut session = target.session().await;
        let sql = "SELECT CAST('1x' AS SIGNED), CAST('2y' AS SIGNED)";
        let mut rows = session.query(sql, ()).await.unwrap();
        while rows.next().await.unwrap().is_some() {}
        let done = rows.finish().await.unwrap();
        assert_eq!((done.warnings, session.warnings()), (2, 2));
        usable(&mut session).await;
    });
}

/// S1: order, number, NULL and the empty string, however they are fetched.
#[test]
fn s1_rows_are_what_they_are_however_they_are_fetched() {
    each_server(async |target| {
        let mut session = target.session().await;
        let sql =
            "SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL UNION ALL SELECT 3, '' ORDER BY a";
        type Row = (i64, Option<String>);
        let wanted: Vec<Row> = vec![(1, Some("x".into())), (2, None), (3, Some(String::new()))];
        let all: Vec<Row> = session.fetch_all(sql, ()).await.unwrap();
        assert_eq!(all, wanted);
        let mut one_by_one: Vec<Row> = Vec::new();
        let mut rows = session.query(sql, ()).await.unwrap();
        while let Some(row) = rows.next().await.unwrap() {
            one_by_one.push(row.decode().unwrap());
        }
        rows.finish().await.unwrap();
        assert_eq!(one_by_one, wanted);
        let mut batches: Vec<Row> = Vec::new();
        let mut rows = session.query(sql, ()).await.unwrap();
        while let Some(batch) = rows.next_batch().await.unwrap() {
            for row in batch {
                batches.push(row.unwrap().decode().unwrap());
            }
        }
        assert_eq!(batches, wanted);
        drop(rows);
        let statement = session.prepare(sql).await.unwrap();
        assert_eq!(session.fetch_all::<Row>(&statement, ()).await.unwrap(), wanted);
        let first: Option<i64> = session.fetch_optional("SELECT 1 WHERE 1 = 0", ()).await.unwrap();
        assert_eq!(first, None);
    });
}

/// S4, S8: rows left early, at any place, and the session goes on.
#[test]
fn s4_s8_rows_left_at_any_place() {
    each_server(async |target| {
        let mut session = target.session().await;
        let sql = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
                   SELECT i, REPEAT('x', 500) FROM n";
        for left_after in [0, 1, 2, 31, 500, 899, 900] {
            let mut rows = session.query(sql, ()).await.unwrap();
            for _ in 0..left_after {
                assert!(rows.next().await.unwrap().is_some());
            }
            drop(rows);
            usable(&mut session).await;
        }
    });
}

/// S6, S16: an error in the middle ends the statement, not the session, and has a kind.
#[test]
fn s6_s16_errors_have_kinds_and_the_session_goes_on() {
    each_server(async |target| {
        let mut session = target.session().await;
        target.database(&mut session).await;
        for sql in [
            "CREATE TABLE parent (id INT PRIMARY KEY) ENGINE = InnoDB",
            "CREATE TABLE child (id INT, FOREIGN KEY (id) REFERENCES parent (id)) ENGINE = InnoDB",
            "INSERT INTO parent VALUES (1)",
        ] {
            session.execute(sql, ()).await.unwrap();
        }
        use ServerErrorKind as Kind;
        for (sql, kind) in [
            ("INSERT INTO parent VALUES (1)", Kind::DuplicateKey),
            ("INSERT INTO child VALUES (7)", Kind::ForeignKey),
            ("SELECT * FROM no_such_table", Kind::UnknownTable),
            ("SELECT no_such_column FROM parent", Kind::UnknownColumn),
            ("SELEKT", Kind::Syntax),
            ("USE no_such_database", Kind::UnknownDatabase),
            ("SELECT (SELECT 1 UNION SELECT 2)", Kind::Other),
        ] {
            let error = session.execute(sql, ()).await.unwrap_err();
            assert_eq!(error.as_server().unwrap().kind(), kind, "{error}");
            assert!(!error.is_fatal() && !error.is_retryable(), "{error}");
            usable(&mut session).await;
        }
        session.execute("SET SESSION TRANSACTION READ ONLY", ()).await.unwrap();
        let error = session.execute("INSERT INTO parent VALUES (2)", ()).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().kind(), Kind::ReadOnly, "{error}");
        session.reset().await.unwrap();
        session.execute("INSERT INTO parent VALUES (2)", ()).await.unwrap();
        // Two sessions and one row.
        let mut other = target.session().await;
        other.execute("SET SESSION innodb_lock_wait_timeout = 1", ()).await.unwrap();
        let database = session.database().unwrap().to_owned();
        let mut transaction = session.begin().await.unwrap();
        transaction.execute("DELETE FROM parent WHERE id = 2", ()).await.unwrap();
        let sql = format!("DELETE FROM {database}.parent WHERE id = 2");
        let error = other.execute(&sql, ()).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().kind(), Kind::LockWaitTimeout, "{error}");
        assert!(error.is_retryable());
        transaction.rollback().await.unwrap();
        usable(&mut other).await;
    });
}
