//! Statements with several results: multi-statements and procedures.

use mywire::{Error, OwnedRow, Session};

use crate::each_server;
use crate::target::{Target, code, connect, usable};

#[test]
fn several_statements_need_to_be_allowed() {
    each_server(async |target| {
        let mut session = target.session().await;
        assert_eq!(code(session.execute("SELECT 1; SELECT 2", ()).await), 1064);
        usable(&mut session).await;
    });
}

#[test]
fn r70_results_of_several_statements_one_after_the_other() {
    each_server(async |target| {
        let mut session = connect(&target.config().multi_statements(true)).await;
        let sql = "SELECT 1 AS a; SET @x = 5; SELECT 'b', CAST('1x' AS SIGNED) UNION SELECT 'c', 2; \
                   SELECT 1 FROM DUAL WHERE 1 = 0; SET @y = 6";
        let mut rows = session.query(sql, ()).await.unwrap();
        assert_eq!(rows.columns().get(0).unwrap().name(), "a");
        assert_eq!(rows.collect::<i64>().await.unwrap(), [1]);
        assert!(rows.next().await.unwrap().is_none(), "the next result is not this one");
        assert!(rows.next_result().await.unwrap());
        assert!(rows.columns().is_empty());
        assert!(rows.next().await.unwrap().is_none());
        assert!(rows.next_result().await.unwrap());
        assert_eq!(rows.columns().len(), 2);
        let two: Vec<(String, i64)> = rows.collect().await.unwrap();
        assert_eq!(two, [("b".into(), 1), ("c".into(), 2)]);
        assert!(rows.next_result().await.unwrap());
        assert_eq!(rows.columns().len(), 1);
        assert!(rows.next().await.unwrap().is_none());
        assert!(rows.next_result().await.unwrap());
        assert!(rows.columns().is_empty());
        assert!(!rows.next_result().await.unwrap());
        let done = rows.finish().await.unwrap();
        assert!(!done.more_results());
        // Rows of a result that nobody reads are skipped.
        let mut rows = session.query(sql, ()).await.unwrap();
        assert!(rows.next_result().await.unwrap() && rows.next_result().await.unwrap());
        assert!(rows.next_result().await.unwrap());
        rows.finish().await.unwrap();
        let both: (i64, i64) = session.fetch_one("SELECT @x, @y", ()).await.unwrap();
        assert_eq!(both, (5, 6));
        // `fetch_all` gives the first result, and the others run.
        let first: Vec<i64> = session.fetch_all("SELECT 3; SET @x = 9", ()).await.unwrap();
        assert_eq!(first, [3]);
        assert_eq!(session.fetch_one::<i64>("SELECT @x", ()).await.unwrap(), 9);
    });
}

#[test]
fn warnings_of_each_of_several_results() {
    each_server(async |target| {
        let mut session = connect(&target.config().multi_statements(true)).await;
        let warns = "SELECT CAST('1x' AS SIGNED)";
        let rows = session.query(&format!("{warns}; SELECT 1"), ()).await.unwrap();
        assert_eq!(rows.finish().await.unwrap().warnings, 0, "the last result's");
        let rows = session.query(&format!("SELECT 1; {warns}"), ()).await.unwrap();
        assert_eq!(rows.finish().await.unwrap().warnings, 1);
        assert_eq!(session.warnings(), 1);
    });
}

/// A session whose database has the procedures `p0`, `p1`, `p2` with as many result sets, and a
/// table `t` of three rows.
pub async fn procedures(target: &Target) -> Session {
    let mut session = target.session().await;
    target.database(&mut session).await;
    for sql in [
        "CREATE TABLE t (a BIGINT)",
        "INSERT INTO t VALUES (1), (2), (3)",
        "CREATE PROCEDURE p0() BEGIN SET @ran = 1; UPDATE t SET a = a; END",
        "CREATE PROCEDURE p1() BEGIN SELECT a FROM t ORDER BY a; END",
        "CREATE PROCEDURE p2() BEGIN SELECT 1 AS one; SELECT a, 'x' FROM t ORDER BY a; END",
        "CREATE PROCEDURE pout(IN x INT, OUT y INT) BEGIN SELECT x AS got; SET y = x * 2; END",
    ] {
        session.execute(sql, ()).await.unwrap();
    }
    session
}

/// E-85, R-71: after the result sets there is always one OK more.
#[test]
fn e85_calls_with_no_one_and_two_result_sets() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        let rows = session.query("CALL p0()", ()).await.unwrap();
        assert!(rows.columns().is_empty());
        rows.finish().await.unwrap();
        usable(&mut session).await;

        let mut rows = session.query("CALL p1()", ()).await.unwrap();
        assert_eq!(rows.collect::<i64>().await.unwrap(), [1, 2, 3]);
        assert!(rows.next_result().await.unwrap());
        assert!(rows.columns().is_empty());
        assert!(!rows.next_result().await.unwrap());
        drop(rows);
        usable(&mut session).await;

        let mut rows = session.query("CALL p2()", ()).await.unwrap();
        assert_eq!(rows.collect::<i64>().await.unwrap(), [1]);
        assert!(rows.next_result().await.unwrap());
        assert_eq!(rows.collect::<OwnedRow>().await.unwrap().len(), 3);
        assert!(rows.next_result().await.unwrap());
        assert!(!rows.next_result().await.unwrap());
        rows.finish().await.unwrap();

        session.execute("CALL pout(21, @y)", ()).await.unwrap();
        assert_eq!(session.fetch_one::<i64>("SELECT @y", ()).await.unwrap(), 42);
        assert_eq!(session.fetch_all::<i64>("CALL p1()", ()).await.unwrap(), [1, 2, 3]);
        // Left at every point.
        for results in 0..3 {
            let mut rows = session.query("CALL p2()", ()).await.unwrap();
            for _ in 0..results {
                rows.next_result().await.unwrap();
            }
            drop(rows);
            usable(&mut session).await;
        }
    });
}

/// A query that fails at its second row, after one was sent.
const FAILS: &str = "SELECT a, (SELECT b.a FROM t b WHERE b.a >= x.a) FROM t x ORDER BY a DESC";

/// Makes `p` the procedure with this body.
async fn procedure(session: &mut Session, body: &str) {
    session.execute("DROP PROCEDURE IF EXISTS p", ()).await.unwrap();
    session.execute(&format!("CREATE PROCEDURE p() BEGIN {body} END"), ()).await.unwrap();
}

/// R-18 within a procedure: nobody handles the error, so it ends the call.
#[test]
fn r18_a_statement_in_a_call_fails_and_nobody_handles_it() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        procedure(&mut session, &format!("SELECT 1; {FAILS}; SELECT 3;")).await;
        let mut rows = session.query("CALL p()", ()).await.unwrap();
        assert_eq!(rows.collect::<i64>().await.unwrap(), [1]);
        assert!(rows.next_result().await.unwrap());
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<(i64, i64)>().unwrap(), (3, 3));
        let error = rows.next().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1242);
        assert!(!error.is_fatal());
        drop(rows);
        usable(&mut session).await;
        assert_eq!(code(session.execute("CALL p()", ()).await), 1242);
        usable(&mut session).await;
    });
}

/// a statement of a procedure fails after its columns were sent, and a handler takes over.
/// The result set is ended (by MySQL with an EOF packet of five bytes, whatever was agreed on) and
/// what the handler does follows, because the status word says that more results do.
#[test]
fn r23_a_statement_in_a_call_fails_and_a_handler_goes_on() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        // The handler fails too: the error comes behind the end of the rows.
        for handler in ["RESIGNAL", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'boo'"] {
            let body = format!("DECLARE EXIT HANDLER FOR SQLEXCEPTION {handler}; {FAILS};");
            procedure(&mut session, &body).await;
            let want = if handler == "RESIGNAL" { 1242 } else { 1644 };
            let mut rows = session.query("CALL p()", ()).await.unwrap();
            assert_eq!(rows.next().await.unwrap().unwrap().decode::<(i64, i64)>().unwrap(), (3, 3));
            assert!(rows.next().await.unwrap().is_none());
            let error: Error = rows.next_result().await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), want);
            assert!(!error.is_fatal());
            assert_eq!(code(rows.next_result().await), want);
            assert_eq!(code(rows.finish().await), want);
            usable(&mut session).await;
            // Nobody can take it for a success.
            assert_eq!(code(session.execute("CALL p()", ()).await), want);
            assert_eq!(code(session.fetch_all::<(i64, i64)>("CALL p()", ()).await), want);
            assert_eq!(code(session.fetch_one::<(i64, i64)>("CALL p()", ()).await), want);
            drop(session.query("CALL p()", ()).await.unwrap());
            usable(&mut session).await;
        }
        // The handler returns rows of its own.
        let body = format!("DECLARE EXIT HANDLER FOR SQLEXCEPTION SELECT 99; {FAILS};");
        procedure(&mut session, &body).await;
        let mut rows = session.query("CALL p()", ()).await.unwrap();
        assert_eq!(rows.collect::<(i64, i64)>().await.unwrap(), [(3, 3)]);
        assert!(rows.next_result().await.unwrap());
        assert_eq!(rows.collect::<i64>().await.unwrap(), [99]);
        assert!(rows.next_result().await.unwrap());
        assert!(!rows.next_result().await.unwrap());
        drop(rows);
        usable(&mut session).await;
        // The handler does nothing, and the procedure goes on or ends.
        for (kind, results) in [("EXIT", 1), ("CONTINUE", 2)] {
            let body =
                format!("DECLARE {kind} HANDLER FOR SQLEXCEPTION BEGIN END; {FAILS}; SELECT 7;");
            procedure(&mut session, &body).await;
            let mut rows = session.query("CALL p()", ()).await.unwrap();
            let mut seen = 0;
            loop {
                seen += usize::from(!rows.columns().is_empty());
                if !rows.next_result().await.unwrap() {
                    break;
                }
            }
            assert_eq!(seen, results, "{kind}");
            rows.finish().await.unwrap();
            usable(&mut session).await;
        }
    });
}

/// E-85, R-72: OUT parameters are told before their row is read.
#[test]
fn e85_out_parameters_are_told_before_they_are_read() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        let long = "CREATE PROCEDURE plong(OUT x LONGTEXT, OUT y INT) BEGIN SELECT 1; SET y = 2; \
                    SET x = REPEAT('x', 20000000); END";
        session.execute(long, ()).await.unwrap();
        let pout = session.prepare("CALL pout(?, ?)").await.unwrap();
        let plong = session.prepare("CALL plong(?, ?)").await.unwrap();
        for read in [false, true] {
            let mut rows = session.query(&pout, (21, None::<i64>)).await.unwrap();
            assert!(!rows.is_out_params().await.unwrap());
            assert_eq!(rows.collect::<i64>().await.unwrap(), [21]);
            assert!(!rows.is_out_params().await.unwrap());
            assert!(rows.next_result().await.unwrap());
            assert!(rows.is_out_params().await.unwrap());
            assert!(rows.is_out_params().await.unwrap());
            if read {
                assert_eq!(rows.next().await.unwrap().unwrap().decode::<i64>().unwrap(), 42);
                assert!(rows.is_out_params().await.unwrap(), "their end is due");
                assert!(rows.next().await.unwrap().is_none());
            }
            assert!(rows.next_result().await.unwrap());
            assert!(!rows.is_out_params().await.unwrap());
            rows.finish().await.unwrap();
            usable(&mut session).await;
        }
        for pieces in [false, true] {
            let mut rows = session.query(&plong, (None::<&str>, None::<i64>)).await.unwrap();
            assert!(!rows.is_out_params().await.unwrap());
            assert!(rows.next_result().await.unwrap());
            if pieces {
                let mut row = rows.next_chunked().await.unwrap().unwrap();
                assert!(row.next_field().await.unwrap().is_some());
                drop(row);
                assert!(rows.is_out_params().await.unwrap(), "behind the row that was left");
            } else {
                assert!(rows.is_out_params().await.unwrap());
                let row: (String, i64) = rows.next().await.unwrap().unwrap().decode().unwrap();
                assert_eq!((row.0.len(), row.1), (20_000_000, 2));
            }
            drop(rows);
            usable(&mut session).await;
        }
        let mut rows = session.query("SELECT 1 FROM DUAL WHERE 1 = 0", ()).await.unwrap();
        assert!(!rows.is_out_params().await.unwrap());
        drop(rows);
        usable(&mut session).await;
    });
}

/// The servers forget the end of the rows if only the caller of a procedure handles their error
/// (`protocol-spec/notes-call-eof.md`): the OK behind them is not waited past.
#[test]
fn r23_binary_rows_whose_end_the_server_forgets() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        procedure(&mut session, &format!("{FAILS};")).await;
        session
            .execute(
                "CREATE PROCEDURE outer_p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END; \
                 CALL p(); END",
                (),
            )
            .await
            .unwrap();
        let database: String = session.fetch_one("SELECT DATABASE()", ()).await.unwrap();
        for how in 0..5 {
            let mut session = target.session().await;
            session.use_database(&database).await.unwrap();
            let call = session.prepare("CALL outer_p()").await.unwrap();
            let mut rows = session.query(&call, ()).await.unwrap();
            let error = match how {
                0 => loop {
                    match rows.next().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("an end came"),
                        Err(error) => break error,
                    }
                },
                1 => loop {
                    match rows.next_batch().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("an end came"),
                        Err(error) => break error,
                    }
                },
                2 => rows.finish().await.unwrap_err(),
                3 => {
                    drop(rows);
                    session.ping().await.unwrap_err()
                }
                _ => {
                    rows.next().await.unwrap().unwrap();
                    drop(rows);
                    session.ping().await.unwrap_err()
                }
            };
            assert!(matches!(error, Error::Protocol(_)), "{how}: {error}");
            assert!(error.is_fatal() && session.is_dead());
        }
    });
}
