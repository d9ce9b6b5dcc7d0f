//! A proxy between session and server does what networks do, at random places: right rows or an
//! error, never wrong rows, never a hang beyond the limits, never a panic (T-90, T-91, T-92).
//!
//! What each fault can promise: bytes that are missing, late or few never make a row wrong. A byte
//! that is damaged is an error over TLS, whose records are authenticated; over plain TCP nothing
//! protects it, so there it only must not hang or panic.
//!
//! What is done: small results of both protocols, rows of more than 16 MiB, and inserts, of which
//! the error's `was_sent` has to agree with what the server holds; with and without compression, on
//! both fronts.
#![cfg(all(feature = "tokio", feature = "ring"))]
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mywire::{Config, Result, Sent, Session, SslMode};
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

/// One run in so many is about a row of [`LARGE`] bytes.
const LARGE_EVERY: u64 = 35;

/// A value that takes two packets (F-03).
const LARGE: usize = (16 << 20) + 300_000;

/// What is done through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Small,
    Large,
    Insert,
    #[cfg(feature = "blocking")]
    Blocking,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    work: Work,
    tls: bool,
    compressed: bool,
    direction: Direction,
    fault: Fault,
}

impl Plan {
    /// Whether what arrives is what was sent, or nothing.
    fn trusted(self) -> bool {
        self.tls || !matches!(self.fault, Fault::Corrupt(..))
    }

    /// A number that no other run has.
    fn tag(self) -> u64 {
        5_000_000 + self.seed
    }
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
    let work = match random(&mut state) % 10 {
        _ if seed.is_multiple_of(LARGE_EVERY) => Work::Large,
        0..=2 => Work::Insert,
        #[cfg(feature = "blocking")]
        3..=5 => Work::Blocking,
        _ => Work::Small,
    };
    let compressed = cfg!(feature = "compress") && random(&mut state).is_multiple_of(3);
    let direction = match random(&mut state) % 3 {
        // What is large comes from the server, and what may be executed or not goes there.
        0 if work != Work::Large => Direction::ToServer,
        1 if work == Work::Insert => Direction::ToServer,
        _ => Direction::ToClient,
    };
    // About what a run exchanges, so that most places are hit.
    let exchanged = match (direction, work) {
        (Direction::ToServer, Work::Insert) => 6000,
        (Direction::ToServer, _) => 1200,
        // It compresses to next to nothing.
        (_, Work::Large) if compressed => 40_000,
        (_, Work::Large) => 17_500_000,
        (_, Work::Insert) => 3500,
        _ => 6000,
    };
    let at = random(&mut state) % exchanged;
    let fault = match random(&mut state) % 5 {
        0 => Fault::Cut(at),
        1 => Fault::Stall(at),
        2 => Fault::HalfClose(at),
        3 if work == Work::Large => Fault::Portions(10_000),
        3 => Fault::Trickle,
        // Not what is said before TLS begins: the greeting, and the request for TLS.
        _ => Fault::Corrupt(at + 160, u8::try_from(random(&mut state) % 8).unwrap()),
    };
    Plan { seed, work, tls, compressed, direction, fault }
}

/// An insert and what the session said of it: `None` if it was executed.
#[derive(Debug)]
struct Inserted {
    tag: u64,
    trusted: bool,
    sent: Option<Sent>,
}

/// What the runs on a server have in common.
#[derive(Debug)]
struct Ground {
    server: &'static Server,
    table: String,
    inserted: Mutex<Vec<Inserted>>,
}

/// A small session; `Ok` only if all of it was right.
async fn work(ground: &Ground, config: &Config, plan: Plan) -> Result<()> {
    let mut session = Session::connect_with(config).await?;
    let (tag, trusted) = (plan.tag(), plan.trusted());
    let outcome = match plan.work {
        Work::Large => large(&mut session, tag, trusted).await,
        Work::Insert => insert(ground, &mut session, plan).await,
        _ => exchange(&mut session, tag, trusted).await,
    };
    if let Err(error) = &outcome
        && error.is_fatal()
    {
        assert!(session.is_dead(), "{error}");
        let again = session.ping().await.unwrap_err();
        assert!(again.is_fatal());
    }
    outcome
}

fn union(tag: u64) -> String {
    let rows: Vec<_> = (0..ROWS).map(|i| format!("SELECT {tag}, {i}, 'row {i}'")).collect();
    rows.join(" UNION ALL ")
}

const BINARY: &str = "SELECT ?, CONCAT('binary ', ?) UNION ALL SELECT 1, 'end'";

fn assert_binary(all: &[(u64, String)], tag: u64) {
    assert_eq!(all, [(tag, format!("binary {tag}")), (1, "end".to_owned())]);
}

async fn exchange(session: &mut Session, tag: u64, trusted: bool) -> Result<()> {
    let mut rows = session.query(&union(tag), ()).await?;
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
    let all: Vec<(u64, String)> = session.fetch_all(BINARY, (tag, tag)).await?;
    if trusted {
        assert_binary(&all, tag);
    }
    session.ping().await
}

/// The same without a runtime.
#[cfg(feature = "blocking")]
fn exchange_blocking(config: &Config, tag: u64, trusted: bool) -> Result<()> {
    let mut session = mywire::blocking::Session::connect_with(config)?;
    let outcome = (|| {
        let mut rows = session.query(&union(tag), ())?;
        let mut seen = 0;
        while let Some(row) = rows.next()? {
            if trusted {
                let row: (u64, u64, String) = row.decode()?;
                assert_eq!(row, (tag, seen, format!("row {seen}")));
            }
            seen += 1;
        }
        rows.finish()?;
        assert!(!trusted || seen == ROWS, "{seen} rows passed for all");
        let all: Vec<(u64, String)> = session.fetch_all(BINARY, (tag, tag))?;
        if trusted {
            assert_binary(&all, tag);
        }
        session.ping()
    })();
    if let Err(error) = &outcome
        && error.is_fatal()
    {
        assert!(session.is_dead() && session.ping().unwrap_err().is_fatal(), "{error}");
    }
    outcome
}

/// A row of several packets between two small values, and a small row behind.
async fn large(session: &mut Session, tag: u64, trusted: bool) -> Result<()> {
    let sql = format!("SELECT {tag}, REPEAT('x', {LARGE}), {tag} UNION ALL SELECT 1, 'end', 2");
    let mut rows = session.query(&sql, ()).await?;
    let mut seen = 0;
    while let Some(row) = rows.next().await? {
        if trusted {
            let (first, value, last): (u64, &[u8], u64) = row.decode()?;
            match seen {
                0 => {
                    assert_eq!((first, value.len(), last), (tag, LARGE, tag));
                    assert!(value.iter().all(|byte| *byte == b'x'));
                }
                _ => assert_eq!((first, value, last), (1, &b"end"[..], 2)),
            }
        }
        seen += 1;
    }
    rows.finish().await?;
    assert!(!trusted || seen == 2, "{seen} rows passed for all");
    session.ping().await
}

/// Two inserts, of which it is noted what the session says.
async fn insert(ground: &Ground, session: &mut Session, plan: Plan) -> Result<()> {
    let note = |tag, outcome: &Result<_>| {
        let sent = outcome.as_ref().err().map(mywire::Error::was_sent);
        let trusted = plan.trusted();
        ground.inserted.lock().unwrap().push(Inserted { tag, trusted, sent });
    };
    let (first, second) = (2 * plan.tag(), 2 * plan.tag() + 1);
    // Long enough to be hit.
    let pad = "x".repeat(2000);
    let sql = format!("INSERT INTO {} VALUES ({first}) -- {pad}", ground.table);
    let outcome = session.execute(&sql, ()).await.map(drop);
    note(first, &outcome);
    outcome?;
    let sql = format!("INSERT INTO {} VALUES (?) -- {pad}", ground.table);
    let outcome = session.execute(&sql, (second,)).await.map(drop);
    note(second, &outcome);
    outcome?;
    session.ping().await
}

async fn run(ground: &Ground, plan: Plan) -> bool {
    let server = ground.server;
    let proxy = Proxy::start(server.port, plan.direction, plan.fault).await;
    let config: Config = server.url.parse().unwrap();
    let mode = if plan.tls { SslMode::Required } else { SslMode::Disabled };
    // What is large is made, and encrypted, before the next byte comes.
    let silence = if plan.work == Work::Large { 8 * SILENCE } else { SILENCE };
    let mut config = config
        .port(proxy.port)
        .ssl_mode(mode)
        .connect_timeout(3 * SILENCE)
        .read_timeout(silence)
        .write_timeout(silence);
    if plan.compressed {
        config = config.compression([mywire::Compression::Zlib]).compression_threshold(0);
    }
    let outcome = match plan.work {
        #[cfg(feature = "blocking")]
        Work::Blocking => {
            let working = tokio::task::spawn_blocking(move || {
                exchange_blocking(&config, plan.tag(), plan.trusted())
            });
            timeout(HANG, working).await.map(|outcome| outcome.unwrap_or_else(|e| panic!("{e}")))
        }
        _ => timeout(HANG, work(ground, &config, plan)).await,
    };
    let outcome = outcome.unwrap_or_else(|_| panic!("{} hangs: {plan:?}", server.name));
    outcome.is_ok()
}

/// What the server holds, against what the sessions said.
async fn check_inserted(ground: &Ground, owner: &mut Session) {
    let sql = format!("SELECT tag, COUNT(*) FROM {} GROUP BY tag", ground.table);
    let held: Vec<(u64, u64)> = owner.fetch_all(&sql, ()).await.unwrap();
    let held: HashMap<u64, u64> = held.into_iter().collect();
    let inserted = ground.inserted.lock().unwrap();
    let (mut no, mut maybe, mut done) = (0, [0, 0], 0);
    for Inserted { tag, sent, .. } in inserted.iter().filter(|inserted| inserted.trusted) {
        let count = held.get(tag).copied().unwrap_or(0);
        match sent {
            None => {
                assert_eq!(count, 1, "{tag} was inserted, said the session");
                done += 1;
            }
            Some(Sent::Maybe) => {
                assert!(count <= 1, "{tag} was inserted {count} times");
                maybe[usize::from(count == 1)] += 1;
            }
            Some(Sent::No | Sent::Yes) => {
                assert_eq!(count, 0, "{tag} was not inserted, said the session");
                no += 1;
            }
        }
    }
    println!(
        "{}: {done} inserts done, {no} not done, {} of which nobody knew: {} of them are there",
        ground.server.name,
        maybe[0] + maybe[1],
        maybe[1]
    );
    assert!(done > 0 && maybe[0] + maybe[1] > 0);
}

#[test]
fn t90_t91_t92_whatever_the_network_does_rows_are_right_or_there_is_an_error() {
    let on = |server: &'static Server| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Over plain TCP a MySQL server takes a password only if it has seen it over TLS.
            let config: Config = server.url.parse().unwrap();
            let mut owner = Session::connect_with(&config).await.unwrap();
            let table = format!("test.faults_{}", std::process::id());
            let sql = format!("CREATE TABLE {table} (tag BIGINT) ENGINE = InnoDB");
            owner.execute(&sql, ()).await.unwrap();
            let ground = Arc::new(Ground { server, table, inserted: Mutex::default() });
            let permits = Arc::new(Semaphore::new(AT_ONCE));
            let mut tasks = JoinSet::new();
            for seed in 0..RUNS {
                let (permits, ground) = (permits.clone(), ground.clone());
                tasks.spawn(async move {
                    let _permit = permits.acquire().await.unwrap();
                    let plan = plan(seed);
                    (plan, run(&ground, plan).await)
                });
            }
            let mut tally = Tally::default();
            while let Some(done) = tasks.join_next().await {
                let (plan, ok) = done.unwrap_or_else(|error| panic!("{}: {error}", server.name));
                tally.count(plan, ok);
            }
            check_inserted(&ground, &mut owner).await;
            owner.execute(&format!("DROP TABLE {}", ground.table), ()).await.unwrap();
            tally.print(server);
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

/// Runs, and those of them that were right to the end: of all, of each kind of work, compressed.
#[derive(Debug, Default)]
struct Tally {
    kinds: BTreeMap<String, [u64; 2]>,
    trickled: u64,
}

impl Tally {
    fn count(&mut self, plan: Plan, ok: bool) {
        let work = format!("{:?}", plan.work).to_lowercase();
        let compressed = plan.compressed.then(|| "compressed".to_owned());
        for kind in [Some("all".to_owned()), Some(work), compressed].into_iter().flatten() {
            let [runs, right] = self.kinds.entry(kind).or_default();
            *runs += 1;
            *right += u64::from(ok);
        }
        self.trickled += u64::from(ok && plan.fault == Fault::Trickle);
    }

    fn print(&self, server: &Server) {
        for (kind, [runs, right]) in &self.kinds {
            println!(
                "{}, {kind}: {runs} runs, {right} right to the end, {} with an error, 0 with wrong \
                 rows",
                server.name,
                runs - right
            );
            assert!(*right > 0 && right < runs, "{kind}: the faults are no faults");
        }
        assert!(self.trickled > 0, "the faults are no faults");
    }
}
