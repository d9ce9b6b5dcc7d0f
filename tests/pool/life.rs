//! Opening, waiting, closing (S14, S17).

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use mywire::error::UsageError;
use mywire::{Error, Pool, PoolHooks, PoolOptions, Sent};
use tokio::sync::mpsc;

use crate::target::{running, usable};
use crate::{each_server, pool_of};

/// Waits until `done`, however long that takes; the test's own limit is the runner's.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    while !done().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// S14: never more than the most, and whoever finds none waits and says so in time.
#[test]
fn s14_s17_max_and_the_wait_for_a_session() {
    each_server(async |target| {
        let pool = pool_of(target.local_config(), 3, |options| {
            options.acquire_timeout(Duration::from_millis(300))
        });
        let held = [
            pool.session().await.unwrap(),
            pool.session().await.unwrap(),
            pool.session().await.unwrap(),
        ];
        let error = pool.session().await.unwrap_err();
        match &error {
            Error::Usage(UsageError::PoolTimedOut { in_use: 3, max: 3, reason: None, .. }) => {}
            other => panic!("{other:?}"),
        }
        assert!(error.to_string().contains("3 of at most 3 were in use"), "{error}");
        assert!(error.is_retryable() && !error.is_fatal() && error.was_sent() == Sent::No);
        let status = pool.status();
        assert_eq!((status.open, status.in_use, status.idle, status.timed_out), (3, 3, 0, 1));
        assert_eq!(status.waiting, 0);
        drop(held);
        usable(&mut pool.session().await.unwrap()).await;
        let status = pool.status();
        assert_eq!((status.open, status.in_use, status.idle), (3, 0, 3));
        assert_eq!(status.opened, 3);
    });
}

/// Fairness: who asks first is served first, and a caller that gives up holds nobody up.
#[test]
fn s14_first_come_first_served() {
    each_server(async |target| {
        let pool = pool_of(target.local_config(), 1, |options| options);
        let held = pool.session().await.unwrap();
        let (sender, mut served) = mpsc::unbounded_channel();
        let (mut tasks, mut given_up) = (Vec::new(), Vec::new());
        for number in 0..30 {
            let (pool, sender) = (pool.clone(), sender.clone());
            let mut waiting = Box::pin(async move { pool.session().await.unwrap() });
            // The first poll gives it its place: a counter that is read from elsewhere does not tell.
            let queued = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
            assert!(queued, "{number}");
            if number % 3 == 0 {
                given_up.push(waiting);
            } else {
                tasks.push(tokio::spawn(async move {
                    let mut session = waiting.await;
                    sender.send(number).unwrap();
                    usable(&mut session).await;
                }));
            }
        }
        drop(sender);
        assert_eq!(pool.status().waiting, 30);
        drop(given_up);
        assert_eq!(pool.status().waiting, 20);
        drop(held);
        let mut order = Vec::new();
        while let Some(number) = served.recv().await {
            order.push(number);
        }
        let wanted: Vec<i32> = (0..30).filter(|number| number % 3 != 0).collect();
        assert_eq!(order, wanted);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(pool.status().opened, 1);
    });
}

/// The least number of sessions is there without being asked for, and comes back.
#[test]
fn s14_min_is_kept_and_what_is_above_it_goes() {
    each_server(async |target| {
        let pool = pool_of(target.local_config(), 6, |options| {
            options.min(2).idle_timeout(Duration::from_millis(100))
        });
        let session = pool.session().await.unwrap();
        until(async || pool.status().open == 2 && pool.status().connecting == 0).await;
        let mut more = Vec::new();
        for _ in 0..5 {
            more.push(pool.session().await.unwrap());
        }
        assert_eq!(pool.status().open, 6);
        drop((session, more));
        until(async || pool.status().open == 2).await;
        let status = pool.status();
        assert!(status.expired >= 4, "{status:?}");
        assert!(status.opened >= 6, "{status:?}");
        usable(&mut pool.session().await.unwrap()).await;
        // Somebody takes one away for good.
        pool.session().await.unwrap().discard().await;
        until(async || pool.status().idle == 2).await;
    });
}

#[test]
fn s14_a_session_has_a_lifetime() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        let pool = pool_of(target.local_config(), 2, |options| {
            options.lifetime(Duration::from_millis(200)).idle_timeout(None)
        });
        let mut session = pool.session().await.unwrap();
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
        // It is used to the end, and then gone.
        usable(&mut session).await;
        drop(session);
        until(async || running(&mut watcher, id).await.is_none()).await;
        // An idle one goes as well, without anybody asking.
        let mut session = pool.session().await.unwrap();
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        drop(session);
        until(async || running(&mut watcher, id).await.is_none()).await;
        assert_eq!(pool.status().expired, 2);
    });
}

/// T-62, T-96, S14: a session that the server ended is never handed out, whatever it said.
#[test]
fn t62_t96_a_session_that_was_killed_while_idle_is_replaced() {
    each_server(async |target| {
        for config in [target.local_config(), target.config()] {
            let mut watcher = target.local().await;
            let pool = pool_of(config, 4, |options| options);
            let mut sessions = Vec::new();
            let mut ids = Vec::new();
            for _ in 0..4 {
                let mut session = pool.session().await.unwrap();
                ids.push(session.fetch_one::<u64>("SELECT CONNECTION_ID()", ()).await.unwrap());
                sessions.push(session);
            }
            // One of them was used and is to be reset; the others were not touched since.
            drop(sessions);
            let again: Vec<_> =
                [pool.session().await.unwrap(), pool.session().await.unwrap()].into();
            drop(again);
            for id in &ids {
                watcher.execute(&format!("KILL {id}"), ()).await.unwrap();
            }
            for id in &ids {
                until(async || running(&mut watcher, *id).await.is_none()).await;
            }
            for _ in 0..3 {
                usable(&mut pool.session().await.unwrap()).await;
            }
            let status = pool.status();
            assert_eq!((status.open, status.discarded), (1, 4), "{status:?}");
        }
    });
}

/// The server's own idle timeout (4031 on MySQL, silence or 4031 on MariaDB).
#[test]
fn t96_a_session_that_timed_out_on_the_server_is_replaced() {
    each_server(async |target| {
        let mut watcher = target.local().await;
        let pool = pool_of(target.config(), 1, |options| options.setup("SET wait_timeout = 1"));
        let mut session = pool.session().await.unwrap();
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap();
        drop(session);
        until(async || running(&mut watcher, id).await.is_none()).await;
        usable(&mut pool.session().await.unwrap()).await;
        assert_eq!(pool.status().discarded, 1);
    });
}

#[test]
fn s14_close_waits_for_the_last_session() {
    each_server(async |target| {
        let pool = pool_of(target.local_config(), 2, |options| options.min(2));
        let mut session = pool.session().await.unwrap();
        until(async || pool.status().open == 2 && pool.status().connecting == 0).await;
        let held = pool.session().await.unwrap();
        let waiter = tokio::spawn({
            let pool = pool.clone();
            async move { pool.session().await.map(drop) }
        });
        until(async || pool.status().waiting == 1).await;
        let closing = tokio::spawn({
            let pool = pool.clone();
            async move { pool.close().await }
        });
        // Who waits is told at once.
        let error = waiter.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::PoolClosed)), "{error:?}");
        assert!(!error.is_retryable());
        // What is in use goes on.
        usable(&mut session).await;
        assert!(!closing.is_finished());
        drop(held);
        usable(&mut session).await;
        assert!(!closing.is_finished(), "one is still in use");
        drop(session);
        closing.await.unwrap();
        assert_eq!(pool.status().open, 0);
        assert!(pool.session().await.is_err());
        // A second time is no harm.
        pool.close().await;
    });
}

#[test]
fn hooks_are_called_and_can_refuse() {
    each_server(async |target| {
        let connected = Arc::new(AtomicUsize::new(0));
        let handed_out = Arc::new(AtomicUsize::new(0));
        let hooks = PoolHooks::default()
            .after_connect({
                let connected = connected.clone();
                move |session| {
                    let connected = connected.clone();
                    Box::pin(async move {
                        connected.fetch_add(1, Ordering::SeqCst);
                        session.ping().await
                    })
                }
            })
            .before_hand_out({
                let handed_out = handed_out.clone();
                move |session| {
                    let number = handed_out.fetch_add(1, Ordering::SeqCst);
                    Box::pin(async move {
                        // The third finds fault.
                        let sql = if number == 2 { "SELEKT" } else { "SELECT 1" };
                        session.execute(sql, ()).await.map(drop)
                    })
                }
            });
        let config = target.local_config().pool(PoolOptions::default().max(1));
        let pool = Pool::with_hooks(config, hooks).unwrap();
        for _ in 0..4 {
            usable(&mut pool.session().await.unwrap()).await;
        }
        assert_eq!(connected.load(Ordering::SeqCst), 2, "the third hand-out took a new session");
        assert_eq!(handed_out.load(Ordering::SeqCst), 5);
        assert_eq!(pool.status().discarded, 1);
    });
}

/// A checkout dropped at any moment leaks no place.
#[test]
fn s14_a_dropped_checkout_leaks_no_place() {
    each_server(async |target| {
        let pool = pool_of(target.config(), 2, |options| options);
        for round in 0..40_u64 {
            let wait = Duration::from_micros(round * 150);
            let _ = tokio::time::timeout(wait, pool.session()).await;
            // One that is to be reset is dropped in the middle of that, too.
            if let Ok(Ok(mut session)) = tokio::time::timeout(wait, pool.session()).await {
                session.ping().await.unwrap();
            }
        }
        let mut a = pool.session().await.unwrap();
        let mut b = pool.session().await.unwrap();
        usable(&mut a).await;
        usable(&mut b).await;
        let status = pool.status();
        assert_eq!((status.open, status.in_use, status.waiting), (2, 2, 0), "{status:?}");
    });
}

/// T-62: TLS 1.3 sends tickets behind the login, which are nothing that anybody has to hear of.
#[test]
fn t62_tls_tickets_are_no_reason_to_part() {
    each_server(async |target| {
        let pool = pool_of(target.config(), 1, |options| options);
        for _ in 0..20 {
            assert!(pool.session().await.unwrap().is_encrypted() == target.server.certs.is_some());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        usable(&mut pool.session().await.unwrap()).await;
        let status = pool.status();
        assert_eq!((status.opened, status.discarded, status.resets), (1, 0, 0), "{status:?}");
    });
}
