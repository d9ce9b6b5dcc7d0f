//! Servers that stop and come back: the pool recovers by itself, what was committed is there, and
//! errors are honest about what was sent (T-90, T-92, T-97).

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mywire::{Config, Error, Pool, PoolReset, Sent, Session};

use crate::pool_of;
use crate::servers::{self, Flavor};

/// Servers of this test's own, in a folder that goes with it.
pub struct Own {
    pub run: PathBuf,
}

impl Own {
    pub fn new(what: &str) -> Self {
        let folder = format!("mywire-own-{what}-{}", std::process::id());
        Self { run: std::env::temp_dir().join(folder) }
    }

    fn script(&self, arguments: &[&str]) -> String {
        let output = self.run_script(arguments).expect("bash");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "servers.sh {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn run_script(&self, arguments: &[&str]) -> std::io::Result<Output> {
        Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/servers.sh"))
            .args(arguments)
            .env("MYWIRE_SERVERS_RUN", &self.run)
            .env("MYWIRE_SERVERS_TESTSUITE", "0")
            .stdin(Stdio::null())
            .output()
    }

    /// Starts a server, or starts it again on the same port.
    pub fn up(&self, name: &str) -> Config {
        let said = self.script(&["up", "--lease", &std::process::id().to_string(), name]);
        let key = format!("{}_URL='", name.to_uppercase());
        let url = said.lines().find_map(|line| line.strip_prefix(&key)?.strip_suffix('\''));
        url.expect("a URL").parse().expect("a URL of ours")
    }

    /// Ends a server and waits until it is gone.
    fn signal(&self, name: &str, signal: &str) {
        let pid = std::fs::read_to_string(self.run.join(name).join("pid")).expect("a pid file");
        let pid = pid.split_whitespace().next().expect("a pid").to_owned();
        let status = Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(status.success());
        // The first thread can be gone while others still hold the sockets.
        let alive = || {
            let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let ended = |rest: &str| rest.trim_start().starts_with(['Z', 'X']);
            threads.count() > 1 || stat.rsplit_once(')').is_some_and(|(_, rest)| !ended(rest))
        };
        while alive() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Not `script`: a panic within another would end all tests.
        let _ = self.run_script(&["destroy"]);
        // What watches over leases notices within a second, and may make the folder once more.
        std::thread::sleep(Duration::from_millis(1500));
        let _ = std::fs::remove_dir_all(&self.run);
    }
}

/// Inserts numbers until that fails; says how many were acknowledged, and how the next one failed.
async fn insert_until_it_fails(mut session: Session) -> (u64, Error) {
    let mut acknowledged = 0;
    loop {
        let sql = "INSERT INTO test.own_rows (a) VALUES (?)";
        match session.execute(sql, (acknowledged,)).await {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                assert!(session.is_dead() || !error.is_fatal(), "{error:?}");
                return (acknowledged, error);
            }
        }
    }
}

/// Reads rows without an end; whatever ends them has to be an error.
async fn read_until_it_fails(mut session: Session, seen: Arc<AtomicU64>) -> Error {
    // 10 rows joined to themselves nine times: more than anybody waits for, sent as they are found.
    let ten = "(SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 \
               UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9 UNION ALL \
               SELECT 10)";
    let sql = format!(
        "WITH t AS {ten} SELECT REPEAT('x', 100) FROM t a, t b, t c, t d, t e, t f, t g, t h, t i"
    );
    let mut rows = match session.query(&sql, ()).await {
        Ok(rows) => rows,
        Err(error) => return error,
    };
    loop {
        match rows.next().await {
            Ok(Some(_)) => {
                seen.fetch_add(1, Ordering::Relaxed);
                // No faster than others get their turn.
                tokio::task::consume_budget().await;
            }
            Ok(None) => panic!("a result that broke off looks complete: {seen:?}"),
            Err(error) => return error,
        }
    }
}

async fn alive(pool: &Pool) {
    let mut session = pool.session().await.unwrap();
    assert_eq!(session.fetch_one::<u64>("SELECT 4711", ()).await.unwrap(), 4711);
}

async fn stop_and_start(own: &Own, name: &'static str, signal: &'static str, pool: &Pool) {
    {
        let mut session = pool.session().await.unwrap();
        for sql in [
            "DROP TABLE IF EXISTS test.own_rows",
            "CREATE TABLE test.own_rows (a BIGINT) ENGINE = InnoDB",
        ] {
            session.execute(sql, ()).await.unwrap();
        }
    }
    let inserting = tokio::spawn(insert_until_it_fails(pool.session().await.unwrap().detach()));
    let seen = Arc::new(AtomicU64::new(0));
    let reading = pool.session().await.unwrap().detach();
    let reading = tokio::spawn(read_until_it_fails(reading, seen.clone()));
    // One with an open transaction, one idle, and one dirty in the pool.
    let mut open = pool.session().await.unwrap();
    open.execute("BEGIN", ()).await.unwrap();
    open.execute("INSERT INTO test.own_rows VALUES (1000000000)", ()).await.unwrap();
    let mut used = pool.session().await.unwrap();
    let idle = pool.session().await.unwrap();
    used.execute("SET @dirt = 1", ()).await.unwrap();
    drop((used, idle));
    let mut watcher = pool.session().await.unwrap();
    while !has_rows(&mut watcher).await || seen.load(Ordering::Relaxed) < 1000 {
        assert!(!inserting.is_finished() && !reading.is_finished(), "too early");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    drop(watcher);
    tokio::task::block_in_place(|| own.signal(name, signal));
    // Who asks while it is down waits for it.
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { alive(&pool).await }
    });
    // T-97: a session in a transaction does not become another one.
    let error =
        open.execute("INSERT INTO test.own_rows VALUES (1000000001)", ()).await.unwrap_err();
    assert!(error.is_fatal(), "{error:?}");
    assert!(open.execute("COMMIT", ()).await.is_err());
    drop(open);
    let (acknowledged, insert_error) = inserting.await.unwrap();
    let read_error = reading.await.unwrap();
    for error in [&insert_error, &read_error] {
        match error {
            Error::Io(_) | Error::Protocol(_) => {}
            Error::Server(server) => {
                assert!([1053, 1317, 1927].contains(&server.code()), "{error}")
            }
            other => panic!("{other:?}"),
        }
    }
    tokio::task::block_in_place(|| own.up(name));
    waiting.await.unwrap();
    let mut session = pool.session().await.unwrap();
    let (kept, distinct, last): (u64, u64, Option<u64>) = session
        .fetch_one("SELECT COUNT(*), COUNT(DISTINCT a), MAX(a) FROM test.own_rows", ())
        .await
        .unwrap();
    assert_eq!(kept, distinct, "something was executed twice");
    assert!(last.unwrap_or_default() <= acknowledged, "the open transaction was committed");
    let most = match insert_error.was_sent() {
        Sent::No => acknowledged,
        // The server refused it.
        Sent::Yes => acknowledged,
        Sent::Maybe => acknowledged + 1,
    };
    assert!((acknowledged..=most).contains(&kept), "{kept} of {acknowledged}: {insert_error:?}");
    println!(
        "{name} {signal}: {acknowledged} rows acknowledged, {kept} kept, {:?} ({insert_error}); {} rows \
         read before: {read_error}",
        insert_error.was_sent(),
        seen.load(Ordering::Relaxed)
    );
    drop(session);
    // All places are there.
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(pool.session().await.unwrap());
    }
    assert_eq!(pool.status().open, 6);
}

async fn has_rows(session: &mut Session) -> bool {
    session.fetch_one::<u64>("SELECT COUNT(*) > 20 FROM test.own_rows", ()).await.unwrap() > 0
}

#[test]
fn t90_t92_t97_a_server_that_stops_and_comes_back() {
    if servers::all().iter().any(|server| server.flavor == Flavor::Unknown) {
        // Not `eprintln!`, which would be captured.
        let line =
            b"a_server_that_stops_and_comes_back: NOT RUN: servers of MYWIRE_TEST_URL stay up\n";
        std::io::stderr().write_all(line).unwrap();
        return;
    }
    let own = Own::new("restart");
    for server in servers::all() {
        let config = own.up(&server.name);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            for (signal, policy) in
                [("-KILL", PoolReset::Always), ("-TERM", PoolReset::WhenChanged)]
            {
                let pool = pool_of(config.clone(), 6, |options| {
                    options.min(2).reset(policy).acquire_timeout(Duration::from_secs(120))
                });
                stop_and_start(&own, &server.name, signal, &pool).await;
                pool.close().await;
            }
        });
    }
}
