//! Real servers for the tests: brought up by `tests/servers/servers.sh`, or taken from `MYWIRE_TEST_URL`.
//!
//! The servers are started once per `cargo test` run: whichever test binary comes first starts them, with
//! a lease in the name of the `cargo` process above it, and they stop by themselves when that process ends.
//! No servers is a failure, never a reason to skip.
#![allow(
    dead_code,
    reason = "each test binary and the demo include this file and use a part of it"
)]
#![allow(unreachable_pub, reason = "included by other crates as a private module")]

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What kind of server it is, as far as is known without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    MySql,
    MariaDb,
    /// A server of `MYWIRE_TEST_URL`.
    Unknown,
}

/// A running server.
#[derive(Debug, Clone)]
pub struct Server {
    /// `mysql97`, `mariadb118`, `mariadb1011`; or `url1`, `url2`, … of `MYWIRE_TEST_URL`.
    pub name: String,
    pub flavor: Flavor,
    /// `mysql://root:secret@127.0.0.1:PORT/test`
    pub url: String,
    pub host: String,
    pub port: u16,
    pub socket: Option<PathBuf>,
    /// The folder with `ca.pem`, `client-cert.pem` and the rest (`tests/servers/README.md` lists them).
    pub certs: Option<PathBuf>,
    pub datadir: Option<PathBuf>,
    /// The package's own command line client (takes the usual options; reads no option files).
    pub client: Option<PathBuf>,
}

/// All servers, started at the first call of the process.
///
/// # Panics
///
/// When there are none to be had: in one sentence that says why.
pub fn all() -> &'static [Server] {
    static SERVERS: OnceLock<Result<Vec<Server>, String>> = OnceLock::new();
    match SERVERS.get_or_init(|| from_urls().unwrap_or_else(|| from_script(&[], None))) {
        Ok(servers) => servers,
        Err(why) => panic!("no servers to test on: {why}"),
    }
}

/// One server by its name, of the base packages alone: what the demo needs. With `MYWIRE_TEST_URL` set it
/// is the first of those, whatever the name.
pub fn one(name: &str) -> Result<Server, String> {
    let servers = from_urls().unwrap_or_else(|| from_script(&[name], Some("0")))?;
    servers.into_iter().next().ok_or_else(|| format!("servers.sh did not tell of {name}"))
}

fn from_urls() -> Option<Result<Vec<Server>, String>> {
    let urls = std::env::var("MYWIRE_TEST_URL").ok().filter(|urls| !urls.trim().is_empty())?;
    Some(
        urls.split_whitespace()
            .enumerate()
            .map(|(i, url)| from_url(format!("url{}", i + 1), url))
            .collect(),
    )
}

fn from_url(name: String, url: &str) -> Result<Server, String> {
    // the URL itself is not shown: it holds a password
    let (host, port) = host_and_port(url).ok_or_else(|| {
        format!("{name} of MYWIRE_TEST_URL is not of the form mysql://user:password@host:port/db")
    })?;
    Ok(Server {
        name,
        flavor: Flavor::Unknown,
        url: url.to_owned(),
        host,
        port,
        socket: None,
        certs: None,
        datadir: None,
        client: None,
    })
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("mysql://").or_else(|| url.strip_prefix("mariadb://"))?;
    let authority = rest.split(['/', '?']).next()?;
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    let (host, port) = match address.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(3306), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

/// Runs `servers.sh up --lease` and reads what it prints.
fn from_script(names: &[&str], testsuite: Option<&str>) -> Result<Vec<Server>, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/servers.sh");
    let mut command = Command::new("bash");
    command.arg(&script).args(["up", "--lease", &leaseholder().to_string()]).args(names);
    if let Some(testsuite) = testsuite {
        command.env("MYWIRE_SERVERS_TESTSUITE", testsuite);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("bash, which runs {}, cannot be started ({e})", script.display()))?;
    // What takes long is announced on the script's stderr: shown at once, past the tests' output capture.
    // Its last line is the reason when it fails. What it prints on stdout fits into a pipe.
    let mut last = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            last.clone_from(&line);
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
    let output = child.wait_with_output().map_err(|e| format!("servers.sh: {e}"))?;
    if !output.status.success() {
        let why = last.strip_prefix("servers.sh: ").unwrap_or(&last);
        return Err(if why.is_empty() {
            format!("servers.sh ended with {}", output.status)
        } else {
            why.to_owned()
        });
    }
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = |key: &str| {
        let line = output
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix("='")?.strip_suffix('\''));
        line.ok_or_else(|| format!("servers.sh printed no {key}"))
    };
    let server = |name: &str| {
        let of = |what: &str| value(&format!("{}_{what}", name.to_uppercase()));
        Ok(Server {
            name: name.to_owned(),
            flavor: if name.starts_with("mariadb") { Flavor::MariaDb } else { Flavor::MySql },
            url: of("URL")?.to_owned(),
            host: "127.0.0.1".to_owned(),
            port: of("PORT")?
                .parse()
                .map_err(|e| format!("the port that servers.sh printed for {name}: {e}"))?,
            socket: Some(of("SOCKET")?.into()),
            certs: Some(value("CERTS")?.into()),
            datadir: Some(of("DATADIR")?.into()),
            client: Some(of("CLIENT")?.into()),
        })
    };
    value("SERVERS")?.split_whitespace().map(server).collect()
}

/// The process whose end is the end of the run: the topmost of the `cargo` processes directly above this
/// one (`cargo test` -> test, `cargo nextest` -> `cargo-nextest` -> test), or else this one.
fn leaseholder() -> u32 {
    let mut holder = std::process::id();
    while let Some(parent) = parent_of(holder).filter(|&parent| is_cargo(parent)) {
        holder = parent;
    }
    holder
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name) state ppid …, where the name may hold anything
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_cargo(pid: u32) -> bool {
    let exe = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let name = exe.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    name.is_some_and(|name| name == "cargo" || name.starts_with("cargo-"))
}
