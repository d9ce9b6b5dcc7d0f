//! A proxy between session and server does what networks do, at random places: right rows or an
//! error, never wrong rows, never a hang beyond the limits, never a panic (T-90, T-91, T-92).
//!
//! What each fault can promise: bytes that are missing, late or few never make a row wrong. A byte
//! that is damaged is an error over TLS, whose records are authenticated; over plain TCP nothing
//! protects it, so there it only must not hang or panic.
#![cfg(all(feature = "tokio", feature = "ring"))]
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mywire::{Config, Result, Session, SslMode};
use proxy::{Direction, Fault, Proxy};
use servers::Server;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Runs for each server: more than 2,000 on the three.
const RUNS: u64 = 700;

/// Runs at the same time.
const AT_ONCE: usize = 24;

/// How long a server may be silent: long for a machine, short for a test.
const SILENCE: Duration = Duration::from_millis(700);

/// Longer than all limits of a run together, on a busy machine.
const HANG: Duration = Duration::from_secs(60);

const ROWS: u64 = 20;

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    tls: bool,
    direction: Direction,
    fault: Fault,
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn plan(seed: u64) -> Plan {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4 {
        random(&mut state);
    }
    let tls = random(&mut state).is_multiple_of(2);
    let direction = match random(&mut state) % 3 {
        0 => Direction::ToServer,
        _ => Direction::ToClient,
    };
    // About what a run exchanges, so that most places are hit.
    let at = random(&mut state)
        % match direction {
            Direction::ToServer => 1200,
            Direction::ToClient => 6000,
        };
    let fault = match random(&mut state) % 5 {
        0 => Fault::Cut(at),
        1 => Fault::Stall(at),
        2 => Fault::HalfClose(at),
        3 => Fault::Trickle,
        // Not what is said before TLS begins: the greeting, and the request for TLS.
        _ => Fault::Corrupt(at + 160, u8::try_from(random(&mut state) % 8).unwrap()),
    };
    Plan { seed, tls, direction, fault }
}

/// A small session; `Ok` only if all of it was right.
async fn work(config: &Config, tag: u64, trusted: bool) -> Result<()> {
    let mut session = Session::connect_with(config).await?;
    let outcome = exchange(&mut session, tag, trusted).await;
    if let Err(error) = &outcome
        && error.is_fatal()
    {
        assert!(session.is_dead(), "{error}");
        let again = session.ping().await.unwrap_err();
        assert!(again.is_fatal());
    }
    outcome
}

async fn exchange(session: &mut Session, tag: u64, trusted: bool) -> Result<()> {
    let rows: Vec<_> = (0..ROWS).map(|i| format!("SELECT {tag}, {i}, 'row {i}'")).collect();
    let text = rows.join(" UNION ALL ");
    let mut rows = session.query(&text, ()).await?;
    let mut seen = 0;
    while let Some(row) = rows.next().await? {
        if trusted {
            let row: (u64, u64, String) = row.decode()?;
            assert_eq!(row, (tag, seen, format!("row {seen}")));
        }
        seen += 1;
    }
    rows.finish().await?;
    assert!(!trusted || seen == ROWS, "{seen} rows passed for all");
    let sql = "SELECT ?, CONCAT('binary ', ?) UNION ALL SELECT 1, 'end'";
    let all: Vec<(u64, String)> = session.fetch_all(sql, (tag, tag)).await?;
    if trusted {
        assert_eq!(all, [(tag, format!("binary {tag}")), (1, "end".to_owned())]);
    }
    session.ping().await
}

async fn run(server: &'static Server, plan: Plan) -> bool {
    let proxy = Proxy::start(server.port, plan.direction, plan.fault).await;
    let config: Config = server.url.parse().unwrap();
    let mode = if plan.tls { SslMode::Required } else { SslMode::Disabled };
    let config = config
        .port(proxy.port)
        .ssl_mode(mode)
        .connect_timeout(3 * SILENCE)
        .read_timeout(SILENCE)
        .write_timeout(SILENCE);
    let trusted = plan.tls || !matches!(plan.fault, Fault::Corrupt(..));
    let outcome = timeout(HANG, work(&config, 5_000_000 + plan.seed, trusted)).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("{} hangs: {plan:?}", server.name));
    outcome.is_ok()
}

#[test]
fn t90_t91_t92_whatever_the_network_does_rows_are_right_or_there_is_an_error() {
    let on = |server: &'static Server| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Over plain TCP a MySQL server takes a password only if it has seen it over TLS.
            let config: Config = server.url.parse().unwrap();
            Session::connect_with(&config).await.unwrap().close().await.unwrap();
            let permits = Arc::new(Semaphore::new(AT_ONCE));
            let mut tasks = JoinSet::new();
            for seed in 0..RUNS {
                let permits = permits.clone();
                tasks.spawn(async move {
                    let _permit = permits.acquire().await.unwrap();
                    let plan = plan(seed);
                    (plan, run(server, plan).await)
                });
            }
            let (mut right, mut trickled) = (0, 0);
            while let Some(done) = tasks.join_next().await {
                let (plan, ok) = done.unwrap_or_else(|error| panic!("{}: {error}", server.name));
                right += u64::from(ok);
                trickled += u64::from(ok && plan.fault == Fault::Trickle);
            }
            println!(
                "{}: {RUNS} runs, {right} right to the end, {} with an error, 0 with wrong rows",
                server.name,
                RUNS - right
            );
            assert!(right > 0 && right < RUNS && trickled > 0, "the faults are no faults");
        });
    };
    thread::scope(|scope| {
        for server in servers::all() {
            thread::Builder::new()
                .name(server.name.clone())
                .spawn_scoped(scope, move || on(server))
                .unwrap();
        }
    });
}
