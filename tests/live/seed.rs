//! What other drivers got wrong (A to H), and the checks of their suites (S1 to S18), by name: each is
//! in the name of a test, `seed_a` to `seed_h` and `s1` to `s18`. Elsewhere are the pool (`seed_c`,
//! `seed_d` and S14 in `tests/pool`), leaving (`seed_g`, `seed_h`, S4, S7, S17 in `ladder.rs`), values of
//! 16 MiB and more (S10 in `large.rs`), accounts (S11 in `login_matrix.rs`), recorded packets (S12 in
//! `tests/spec_vectors.rs`), types (S13 in `types.rs`), the numbers of errors (S16 beside
//! `ServerErrorKind`) and option files, of which there are none (S18 in `tests/layers.rs`).

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

/// F, S1: a stream has an end and no error there; order, number, NULL and the empty string, however they are fetched.
#[test]
fn seed_f_s1_rows_are_what_they_are_however_they_are_fetched() {
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
        assert!(rows.next().await.unwrap().is_none(), "the end stays the end");
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

asynchronous! {
/// S5: a second command while rows are open does not compile (the `compile_fail` example of
/// `Session`). Whoever gets around that, by forgetting the rows, gets its own rows all the same.
#[test]
fn s5_a_command_behind_rows_that_were_forgotten() {
    each_server(async |target| {
        let mut session = target.session().await;
        for sql in ["SELECT 1 UNION ALL SELECT 2", "DO 0"] {
            let mut rows = session.query(sql, ()).await.unwrap();
            let _ = rows.next().await.unwrap();
            std::mem::forget(rows);
            usable(&mut session).await;
        }
    });
}
}

/// S9: LOAD DATA LOCAL with the option off and on, where the file's name is nobody's, and on the
/// path of a stream, which has no data to offer.
#[test]
fn s9_local_infile_off_on_and_by_a_stream() {
    each_server(async |target| {
        let load = "LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE loaded";
        for offered in [false, true] {
            let mut session = connect(&target.config().local_infile(offered)).await;
            target.database(&mut session).await;
            session.execute("CREATE TABLE loaded (a INT)", ()).await.unwrap();
            let loaded = session.load_local(load, &b"1\n2\n"[..]).await;
            match (offered, loaded) {
                (true, loaded) => assert_eq!(loaded.unwrap().affected_rows, 2),
                (false, loaded) => {
                    let error = loaded.unwrap_err();
                    assert!(error.to_string().contains("local_infile"), "{error}");
                    assert_eq!(error.was_sent(), mywire::Sent::No);
                }
            }
            // Nothing is loaded by a method that was given nothing, and the session goes on or says
            // that it does not.
            let streamed = session.query(load, ()).await.map(drop);
            assert!(streamed.is_err());
            if !session.is_dead() {
                let count = "SELECT COUNT(*) FROM loaded";
                let rows: i64 = session.fetch_one(count, ()).await.unwrap();
                assert_eq!(rows, if offered { 2 } else { 0 });
            }
        }
    });
}

/// E, S15: memory, after ten rows and a pause, with a slow reader, and over the whole of it.
#[test]
fn seed_e_s15_memory_is_flat_whatever_the_reader_does() {
    each_server(async |target| {
        let mut session = target.local().await;
        // 100 MB.
        let ten = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
                   SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
        let tables: Vec<_> = (0..5).map(|table| format!("{ten} a{table}")).collect();
        let sql = format!("SELECT REPEAT('x', 1000) FROM {}", tables.join(", "));
        let before = counting_alloc::start();
        let mut rows = session.query(&sql, ()).await.unwrap();
        let mut count = 0_u64;
        while let Some(row) = rows.next().await.unwrap() {
            assert_eq!(row.decode::<&str>().unwrap().len(), 1000);
            count += 1;
            if count == 10 || count.is_multiple_of(5_000) {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        assert_eq!(count, 100_000);
        let grown = counting_alloc::peak().saturating_sub(before);
        println!("{}: 100 MB read slowly, the heap grew by {grown} bytes", target.server.name);
        assert!(grown < 1 << 20, "{grown}");
        drop(rows);
        usable(&mut session).await;
    });
}
