//! E-95: results that are left before their end.

use mywire::error::UsageError;
use mywire::{Discard, Error, Limits, Session};

use crate::queries::{allow_recursion, counting};
use crate::target::{connect, usable};
use crate::{Target, each_server};

/// A result of this many rows of 10,000 bytes and a little.
fn wide(rows: u32) -> String {
    format!("SELECT i, REPEAT('x', 10000) FROM ({}) n", counting(rows))
}

async fn session_that_counts(target: &Target, limits: Limits) -> Session {
    let mut session = connect(&target.local_config().limits(limits)).await;
    allow_recursion(&mut session).await;
    session
}

#[test]
fn e95_left_after_one_of_three_rows() {
    each_server(async |target| {
        let mut session = target.session().await;
        for read in 0..=3 {
            let mut rows = session.query(&counting(3), ()).await.unwrap();
            for i in 1..=read {
                assert_eq!(rows.next().await.unwrap().unwrap().decode::<i64>().unwrap(), i);
            }
            drop(rows);
            usable(&mut session).await;
        }
        // Left, and then every other kind of command.
        drop(session.query(&counting(3), ()).await.unwrap());
        session.ping().await.unwrap();
        drop(session.query(&counting(3), ()).await.unwrap());
        session.reset().await.unwrap();
        drop(session.query(&counting(3), ()).await.unwrap());
        session.use_database("information_schema").await.unwrap();
        assert_eq!(session.database(), Some("information_schema"));
        drop(session.query(&counting(3), ()).await.unwrap());
        session.close().await.unwrap();
    });
}

#[test]
fn e95_left_after_one_of_ten_megabytes() {
    each_server(async |target| {
        let mut session = session_that_counts(target, Limits::default()).await;
        let mut rows = session.query(&wide(1000), ()).await.unwrap();
        for i in 1..=100 {
            let row = rows.next().await.unwrap().unwrap();
            assert_eq!(row.get::<i64>(0).unwrap(), i);
        }
        drop(rows);
        usable(&mut session).await;
        // In the middle of a batch, and of a result of many.
        let mut rows = session.query(&wide(1000), ()).await.unwrap();
        assert!(rows.next_batch().await.unwrap().is_some());
        drop(rows);
        usable(&mut session).await;
    });
}

#[test]
fn e95_more_than_max_discard_left_without_a_kill_closes_the_session_and_says_so() {
    each_server(async |target| {
        let limits = Limits::default().max_discard(1 << 20);
        let config = target.local_config().discard(Discard::Skip).limits(limits);
        let mut session = connect(&config).await;
        allow_recursion(&mut session).await;
        // 20 MB: more than the buffers of the transport hold.
        drop(session.query(&wide(2000), ()).await.unwrap());
        let error = session.fetch_one::<i64>("SELECT 1", ()).await.unwrap_err();
        let abandoned = UsageError::AbandonedResult { max_discard: 1 << 20 };
        assert!(matches!(&error, Error::Usage(usage) if *usage == abandoned), "{error:?}");
        assert!(error.to_string().contains("max_discard"), "{error}");
        assert!(error.is_fatal());
        assert_eq!(error.was_sent(), mywire::Sent::No);
        assert!(session.is_dead());
        assert!(session.ping().await.is_err());
        // What is less than that is skipped.
        let mut session = connect(&config).await;
        allow_recursion(&mut session).await;
        drop(session.query(&wide(90), ()).await.unwrap());
        usable(&mut session).await;
        // And read to its end, a result of any size is.
        let mut rows = session.query(&wide(2000), ()).await.unwrap();
        assert!(rows.next().await.unwrap().is_some());
        rows.finish().await.unwrap();
        usable(&mut session).await;
    });
}

#[test]
fn e95_results_of_several_statements_left() {
    each_server(async |target| {
        let config = target.config().multi_statements(true);
        let mut session = connect(&config).await;
        let sql = format!("{0}; {0}; SET @a = 1; {0}", counting(5));
        for results in 0..4 {
            let mut rows = session.query(&sql, ()).await.unwrap();
            for _ in 0..results {
                assert!(rows.next_result().await.unwrap());
            }
            let _ = rows.next().await.unwrap();
            drop(rows);
            usable(&mut session).await;
        }
    });
}

asynchronous! {
/// A statement whose future is dropped before its answer is there.
#[test]
fn a_dropped_statement_is_settled_by_the_next() {
    each_server(async |target| {
        let mut session = target.session().await;
        let slow = session.fetch_one::<String>("SELECT CONCAT('late', SLEEP(0.2))", ());
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), slow).await;
        assert!(waited.is_err(), "it was meant to be too slow");
        usable(&mut session).await;
    });
}

/// T-61, T-90: a future that was never polled sends nothing; one that was polled has written its
/// statement, even if its task had used up its share of the runtime's time: nothing is executed
/// much later, before the next statement.
#[test]
fn t61_t90_a_dropped_statement_goes_out_at_once_or_never() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        let database = target.database(&mut watcher).await;
        watcher.execute("CREATE TABLE late (a INT)", ()).await.unwrap();
        let count = "SELECT COUNT(*) FROM late";
        for config in [target.config(), target.local_config()] {
            let mut session = connect(&config.database(&*database)).await;
            session.execute("DELETE FROM late", ()).await.unwrap();
            let sql = "INSERT INTO late VALUES (1)";
            drop(session.execute(sql, ()));
            usable(&mut session).await;
            assert_eq!(watcher.fetch_one::<i64>(count, ()).await.unwrap(), 0);
            {
                let mut share = std::pin::pin!(async {
                    loop {
                        tokio::task::coop::consume_budget().await;
                    }
                });
                let mut insert = std::pin::pin!(session.execute(sql, ()));
                std::future::poll_fn(|cx| {
                    // All of the share is gone once this is pending.
                    assert!(share.as_mut().poll(cx).is_pending());
                    assert!(insert.as_mut().poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
            }
            // Nothing is asked of the session, and yet it is there.
            while watcher.fetch_one::<i64>(count, ()).await.unwrap() == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            usable(&mut session).await;
            assert_eq!(watcher.fetch_one::<i64>(count, ()).await.unwrap(), 1);
        }
    });
}
}
