//! Servers that are killed, and that shut down, in the middle of everything: what the errors say of
//! a statement agrees with what the server holds after its restart (T-90, T-92, T-97, S6).
//!
//! The servers are this test's own: another run folder of `tests/servers/servers.sh`.
#![cfg(all(feature = "tokio", feature = "ring", unix))]
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures, shown by --nocapture")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use mywire::{Config, Error, Sent, Session};
use tokio::runtime::Runtime;

/// Servers of this test alone. They go with it.
struct Own {
    name: &'static str,
    folder: PathBuf,
}

impl Own {
    fn script(&self, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/servers.sh");
        let output = Command::new("bash")
            .arg(script)
            .args(arguments)
            .env("MYWIRE_SERVERS_RUN", &self.folder)
            .env("MYWIRE_SERVERS_TESTSUITE", "0")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "servers.sh {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts the server; gives its URL.
    fn up(&self) -> Config {
        let holder = std::process::id().to_string();
        let said = self.script(&["up", "--lease", &holder, self.name]);
        let key = format!("{}_URL='", self.name.to_uppercase());
        let url = said.lines().find_map(|line| line.strip_prefix(&key)?.strip_suffix('\''));
        url.expect("a URL").parse().unwrap()
    }

    fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.join(self.name).join("pid")).unwrap();
        let pid = pid.split_whitespace().next().unwrap().to_owned();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    }

    fn shut_down(&self) {
        self.script(&["down", self.name]);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/servers.sh");
        let _ = Command::new("bash")
            .arg(script)
            .arg("destroy")
            .env("MYWIRE_SERVERS_RUN", &self.folder)
            .stderr(Stdio::null())
            .status();
        // The script's watcher looks once a second, and may make the folder again as it ends.
        thread::sleep(Duration::from_millis(1500));
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a statement's caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Done,
    Sent(&'static str),
}

fn told(error: &Error) -> Told {
    Told::Sent(match error.was_sent() {
        Sent::No => "no",
        Sent::Maybe => "maybe",
        Sent::Yes => "yes",
    })
}

/// Inserts one row after another until the server is gone. Every other one is committed by hand.
async fn insert(mut session: Session, first: u64) -> Vec<(u64, Told)> {
    let mut all = Vec::new();
    for tag in first.. {
        let sql = format!("INSERT INTO restarts VALUES ({tag})");
        let outcome = if tag.is_multiple_of(2) {
            session.execute(&sql, ()).await.map(drop)
        } else {
            match session.begin().await {
                Ok(mut transaction) => match transaction.execute(&sql, ()).await {
                    Ok(_) => transaction.commit().await,
                    // Whatever was sent of it, it was not committed.
                    Err(_) => return all,
                },
                Err(_) => return all,
            }
        };
        match outcome {
            Ok(()) => all.push((tag, Told::Done)),
            Err(error) => {
                all.push((tag, told(&error)));
                // T-97: nothing reconnects by itself.
                let again = session.ping().await;
                assert!(again.is_err() || !error.is_fatal(), "{error}");
                return all;
            }
        }
    }
    all
}

/// Reads rows without end until the server is gone: an error must come, never an end.
async fn read(mut session: Session, begun: tokio::sync::oneshot::Sender<()>) {
    let mut begun = Some(begun);
    let ten = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
               SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    let tables: Vec<_> = (0..8).map(|table| format!("{ten} a{table}")).collect();
    let sql = format!("SELECT 4711, REPEAT('x', 1000) FROM {}", tables.join(", "));
    let mut rows = session.query(&sql, ()).await.unwrap();
    let mut count = 0_u64;
    let error = loop {
        match rows.next().await {
            Ok(Some(row)) => {
                assert_eq!(row.get::<u64>(0).unwrap(), 4711);
                count += 1;
                if let Some(begun) = begun.take() {
                    begun.send(()).unwrap();
                }
            }
            Ok(None) => panic!("rows that broke off look complete"),
            Err(error) => break error,
        }
    };
    assert!(count > 0, "{error}");
    assert_ne!(error.was_sent(), Sent::No, "{error}");
    assert!(rows.next().await.is_err(), "the end came behind the error");
}

async fn round(own: &Own, config: &Config, gracefully: bool, first: u64) -> BTreeMap<u64, Told> {
    let connect = async || Session::connect_with(config).await.unwrap();
    let mut idle = connect().await;
    let inserting: Vec<_> = {
        let mut tasks = Vec::new();
        for lane in 0..4 {
            tasks.push(tokio::spawn(insert(connect().await, first + lane * 1_000_000)));
        }
        tasks
    };
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let reading = tokio::spawn(read(connect().await, begun));
    // Until there is something to lose.
    has_begun.await.unwrap();
    let mut watcher = connect().await;
    let count = "SELECT COUNT(*) FROM restarts";
    let before: u64 = watcher.fetch_one(count, ()).await.unwrap();
    while watcher.fetch_one::<u64>(count, ()).await.unwrap() < before + 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::task::block_in_place(|| if gracefully { own.shut_down() } else { own.kill() });
    reading.await.unwrap();
    let mut all = BTreeMap::new();
    for lane in inserting {
        all.extend(lane.await.unwrap());
    }
    let tag = first + 9_000_000;
    let error =
        idle.execute(&format!("INSERT INTO restarts VALUES ({tag})"), ()).await.unwrap_err();
    assert!(error.is_fatal() && idle.is_dead(), "{error}");
    all.insert(tag, told(&error));
    all
}

async fn agrees(config: &Config, all: &BTreeMap<u64, Told>, what: &str) {
    let mut session = Session::connect_with(config).await.unwrap();
    let tags: Vec<u64> = session.fetch_all("SELECT tag FROM restarts", ()).await.unwrap();
    let mut held = BTreeMap::<u64, u64>::new();
    for tag in tags {
        *held.entry(tag).or_default() += 1;
    }
    let mut tally = BTreeMap::<(Told, u64), u64>::new();
    for (tag, told) in all {
        let there = held.get(tag).copied().unwrap_or(0);
        match told {
            Told::Done => assert_eq!(there, 1, "{what}: {tag} was done and is gone"),
            Told::Sent("no") => assert_eq!(there, 0, "{what}: {tag} was not sent and is there"),
            // The server answered, with an error: that it did not do it.
            Told::Sent("yes") => assert_eq!(there, 0, "{what}: {tag} was refused and is there"),
            Told::Sent(_) => assert!(there <= 1, "{what}: {tag} is there {there} times"),
        }
        *tally.entry((*told, there)).or_default() += 1;
    }
    println!("{what}: (told, rows held) -> statements: {tally:?}");
}

fn on(name: &'static str) {
    let folder = std::env::temp_dir().join(format!("mywire-restart-{}-{name}", std::process::id()));
    let own = Own { name, folder };
    let runtime = Runtime::new().unwrap();
    let config = own.up();
    runtime.block_on(async {
        let mut session = Session::connect_with(&config).await.unwrap();
        session.execute("CREATE TABLE restarts (tag BIGINT)", ()).await.unwrap();
    });
    for (gracefully, first) in [(false, 0), (true, 100_000_000)] {
        let all = runtime.block_on(async {
            tokio::spawn({
                // `block_in_place` wants a task of the pool.
                let (config, own) = (config.clone(), Own { name, folder: own.folder.clone() });
                async move {
                    let all = round(&own, &config, gracefully, first).await;
                    // It is not this one that takes the servers along.
                    std::mem::forget(own);
                    all
                }
            })
            .await
            .unwrap()
        });
        let config = own.up();
        let how = if gracefully { "shut down" } else { "killed" };
        runtime.block_on(agrees(&config, &all, &format!("{name} {how}")));
    }
}

#[test]
fn t90_t92_s6_what_errors_say_agrees_with_what_a_restarted_server_holds() {
    if std::env::var("MYWIRE_TEST_URL").is_ok_and(|urls| !urls.trim().is_empty()) {
        eprintln!("NOT RUN: the servers of MYWIRE_TEST_URL cannot be restarted by a test");
        return;
    }
    thread::scope(|scope| {
        for name in ["mysql97", "mariadb118", "mariadb1011"] {
            thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, || on(name)).unwrap();
        }
    });
}

/// F-42: a server that takes no uncompressed sessions says so, and its words reach the caller; and
/// a compressed one is taken.
#[test]
fn f42_a_server_that_demands_compression_says_so() {
    let folder = std::env::temp_dir().join(format!("mywire-f42-{}", std::process::id()));
    let own = Own { name: "mysql97", folder };
    let config = own.up();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut root = Session::connect_with(&config).await.unwrap();
        let demand = "SET GLOBAL protocol_compression_algorithms = 'zlib,zstd'";
        root.execute(demand, ()).await.unwrap();
        let error = Session::connect_with(&config).await.unwrap_err();
        let server = error.as_server().unwrap_or_else(|| panic!("{error:?}"));
        println!("F-42: {error}");
        assert_eq!(server.code(), 3922, "{error}");
        assert!(error.to_string().contains(server.message()), "{error}");
        assert!(server.message().contains("compression"), "{error}");
        #[cfg(feature = "compress")]
        {
            let compressed = config.clone().compression([mywire::Compression::Zlib]);
            let mut session = Session::connect_with(&compressed).await.unwrap();
            let one: u64 = session.fetch_one("SELECT 1", ()).await.unwrap();
            assert_eq!(one, 1);
        }
    });
}
