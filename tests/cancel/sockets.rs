//! Every operation over real sockets: bytes come a few at a time from a proxy, and there is a second
//! connection to kill by.

use std::time::{Duration, Instant};

use mywire::{Config, Limits, Session, SslMode};

use super::proxy::{Direction, Fault, Proxy};
use super::{Tally, drop_after, each_server, is_right, operations, unique, warm};
use crate::more::killed;

/// What a kill waits for before it is tried: little, so that it often is.
const SKIP: Duration = Duration::from_millis(2);

/// T-60, T-61, T-93
#[test]
fn t60_t61_t93_every_operation_over_real_sockets_dropped_at_every_poll() {
    each_server(async |server| {
        warm(server).await;
        // Enough places to give up, and not too many for sessions that begin anew each time.
        let portions = Fault::Portions(8);
        let proxy = Proxy::start_for_all(server.port, Direction::ToClient, portions).await;
        for (transport, mode) in [("TLS", SslMode::Required), ("plain TCP", SslMode::Disabled)] {
            let config: Config = server.url.parse().unwrap();
            let config = config
                .port(proxy.port)
                .ssl_mode(mode)
                .multi_statements(true)
                .identify(true)
                .limits(Limits::default().max_skip_time(SKIP));
            let tally = Tally::default();
            let mut session = Session::connect_with(&config).await.unwrap();
            let all = operations().into_iter().chain(crate::more::operations()).chain(killed());
            for (name, operation) in all {
                for polls in 0.. {
                    let outcome = drop_after(polls, operation(&mut session)).await;
                    match &outcome {
                        Some(outcome) => {
                            outcome.as_ref().unwrap_or_else(|error| panic!("{name}: {error}"));
                        }
                        None => tally.dropped(),
                    }
                    let after = format!("{name}, dropped after {polls} polls");
                    if !is_right(&mut session, &after).await {
                        tally.died();
                        session = Session::connect_with(&config).await.unwrap();
                    }
                    assert!(!session.in_transaction(), "{after}");
                    if outcome.is_some() {
                        break;
                    }
                }
            }
            tally.print("every operation over sockets", server, transport);
        }
    });
}

/// T-101: whoever does not wait for the farewell has closed the session all the same.
#[test]
fn t101_a_close_dropped_at_every_poll_closes() {
    each_server(async |server| {
        warm(server).await;
        let config: Config = server.url.parse().unwrap();
        let mut watcher = Session::connect_with(&config).await.unwrap();
        for (transport, mode) in [("TLS", SslMode::Required), ("plain TCP", SslMode::Disabled)] {
            let config = config.clone().ssl_mode(mode);
            let tally = Tally::default();
            let mut opened = Vec::new();
            for left in [false, true] {
                for polls in 0.. {
                    let mut session = Session::connect_with(&config).await.unwrap();
                    opened.push(u64::from(session.connection_id()));
                    if left {
                        // In the middle of a result.
                        let sql = format!("SELECT {}, REPEAT('x', 1000000)", unique());
                        drop(session.query(&sql, ()).await.unwrap());
                    }
                    match drop_after(polls, session.close()).await {
                        Some(closed) => {
                            closed.unwrap();
                            break;
                        }
                        None => tally.dropped(),
                    }
                }
            }
            // The server takes its time to see it.
            let patience = Instant::now() + Duration::from_secs(60);
            loop {
                let mut there: Vec<u64> = Vec::new();
                let mut rows = watcher.query("SHOW PROCESSLIST", ()).await.unwrap();
                while let Some(row) = rows.next().await.unwrap() {
                    there.push(row.get("Id").unwrap());
                }
                drop(rows);
                there.retain(|id| opened.contains(id));
                if there.is_empty() {
                    break;
                }
                assert!(Instant::now() < patience, "{there:?} are still there");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tally.print("close", server, transport);
        }
    });
}
