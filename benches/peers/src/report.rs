//! The two tables.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use mywire::{Config, Session};

use crate::measure::{self, Run};
use crate::peers::{PEERS, can};
use crate::proxy::Proxy;
use crate::shape::{SHAPES, Shape};
use crate::{Account, DATABASE, Task};

/// Runs of which the best one counts.
const RUNS: usize = 3;

const POINT_QUERIES: u64 = 20_000;
const INSERTS: u64 = 20_000;

const CONNECTIONS: u64 = 500;

/// The client that does not check that strings are UTF-8: where they are read as `&str`, it is not
/// part of the comparison.
const UNCHECKED: &str = "libmariadb";

/// What is compared, and where.
struct Bench {
    proxy: Proxy,
    server: Account,
    /// The C client, if it could be built.
    libmariadb: Option<PathBuf>,
    /// Divides the number of rows, queries and connections.
    share: u64,
}

/// `table [SHAPE...]` or `resources [SHAPE...]`.
pub fn run(arguments: &[String]) {
    let (what, names) = arguments.split_first().expect("`table` or `resources`");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let url = std::env::var("MYWIRE_PEERS_URL").expect("MYWIRE_PEERS_URL: an administrator's URL");
    let (server, version) = runtime.expect("a runtime").block_on(set_up(&url));
    let share = std::env::var("MYWIRE_PEERS_SHARE").ok().and_then(|share| share.parse().ok());
    let bench = Bench {
        proxy: Proxy::start(server.address),
        server,
        libmariadb: std::env::var_os("MYWIRE_PEERS_LIBMARIADB").map(PathBuf::from),
        share: share.unwrap_or(1),
    };
    println!("Server: {version}. Clients: {}.\n", versions(bench.libmariadb.is_some()));
    match what.as_str() {
        "table" => bench.table(&tasks(names, bench.share)),
        "resources" => bench.resources(&tasks(names, bench.share * 10)),
        other => panic!("no table {other}"),
    }
}

/// The tasks whose shape is named, or all.
fn tasks(names: &[String], share: u64) -> Vec<(String, Task)> {
    let mut tasks = Vec::new();
    for shape in SHAPES {
        for (format, binary) in [("text", false), ("binary", true)] {
            let task = Task::Rows { shape, binary, repeats: shape.repeats(share) };
            tasks.push((shape.name, format!("{format}, {}", shape.title), task));
        }
    }
    let point = Task::Point { count: POINT_QUERIES / share };
    tasks.push(("point", "point query, prepared".to_owned(), point));
    let pipeline = Task::Pipeline { count: POINT_QUERIES / share };
    tasks.push((
        "pipeline",
        "point query, of 100 at a time where that can be".to_owned(),
        pipeline,
    ));
    let insert = Task::Insert { count: INSERTS / share };
    tasks.push(("insert", "row inserted, in bulk where that can be".to_owned(), insert));
    let connect = Task::Connect { count: CONNECTIONS / share };
    tasks.push(("connect", "connecting and closing".to_owned(), connect));
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    tasks
        .into_iter()
        .filter(|(name, ..)| wanted(name))
        .map(|(_, title, task)| (title, task))
        .collect()
}

fn versions(libmariadb: bool) -> String {
    let lock = include_str!("../Cargo.lock");
    let mut names = Vec::new();
    for name in ["mywire", "mysql_async", "mysql", "sqlx", "zero-mysql"] {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split('"').next());
        names.push(format!("{name} {}", version.unwrap_or("of an unknown version")));
    }
    names.push(match libmariadb {
        true => "libmariadb of Debian".to_owned(),
        false => "no libmariadb, whose headers could not be had".to_owned(),
    });
    names.join(", ")
}

/// Makes the tables and an account that logs in without TLS.
async fn set_up(url: &str) -> (Account, String) {
    let config: Config = url.parse().expect("a URL");
    let mut session = Session::connect_with(&config).await.expect("the server");
    let user = "mywire_peers";
    let mut all = vec![
        format!("DROP DATABASE IF EXISTS {DATABASE}"),
        format!("CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4"),
        format!("CREATE USER IF NOT EXISTS {user}@'%' IDENTIFIED BY '{user}'"),
        format!("GRANT SELECT, INSERT ON {DATABASE}.* TO {user}@'%'"),
        format!("CREATE TABLE {DATABASE}.digit (d INT PRIMARY KEY)"),
        format!(
            "INSERT INTO {DATABASE}.digit VALUES {}",
            (0..16).map(|d| format!("({d})")).collect::<Vec<_>>().join(", ")
        ),
        format!("CREATE TABLE {DATABASE}.number (n BIGINT PRIMARY KEY)"),
        format!(
            "INSERT INTO {DATABASE}.number SELECT a.d * 256 + b.d * 16 + c.d FROM {DATABASE}.digit a, {DATABASE}.digit b, {DATABASE}.digit c"
        ),
        format!("CREATE TABLE {DATABASE}.sink (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL)"),
        format!("CREATE TABLE {DATABASE}.point (id BIGINT PRIMARY KEY, a BIGINT NOT NULL)"),
        format!("INSERT INTO {DATABASE}.point SELECT n, n * 31 FROM {DATABASE}.number"),
    ];
    for shape in SHAPES {
        let Shape { name, block, .. } = shape;
        all.push(format!("CREATE TABLE {DATABASE}.{name} ({})", shape.columns()));
        all.push(format!("INSERT INTO {DATABASE}.{name} SELECT {} FROM {DATABASE}.number WHERE n < {block} ORDER BY n", shape.values()));
    }
    for sql in all {
        if let Err(error) = session.execute(sql.as_str(), ()).await {
            panic!("{error}: {sql}");
        }
    }
    let version: String = session.fetch_one("SELECT VERSION()", ()).await.expect("a version");
    let rest = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().expect("a host");
    let address = host.to_socket_addrs().expect("host:port").next().expect("an address");
    let account = Account { address, user: user.into(), password: user.into() };
    (account, version)
}

impl Bench {
    fn peers(&self, task: &Task) -> Vec<&'static str> {
        let mut peers: Vec<_> = PEERS.into_iter().filter(|peer| can(peer, task)).collect();
        if self.libmariadb.is_some() {
            peers.push(UNCHECKED);
        }
        peers
    }

    /// The client's process.
    fn command(&self, peer: &str, task: &Task, counting: bool) -> Command {
        let this = std::env::current_exe().expect("this program");
        let mut command = match &self.libmariadb {
            Some(program) if peer == UNCHECKED => Command::new(program),
            _ if counting => Command::new(this.with_file_name("counting")),
            _ => {
                let mut command = Command::new(this);
                command.arg("client");
                command
            }
        };
        let address: SocketAddr = match (peer, task) {
            ("drain" | "floor", _) => self.proxy.raw,
            (_, Task::Rows { .. }) => self.proxy.address,
            _ => self.server.address,
        };
        command.arg(peer).args(task.arguments());
        command.args([address.ip().to_string(), address.port().to_string()]);
        command.args([&self.server.user, &self.server.password]);
        command
    }

    /// CPU time of the whole client process, per row, query or connection.
    fn table(&self, tasks: &[(String, Task)]) {
        let columns = [
            "drain",
            "floor",
            "mywire",
            "mywire-next",
            "mywire-blocking",
            "mysql_async",
            "mysql",
            "sqlx",
            "zero-mysql",
            UNCHECKED,
        ];
        println!(
            "CPU of the whole client process, user and system, per row, query or connection; best of {RUNS}."
        );
        println!(
            "`mywire` reads by `next_batch`, `mywire-next` by `next`, `mywire-blocking` without a runtime. The ratio is mywire's CPU above"
        );
        println!(
            "`drain` to the best other client's; strings as `&str` without libmariadb, which checks\n\
no UTF-8. Where `drain` costs more than a client that reads more at once, it is not subtracted.\n"
        );
        println!("| ns | {} | ratio | checksums |", columns.join(" | "));
        println!("|---|{}---|---|", "---|".repeat(columns.len()));
        for (title, task) in tasks {
            let runs = self.measure(task);
            self.line(title, task, &columns, &runs, |run| run.cpu);
            if matches!(task, Task::Pipeline { .. } | Task::Insert { .. }) {
                let title = format!("{title}: by the clock");
                self.line(&title, task, &columns, &runs, |run| run.elapsed);
            }
        }
    }

    fn line(
        &self,
        title: &str,
        task: &Task,
        columns: &[&str],
        runs: &BTreeMap<&'static str, Run>,
        time: fn(&Run) -> Duration,
    ) {
        let ns = |peer: &str| {
            runs.get(peer).map(|run| time(run).as_secs_f64() * 1e9 / task.count() as f64)
        };
        let cell = |peer: &&str| ns(peer).map_or("".to_owned(), |ns| format!("{ns:.0}"));
        let drain = ns("drain").unwrap_or(0.0);
        let checks = matches!(task, Task::Rows { shape, .. } if shape.text);
        let best = ["mysql_async", "mysql", "sqlx", "zero-mysql", UNCHECKED]
            .into_iter()
            .filter(|peer| !(checks && *peer == UNCHECKED))
            .filter_map(ns)
            .fold(f64::INFINITY, f64::min);
        let ours =
            ["mywire", "mywire-blocking"].into_iter().filter_map(ns).fold(f64::INFINITY, f64::min);
        // With blobs the clients read more at once than `drain` does.
        let limit = if drain < ours.min(best) { drain } else { 0.0 };
        let ratio = (ours - limit) / (best - limit);
        let cells: Vec<_> = columns.iter().map(cell).collect();
        let mut sums = runs.iter().filter(|(peer, _)| **peer != "drain").map(|(_, run)| run.sum);
        let first = sums.next().expect("mywire runs");
        let equal = if sums.all(|sum| sum == first) { "equal" } else { "DIFFERENT" };
        println!("| {title} | {} | {ratio:.2} | {equal} |", cells.join(" | "));
    }

    /// The best run of every client, by CPU time.
    fn measure(&self, task: &Task) -> BTreeMap<&'static str, Run> {
        let mut best: BTreeMap<&'static str, Run> = BTreeMap::new();
        let mut peers = self.peers(task);
        // After mywire, so that the proxy has the block.
        for limit in ["drain", "floor"] {
            if can(limit, task) {
                peers.insert(1, limit);
            }
        }
        for _ in 0..RUNS {
            for &peer in &peers {
                let run = measure::run(&mut self.command(peer, task, false));
                let known = best.entry(peer).or_insert_with(|| run.clone());
                assert_eq!(known.sum, run.sum, "{peer} gives the same each time");
                let elapsed = known.elapsed.min(run.elapsed);
                if run.cpu < known.cpu {
                    *known = run;
                }
                known.elapsed = elapsed;
            }
        }
        best
    }

    /// System calls, allocations and memory.
    fn resources(&self, tasks: &[(String, Task)]) {
        let strace = Command::new("strace").arg("-V").output().is_ok();
        println!(
            "Per client process: system calls (`strace -c`), allocations, and the most memory, in MiB.\n"
        );
        println!(
            "| task | client | count | system calls | allocations | user µs per unit | peak MiB |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (title, task) in tasks {
            for peer in self.peers(task) {
                let run = measure::run(&mut self.command(peer, task, true));
                let calls = if strace {
                    self.system_calls(peer, task).to_string()
                } else {
                    "no strace".into()
                };
                let allocations = run.allocations.map_or("".into(), |n| n.to_string());
                let user = run.user.as_secs_f64() * 1e6 / task.count() as f64;
                let peak = run.peak_kib as f64 / 1024.0;
                println!(
                    "| {title} | {peer} | {} | {calls} | {allocations} | {user:.2} | {peak:.1} |",
                    task.count()
                );
            }
        }
    }

    /// All system calls of the client's process and threads.
    fn system_calls(&self, peer: &str, task: &Task) -> u64 {
        let client = self.command(peer, task, false);
        let output = Command::new("strace")
            .args(["-f", "-c", "-U", "calls,name"])
            .arg(client.get_program())
            .args(client.get_args())
            .output()
            .expect("strace runs");
        let text = String::from_utf8_lossy(&output.stderr);
        let total = text.lines().find(|line| line.trim_end().ends_with(" total"));
        let calls = total.and_then(|line| line.split_whitespace().next());
        calls.and_then(|calls| calls.parse().ok()).unwrap_or_else(|| panic!("strace said {text}"))
    }
}
