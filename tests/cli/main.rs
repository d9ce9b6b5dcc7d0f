//! The program `mywire`, run against real servers.

#[path = "../support/servers.rs"]
mod servers;

mod connect;
mod leave;
mod load;
mod query;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use servers::Server;

/// A million rows of eight bytes, on every server, without a table.
const MILLION: &str = "WITH d AS (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 \
    UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 \
    UNION ALL SELECT 9) SELECT 1000000 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + \
    100000 * f.n AS n FROM d a, d b, d c, d d, d e, d f";

/// The program with nothing of the environment that it looks at.
fn mywire() -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_mywire")))
}

/// One that Ctrl-C reaches even where these tests run in a background that ignores it.
#[cfg(unix)]
fn interruptible() -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,TERM", env!("CARGO_BIN_EXE_mywire")]);
    configured(command)
}

fn configured(mut command: Command) -> Command {
    for variable in ["MYWIRE_PASSWORD", "MYSQL_PWD", "MYSQL_HOST", "MYSQL_TCP_PORT"] {
        command.env_remove(variable);
    }
    for variable in ["MYSQL_UNIX_PORT", "MYSQL_GROUP_SUFFIX", "MYSQL_HOME", "MARIADB_HOME"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// How a run ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Standard output of a run that went well.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// Fails unless the run ended so, said this, and wrote nothing.
    #[track_caller]
    fn fails(self, code: i32, with: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(with), "{self:?}");
        assert_eq!(self.out, "");
    }
}

fn run(arguments: &[&str]) -> Ran {
    Ran::of(mywire().args(arguments).output().expect("mywire runs"))
}

fn run_with(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mywire runs");
    // Whoever fails early closes its end.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    Ran::of(child.wait_with_output().expect("mywire ends"))
}

/// Runs `mywire query` with the URL of a server.
fn query(server: &Server, sql: &str, further: &[&str]) -> Ran {
    run(&[&["query", &server.url, sql, "--quiet"], further].concat())
}

/// A database and a folder of a test's own.
struct Place {
    server: &'static Server,
    database: String,
    url: String,
    folder: PathBuf,
}

impl Place {
    fn new(server: &'static Server) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = format!("cli_{}_{number}", std::process::id());
        query(server, &format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"), &[]).ok();
        let (url, _) = server.url.rsplit_once('/').expect("a URL with a database");
        let url = format!("{url}/{database}");
        let folder = std::env::temp_dir().join(&database);
        fs::create_dir_all(&folder).expect("a folder");
        Self { server, database, url, folder }
    }

    fn query(&self, sql: &str, further: &[&str]) -> String {
        run(&[&["query", &self.url, sql, "--quiet"], further].concat()).ok()
    }

    fn load(&self, csv: &str, further: &[&str]) -> Ran {
        let mut command = mywire();
        command.args([&["load", &self.url, "t", "-", "--quiet"], further].concat());
        run_with(&mut command, csv.as_bytes())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// What the server's own client writes for a statement, if there is one.
    fn client(&self, sql: &str) -> Option<String> {
        let output = Command::new(self.server.client.as_deref()?)
            .args(["--batch", "--default-character-set=utf8mb4", "-uroot", "-psecret"])
            .args(["-h", &self.server.host, "-P", &self.server.port.to_string()])
            .args(["-e", sql, &self.database])
            .output()
            .expect("the server's client runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).expect("UTF-8"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = query(self.server, &format!("DROP DATABASE {}", self.database), &[]);
    }
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}
