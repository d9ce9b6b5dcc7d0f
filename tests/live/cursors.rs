//! Server-side cursors: E-80, E-81.

use mywire::{OwnedRow, Session, Statement};

use crate::calls::procedures;
use crate::each_server;
use crate::queries::{allow_recursion, counting};
use crate::target::{Target, usable};

async fn cursor(target: &Target, sql: &str, rows: u32) -> (Session, Statement) {
    let mut session = target.local().await;
    allow_recursion(&mut session).await;
    let statement = session.prepare(sql).await.unwrap().with_fetch_size(rows);
    (session, statement)
}

#[test]
fn e80_a_hundred_thousand_rows_a_thousand_at_a_time() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, &counting(100_000), 1000).await;
        let mut rows = session.query(&statement, ()).await.unwrap();
        assert_eq!(rows.columns().len(), 1);
        let mut expected = 0;
        while let Some(row) = rows.next().await.unwrap() {
            expected += 1;
            assert_eq!(row.decode::<i64>().unwrap(), expected);
        }
        assert_eq!(expected, 100_000);
        assert!(rows.next().await.unwrap().is_none());
        rows.finish().await.unwrap();
        usable(&mut session).await;
    });
}

/// Around the edges of the fetches, by every way of reading.
#[test]
fn e80_e81_the_last_fetch_may_be_empty_or_full() {
    each_server(async |target| {
        for count in [1, 9, 10, 11, 20, 21] {
            for size in [1, 10, 1000] {
                let (mut session, statement) = cursor(target, &counting(count), size).await;
                let expected: Vec<i64> = (1..=i64::from(count)).collect();
                let all: Vec<i64> = session.fetch_all(&statement, ()).await.unwrap();
                assert_eq!(all, expected, "{count} rows by {size}");
                let mut rows = session.query(&statement, ()).await.unwrap();
                let mut batched = Vec::new();
                while let Some(batch) = rows.next_batch().await.unwrap() {
                    for row in batch {
                        batched.push(row.unwrap().decode::<i64>().unwrap());
                    }
                }
                assert_eq!(batched, expected, "{count} rows by {size}");
                assert!(!rows.next_result().await.unwrap());
                drop(rows);
                // Skipped to the end.
                session.query(&statement, ()).await.unwrap().finish().await.unwrap();
                usable(&mut session).await;
            }
        }
    });
}

#[test]
fn e80_a_cursor_of_no_rows() {
    each_server(async |target| {
        let sql = "SELECT 1 AS a, 'x' AS b FROM DUAL WHERE 1 = ?";
        let (mut session, statement) = cursor(target, sql, 10).await;
        for _ in 0..3 {
            let mut rows = session.query(&statement, (2,)).await.unwrap();
            assert_eq!(rows.columns().len(), 2);
            assert!(rows.next().await.unwrap().is_none());
            rows.finish().await.unwrap();
            let one: (i64, String) = session.fetch_one(&statement, (1,)).await.unwrap();
            assert_eq!(one, (1, "x".to_owned()));
        }
        usable(&mut session).await;
    });
}

#[test]
fn e95_cursors_left_early() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, &counting(1000), 10).await;
        for read in [0, 1, 9, 10, 11, 25] {
            let mut rows = session.query(&statement, ()).await.unwrap();
            for i in 1..=read {
                assert_eq!(rows.next().await.unwrap().unwrap().decode::<i64>().unwrap(), i);
            }
            drop(rows);
            if read % 2 == 0 {
                usable(&mut session).await;
            }
        }
        // The statement without a cursor, while the cursor is open.
        let streamed = statement.clone().with_fetch_size(0);
        assert_eq!(session.fetch_all::<i64>(&streamed, ()).await.unwrap().len(), 1000);
        assert_eq!(session.fetch_all::<i64>(&statement, ()).await.unwrap().len(), 1000);
        let mut rows = session.query(&statement, ()).await.unwrap();
        rows.next().await.unwrap().unwrap();
        drop(rows);
        // The statement is closed with its cursor open.
        drop((statement, streamed));
        usable(&mut session).await;
        session.close().await.unwrap();
    });
}

#[test]
fn e80_statements_that_open_no_cursor() {
    each_server(async |target| {
        let mut session = procedures(target).await;
        for sql in ["SET @a = 1", "INSERT INTO t VALUES (9)", "DO 1"] {
            let statement = session.prepare(sql).await.unwrap().with_fetch_size(10);
            for _ in 0..2 {
                let rows = session.query(&statement, ()).await.unwrap();
                assert!(rows.columns().is_empty(), "{sql}");
                rows.finish().await.unwrap();
            }
            usable(&mut session).await;
        }
        let shown = session.prepare("SHOW STATUS LIKE 'Com_stmt%'").await.unwrap();
        let streamed = session.fetch_all::<OwnedRow>(&shown, ()).await.unwrap().len();
        let shown = shown.with_fetch_size(2);
        assert_eq!(session.fetch_all::<OwnedRow>(&shown, ()).await.unwrap().len(), streamed);
        let call = session.prepare("CALL p2()").await.unwrap().with_fetch_size(2);
        for _ in 0..2 {
            let mut rows = session.query(&call, ()).await.unwrap();
            assert_eq!(rows.collect::<i64>().await.unwrap(), [1]);
            assert!(rows.next_result().await.unwrap());
            assert_eq!(rows.collect::<OwnedRow>().await.unwrap().len(), 5);
            rows.finish().await.unwrap();
        }
        usable(&mut session).await;
    });
}

/// Row by row in pieces, the first of each fetch included.
#[test]
fn e80_rows_of_a_cursor_in_pieces() {
    each_server(async |target| {
        let (mut session, statement) = cursor(target, &counting(25), 10).await;
        let mut rows = session.query(&statement, ()).await.unwrap();
        let mut seen = 0_u8;
        while let Some(mut row) = rows.next_chunked().await.unwrap() {
            seen += 1;
            let mut field = row.next_field().await.unwrap().unwrap();
            assert_eq!(field.chunk().await.unwrap().unwrap()[0], seen);
        }
        assert_eq!(seen, 25);
        usable(&mut session).await;
    });
}

/// NULLs and lengths across the edges of fetches and of the read buffer.
#[test]
fn e80_wide_rows_through_a_cursor() {
    each_server(async |target| {
        let sql = format!(
            "SELECT i, REPEAT('x', i * 37), IF(i % 3 = 0, NULL, i) FROM ({}) n",
            counting(2000)
        );
        let (mut session, statement) = cursor(target, &sql, 7).await;
        let mut rows = session.query(&statement, ()).await.unwrap();
        let mut seen = 0_usize;
        while let Some(row) = rows.next().await.unwrap() {
            seen += 1;
            let (i, text, some): (usize, &str, Option<usize>) = row.decode().unwrap();
            assert_eq!((i, text.len()), (seen, seen * 37));
            assert_eq!(some, (i % 3 != 0).then_some(i));
        }
        assert_eq!(seen, 2000);
        rows.finish().await.unwrap();
        usable(&mut session).await;
    });
}
