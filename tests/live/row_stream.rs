//! Owned rows as a stream.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use futures_core::stream::FusedStream;
use mywire::{OwnedRow, Result, RowStream};

use crate::each_server;
use crate::queries::counting;
use crate::target::{code, usable};

async fn next(stream: &mut RowStream<'_>) -> Option<Result<OwnedRow>> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

fn number(row: &OwnedRow) -> i64 {
    row.decode().unwrap()
}

#[test]
fn rows_that_can_be_kept() {
    each_server(async |target| {
        let mut session = target.session().await;
        let mut stream = session.query(&counting(500), ()).await.unwrap().into_stream();
        let mut rows = Vec::new();
        while let Some(row) = next(&mut stream).await {
            rows.push(row.unwrap());
        }
        assert!(stream.is_terminated());
        assert!(next(&mut stream).await.is_none());
        drop(stream);
        usable(&mut session).await;
        assert!(rows.iter().map(number).eq(1..=500));

        // Left early, and gone on with.
        let mut stream = session.query(&counting(500), ()).await.unwrap().into_stream();
        for i in 1..=10 {
            assert_eq!(number(&next(&mut stream).await.unwrap().unwrap()), i);
        }
        let mut rows = stream.into_rows();
        assert_eq!(rows.next().await.unwrap().unwrap().decode::<i64>().unwrap(), 11);
        drop(rows);
        usable(&mut session).await;
    });
}

#[test]
fn a_stream_ends_behind_the_first_error() {
    each_server(async |target| {
        let mut session = target.session().await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (i INT)", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (1), (2), (3)", ()).await.unwrap();
        // The third row asks for one value and finds two.
        let sql = "SELECT i, IF(i < 3, 0, (SELECT 1 UNION SELECT 2)) FROM t ORDER BY i";
        let mut stream = match session.query(sql, ()).await {
            Ok(rows) => rows.into_stream(),
            Err(error) => panic!("{error}"),
        };
        let mut rows = 0;
        let error = loop {
            match next(&mut stream).await {
                Some(Ok(_)) => rows += 1,
                Some(Err(error)) => break error,
                None => panic!("no error after {rows} rows"),
            }
        };
        assert_eq!(code::<()>(Err(error)), 1242);
        assert!(next(&mut stream).await.is_none());
        drop(stream);
        usable(&mut session).await;
    });
}

/// It goes to another task together with its session.
#[test]
fn a_stream_can_be_sent() {
    each_server(async |target| {
        let mut session = target.session().await;
        let sum = tokio::spawn(async move {
            let mut stream =
                session.query("SELECT 1 UNION SELECT 2", ()).await.unwrap().into_stream();
            let mut sum = 0;
            while let Some(row) = next(&mut stream).await {
                sum += number(&row.unwrap());
            }
            sum
        });
        assert_eq!(sum.await.unwrap(), 3);
    });
}
