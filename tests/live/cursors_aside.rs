//! Rows of a cursor put aside and gone on with: E-80, E-81.

use counting_alloc::{peak, start};
use mywire::error::UsageError;
use mywire::{Cursor, Error, OwnedRow, Rows, Session, Statement};

use crate::each_server;
use crate::queries::{allow_recursion, counting};
use crate::target::{Target, code, usable};

async fn cursor(target: &Target, count: u32, rows: u32) -> (Session, Statement) {
    let mut session = target.local().await;
    allow_recursion(&mut session).await;
    let statement = session.prepare(&counting(count)).await.unwrap().with_fetch_size(rows);
    (session, statement)
}

fn usage(error: &Error) -> &UsageError {
    match error {
        Error::Usage(error) => error,
        other => panic!("not the caller's mistake: {other}"),
    }
}

/// Reads `count` rows, which go on from `seen`.
async fn read(rows: &mut Rows<'_>, count: i64, seen: &mut i64) {
    for _ in 0..count {
        *seen += 1;
        let row = rows.next().await.unwrap().unwrap();
        assert_eq!(row.decode::<i64>().unwrap(), *seen);
    }
}

/// Text and binary rows of other columns, and a command without rows.
async fn other_commands(session: &mut Session) {
    let row: (String, i64) = session.fetch_one("SELECT 'other', 2", ()).await.unwrap();
    assert_eq!(row, ("other".to_owned(), 2));
    let row: (i64, String, i64) = session.fetch_one("SELECT ?, 'x', 3", (1,)).await.unwrap();
    assert_eq!(row, (1, "x".to_owned(), 3));
    session.execute("SET @a = 1", ()).await.unwrap();
    usable(session).await;
}

#[test]
fn e80_e81_rows_are_put_aside_at_every_place() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, 25, 10).await;
        for before in 0..=25 {
            let mut rows = session.query(&statement, ()).await.unwrap();
            let mut seen = 0;
            read(&mut rows, before, &mut seen).await;
            let mut aside = rows.suspend().await.unwrap();
            assert_eq!(aside.columns().len(), 1);
            // What is left of a fetch is kept, and nothing else; at first nothing is fetched.
            let kept = match before {
                0 => 0,
                1..=20 => (10 - before % 10) % 10,
                _ => 25 - before,
            };
            assert_eq!(i64::from(aside.fetched()), kept, "after {before}");
            other_commands(&mut session).await;
            // Put aside again at once, and with other rows kept.
            aside = session.resume(aside).await.unwrap().suspend().await.unwrap();
            other_commands(&mut session).await;
            let mut rows = session.resume(aside).await.unwrap();
            assert_eq!(rows.columns().get(0).unwrap().name(), "i");
            if before < 25 {
                read(&mut rows, 1, &mut seen).await;
            }
            aside = rows.suspend().await.unwrap();
            other_commands(&mut session).await;
            let mut rows = session.resume(aside).await.unwrap();
            let rest: Vec<i64> = match before % 3 {
                0 => rows.collect().await.unwrap(),
                1 => rest_by_batches(&mut rows).await,
                _ => rest_by_pieces(&mut rows).await,
            };
            assert_eq!(rest, (seen + 1..=25).collect::<Vec<_>>(), "after {before}");
            assert!(rows.next().await.unwrap().is_none());
            rows.finish().await.unwrap();
            usable(&mut session).await;
        }
    });
}

async fn rest_by_batches(rows: &mut Rows<'_>) -> Vec<i64> {
    let mut rest = Vec::new();
    while let Some(batch) = rows.next_batch().await.unwrap() {
        rest.extend(batch.map(|row| row.unwrap().decode::<i64>().unwrap()));
    }
    rest
}

async fn rest_by_pieces(rows: &mut Rows<'_>) -> Vec<i64> {
    let mut rest = Vec::new();
    while let Some(mut row) = rows.next_chunked().await.unwrap() {
        let mut field = row.next_field().await.unwrap().unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = field.chunk().await.unwrap() {
            bytes.extend_from_slice(piece);
        }
        bytes.resize(8, 0);
        rest.push(i64::from_le_bytes(bytes.try_into().unwrap()));
    }
    rest
}

/// Several cursors of one session, a row of each in turn, within a transaction that they do not
/// hide.
#[test]
fn e80_cursors_take_turns() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, 100, 7).await;
        let wide = session.prepare("SELECT 'w', 1 UNION ALL SELECT REPEAT('x', 100000), 2").await;
        let wide = wide.unwrap().with_fetch_size(1);
        let other = session.prepare(&counting(100)).await.unwrap().with_fetch_size(3);
        let mut aside: Vec<Cursor> = Vec::new();
        for statement in [&statement, &other] {
            aside.push(session.query(statement, ()).await.unwrap().suspend().await.unwrap());
        }
        session.execute("START TRANSACTION", ()).await.unwrap();
        for expected in 0..100_i64 {
            for place in 0..2 {
                let mut rows = session.resume(aside.remove(0)).await.unwrap();
                read(&mut rows, 1, &mut expected.clone()).await;
                aside.push(rows.suspend().await.unwrap());
                assert!(session.in_transaction(), "row {expected} of {place}");
            }
            let long: Vec<(String, i64)> = session.fetch_all(&wide, ()).await.unwrap();
            assert_eq!(long[1].0.len(), 100_000);
        }
        session.execute("COMMIT", ()).await.unwrap();
        for cursor in aside {
            let mut rows = session.resume(cursor).await.unwrap();
            assert!(rows.next().await.unwrap().is_none());
            assert!(!rows.next_result().await.unwrap());
            drop(rows);
            assert!(!session.in_transaction());
        }
        usable(&mut session).await;
    });
}

/// One clear error for each mistake, and the session is usable behind it.
#[test]
fn e80_cursors_that_are_gone() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, 30, 10).await;
        let aside = async |session: &mut Session, read: usize| {
            let mut rows = session.query(&statement, ()).await.unwrap();
            for _ in 0..read {
                rows.next().await.unwrap().unwrap();
            }
            rows.suspend().await.unwrap()
        };
        // Executed again, with a fetch size or without one, and reset.
        for how in 0..3 {
            let cursor = aside(&mut session, 3).await;
            match how {
                0 => drop(session.query(&statement, ()).await.unwrap()),
                1 => drop(session.query(&statement.clone().with_fetch_size(0), ()).await.unwrap()),
                _ => session.reset_statement(&statement).await.unwrap(),
            }
            let error = session.resume(cursor).await.unwrap_err();
            assert_eq!(*usage(&error), UsageError::CursorClosed);
            assert_eq!((error.was_sent(), error.is_fatal()), (mywire::Sent::No, false));
            usable(&mut session).await;
        }
        // Another session's, and lost with a reset.
        let cursor = aside(&mut session, 0).await;
        let mut other = target.local().await;
        let error = other.resume(cursor).await.unwrap_err();
        assert_eq!(*usage(&error), UsageError::ForeignStatement);
        usable(&mut other).await;
        let cursor = aside(&mut session, 10).await;
        session.reset().await.unwrap();
        let error = session.resume(cursor).await.unwrap_err();
        assert_eq!(*usage(&error), UsageError::ForeignStatement);
        usable(&mut session).await;
        // No cursor, no rows, and rows in several results.
        let no_cursor = session.query("SELECT 1", ()).await.unwrap().suspend().await.unwrap_err();
        assert_eq!(*usage(&no_cursor), UsageError::NoCursor);
        let streamed = session.prepare("SELECT 1").await.unwrap();
        let no_cursor = session.query(&streamed, ()).await.unwrap().suspend().await.unwrap_err();
        assert_eq!(*usage(&no_cursor), UsageError::NoCursor);
        let nothing = session.prepare("DO 1").await.unwrap().with_fetch_size(2);
        let no_cursor = session.query(&nothing, ()).await.unwrap().suspend().await.unwrap_err();
        assert_eq!(*usage(&no_cursor), UsageError::NoCursor);
        usable(&mut session).await;
        // Dropped while it is put aside.
        let one = session.prepare("SELECT 1 UNION SELECT 2").await.unwrap().with_fetch_size(1);
        drop(session.query(&one, ()).await.unwrap().suspend().await.unwrap());
        assert_eq!(session.fetch_all::<i64>(&one, ()).await.unwrap(), [1, 2]);
    });
}

/// The server's error in a fetch is the rows', whether they are put aside or taken up.
#[test]
fn e80_errors_of_a_fetch() {
    each_server(async |target| {
        let mut session = target.local().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (a INT)", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (1), (2), (3)", ()).await.unwrap();
        let statement = session.prepare("SELECT a FROM t ORDER BY a").await.unwrap();
        let statement = statement.with_fetch_size(1);
        let mut rows = session.query(&statement, ()).await.unwrap();
        rows.next().await.unwrap().unwrap();
        let cursor = rows.suspend().await.unwrap();
        // The table's rows are the cursor's already.
        session.execute("DELETE FROM t", ()).await.unwrap();
        let mut rows = session.resume(cursor).await.unwrap();
        assert_eq!(rows.collect::<i64>().await.unwrap(), [2, 3]);
        rows.finish().await.unwrap();
        // What fails at once does so before there is a cursor.
        let failing = session.prepare("SELECT (SELECT 1 UNION SELECT ?)").await.unwrap();
        let failing = failing.with_fetch_size(5);
        let failed = async {
            session.query(&failing, (2,)).await?.suspend().await?;
            Ok::<_, Error>(())
        };
        assert_eq!(code(failed.await), 1242);
        usable(&mut session).await;
    });
}

#[test]
fn a_million_rows_by_a_thousand_are_flat() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, 1_000_000, 1000).await;
        let mut rows = session.query(&statement, ()).await.unwrap();
        let mut seen = 0;
        read(&mut rows, 2000, &mut seen).await;
        let before = start();
        while let Some(row) = rows.next().await.unwrap() {
            seen += 1;
            assert_eq!(row.decode::<i64>().unwrap(), seen);
        }
        let grown = peak() - before;
        println!("1,000,000 rows by 1,000: heap +{grown}");
        assert_eq!(seen, 1_000_000);
        assert!(grown < 64 << 10, "{grown}");
        rows.finish().await.unwrap();
        usable(&mut session).await;
    });
}

/// On MySQL 9.7 an execution without a cursor never ends once the server has prepared the statement
/// for one, by itself if a table was altered.
#[test]
fn with_a_fetch_size_and_without_one_in_any_order() {
    each_server(async |target| {
        let mut session = target.local().await;
        let name = target.database(&mut session).await;
        session.execute("CREATE TABLE t (a INT, b INT)", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)", ()).await.unwrap();
        for order in 0_u32..32 {
            let streamed = session.prepare("SELECT a FROM t WHERE a < ? ORDER BY b").await.unwrap();
            let fetched = streamed.clone().with_fetch_size(2);
            for bit in 0..5 {
                let statement = if order >> bit & 1 == 0 { &streamed } else { &fetched };
                let all: Vec<i64> = session.fetch_all(statement, (9,)).await.unwrap();
                assert_eq!(all, [1, 2, 3], "order {order:05b}, {bit}");
                let mut rows = session.query(statement, (9,)).await.unwrap();
                rows.next().await.unwrap().unwrap();
                drop(rows);
                if bit == 2 {
                    let sql = format!("ALTER TABLE t ADD COLUMN c{order} INT");
                    session.execute(&sql, ()).await.unwrap();
                }
            }
            session.reset_statement(&fetched).await.unwrap();
            assert_eq!(session.fetch_all::<i64>(&streamed, (3,)).await.unwrap(), [1, 2]);
        }
        // Prepared once more it would be of another database.
        let streamed = session.prepare("SELECT a FROM t").await.unwrap();
        let fetched = streamed.clone().with_fetch_size(2);
        assert_eq!(session.fetch_all::<i64>(&streamed, ()).await.unwrap().len(), 3);
        let other = target.database(&mut session).await;
        assert_ne!(name, other);
        match session.fetch_all::<OwnedRow>(&fetched, ()).await {
            Ok(rows) => assert_eq!((rows.len(), session.is_mariadb()), (3, true)),
            Err(error) => assert_eq!(*usage(&error), UsageError::OtherDatabase),
        }
        session.use_database(&name).await.unwrap();
        assert_eq!(session.fetch_all::<i64>(&fetched, ()).await.unwrap().len(), 3);
        usable(&mut session).await;
    });
}
