//! The end of a pool, and of a loan, against scripted servers.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use mywire::wire::{OkPacket, SessionState, StateChange, StatusFlags};
use mywire::{Pool, PoolHooks, PoolOptions, PoolReset};
use tokio::sync::Semaphore;

use crate::listener::Listener;
use crate::pool_of;
use crate::scripted::{mysql, ok, run_on_sockets};

/// S14: a session that the keeper was opening when the pool was closed is closed as well.
#[test]
fn s14_close_ends_although_the_keeper_was_opening_a_session() {
    run_on_sockets(async {
        let held = Arc::new(Semaphore::new(0));
        let release = Arc::new(Semaphore::new(0));
        let listener = Listener::new({
            let (held, release) = (held.clone(), release.clone());
            move |_, mut server| {
                let (held, release) = (held.clone(), release.clone());
                async move {
                    server.greet(&mysql()).await;
                    held.add_permits(1);
                    let _ = release.acquire().await;
                    server.send(server.reply().more_data(&[3]).ok()).await;
                    server.echo().await;
                }
            }
        })
        .await;
        let pool = pool_of(listener.config(), 1, |options| options.min(1));
        // Who asked first has started the keeper, and left.
        {
            let mut asking = pin!(pool.session());
            assert!(poll_fn(|cx| Poll::Ready(asking.as_mut().poll(cx))).await.is_pending());
        }
        let _ = held.acquire().await;
        assert_eq!(pool.status().connecting, 1, "the keeper's");
        let mut closing = pin!(pool.close());
        assert!(poll_fn(|cx| Poll::Ready(closing.as_mut().poll(cx))).await.is_pending());
        release.add_permits(100);
        closing.await;
        assert_eq!(pool.status().open, 0);
    });
}

/// What a hook does to a session that is handed out is undone like what its user does.
#[test]
fn t63_what_a_hook_did_before_a_loan_is_undone() {
    run_on_sockets(async {
        for policy in [PoolReset::Always, PoolReset::WhenChanged] {
            let listener = Listener::new(|_, mut server| async move {
                server.login().await;
                server.echo().await;
            })
            .await;
            let hooks = PoolHooks::default().before_hand_out(|session| {
                Box::pin(async move { session.execute("SET @loan = 1", ()).await.map(drop) })
            });
            let options = PoolOptions::default().max(1).reset(policy);
            let pool = Pool::with_hooks(listener.config().pool(options), hooks).unwrap();
            for loan in 0..3 {
                // Only looked at.
                assert!(!pool.session().await.unwrap().is_dead());
                assert_eq!(pool.status().resets, loan, "{policy:?}");
            }
        }
    });
}

/// What the server told of the last loan is not told of the next one, reset or not.
#[test]
fn t63_what_was_tracked_for_the_last_user_is_forgotten() {
    run_on_sockets(async {
        for policy in [PoolReset::Always, PoolReset::WhenChanged] {
            let listener = Listener::new(move |_, mut server| async move {
                server.login().await;
                if policy == PoolReset::WhenChanged {
                    server.command().await;
                    server.send(server.reply().ok()).await;
                }
                server.command().await;
                let mut state = Vec::new();
                StateChange::Gtids { encoding: 0, text: b"uuid:1-9" }.encode(&mut state);
                let reply = server.reply().ok_with(&OkPacket {
                    status: StatusFlags::SESSION_STATE_CHANGED,
                    session_state: SessionState::decode(&state).unwrap(),
                    ..ok()
                });
                server.send(reply).await;
                server.echo().await;
            })
            .await;
            let pool = pool_of(listener.config(), 1, |options| options.reset(policy));
            let mut session = pool.session().await.unwrap();
            session.execute("COMMIT", ()).await.unwrap();
            assert_eq!(session.gtids(), Some("uuid:1-9"));
            drop(session);
            let session = pool.session().await.unwrap();
            assert_eq!(session.gtids(), None, "{policy:?}");
            let resets = u64::from(policy == PoolReset::Always);
            assert_eq!((pool.status().opened, pool.status().resets), (1, resets));
        }
    });
}
