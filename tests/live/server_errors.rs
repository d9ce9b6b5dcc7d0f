//! Errors in the middle of something, and sessions that somebody else ends.

use mywire::error::{Lost, ProtocolErrorKind, ServerErrorKind};
use mywire::{Config, Error, Sent, Session};

use crate::each_server;
use crate::queries::counting;
use crate::target::{Target, code, connect, running, usable};

async fn multi(target: &Target) -> Session {
    connect(&target.config().multi_statements(true)).await
}

/// E-53: nothing follows an error, whatever was promised before it.
#[test]
fn e53_an_error_in_the_second_of_three_statements() {
    each_server(async |target| {
        let mut session = multi(target).await;
        let sql = "SELECT 1; SELECT * FROM no_such_table; SELECT 3";
        let mut rows = session.query(sql, ()).await.unwrap();
        assert_eq!(rows.collect::<i64>().await.unwrap(), [1]);
        let error = rows.next_result().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().kind(), ServerErrorKind::UnknownTable);
        assert!(!error.is_fatal());
        assert_eq!(code(rows.next_result().await), 1146, "the error was the end");
        assert_eq!(code(rows.next().await.map(drop)), 1146);
        assert_eq!(code(rows.finish().await), 1146);
        usable(&mut session).await;
        // The same through the methods that read to the end, and through leaving.
        assert_eq!(code(session.execute(sql, ()).await), 1146);
        assert_eq!(code(session.fetch_one::<i64>(sql, ()).await), 1146);
        assert_eq!(code(session.fetch_all::<i64>(sql, ()).await), 1146);
        drop(session.query(sql, ()).await.unwrap());
        usable(&mut session).await;
        // The third statement never ran.
        assert_eq!(code(session.execute("SET @ran = 1; SELEKT 2; SET @ran = 3", ()).await), 1064);
        assert_eq!(session.fetch_one::<Option<i64>>("SELECT @ran", ()).await.unwrap(), Some(1));
    });
}

/// A query that fails at its third row, after two were sent: the subquery has one row for the
/// largest value, and more for the others.
fn failing_after_rows(good: u32, bad: u32) -> String {
    let pad = "x".repeat(1000);
    format!(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {bad}) SELECT \
         i, '{pad}', IF(i > {good}, (SELECT 1 UNION SELECT n.i), 0) FROM n"
    )
}

/// E-52, R-18.
#[test]
fn e52_rows_then_an_error() {
    each_server(async |target| {
        let mut session = target.session().await;
        for good in [3, 100] {
            let sql = failing_after_rows(good, good + 10);
            let mut rows = session.query(&sql, ()).await.unwrap();
            for i in 1..=good {
                let row = rows.next().await.unwrap().expect("a row");
                assert_eq!(row.get::<u32>(0).unwrap(), i);
            }
            let error = rows.next().await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), 1242, "{error}");
            assert_eq!(error.was_sent(), Sent::Yes);
            assert!(!error.is_fatal());
            // Whoever asks again hears it again.
            assert_eq!(code(rows.next().await.map(drop)), 1242);
            assert_eq!(code(rows.finish().await), 1242);
            usable(&mut session).await;

            let mut rows = session.query(&sql, ()).await.unwrap();
            let mut seen = 0;
            let error = loop {
                match rows.next_batch().await {
                    Ok(batch) => seen += batch.expect("no end without the error").count(),
                    Err(error) => break error,
                }
            };
            assert_eq!(seen, good as usize);
            assert_eq!(error.as_server().unwrap().code(), 1242);
            drop(rows);
            assert_eq!(code(session.execute(&sql, ()).await), 1242);
            assert_eq!(code(session.fetch_all::<mywire::OwnedRow>(&sql, ()).await), 1242);
            // Left before the error came: it was about rows that nobody wants any more.
            drop(session.query(&sql, ()).await.unwrap());
            usable(&mut session).await;
        }
    });
}

/// A kill of the statement while its rows are read.
#[test]
fn r18_a_killed_query_ends_its_rows_with_an_error() {
    each_server(async |target| {
        let mut session = target.session().await;
        let mut killer = target.session().await;
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        assert_eq!(id & 0xFFFF_FFFF, u64::from(session.connection_id()));
        let pad = "x".repeat(100_000);
        // 10,000 seconds, if nobody stops it; the rows fill the server's buffer at once.
        let sql =
            format!("SELECT i, '{pad}', SLEEP(IF(i < 20, 0, 1000)) FROM ({}) n", counting(30));
        let mut rows = session.query(&sql, ()).await.unwrap();
        let first: (u32, String, i64) = rows.next().await.unwrap().unwrap().decode().unwrap();
        assert_eq!(first.0, 1);
        killer.execute(&format!("KILL QUERY {id}"), ()).await.unwrap();
        let mut seen = 1;
        // A SLEEP that is interrupted makes its row 1 and ends no statement by itself: the server
        // says at once or with the next row that it was killed.
        let error = loop {
            match rows.next().await {
                Ok(Some(_)) => seen += 1,
                Ok(None) => panic!("{seen} rows and no error"),
                Err(error) => break error,
            }
        };
        let server = error.as_server().unwrap();
        assert_eq!((server.code(), server.kind()), (1317, ServerErrorKind::Killed));
        assert!(!error.is_fatal() && error.was_sent() == Sent::Yes);
        drop(rows);
        usable(&mut session).await;
    });
}

/// The server's own limit on a statement's time: rows, then its error.
#[test]
fn r18_a_statement_that_runs_out_of_time() {
    each_server(async |target| {
        let mut session = target.session().await;
        // MySQL's SLEEP ends early without an error when time is up, so there the work is real.
        let (limit, kind) = match session.is_mariadb() {
            true => ("SET SESSION max_statement_time = 0.3", ServerErrorKind::QueryTimeout),
            false => ("SET SESSION max_execution_time = 300", ServerErrorKind::QueryTimeout),
        };
        session.execute(limit, ()).await.unwrap();
        let pad = "x".repeat(30_000);
        let sql = format!(
            "SELECT a.i, '{pad}', IF(a.i < 5, 0, BENCHMARK(100000000, SHA2(a.i, 512))) FROM ({}) a",
            counting(1000)
        );
        let mut rows = session.query(&sql, ()).await.unwrap();
        let mut seen = 0;
        let error = loop {
            match rows.next().await {
                Ok(Some(_)) => seen += 1,
                Ok(None) => panic!("{seen} rows and no error"),
                Err(error) => break error,
            }
        };
        // The row whose work was cut short comes too.
        assert!(matches!(seen, 4 | 5), "{seen}");
        assert_eq!(error.as_server().unwrap().kind(), kind, "{error}");
        assert!(!error.is_fatal());
        drop(rows);
        usable(&mut session).await;
    });
}

async fn kill(target: &Target, id: u64) {
    let mut killer = target.local().await;
    killer.execute(&format!("KILL {id}"), ()).await.unwrap();
    while running(&mut killer, id).await.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// What happened is what the next command says, and that it never ran.
#[test]
fn a_session_killed_while_idle_says_so_at_the_next_command() {
    each_server(async |target| {
        let configs: [Config; 2] = [target.local_config(), target.config()];
        for config in configs {
            let mut session = connect(&config).await;
            let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
            kill(target, id).await;
            let error = session.execute("SET @a = 1", ()).await.unwrap_err();
            assert!(error.is_fatal());
            match &error {
                // MariaDB says good-bye.
                Error::Server(server) => {
                    assert_eq!((server.code(), server.sqlstate()), (1927, "70100"));
                    assert_eq!(server.kind(), ServerErrorKind::SessionKilled);
                }
                // MySQL closes.
                Error::Protocol(protocol) => assert_eq!(
                    protocol.kind(),
                    ProtocolErrorKind::ConnectionLost(Lost::Idle),
                    "{error}"
                ),
                Error::Io(_) => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(error.was_sent(), Sent::No, "{error:?}");
            assert!(error.is_retryable(), "{error:?}");
            // Afterwards it is dead and says that.
            assert!(session.is_dead());
            let again = session.ping().await.unwrap_err();
            assert!(again.to_string().contains("dead"), "{again}");
            assert_eq!(again.was_sent(), Sent::No);
        }
    });
}

asynchronous! {
#[test]
fn a_session_killed_in_the_middle_of_a_statement_may_have_run_it() {
    each_server(async |target| {
        let mut session = target.session().await;
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        let sleeping = async { session.execute("DO SLEEP(1000)", ()).await.unwrap_err() };
        let killing = async {
            let mut watcher = target.local().await;
            let started =
                |info: Option<Vec<u8>>| info.is_some_and(|info| info.starts_with(b"DO SLEEP"));
            while !started(running(&mut watcher, id).await) {
                tokio::task::yield_now().await;
            }
            watcher.execute(&format!("KILL {id}"), ()).await.unwrap();
        };
        let (error, ()) = tokio::join!(sleeping, killing);
        match &error {
            Error::Server(server) => {
                assert!([1927, 1317, 1053].contains(&server.code()), "{error}");
            }
            Error::Protocol(_) | Error::Io(_) => assert_eq!(error.was_sent(), Sent::Maybe),
            other => panic!("{other:?}"),
        }
        assert_ne!(error.was_sent(), Sent::No);
        assert!(!error.is_retryable());
        assert!(session.ping().await.is_err());
        assert!(session.is_dead());
    });
}
}

/// The capability for local files is never asked for, so the server itself refuses.
#[test]
fn t01_load_data_local_is_refused_and_the_session_goes_on() {
    each_server(async |target| {
        let mut session = target.session().await;
        session.execute("CREATE TEMPORARY TABLE live_load (a TEXT)", ()).await.unwrap();
        let sql = "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE live_load";
        let error = session.execute(sql, ()).await.unwrap_err();
        let server = error.as_server().unwrap_or_else(|| panic!("{error:?}"));
        assert!([1148, 3948, 4166].contains(&server.code()), "{error}");
        assert!(error.to_string().to_lowercase().contains("local"), "{error}");
        assert!(!error.is_fatal());
        let rows: i64 = session.fetch_one("SELECT COUNT(*) FROM live_load", ()).await.unwrap();
        assert_eq!(rows, 0);
        usable(&mut session).await;
    });
}
