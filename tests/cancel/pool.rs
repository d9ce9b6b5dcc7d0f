//! A pool's checkout dropped at every poll: no place is lost, and nobody gets a dirty session.

use mywire::{Config, Pool, PoolOptions, PoolReset, PooledSession, SslMode};

use super::proxy::{Direction, Fault, Proxy};
use super::{Tally, drop_after, each_server, unique, warm};

const SESSIONS: usize = 2;

/// Leaves everything behind that a session can hold, in the middle of rows.
async fn dirty(session: &mut PooledSession, table: &str) {
    for sql in [
        "SET @dirt = 7",
        "BEGIN",
        &format!("INSERT INTO {table} VALUES (1)"),
        "USE information_schema",
    ] {
        session.execute(sql, ()).await.unwrap();
    }
    let mut rows = session.query("SELECT 1 UNION ALL SELECT 2", ()).await.unwrap();
    rows.next().await.unwrap();
}

async fn assert_clean(session: &mut PooledSession, table: &str, after: &str) {
    let tag = unique();
    let sql = format!("SELECT {tag}, @dirt, DATABASE(), (SELECT COUNT(*) FROM {table})");
    assert!(!session.in_transaction(), "{after}");
    let found: (u64, Option<i64>, String, i64) = session.fetch_one(&sql, ()).await.unwrap();
    assert_eq!(found, (tag, None, "test".to_owned(), 0), "{after}");
}

/// T-60, T-63, S14: checkouts that connect, and those that make a used session clean.
#[test]
fn t60_t63_s14_a_checkout_dropped_at_every_poll() {
    each_server(async |server| {
        warm(server).await;
        // Byte by byte, so that there are many places to give up.
        let proxy = Proxy::start_for_all(server.port, Direction::ToClient, Fault::Trickle).await;
        let tls = ("TLS", SslMode::Required, PoolReset::Always);
        let plain = ("plain TCP", SslMode::Disabled, PoolReset::WhenChanged);
        for (transport, mode, reset) in [tls, plain] {
            let config: Config = server.url.parse().unwrap();
            let mut owner = mywire::Session::connect_with(&config).await.unwrap();
            let table = format!("pooled_{}_{}", std::process::id(), unique());
            let sql = format!("CREATE TABLE {table} (a INT) ENGINE = InnoDB");
            owner.execute(&sql, ()).await.unwrap();
            let options = PoolOptions::default().max(SESSIONS).reset(reset);
            let config = config.port(proxy.port).ssl_mode(mode).pool(options);
            let tally = Tally::default();
            for fresh in [true, false] {
                let pool = Pool::new(config.clone()).unwrap();
                for polls in 0.. {
                    let mut session = pool.session().await.unwrap();
                    if fresh {
                        session.discard().await;
                    } else {
                        dirty(&mut session, &table).await;
                        drop(session);
                    }
                    let outcome = drop_after(polls, pool.session()).await;
                    let after = format!("dropped after {polls} polls");
                    let done = outcome.is_some();
                    if let Some(session) = outcome {
                        assert_clean(&mut session.unwrap(), &table, &after).await;
                    } else {
                        tally.dropped();
                    }
                    // Every place is still to be had, and every session clean.
                    let mut all = Vec::new();
                    for _ in 0..SESSIONS {
                        let mut session = pool.session().await.unwrap();
                        assert_clean(&mut session, &table, &after).await;
                        all.push(session);
                    }
                    assert_eq!(pool.status().in_use, SESSIONS, "{after}");
                    drop(all);
                    if done {
                        break;
                    }
                }
                assert_eq!(pool.status().timed_out, 0);
                pool.close().await;
            }
            owner.execute(&format!("DROP TABLE {table}"), ()).await.unwrap();
            tally.print(&format!("checkout, {reset:?}"), server, transport);
        }
    });
}
