//! Pools of scripted servers: what no honest server does, and what is counted byte by byte.

use std::time::Duration;

use mywire::error::UsageError;
use mywire::wire::{Command, Greeting};
use mywire::{Error, Pool, PoolReset, PooledSession, Sent};

use crate::listener::Listener;
use crate::pool_of;
use crate::scripted::{Server, mysql, run_on_sockets};

async fn marker(session: &mut PooledSession, text: &str) {
    let echo: String = session.fetch_one(text, ()).await.unwrap();
    assert_eq!(echo, text);
}

/// Waits until the first session of a pool has news.
async fn settled(listener: &Listener, news: usize) {
    while listener.connections() < news {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// T-62, T-96, E-06, S14: whatever comes while a session is idle, it is not handed out, and nothing
/// is written on it.
#[test]
fn t62_e06_whatever_comes_on_an_idle_session_ends_it() {
    type Say = fn(&Server) -> Vec<u8>;
    let news: [(&str, Say); 7] = [
        ("idle timeout", |server| {
            server.reply().with_sequence(0).err(4031, "inactivity").bytes().to_vec()
        }),
        ("shutdown", |server| {
            server.reply().with_sequence(0).err(1053, "Server shutdown").bytes().to_vec()
        }),
        ("killed", |server| {
            server.reply().with_sequence(0).err(1927, "Connection was killed").bytes().to_vec()
        }),
        ("an answer to nothing", |server| server.reply().with_sequence(1).ok().bytes().to_vec()),
        ("a stray byte", |_| vec![7]),
        ("half a packet", |_| vec![200, 0, 0, 0, 255]),
        ("the end", |_| Vec::new()),
    ];
    for (what, say) in news {
        run_on_sockets(async move {
            let listener = Listener::new(move |number, mut server| async move {
                server.login().await;
                if number > 0 {
                    return server.echo().await;
                }
                let bytes = say(&server);
                if bytes.is_empty() {
                    return server.close();
                }
                server.write(&bytes).await;
                server.until_closed().await;
            })
            .await;
            let pool = pool_of(listener.config(), 2, |options| options);
            drop(pool.session().await.unwrap());
            settled(&listener, 1).await;
            let written = listener.wire(0).len();
            marker(&mut pool.session().await.unwrap(), "marker").await;
            assert_eq!(listener.wire(0).len(), written, "{what}: something was written");
            let status = pool.status();
            assert_eq!((status.opened, status.discarded, status.open), (2, 1, 1), "{what}");
        });
    }
}

/// What a checkout writes: nothing for a session that is known to be clean, one write otherwise.
#[test]
fn a_clean_checkout_writes_nothing_and_a_reset_is_one_write() {
    run_on_sockets(async {
        for policy in [PoolReset::Always, PoolReset::WhenChanged] {
            let listener = Listener::new(|_, mut server| async move {
                server.login().await;
                server.echo().await;
            })
            .await;
            let config = listener.config().database("shop");
            let pool = pool_of(config, 1, |options| options.reset(policy).setup("SET ours"));
            drop(pool.session().await.unwrap());
            let wire = listener.wire(0);
            let after_setup = wire.writes().len();
            // Only looked at.
            assert!(!pool.session().await.unwrap().is_dead());
            assert_eq!(wire.writes().len(), after_setup);
            marker(&mut pool.session().await.unwrap(), "SELECT 1").await;
            assert_eq!(wire.writes().len(), after_setup + 1);
            drop(pool.session().await.unwrap());
            // The script's server is MySQL, and tracks by its greeting; it says of no change.
            let clean = policy == PoolReset::WhenChanged;
            assert_eq!(wire.writes().len(), after_setup + if clean { 1 } else { 2 });
            marker(&mut pool.session().await.unwrap(), "SET @a = 1").await;
            let before = wire.writes().len();
            drop(pool.session().await.unwrap());
            let writes = wire.writes();
            assert_eq!(writes.len(), before + 1, "a reset is one write");
            let commands = commands(writes.last().unwrap());
            let mut wanted =
                vec![vec![0x1F], b"\x03SET NAMES utf8mb4 COLLATE utf8mb4_general_ci".to_vec()];
            wanted.push(b"\x03SET ours".to_vec());
            if clean {
                wanted.push(b"\x03SET session_track_state_change = 1".to_vec());
            }
            assert_eq!(commands, wanted);
        }
    });
}

/// The payloads of the packets in a write.
fn commands(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let [a, b, c, _, rest @ ..] = bytes {
        let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        found.push(rest[..length].to_vec());
        bytes = &rest[length..];
    }
    found
}

/// A handle that was made for the next statement of a session is not for the next user's.
#[test]
fn t63_t93_a_cancel_handle_ends_with_the_loan() {
    run_on_sockets(async {
        for policy in [PoolReset::Always, PoolReset::WhenChanged] {
            for used in [true, false] {
                let listener = Listener::new(|_, mut server| async move {
                    server.login().await;
                    server.echo().await;
                })
                .await;
                let pool = pool_of(listener.config(), 1, |options| options.reset(policy));
                let mut session = pool.session().await.unwrap();
                if used {
                    marker(&mut session, "SELECT 1").await;
                }
                let handle = session.cancel_handle();
                drop(session);
                let mut session = pool.session().await.unwrap();
                assert!(!handle.cancel().await.unwrap(), "{policy:?}, {used}: it is over");
                marker(&mut session, "SELECT 2").await;
                // The next user's own is for the next user's statement.
                let handle = session.cancel_handle();
                assert!(handle.cancel().await.unwrap());
                let error = session.execute("SELECT 3", ()).await.unwrap_err();
                assert!(matches!(error, Error::Usage(UsageError::Cancelled)), "{error}");
                assert_eq!(pool.status().opened, 1);
            }
        }
    });
}

/// T-63, E-96: a session whose reset fails, or is not answered, is not handed out.
#[test]
fn t63_a_session_whose_reset_fails_is_closed() {
    for answers in [true, false] {
        run_on_sockets(async move {
            let listener = Listener::new(move |number, mut server| async move {
                server.login().await;
                if number > 0 {
                    return server.echo().await;
                }
                server.expect(Command::Query(b"marker")).await;
                server.send(server.reply().ok()).await;
                server.expect(Command::ResetConnection).await;
                if answers {
                    server.send(server.reply().err(1047, "Unknown command")).await;
                }
                server.until_closed().await;
            })
            .await;
            let pool = pool_of(listener.config(), 1, |options| options);
            pool.session().await.unwrap().execute("marker", ()).await.unwrap();
            marker(&mut pool.session().await.unwrap(), "again").await;
            let status = pool.status();
            assert_eq!((status.opened, status.discarded, status.resets), (2, 1, 0), "{status:?}");
        });
    }
}

/// T-95: a session to a server that only reads is left behind, if that is wanted.
#[test]
fn t95_a_read_only_server_is_left_if_wanted() {
    run_on_sockets(async {
        for (discard, code) in
            [(true, 1290), (true, 1792), (true, 1836), (false, 1290), (true, 1062)]
        {
            let listener = Listener::new(move |number, mut server| async move {
                server.login().await;
                if number == 0 {
                    server.expect(Command::Query(b"INSERT")).await;
                    server.send(server.reply().err(code, "no")).await;
                }
                server.echo().await;
            })
            .await;
            let pool = pool_of(listener.config(), 1, |options| options.discard_read_only(discard));
            let mut session = pool.session().await.unwrap();
            let error = session.execute("INSERT", ()).await.unwrap_err();
            assert_eq!(error.as_server().unwrap().code(), code);
            assert!(!error.is_fatal());
            drop(session);
            marker(&mut pool.session().await.unwrap(), "again").await;
            let opened = if discard && code != 1062 { 2 } else { 1 };
            assert_eq!(pool.status().opened, opened, "{code} {discard}");
        }
    });
}

async fn refusing(code: u16) -> Listener {
    Listener::new(move |_, mut server| async move {
        server.greet(&greeting()).await;
        let reply = server.reply().err(code, "no");
        server.send(reply).await;
    })
    .await
}

fn greeting() -> Greeting<'static> {
    mysql()
}

/// T-98: a refusal for good is told to everybody and asked for once.
#[test]
fn t98_a_refusal_is_asked_for_once() {
    run_on_sockets(async {
        for code in [1045, 1044, 1049, 3118, 3955] {
            let listener = refusing(code).await;
            let pool = pool_of(listener.config(), 8, |options| options);
            let mut tasks = Vec::new();
            for _ in 0..50 {
                let pool = pool.clone();
                tasks.push(tokio::spawn(async move { pool.session().await.map(drop) }));
            }
            for task in tasks {
                let error = task.await.unwrap().unwrap_err();
                assert_eq!(error.as_server().unwrap().code(), code);
            }
            assert_eq!(listener.connections(), 1, "{code}");
            let status = pool.status();
            assert_eq!((status.open, status.in_use, status.waiting), (0, 0, 0), "{status:?}");
        }
    });
}

/// T-98: a crowded server is tried again, by one at a time, until the time is up.
#[test]
fn t98_a_crowded_server_is_tried_again_with_pauses() {
    run_on_sockets(async {
        let listener = Listener::new(|number, mut server| async move {
            if number < 3 {
                let reply = server.reply().err(1040, "Too many connections");
                server.send(reply).await;
                return;
            }
            server.login().await;
            server.echo().await;
        })
        .await;
        let pool = pool_of(listener.config(), 1, |options| options);
        let mut tasks = Vec::new();
        for _ in 0..20 {
            let pool = pool.clone();
            tasks.push(tokio::spawn(async move {
                marker(&mut pool.session().await.unwrap(), "marker").await;
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(listener.connections(), 4);

        let listener = refusing(1040).await;
        let pool = pool_of(listener.config(), 8, |options| {
            options.acquire_timeout(Duration::from_millis(400))
        });
        let (a, b) = tokio::join!(pool.session(), pool.session());
        for error in [a.unwrap_err(), b.unwrap_err()] {
            let Error::Usage(UsageError::PoolTimedOut { reason: Some(reason), .. }) = &error else {
                panic!("{error:?}");
            };
            assert!(reason.contains("1040"), "{reason}");
            assert_eq!(error.was_sent(), Sent::No);
        }
        // 50, 100, 200 ms less a half at most: no more than 7 fit into 400.
        assert!(listener.connections() <= 8, "{}", listener.connections());
    });
}

/// An address that never worked is told of at once.
#[test]
fn a_wrong_address_is_told_of_at_once() {
    run_on_sockets(async {
        let port = {
            let listener = Listener::new(|_, server| async move { server.close() }).await;
            listener.config()
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        let pool: Pool = pool_of(port, 3, |options| options);
        let error = pool.session().await.unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert_eq!(error.was_sent(), Sent::No);
    });
}
