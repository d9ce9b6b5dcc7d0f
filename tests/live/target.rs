//! A case on every server.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use mywire::{Config, Error, Session, SslMode};
use tokio::runtime::Runtime;

use crate::servers::{self, Flavor, Server};

/// Runs a case on every server at the same time, and fails if it fails on any.
pub fn each_server(case: impl AsyncFn(&Target) + Sync) {
    let name = thread::current().name().unwrap_or("case").to_owned();
    let run = |server: &'static Server| {
        let runtime = Runtime::new().unwrap();
        let target = Target { server, case: name.clone(), databases: RefCell::default() };
        // Before anything else unwinds: what the case made on the server goes, failed or not.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(case(&target));
        }));
        runtime.block_on(target.clean_up());
        outcome
    };
    let failed: Vec<&str> = thread::scope(|scope| {
        let threads: Vec<_> = servers::all()
            .iter()
            .map(|server| {
                let named = thread::Builder::new().name(format!("{name} on {}", server.name));
                (server, named.spawn_scoped(scope, || run(server)).unwrap())
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|(server, thread)| match thread.join() {
                Ok(Ok(())) => None,
                _ => Some(server.name.as_str()),
            })
            .collect()
    });
    assert!(failed.is_empty(), "failed on {}", failed.join(", "));
}

/// A server to run a case on.
pub struct Target {
    pub server: &'static Server,
    case: String,
    databases: RefCell<Vec<String>>,
}

impl Target {
    /// The account and address of the server's URL, over TCP.
    pub fn config(&self) -> Config {
        self.server.url.parse().unwrap()
    }

    /// The URL's user.
    pub fn user(&self) -> &'static str {
        let (_, rest) = self.server.url.split_once("://").unwrap();
        rest.split([':', '@']).next().unwrap()
    }

    /// A session over TCP, with TLS if the server has it.
    pub async fn session(&self) -> Session {
        connect(&self.config()).await
    }

    /// The configuration of the quickest session: the Unix socket where it is known.
    pub fn local_config(&self) -> Config {
        match &self.server.socket {
            Some(socket) => self.config().socket(socket),
            None => self.config(),
        }
    }

    /// The quickest session; see [`local_config`](Self::local_config).
    pub async fn local(&self) -> Session {
        connect(&self.local_config()).await
    }

    /// The configuration of one of the accounts `u_*`, over TCP without TLS.
    pub fn account(&self, user: &str, password: &str) -> Config {
        let config = self.config().user(user).password(password).ssl_mode(SslMode::Disabled);
        // Not all of them may use the URL's.
        config.database("")
    }

    /// A database of this case's own.
    pub async fn database(&self, session: &mut Session) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("live_{}_{number}", std::process::id());
        session.execute(&format!("CREATE DATABASE {name}"), ()).await.unwrap();
        session.use_database(&name).await.unwrap();
        self.databases.borrow_mut().push(name.clone());
        name
    }

    /// The folder of the test certificates.
    pub fn certs(&self) -> Option<&'static Path> {
        self.known(self.server.certs.as_deref(), "test certificates")
    }

    pub fn socket(&self) -> Option<&'static Path> {
        self.known(self.server.socket.as_deref(), "Unix socket")
    }

    #[cfg(feature = "rsa")]
    pub fn datadir(&self) -> Option<&'static Path> {
        self.known(self.server.datadir.as_deref(), "data folder")
    }

    /// Whether the accounts `u_*` are there.
    pub fn has_accounts(&self) -> bool {
        let ours = self.server.flavor != Flavor::Unknown;
        self.known(ours.then_some(()), "accounts u_*").is_some()
    }

    fn known<T>(&self, what: Option<T>, name: &str) -> Option<T> {
        if what.is_none() {
            let (case, server) = (&self.case, &self.server.name);
            let line = format!(
                "{case}: NOT RUN on {server}: this server of MYWIRE_TEST_URL has no {name} that the \
                 tests know of\n"
            );
            // Not `eprintln!`: that would be captured. In one piece, between those of other threads.
            let _ = io::stderr().write_all(line.as_bytes());
        }
        what
    }

    async fn clean_up(&self) {
        let databases = self.databases.take();
        if databases.is_empty() {
            return;
        }
        let mut session = self.local().await;
        for name in databases {
            session.execute(&format!("DROP DATABASE IF EXISTS {name}"), ()).await.unwrap();
        }
    }
}

/// A session, or a panic that says why there is none.
pub async fn connect(config: &Config) -> Session {
    match Session::connect_with(config).await {
        Ok(session) => session,
        Err(error) => panic!("no session: {error}"),
    }
}

/// The error of a login that has to fail.
pub async fn refused(config: &Config) -> Error {
    match Session::connect_with(config).await {
        Ok(_) => panic!("the login was not refused"),
        Err(error) => error,
    }
}

/// What a session on the server is running: `None` if there is no such session.
///
/// `SHOW PROCESSLIST` rather than the table of that name, which fails on MySQL while anybody runs a
/// statement with bytes that are no utf8mb3.
pub async fn running(watcher: &mut Session, id: u64) -> Option<Vec<u8>> {
    let mut rows = watcher.query("SHOW PROCESSLIST", ()).await.unwrap();
    while let Some(row) = rows.next().await.unwrap() {
        if row.get::<u64>("Id").unwrap() == id {
            return Some(row.raw("Info").unwrap().unwrap_or_default().to_vec());
        }
    }
    None
}

/// The number of a server's error.
#[track_caller]
pub fn code<T>(result: Result<T, Error>) -> u16 {
    match result {
        Ok(_) => panic!("no error came"),
        Err(error) => match error.as_server() {
            Some(error) => error.code(),
            None => panic!("not an error of the server: {error}"),
        },
    }
}

/// The session still answers, and with its own rows.
#[track_caller]
pub fn usable(session: &mut Session) -> impl Future<Output = ()> + '_ {
    let caller = std::panic::Location::caller();
    async move {
        let answer: mywire::Result<(i64, String)> =
            session.fetch_one("SELECT 4711, 'still here'", ()).await;
        match answer {
            Ok(answer) => assert_eq!(answer, (4711, "still here".into()), "at {caller}"),
            Err(error) => panic!("the session is not usable at {caller}: {error}"),
        }
    }
}

/// Holds a lock on the server, across all processes that run this suite, until it is dropped with
/// its session: for cases that change what other cases see.
pub async fn exclusively(target: &Target, what: &str) -> Session {
    let mut session = target.local().await;
    let taken: Option<i64> = session
        .fetch_one(&format!("SELECT GET_LOCK('mywire live {what}', 120)"), ())
        .await
        .unwrap();
    assert_eq!(taken, Some(1), "the lock {what} was not to be had in two minutes");
    session
}
