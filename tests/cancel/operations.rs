//! Operations of many commands, and those that end: pipelines, bulk executions, cursors put aside,
//! streams, cancels.

use mywire::{IsolationLevel, TransactionOptions};

use super::{Operation, ROWS, rows, unique};

/// Rows of one bulk execution.
const BULK: u64 = 12;

/// Every operation that takes several commands, or none; each checks its own results.
pub fn operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = vec![
        ("pipeline", |session| {
            Box::pin(async move {
                let statement = session.prepare("SELECT ? + 1").await?;
                let mut pipeline = session.pipeline();
                pipeline.query("SELECT 7", ()).await?;
                pipeline.query(&statement, (7,)).await?;
                pipeline.ping().await?;
                pipeline.query("SELECT no_such_column", ()).await?;
                pipeline.query(&statement, (8,)).await?;
                let mut found = Vec::new();
                while let Some(reply) = pipeline.next_reply().await {
                    match reply {
                        Ok(mut rows) => found.push(rows.collect::<u64>().await?),
                        Err(error) if error.is_fatal() => return Err(error),
                        Err(error) => {
                            assert_eq!(error.as_server().unwrap().code(), 1054);
                            found.push(vec![1054]);
                        }
                    }
                }
                assert_eq!(found, [vec![7], vec![8], vec![], vec![1054], vec![9]]);
                Ok(())
            })
        }),
        ("pipeline and drop", |session| {
            Box::pin(async move {
                let mut pipeline = session.pipeline();
                for _ in 0..3 {
                    pipeline.query(ROWS, ()).await?;
                }
                if let Some(reply) = pipeline.next_reply().await {
                    reply?.next().await?;
                }
                Ok(())
            })
        }),
        ("bulk", |session| {
            Box::pin(async move {
                let tag = unique();
                let columns = "(tag BIGINT, n BIGINT)";
                let sql = format!("CREATE TEMPORARY TABLE IF NOT EXISTS test.bulk_rows {columns}");
                session.execute(&sql, ()).await?;
                let insert = session.prepare("INSERT INTO test.bulk_rows VALUES (?, ?)").await?;
                let done = session.bulk(&insert, (0..BULK).map(|n| (tag, n))).await?;
                assert_eq!(done.affected_rows, BULK);
                let mut told = Vec::new();
                let rows = (0..3).map(|n| (tag, 100 + n));
                session.bulk_each(&insert, rows, |row| told.push(row.row)).await?;
                assert_eq!(told, [0, 1, 2]);
                let sql =
                    "SELECT COUNT(*), CAST(SUM(n) AS SIGNED) FROM test.bulk_rows WHERE tag = ?";
                let sums: (u64, i64) = session.fetch_one(sql, (tag,)).await?;
                assert_eq!(sums, (BULK + 3, 66 + 303));
                Ok(())
            })
        }),
        ("suspend and resume", |session| {
            Box::pin(async move {
                let statement = session.prepare(ROWS).await?.with_fetch_size(1);
                let mut found = session.query(&statement, ()).await?;
                let mut all: Vec<(u64, String)> = Vec::new();
                all.extend(found.next().await?.map(|row| row.decode()).transpose()?);
                let cursor = found.suspend().await?;
                let tag = unique();
                let between: u64 = session.fetch_one(&format!("SELECT {tag}"), ()).await?;
                assert_eq!(between, tag);
                let mut found = session.resume(cursor).await?;
                all.extend(found.collect::<(u64, String)>().await?);
                assert_eq!(all, rows());
                Ok(())
            })
        }),
        ("begin_with", |session| {
            Box::pin(async move {
                let options = TransactionOptions::default()
                    .isolation(IsolationLevel::RepeatableRead)
                    .read_only(true)
                    .consistent_snapshot();
                let mut transaction = session.begin_with(options).await?;
                assert_eq!(transaction.fetch_one::<u64>("SELECT 7", ()).await?, 7);
                transaction.commit().await
            })
        }),
        ("transaction and drop", |session| {
            Box::pin(async move {
                let mut transaction = session.begin().await?;
                let mut savepoint = transaction.savepoint().await?;
                savepoint.execute("SET @in = 1", ()).await?;
                Ok(())
            })
        }),
        ("cancel before it begins", |session| {
            Box::pin(async move {
                assert!(session.cancel_handle().cancel().await?);
                let error = session.execute("SET @never = 1", ()).await.unwrap_err();
                if error.is_fatal() {
                    return Err(error);
                }
                // That one and no other.
                let never: Option<i64> = session.fetch_one("SELECT @never", ()).await?;
                assert_eq!(never, None);
                Ok(())
            })
        }),
    ];
    all.extend(streams());
    all
}

#[cfg(feature = "stream")]
fn streams() -> Vec<Operation> {
    use std::future::poll_fn;
    use std::pin::Pin;

    use futures_core::Stream;

    vec![("into_stream", |session| {
        Box::pin(async move {
            let mut stream = session.query(ROWS, ()).await?.into_stream();
            let mut all: Vec<(u64, String)> = Vec::new();
            while let Some(row) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {
                all.push(row?.decode()?);
            }
            assert_eq!(all, rows());
            Ok(())
        })
    })]
}

#[cfg(not(feature = "stream"))]
fn streams() -> Vec<Operation> {
    Vec::new()
}

/// Operations that only make sense with a second connection beside: over real sockets.
pub fn killed() -> Vec<Operation> {
    vec![
        ("cancel while it runs", |session| {
            Box::pin(async move {
                let handle = session.cancel_handle();
                let cancelled = async {
                    // Whatever comes first: before it begins, while it runs, or when it is over.
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                    }
                    handle.cancel().await
                };
                let (slept, cancelled) =
                    tokio::join!(session.fetch_one::<i64>("SELECT SLEEP(0.05)", ()), cancelled);
                match slept {
                    // MySQL's SLEEP tells of its end by a row.
                    Ok(_) => {}
                    Err(error) if error.is_fatal() => return Err(error),
                    Err(_) => assert!(cancelled?),
                }
                Ok(())
            })
        }),
        ("leave with a kill", |session| {
            Box::pin(async move {
                let wait = std::time::Duration::from_millis(5);
                match tokio::time::timeout(wait, session.execute("DO SLEEP(100)", ())).await {
                    Ok(outcome) => outcome.map(drop),
                    Err(_) => session.ping().await,
                }
            })
        }),
    ]
}
