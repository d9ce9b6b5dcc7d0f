//! T-60, T-61, T-90, S8: futures dropped at every poll, on real servers. The session is right
//! afterwards, or says that it is dead.
#![cfg(all(feature = "tokio", feature = "ring"))]
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]

#[path = "support/choppy.rs"]
mod choppy;
#[path = "cancel/load.rs"]
mod load;
#[path = "cancel/logins.rs"]
mod logins;
#[path = "cancel/operations.rs"]
mod more;
#[cfg(feature = "pool")]
#[path = "cancel/pool.rs"]
mod pool;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/servers.rs"]
mod servers;
#[path = "cancel/sockets.rs"]
mod sockets;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use choppy::{Choppy, drop_after};
use mywire::{Config, LongData, Result, Session, SslMode};
use servers::{Flavor, Server};
use tokio::net::TcpStream;

/// What was tried and what came of it.
#[derive(Debug, Default)]
struct Tally {
    drops: AtomicU64,
    dead: AtomicU64,
}

impl Tally {
    fn dropped(&self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }

    fn died(&self) {
        self.dead.fetch_add(1, Ordering::Relaxed);
    }

    fn print(&self, what: &str, server: &Server, transport: &str) {
        let (drops, dead) = (self.drops.load(Ordering::Relaxed), self.dead.load(Ordering::Relaxed));
        println!(
            "{what}, {} over {transport}: {drops} futures dropped, {dead} sessions dead, 0 wrong rows",
            server.name
        );
        assert!(drops > 0, "nothing was dropped");
    }
}

fn each_server(case: impl AsyncFn(&'static Server) + Sync) {
    thread::scope(|scope| {
        for server in servers::all() {
            let named = thread::Builder::new().name(server.name.clone());
            let case = &case;
            named
                .spawn_scoped(scope, move || {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    runtime_of(runtime).block_on(case(server));
                })
                .unwrap();
        }
    });
}

fn runtime_of(mut builder: tokio::runtime::Builder) -> tokio::runtime::Runtime {
    builder.enable_all().build().unwrap()
}

fn transports(server: &Server) -> Vec<(&'static str, Config)> {
    let config: Config = server.url.parse().unwrap();
    let config = config.multi_statements(true);
    let tls = config.clone().ssl_mode(SslMode::Required);
    let plain = config.ssl_mode(SslMode::Disabled);
    let mut all = vec![("TLS", tls.clone()), ("plain TCP", plain.clone())];
    if cfg!(feature = "compress") {
        use mywire::Compression;
        all.push(("zlib within TLS", tls.compression([Compression::Zlib])));
        // MariaDB has no other.
        if cfg!(feature = "zstd") && server.flavor == Flavor::MySql {
            all.push(("zstd over plain TCP", plain.compression([Compression::Zstd])));
        } else {
            all.push(("zlib over plain TCP", plain.compression([Compression::Zlib])));
        }
    }
    all
}

/// The most bytes that pass at a time: little against what is exchanged, so that there are many
/// places to give up.
const PORTION: u64 = 24;

/// For logins with their certificates.
const LARGE_PORTION: u64 = 200;

async fn open(server: &Server, config: &Config, seed: u64, most: u64) -> Result<Session> {
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    Session::from_stream(Choppy::new(stream, seed, most), config).await
}

/// A number that no other statement has.
fn unique() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(1_000_000);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Right answers, of both protocols, or a dead session, which `false` tells.
async fn is_right(session: &mut Session, after: &str) -> bool {
    let tag = unique();
    let text: Result<(u64, String)> =
        session.fetch_one(&format!("SELECT {tag}, 'text {tag}'"), ()).await;
    match text {
        Ok(row) => assert_eq!(row, (tag, format!("text {tag}")), "after {after}"),
        Err(error) => {
            assert!(error.is_fatal() && session.is_dead(), "after {after}: {error}");
            return false;
        }
    }
    let binary: Result<(u64, String)> = session.fetch_one("SELECT ?, 'binary'", (tag,)).await;
    assert_eq!(binary.unwrap(), (tag, "binary".to_owned()), "after {after}");
    true
}

/// An operation with a session; it checks its own results.
type Operation = (&'static str, for<'s> fn(&'s mut Session) -> Pending<'s>);
type Pending<'s> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + 's>>;

const ROWS: &str = "SELECT 1, 'one' UNION ALL SELECT 2, 'two' UNION ALL SELECT 3, 'three'";

fn rows() -> Vec<(u64, String)> {
    vec![(1, "one".into()), (2, "two".into()), (3, "three".into())]
}

macro_rules! operation {
    ($name:literal, |$session:ident| $body:block) => {
        ($name, |$session| Box::pin(async move { $body }))
    };
}

/// Every public operation of one command; `more` has those of several, other files the connect, the
/// change of the user, the load, the checkout and the close.
fn operations() -> Vec<Operation> {
    vec![
        operation!("query", |session| {
            let mut rows = session.query(ROWS, ()).await?;
            let mut count = 0;
            while let Some(row) = rows.next().await? {
                count += 1;
                assert_eq!(row.get::<u64>(0)?, count);
            }
            assert_eq!(count, 3);
            rows.finish().await.map(drop)
        }),
        operation!("query and drop", |session| {
            let mut rows = session.query(ROWS, ()).await?;
            rows.next().await?;
            Ok(())
        }),
        operation!("rows.cancel", |session| {
            let mut rows = session.query(ROWS, ()).await?;
            rows.next().await?;
            rows.cancel().await
        }),
        operation!("next_batch", |session| {
            let mut rows = session.query(ROWS, ()).await?;
            let mut count = 0;
            while let Some(batch) = rows.next_batch().await? {
                for row in batch {
                    count += 1;
                    assert_eq!(row?.get::<u64>(0)?, count);
                }
            }
            assert_eq!(count, 3);
            Ok(())
        }),
        operation!("next_chunked", |session| {
            let mut rows = session.query("SELECT REPEAT('a', 300), 7", ()).await?;
            while let Some(mut row) = rows.next_chunked().await? {
                let mut bytes = 0;
                while let Some(mut field) = row.next_field().await? {
                    while let Some(chunk) = field.chunk().await? {
                        bytes += chunk.len();
                    }
                }
                assert_eq!(bytes, 301);
            }
            Ok(())
        }),
        operation!("several results", |session| {
            let mut rows = session.query("SELECT 1; SET @a = 1; SELECT 2", ()).await?;
            let mut found = Vec::new();
            loop {
                while let Some(row) = rows.next().await? {
                    found.push(row.get::<u64>(0)?);
                }
                if !rows.next_result().await? {
                    break;
                }
            }
            assert_eq!(found, [1, 2]);
            Ok(())
        }),
        operation!("fetch_all with parameters", |session| {
            let sql = "SELECT ?, ? UNION ALL SELECT 2, 'two' UNION ALL SELECT 3, 'three'";
            let all: Vec<(u64, String)> = session.fetch_all(sql, (1, "one")).await?;
            assert_eq!(all, rows());
            Ok(())
        }),
        operation!("prepare and execute", |session| {
            let statement = session.prepare("SELECT ? + 1").await?;
            for i in 0..2_u64 {
                assert_eq!(session.fetch_one::<u64>(&statement, (i,)).await?, i + 1);
            }
            Ok(())
        }),
        operation!("cursor", |session| {
            let statement = session.prepare(ROWS).await?.with_fetch_size(1);
            let all: Vec<(u64, String)> = session.fetch_all(&statement, ()).await?;
            assert_eq!(all, rows());
            Ok(())
        }),
        operation!("long data", |session| {
            let statement = session.prepare("SELECT LENGTH(?)").await?;
            session.send_long_data(&statement, 0, &[b'x'; 500][..]).await?;
            assert_eq!(session.fetch_one::<u64>(&statement, (LongData,)).await?, 500);
            session.reset_statement(&statement).await
        }),
        operation!("server errors", |session| {
            assert!(session.execute("SELECT no_such_column", ()).await.is_err());
            assert!(session.execute("SELECT no_such_column + ?", (1,)).await.is_err());
            Ok(())
        }),
        operation!("execute", |session| {
            session.execute("SET @left = @left + 1", ()).await.map(drop)
        }),
        operation!("ping", |session| { session.ping().await }),
        operation!("use_database", |session| { session.use_database("information_schema").await }),
        operation!("reset", |session| { session.reset().await }),
        operation!("commit", |session| {
            let mut transaction = session.begin().await?;
            transaction.execute("SET @in = 1", ()).await?;
            transaction.commit().await
        }),
        operation!("rollback", |session| {
            let mut transaction = session.begin().await?;
            transaction.execute("SET @in = 1", ()).await?;
            transaction.rollback().await
        }),
        operation!("savepoint", |session| {
            let mut transaction = session.begin().await?;
            let mut savepoint = transaction.savepoint().await?;
            savepoint.execute("SET @in = 1", ()).await?;
            savepoint.rollback().await?;
            transaction.commit().await
        }),
    ]
}

#[test]
fn t60_t61_s8_every_operation_dropped_at_every_poll() {
    each_server(async |server| {
        for (transport, config) in transports(server) {
            let tally = Tally::default();
            warm(server).await;
            let mut session = open(server, &config, 1, PORTION).await.unwrap();
            for (name, operation) in operations().into_iter().chain(more::operations()) {
                for polls in 0.. {
                    let outcome = drop_after(polls, operation(&mut session)).await;
                    if let Some(outcome) = &outcome {
                        outcome.as_ref().unwrap_or_else(|error| panic!("{name}: {error}"));
                    } else {
                        tally.dropped();
                    }
                    let after = format!("{name}, dropped after {polls} polls");
                    if !is_right(&mut session, &after).await {
                        tally.died();
                        session = open(server, &config, unique(), PORTION).await.unwrap();
                    }
                    assert!(!session.in_transaction(), "{after}");
                    if outcome.is_some() {
                        break;
                    }
                }
            }
            tally.print("every operation", server, transport);
        }
    });
}

/// Over plain TCP a MySQL server takes a password only if it has seen it over TLS.
async fn warm(server: &Server) {
    let config: Config = server.url.parse().unwrap();
    Session::connect_with(&config.ssl_mode(SslMode::Required))
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
}

#[test]
fn t60_a_connect_dropped_at_every_poll_in_each_way_to_log_in() {
    each_server(async |server| {
        warm(server).await;
        let mut ways = vec![("root", "secret")];
        ways.extend(match server.flavor {
            Flavor::MySql => vec![("u_sha2", "pw-sha2"), ("u_sha2_empty", "")],
            Flavor::MariaDb => vec![("u_native", "pw-native"), ("u_native_empty", "")],
            Flavor::Unknown => Vec::new(),
        });
        for (transport, config) in transports(server) {
            let tally = Tally::default();
            for (user, password) in &ways {
                if !transport.contains("TLS") && server.flavor == Flavor::MySql && *user == "u_sha2"
                {
                    // Its password is in nobody's cache but by luck.
                    continue;
                }
                let config = config.clone().user(*user).password(*password).database("");
                for polls in 0.. {
                    let connecting = open(server, &config, 3, LARGE_PORTION);
                    if let Some(session) = drop_after(polls, connecting).await {
                        let mut session = session.unwrap_or_else(|error| panic!("{user}: {error}"));
                        assert!(is_right(&mut session, "a whole connect").await);
                        break;
                    }
                    tally.dropped();
                }
            }
            tally.print("connect", server, transport);
        }
    });
}

/// What is inserted is there once if the future came to its end, and at most once otherwise.
#[test]
fn t90_s8_an_insert_and_a_commit_dropped_at_every_poll_happen_at_most_once() {
    each_server(async |server| {
        for (transport, config) in transports(server) {
            let tally = Tally::default();
            warm(server).await;
            let mut session = open(server, &config, 5, PORTION).await.unwrap();
            let table = format!("dropped_{}_{}", std::process::id(), unique());
            session.execute(&format!("CREATE TABLE {table} (tag BIGINT)"), ()).await.unwrap();
            for in_transaction in [false, true] {
                for polls in 0.. {
                    let tag = unique();
                    let insert = format!("INSERT INTO {table} VALUES ({tag})");
                    let outcome = drop_after(polls, async {
                        if in_transaction {
                            let mut transaction = session.begin().await?;
                            transaction.execute(&insert, ()).await?;
                            transaction.commit().await
                        } else {
                            session.execute(&insert, ()).await.map(drop)
                        }
                    })
                    .await;
                    if !is_right(&mut session, "an insert").await {
                        tally.died();
                        session = open(server, &config, unique(), PORTION).await.unwrap();
                    }
                    let sql = format!("SELECT COUNT(*) FROM {table} WHERE tag = {tag}");
                    let count: u64 = session.fetch_one(&sql, ()).await.unwrap();
                    match outcome {
                        Some(outcome) => {
                            outcome.unwrap();
                            assert_eq!(count, 1);
                            break;
                        }
                        None => assert!(count <= 1, "{tag} was inserted {count} times"),
                    }
                    tally.dropped();
                }
            }
            session.execute(&format!("DROP TABLE {table}"), ()).await.unwrap();
            tally.print("insert and commit", server, transport);
        }
    });
}

/// The ladder itself, with its second connection: dropped at every poll and taken up again.
#[test]
fn t60_t93_leaving_dropped_at_every_poll_goes_on() {
    each_server(async |server| {
        for (transport, config) in transports(server) {
            warm(server).await;
            let tally = Tally::default();
            for polls in 1..12 {
                let mut session = Session::connect_with(&config).await.unwrap();
                let left = session.execute("DO SLEEP(1000)", ());
                assert!(drop_after(1, left).await.is_none());
                // Each time so many polls. The ping itself may need more than they are.
                for _ in 0..40 {
                    if drop_after(polls, session.ping()).await.is_some() {
                        break;
                    }
                    tally.dropped();
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                assert!(is_right(&mut session, "leaving").await);
            }
            tally.print("leaving", server, transport);
        }
    });
}
