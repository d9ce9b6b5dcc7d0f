//! Every example, run as a person would, on every server.
//!
//! They are built first, with all features and into this test's own target folder, so run it with
//! all features: then nothing is built twice.
#![allow(missing_docs, reason = "a test")]

#[path = "support/servers.rs"]
mod servers;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use mywire::blocking::Session;
use mywire::{Config, SslMode};
use servers::Server;

/// The examples that a test here runs; `every_example_is_run` compares with what there is.
const RUN: [&str; 15] = [
    "axum_pool",
    "blob_to_file",
    "blocking",
    "bulk",
    "cancel",
    "demo",
    "leaving",
    "load_local",
    "pipeline",
    "prepared",
    "proxy",
    "query",
    "record",
    "to_csv",
    "transactions",
];

/// The examples that have a test of their own, of the same name.
const RUN_ELSEWHERE: [&str; 1] = ["scripted_server"];

/// The folder of the built examples.
fn built() -> &'static Path {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        // target/debug/deps/examples-0123456789abcdef
        let test = env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args(["build", "--locked", "--offline", "--all-features", "--examples"]);
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.status().unwrap().success().then(|| profile.join("examples"))
    });
    built.as_deref().expect("the examples build")
}

fn example(name: &str) -> Command {
    assert!(RUN.contains(&name), "{name} is not in the list");
    let mut command = Command::new(built().join(name));
    command.env_remove("MYWIRE_URL").stdin(Stdio::null());
    command
}

/// Runs an example to its end, which has to be a good one, and gives what it printed.
fn output<I: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = I>) -> String {
    let output = example(name).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs an example that takes a URL alone on each server, and compares what it printed.
#[track_caller]
fn prints(name: &str, lines: &[&str]) {
    for server in servers::all() {
        let printed = output(name, [&server.url]);
        let printed: Vec<&str> = printed.lines().collect();
        assert_eq!(printed, lines, "{name} on {}", server.name);
    }
}

/// A database of one test's own on a server, gone with the guard.
struct Database {
    session: Session,
    name: String,
    url: String,
}

impl Database {
    fn new(server: &Server, test: &str) -> Self {
        let name = format!("mywire_examples_{test}_{}", std::process::id());
        let mut session = Session::connect(&server.url).unwrap();
        session.execute(&format!("CREATE DATABASE {name}"), ()).unwrap();
        session.use_database(&name).unwrap();
        let (before, _) = server.url.rsplit_once('/').unwrap();
        let url = format!("{before}/{name}");
        Self { session, name, url }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = self.session.execute(&format!("DROP DATABASE {}", self.name), ());
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}

/// An example that serves until it is stopped.
struct Serving {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Serving {
    /// Starts it, and reads its first line, which ends with the address.
    fn start<I: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = I>) -> Self {
        let mut command = example(name);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.strip_prefix("listening on ").unwrap();
        let address = address.strip_prefix("http://").unwrap_or(address).to_owned();
        Self { child, lines, address }
    }

    /// The lines from here to the one that holds `last`.
    fn lines_to(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.lines.next().unwrap_or_else(|| panic!("no {last:?} in {lines:#?}"));
            lines.push(line.unwrap());
            if lines.iter().any(|line| line.contains(last)) {
                return lines;
            }
        }
    }

    /// Status and body of the answer to a request.
    fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_example_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let known = RUN.contains(&name) || RUN_ELSEWHERE.contains(&name);
        assert!(known, "no test runs the example {name}");
    }
}

/// Without a URL each says how it is used, and fails.
#[test]
fn without_arguments_examples_say_how_they_are_used() {
    for name in RUN.iter().filter(|name| !matches!(**name, "demo" | "leaving")) {
        let output = example(name).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(&format!("usage: {name} ")), "{name}");
    }
}

#[test]
fn query() {
    for server in servers::all() {
        let printed = output("query", [&server.url]);
        let lines: Vec<&str> = printed.lines().collect();
        assert!(lines[0].starts_with("connected to "), "{printed}");
        assert_eq!(
            lines[1..5],
            [
                "2 rows inserted",
                "1 Ada, born 1815-12-10",
                "2 Grace, born unknown",
                "the second is Some(\"Grace\"), the third None",
            ],
        );
        assert!(lines[5].starts_with("the server's time is 2"), "{printed}");
        assert!(lines[6].contains("no_such_column") && lines[6].ends_with("(1054)"), "{printed}");
    }
}

#[test]
fn to_csv() {
    let sql = "SELECT 1 AS id, 'plain' AS `a,b`, NULL AS nothing UNION ALL \
               SELECT 2, 'say \"hi\", please', '\\\\N'";
    for server in servers::all() {
        let printed = output("to_csv", [&*server.url, sql]);
        let wanted = "id,\"a,b\",nothing\n1,plain,\\N\n2,\"say \"\"hi\"\", please\",\"\\N\"\n";
        assert_eq!(printed, wanted, "{}", server.name);
    }
}

#[test]
fn prepared() {
    prints(
        "prepared",
        &[
            "a statement of 3 parameters",
            "number 3 is tea",
            "by name: [1, 3]",
            "by a list: [\"bread\", \"salt\"]",
            "the price of salt is Null",
            "from the cursor: bread",
            "from the cursor: salt",
            "from the cursor: tea",
        ],
    );
}

#[test]
fn transactions() {
    prints(
        "transactions",
        &[
            "after the transfer: [(1, 700), (2, 300)]",
            "after the rollback: [(1, 700), (2, 300)]",
            "after the savepoint: [(1, 701), (2, 301)]",
        ],
    );
}

#[test]
fn axum_pool() {
    for server in servers::all() {
        let database = Database::new(server, "axum_pool");
        let service = Serving::start("axum_pool", [&database.url]);
        assert_eq!(service.http("POST", "/notes", "buy bread"), (200, "1\n".into()));
        assert_eq!(service.http("POST", "/notes", "eat it"), (200, "2\n".into()));
        assert_eq!(service.http("GET", "/notes/1", ""), (200, "buy bread".into()));
        assert_eq!(service.http("GET", "/notes/3", ""), (404, "no such note\n".into()));
        let (status, text) = service.http("GET", "/status", "");
        assert!(status == 200 && text.ends_with(" 0 waiting\n"), "{status} {text}");
    }
}

#[test]
fn blob_to_file() {
    let path = env::temp_dir().join(format!("mywire-example-{}.bin", std::process::id()));
    for server in servers::all() {
        let sql = "SELECT REPEAT('0123456789abcdef', 50000), 'not read'".as_ref();
        let printed = output("blob_to_file", [server.url.as_ref(), sql, path.as_os_str()]);
        let written = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(printed.starts_with("800000 bytes in "), "{printed}");
        assert!(written == b"0123456789abcdef".repeat(50_000), "{}", server.name);
    }
}

#[test]
fn load_local() {
    prints("load_local", &["100000 rows loaded", "their sum is 333328333350000"]);
}

#[test]
fn pipeline() {
    for server in servers::all() {
        let printed = output("pipeline", [&server.url]);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!([lines[0], lines[2]], ["answer: 2", "answer: three"]);
        assert!(lines[1].starts_with("failed: server error 1054"), "{printed}");
        assert_eq!(lines[3..], ["5000 replies, the sum is 24995000"]);
    }
}

#[test]
fn bulk() {
    for server in servers::all() {
        let printed = output("bulk", [&server.url]);
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!([lines[0], lines[2]], ["20000 rows inserted", "20000 users"]);
        assert!(lines[1].contains("of the parameters: server error 1062"), "{printed}");
    }
}

#[test]
fn blocking() {
    let lines = ["1 one", "2 two", "3 three", "two and three", "told to end: true; it failed"];
    for server in servers::all() {
        let printed = output("blocking", [&server.url]);
        assert_eq!(printed.lines().collect::<Vec<_>>(), lines, "{}", server.name);
    }
}

#[test]
fn cancel() {
    prints(
        "cancel",
        &[
            "the statement was killed",
            "there was something to end: true",
            "and the session answers 42",
        ],
    );
}

/// A session through one of the proxies, in plain text.
fn converse(server: &Server, address: &str) {
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let config: Config = server.url.parse().unwrap();
    // Whether the server remembers the password from a login over TLS is not for this to say.
    let config = config.host("127.0.0.1").port(port).ssl_mode(SslMode::Preferred);
    let mut session = Session::connect_with(&config.fetch_server_public_key(true)).unwrap();
    assert!(!session.is_encrypted());
    let text: String = session.fetch_one("SELECT 'through a proxy'", ()).unwrap();
    assert_eq!(text, "through a proxy");
    let number: i64 = session.fetch_one("SELECT ? + 1", (41,)).unwrap();
    assert_eq!(number, 42);
    session.close().unwrap();
}

#[test]
fn proxy() {
    for server in servers::all() {
        let target = format!("{}:{}", server.host, server.port);
        let mut proxy = Serving::start("proxy", ["127.0.0.1:0", &target]);
        converse(server, &proxy.address);
        let lines = proxy.lines_to("1: Quit");
        assert!(lines.contains(&"1: \"SELECT 'through a proxy'\"".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"1: \"SELECT ? + 1\"".to_owned()), "{lines:#?}");
    }
}

#[test]
fn record() {
    let folder = env::temp_dir().join(format!("mywire-example-record-{}", std::process::id()));
    for server in servers::all() {
        let target = format!("{}:{}", server.host, server.port);
        let out = folder.to_str().unwrap();
        let mut recorder = Serving::start("record", ["127.0.0.1:0", &*target, "--out", out]);
        converse(server, &recorder.address);
        let lines = recorder.lines_to("COM_QUIT");
        assert!(lines.iter().any(|line| line.contains("Greeting")), "{lines:#?}");
        drop(recorder);
        let files = fs::read_dir(&folder).unwrap().count();
        fs::remove_dir_all(&folder).unwrap();
        assert!(files > 0, "{}", server.name);
    }
}

#[test]
fn demo() {
    for server in servers::all() {
        let sql = "SELECT 1, 'one' UNION ALL SELECT 2, NULL";
        let printed = output("demo", ["--url", &server.url, "--sql", sql]);
        assert!(printed.starts_with("{\"rows\":2,\"bytes\":"), "{printed}");
    }
}

#[test]
fn leaving() {
    let printed = output("leaving", ["20000"]);
    let measured = printed.lines().skip(1).count();
    // Two transports, three ways to leave.
    assert_eq!(measured, 6 * servers::all().len(), "{printed}");
    assert!(printed.lines().skip(1).all(|line| line.contains(" ms, ")), "{printed}");
}
