//! Commands that do not wait for each other.

use mywire::error::UsageError;
use mywire::{Error, Pipeline, Session};

use crate::each_server;
use crate::target::{connect, usable};

fn usage(error: &Error) -> &UsageError {
    match error {
        Error::Usage(error) => error,
        other => panic!("not the caller's mistake: {other}"),
    }
}

async fn number(pipeline: &mut Pipeline<'_>) -> i64 {
    let mut rows = pipeline.next_reply().await.unwrap().unwrap();
    let number = rows.next().await.unwrap().unwrap().decode().unwrap();
    assert!(rows.next().await.unwrap().is_none());
    number
}

/// Both ways of sending.
async fn sessions(target: &crate::target::Target) -> [Session; 2] {
    let config = target.local_config();
    [connect(&config).await, connect(&config.pipelining(false)).await]
}

#[test]
fn replies_come_in_order_and_errors_are_their_commands_alone() {
    each_server(async |target| {
        for mut session in sessions(target).await {
            let plus = session.prepare("SELECT CAST(? AS SIGNED) + 1").await.unwrap();
            session.execute("CREATE TEMPORARY TABLE p (id INT PRIMARY KEY)", ()).await.unwrap();
            let insert = session.prepare("INSERT INTO p VALUES (?)").await.unwrap();
            let mut pipeline = session.pipeline();
            assert!(pipeline.is_empty() && pipeline.next_reply().await.is_none());
            pipeline.query("SELECT 7", ()).await.unwrap();
            pipeline.query(&plus, (8,)).await.unwrap();
            pipeline.query("SELECT nonsense", ()).await.unwrap();
            pipeline.query(&insert, (1,)).await.unwrap();
            pipeline.query(&insert, (1,)).await.unwrap();
            pipeline.ping().await.unwrap();
            pipeline.query(&plus, ("9",)).await.unwrap();
            assert_eq!(pipeline.len(), 7);
            assert_eq!(number(&mut pipeline).await, 7);
            assert_eq!(number(&mut pipeline).await, 9);
            let code = |error: Error| error.as_server().unwrap().code();
            assert_eq!(code(pipeline.next_reply().await.unwrap().unwrap_err()), 1054);
            let done = pipeline.next_reply().await.unwrap().unwrap().finish().await.unwrap();
            assert_eq!(done.affected_rows, 1);
            assert_eq!(code(pipeline.next_reply().await.unwrap().unwrap_err()), 1062);
            // More can be queued between replies.
            pipeline.query("SELECT 11", ()).await.unwrap();
            assert!(pipeline.next_reply().await.unwrap().unwrap().columns().is_empty());
            assert_eq!(number(&mut pipeline).await, 10);
            assert_eq!(number(&mut pipeline).await, 11);
            assert!(pipeline.next_reply().await.is_none() && pipeline.is_empty());
            usable(&mut session).await;
        }
    });
}

#[test]
fn replies_that_nobody_reads_are_skipped() {
    each_server(async |target| {
        for mut session in sessions(target).await {
            let many = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s \
                        WHERE n < 900) SELECT n, REPEAT('x', 500) FROM s";
            let mut pipeline = session.pipeline();
            for _ in 0..3 {
                pipeline.query(many, ()).await.unwrap();
                pipeline.query("SELECT 5", ()).await.unwrap();
            }
            // Left unread, left in the middle of its rows, and left with the pipeline.
            drop(pipeline.next_reply().await.unwrap().unwrap());
            assert_eq!(number(&mut pipeline).await, 5);
            let mut rows = pipeline.next_reply().await.unwrap().unwrap();
            for n in 1..=100 {
                assert_eq!(rows.next().await.unwrap().unwrap().get::<i64>(0).unwrap(), n);
            }
            assert_eq!(number(&mut pipeline).await, 5);
            pipeline.next_reply().await.unwrap().unwrap().next().await.unwrap();
            drop(pipeline);
            usable(&mut session).await;
        }
    });
}

#[test]
fn statements_are_prepared_in_front_of_a_pipeline() {
    each_server(async |target| {
        for mut session in sessions(target).await {
            let mut pipeline = session.pipeline();
            pipeline.query("SELECT CAST(? AS SIGNED)", (1,)).await.unwrap();
            pipeline.query("SELECT CAST(? AS SIGNED)", (2,)).await.unwrap();
            let error = pipeline.query("SELECT CAST(? AS SIGNED) * 2", (3,)).await.unwrap_err();
            assert_eq!(*usage(&error), UsageError::NotPrepared);
            let statement = ParameterCount { statement: 1, given: 2 };
            let error = pipeline.query("SELECT CAST(? AS SIGNED)", (1, 2)).await.unwrap_err();
            assert_eq!(*usage(&error), statement);
            assert_eq!(pipeline.len(), 2);
            assert_eq!((number(&mut pipeline).await, number(&mut pipeline).await), (1, 2));
            usable(&mut session).await;
        }
    });
}

use UsageError::ParameterCount;

/// T-40, T-112: 100 MiB there while 100 MiB come back, with a bounded part of it in memory.
#[test]
fn t40_t112_much_in_both_directions() {
    const COMMANDS: usize = 400;
    const LENGTH: usize = 256 << 10;

    each_server(async |target| {
        for mut session in sessions(target).await {
            let echo = session.prepare("SELECT ?").await.unwrap();
            let value = vec![b'v'; LENGTH];
            let mut pipeline = session.pipeline();
            let (mut queued, mut answered) = (0, 0);
            while answered < COMMANDS {
                if queued < COMMANDS && pipeline.has_room() {
                    pipeline.query(&echo, (&value,)).await.unwrap();
                    queued += 1;
                    continue;
                }
                if queued < COMMANDS {
                    let full = pipeline.query(&echo, (&value,)).await.unwrap_err();
                    assert!(matches!(usage(&full), UsageError::PipelineFull { .. }));
                }
                let mut rows = pipeline.next_reply().await.unwrap().unwrap();
                let row = rows.next().await.unwrap().unwrap();
                assert_eq!(row.get::<&[u8]>(0).unwrap(), value);
                answered += 1;
            }
            assert!(pipeline.next_reply().await.is_none());
            usable(&mut session).await;
        }
    });
}

/// What is queued behind a USE is executed in its database, or not queued, but never executed in the
/// one before: cached statements are those of a database.
#[test]
fn cached_statements_follow_the_default_database() {
    each_server(async |target| {
        for mut session in sessions(target).await {
            let numbers = "SELECT n FROM numbers WHERE n > ?";
            let mut databases = Vec::new();
            for n in [1, 2] {
                databases.push(target.database(&mut session).await);
                session.execute("CREATE TABLE numbers (n INT)", ()).await.unwrap();
                session.execute("INSERT INTO numbers VALUES (?)", (n,)).await.unwrap();
            }
            assert_eq!(session.fetch_one::<i64>(numbers, (0,)).await.unwrap(), 2);
            let choose = [
                format!("USE {}", databases[0]),
                format!(" /* ; */ -- x\n#\nuse`{}`", databases[1]),
                format!("/*!40000 Use {} */", databases[0]),
            ];
            for (sql, n) in choose.iter().zip([1, 2, 1]) {
                let mut pipeline = session.pipeline();
                pipeline.query(sql, ()).await.unwrap();
                let error = pipeline.query(numbers, (0,)).await.unwrap_err();
                assert_eq!(*usage(&error), UsageError::NotPrepared);
                // A text's names mean what they mean when it is executed.
                pipeline.query("SELECT n FROM numbers", ()).await.unwrap();
                pipeline.next_reply().await.unwrap().unwrap();
                assert_eq!(number(&mut pipeline).await, n);
                pipeline.query(numbers, (0,)).await.unwrap();
                pipeline.query(numbers, (0,)).await.unwrap();
                assert_eq!(number(&mut pipeline).await, n);
                assert_eq!(number(&mut pipeline).await, n);
            }
            usable(&mut session).await;
        }
    });
}
