//! One script, run by the asynchronous front and by the blocking one on every server: the same rows,
//! facts and errors, word by word, and the same bytes on the wire.
#![allow(missing_docs, unreachable_pub, reason = "a test target has no users")]

#[path = "support/metered.rs"]
mod metered;
#[path = "support/servers.rs"]
mod servers;

use std::fmt::{Debug, Write};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use metered::{Metered, reading};
use mywire::{
    Config, Error, IsolationLevel, LongData, NamedSql, OwnedRow, Result, SslMode,
    TransactionOptions, Value, blocking,
};
use servers::Server;
use tokio::io::AsyncReadExt;

/// What a front showed, line by line.
#[derive(Debug, Default)]
struct Transcript {
    lines: Vec<String>,
}

impl Transcript {
    fn note(&mut self, what: &str, shown: impl Debug) {
        self.lines.push(format!("{what}: {shown:?}"));
    }

    /// A result, or everything that an error answers.
    fn outcome<T: Debug>(&mut self, what: &str, result: Result<T>) {
        let mut line = format!("{what}: ");
        match result {
            Ok(value) => write!(line, "{value:?}").unwrap(),
            Err(error) => line.push_str(&told(&error)),
        }
        self.lines.push(line);
    }
}

fn told(error: &Error) -> String {
    format!(
        "{error} | {error:#?} | fatal {} | sent {:?} | retry {}",
        error.is_fatal(),
        error.was_sent(),
        error.is_retryable()
    )
}

/// An expression as the asynchronous front has it.
macro_rules! awaited {
    ($call:expr) => {
        $call.await
    };
}

/// An expression as the blocking front has it.
macro_rules! plain {
    ($call:expr) => {
        $call
    };
}

/// The script, in a database of its own. `$w` makes an expression wait.
macro_rules! script {
    ($Session:ty, $w:ident, $config:expr, $database:expr) => {{
        let mut seen = Transcript::default();
        let mut session = $w!(<$Session>::connect_with($config))?;
        let database: &str = $database;
        $w!(session.execute(&format!("CREATE DATABASE {database}"), ()))?;
        $w!(session.use_database(database))?;
        seen.note("version", session.server_version());
        seen.note("mariadb", session.is_mariadb());
        seen.note("plugin", session.auth_plugin());
        seen.note("encrypted", session.is_encrypted());
        let database_is_known = session.database() == Some(database);
        seen.note("database", database_is_known);
        seen.outcome("ping", $w!(session.ping()));

        // Statements in both protocols.
        let table = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), \
                     price DECIMAL(10,2), at DATETIME(6), data LONGBLOB)";
        seen.outcome("create", $w!(session.execute(table, ())));
        seen.outcome(
            "insert",
            $w!(session.execute("INSERT INTO t (name) VALUES ('a'), ('b')", ())),
        );
        let insert = "INSERT INTO t (name, price, at) VALUES (?, ?, ?)";
        let params = ("c", "1.50", "2026-11-25 01:02:03.000004");
        seen.outcome("insert with parameters", $w!(session.execute(insert, params)));
        let named = NamedSql::parse("SELECT id FROM t WHERE name = :name")?;
        let given = named.bind(&[("name", &"b")])?;
        seen.outcome("named", $w!(session.fetch_all::<i64>(&named, given)));
        seen.outcome("text", $w!(session.fetch_all::<OwnedRow>("SELECT * FROM t", ())));
        let binary = "SELECT * FROM t WHERE id > ?";
        seen.outcome("binary", $w!(session.fetch_all::<OwnedRow>(binary, (0,))));
        let values: Result<Vec<Vec<Value>>> = async_or_not_values!($w, session);
        seen.outcome("values", values);
        seen.outcome("none", $w!(session.fetch_optional::<i64>("SELECT id FROM t WHERE 0", ())));
        seen.note("warnings", ($w!(session.execute("SELECT 1/0", ())).is_ok(), session.warnings()));
        seen.note("status", session.status());

        // Rows one by one, in batches, left early, of several results.
        let mut rows = $w!(session.query("SELECT id, name FROM t ORDER BY id", ()))?;
        seen.note("columns", rows.columns());
        while let Some(row) = $w!(rows.next())? {
            seen.note("row", row.decode::<(i64, Option<&str>)>()?);
        }
        seen.outcome("finish", $w!(rows.finish()));
        let mut rows = $w!(session.query("SELECT id FROM t ORDER BY id", ()))?;
        let mut ids = Vec::new();
        while let Some(batch) = $w!(rows.next_batch())? {
            for row in batch {
                ids.push(row?.decode::<i64>()?);
            }
        }
        seen.note("batches", ids);
        drop($w!(session.query("SELECT * FROM t", ()))?);
        seen.outcome("after rows left", $w!(session.fetch_one::<i64>("SELECT 7", ())));
        $w!(session.execute("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2, 3; END", ()))?;
        let mut rows = $w!(session.query("CALL p()", ()))?;
        loop {
            let mut result = Vec::new();
            $w!(rows.for_each(|row| {
                result.push(row.to_owned());
                Ok(())
            }))?;
            seen.note("result", result);
            if !$w!(rows.next_result())? {
                break;
            }
        }
        seen.outcome("end of the call", $w!(rows.finish()));

        // Values in pieces, both ways.
        let statement = $w!(session.prepare("INSERT INTO t (data) VALUES (?)"))?;
        seen.note("statement", (statement.parameters(), statement.columns()));
        let blob: Vec<u8> = (0..=255).cycle().take(700_000).collect();
        seen.outcome("long data", $w!(session.send_long_data(&statement, 0, &blob[..])));
        seen.outcome("its execution", $w!(session.execute(&statement, (LongData,))));
        let mut rows = $w!(session.query("SELECT id, data FROM t WHERE data IS NOT NULL", ()))?;
        let mut row = $w!(rows.next_chunked())?.expect("a row");
        let mut lengths = Vec::new();
        while let Some(mut field) = $w!(row.next_field())? {
            let facts = (field.index(), field.is_null(), field.len());
            let mut head = [0; 3];
            if facts.0 == 1 {
                $w!(field.read_exact(&mut head)).expect("three bytes");
            }
            let mut length = 0;
            while let Some(piece) = $w!(field.chunk())? {
                length += piece.len();
            }
            lengths.push((facts, head, length));
        }
        seen.note("fields", lengths);
        drop(row);
        drop(rows);

        // Transactions.
        let mut transaction = $w!(session.begin())?;
        $w!(transaction.execute("DELETE FROM t WHERE id = 1", ()))?;
        let mut savepoint = $w!(transaction.savepoint())?;
        $w!(savepoint.execute("DELETE FROM t", ()))?;
        seen.outcome("rollback to the savepoint", $w!(savepoint.rollback()));
        seen.note("in transaction", transaction.in_transaction());
        seen.outcome("commit", $w!(transaction.commit()));
        let options =
            TransactionOptions::default().isolation(IsolationLevel::Serializable).read_only(true);
        let mut transaction = $w!(session.begin_with(options))?;
        let refused = $w!(transaction.execute("DELETE FROM t", ()));
        seen.outcome("write in a read-only transaction", refused);
        drop(transaction);
        let left = $w!(session.fetch_all::<i64>("SELECT id FROM t ORDER BY id", ()));
        seen.outcome("what is left", left);
        seen.note("in transaction", session.in_transaction());

        // Errors: the server's, the caller's, and the end.
        seen.outcome("syntax", $w!(session.execute("SELEKT 1", ())));
        seen.outcome("duplicate", $w!(session.execute("INSERT INTO t (id) VALUES (2)", ())));
        seen.outcome("no row", $w!(session.fetch_one::<i64>("SELECT 1 FROM t WHERE 0", ())));
        seen.outcome("many", $w!(session.fetch_one::<i64>("SELECT 1 UNION SELECT 2", ())));
        seen.outcome("no rows", $w!(session.fetch_all::<i64>("SET @a = 1", ())));
        seen.outcome("parameters", $w!(session.execute("SELECT ?", (1, 2))));
        seen.outcome("conversion", $w!(session.fetch_one::<i64>("SELECT 'x'", ())));
        seen.outcome("NUL", $w!(session.use_database("a\0b")));
        let mut rows = $w!(session
            .query("SELECT (SELECT 1 UNION SELECT 2) FROM t WHERE id = 2 UNION ALL SELECT 3", ()));
        let failed = match &mut rows {
            Ok(rows) => $w!(rows.collect::<i64>()),
            Err(_) => Err(rows.expect_err("an error")),
        };
        seen.outcome("in the middle", failed);
        seen.outcome("reset", $w!(session.reset()));
        seen.outcome("a statement of before", $w!(session.execute(&statement, (LongData,))));
        $w!(session.execute(&format!("DROP DATABASE {database}"), ()))?;
        let id: u64 = $w!(session.fetch_one("SELECT CONNECTION_ID()", ()))?;
        let killed = $w!(session.execute(&format!("KILL {id}"), ()));
        seen.note("killed", killed.is_err());
        let mut after = $w!(session.ping());
        while after.is_ok() {
            after = $w!(session.ping());
        }
        seen.note("dead", session.is_dead());
        seen.outcome("a dead session", $w!(session.ping()));
        seen.outcome("its close", $w!(session.close()));
        Ok::<_, Error>(seen)
    }};
}

/// Decoding into a list whose types are known at run time only.
macro_rules! async_or_not_values {
    ($w:ident, $session:ident) => {
        match $w!($session.query("SELECT 1, 'x', NULL, 2.5e0, ?", (true,))) {
            Err(error) => Err(error),
            Ok(mut rows) => {
                let mut all = Vec::new();
                let outcome = $w!(rows.for_each(|row| {
                    let mut values = Vec::new();
                    for index in 0..row.columns().len() {
                        values.push(row.get::<Value>(index)?);
                    }
                    all.push(values);
                    Ok(())
                }));
                outcome.map(|()| all)
            }
        }
    };
}

async fn asynchronous(config: &Config, database: &str) -> Result<Transcript> {
    script!(mywire::Session, awaited, config, database)
}

fn blocking(config: &Config, database: &str) -> Result<Transcript> {
    script!(blocking::Session, plain, config, database)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[track_caller]
fn assert_same(what: &str, asynchronous: &Transcript, blocking: &Transcript) {
    for (one, other) in asynchronous.lines.iter().zip(&blocking.lines) {
        assert_eq!(one, other, "{what}");
    }
    assert_eq!(asynchronous.lines.len(), blocking.lines.len(), "{what}");
}

/// Over TCP with TLS, TCP without, and the Unix socket where it is known.
fn ways(server: &Server) -> Vec<(&'static str, Config)> {
    let config: Config = server.url.parse().unwrap();
    let mut ways = vec![("TLS", config.clone().ssl_mode(SslMode::Required))];
    if let Some(socket) = &server.socket {
        ways.push(("socket", config.socket(socket)));
    }
    ways
}

#[test]
fn both_fronts_show_the_same() {
    for server in servers::all() {
        for (way, config) in ways(server) {
            let what = format!("{} over {way}", server.name);
            // One after the other, so that both can have the same name, which is in the errors.
            let database = format!("parity_{}", std::process::id());
            let one = runtime().block_on(asynchronous(&config, &database)).unwrap();
            let other = blocking(&config, &database).unwrap();
            assert_same(&what, &one, &other);
            assert!(one.lines.len() >= 50, "{what}: a script of {} lines", one.lines.len());
        }
    }
}

#[test]
fn both_fronts_are_refused_alike() {
    let refused = |what: &str, config: &Config| {
        let one = runtime().block_on(mywire::Session::connect_with(config)).unwrap_err();
        let other = blocking::Session::connect_with(config).unwrap_err();
        assert_eq!(told(&one), told(&other), "{what}");
        one
    };
    for server in servers::all() {
        let config: Config = server.url.parse().unwrap();
        let error = refused(&server.name, &config.clone().password("wrong"));
        assert!(error.as_server().is_some_and(|error| error.code() == 1045), "{error}");
        let error = refused(&server.name, &config.clone().database("no_such_database"));
        assert!(error.as_server().is_some_and(|error| error.code() == 1049), "{error}");
        if let Some(certs) = &server.certs {
            let foreign = config.ssl_ca_file(certs.join("other-ca.pem"));
            assert!(matches!(refused(&server.name, &foreign), Error::Tls(_)));
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = Config::default().host("127.0.0.1").port(listener.local_addr().unwrap().port());
    let soon = local.clone().connect_timeout(Duration::from_secs(1));
    let error = refused("silence", &soon);
    assert!(error.to_string().contains("is it a MySQL or MariaDB server?"), "{error}");
    drop(listener);
    assert!(matches!(refused("nobody", &local), Error::Io(_)));
    refused("no file", &Config::default().socket("/nonexistent/mywire.sock"));
    refused("too long", &Config::default().socket(format!("/{}", "x".repeat(200))));
    refused("invalid", &Config::default().host("").port(1));
}

/// What is written after the login: the login itself holds answers to what servers draw by lot.
macro_rules! wire_script {
    ($w:ident, $session:expr) => {{
        let mut session = $session;
        for i in 0..3 {
            let sum: i64 = $w!(session.fetch_one("SELECT ? + 1", (i,)))?;
            assert_eq!(sum, i + 1);
        }
        $w!(session.execute("SET @a = 1", ()))?;
        let statement = $w!(session.prepare("SELECT ?, 'x'"))?;
        $w!(session.send_long_data(&statement, 0, &[7; 100_000][..]))?;
        let found: (Vec<u8>, String) = $w!(session.fetch_one(&statement, (LongData,)))?;
        assert!(found == (vec![7; 100_000], "x".to_owned()));
        drop(statement);
        let mut transaction = $w!(session.begin())?;
        drop($w!(transaction.savepoint())?);
        $w!(transaction.ping())?;
        drop(transaction);
        drop($w!(session.query("SELECT 1 UNION SELECT 2", ()))?);
        $w!(session.reset())?;
        $w!(session.close())
    }};
}

#[test]
fn both_fronts_write_the_same_bytes() {
    for server in servers::all() {
        let config: Config = server.url.parse().unwrap();
        let address = (&*server.host, server.port);
        let plain_tcp = config.clone().ssl_mode(SslMode::Disabled);
        // The login over TLS has warmed MySQL's password cache, so that the ones without TLS are
        // short; a FLUSH PRIVILEGES in between makes it cold, once.
        let mut writes = None;
        for _ in 0..20 {
            drop(blocking::Session::connect_with(&config.clone().ssl_mode(SslMode::Required)));
            let one = runtime().block_on(async {
                let stream = tokio::net::TcpStream::connect(address).await.unwrap();
                let (stream, meter) = Metered::new(stream);
                let session = mywire::Session::from_stream(stream, &plain_tcp).await?;
                let login = metered::take(&meter).packets_written();
                wire_script!(awaited, session)?;
                Ok((login, reading(&meter).written))
            });
            let other = (|| {
                let (stream, meter) = Metered::new(TcpStream::connect(address).unwrap());
                let session = blocking::Session::from_stream(stream, &plain_tcp)?;
                let login = metered::take(&meter).packets_written();
                wire_script!(plain, session)?;
                Ok((login, reading(&meter).written))
            })();
            match (one, other) {
                (Ok(one), Ok(other)) => {
                    writes = Some((one, other));
                    break;
                }
                (Err(Error::Auth(_)), _) | (_, Err(Error::Auth(_))) => {}
                (Err(error), _) | (_, Err(error)) => panic!("{}: {error}", server.name),
            }
        }
        let (one, other) = writes.expect("a warm password cache");
        assert_eq!(one.0, other.0, "{}", server.name);
        let (one, other) = (commands(&one.1), commands(&other.1));
        for (at, (one, other)) in one.iter().zip(&other).enumerate() {
            assert!(one == other, "{}: packet {at}: {one:?} or {other:?}", server.name);
        }
        assert_eq!(one.len(), other.len(), "{}", server.name);
    }
}

/// The packets, each with its header. The numbers of statements are the server's choice.
fn commands(written: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut rest = written;
    while let Some((&[a, b, c, _], _)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap();
        let (packet, behind) = rest.split_at(4 + length);
        let mut packet = packet.to_vec();
        // COM_STMT_EXECUTE, COM_STMT_SEND_LONG_DATA, COM_STMT_CLOSE, COM_STMT_RESET.
        if matches!(packet.get(4), Some(0x17..=0x1A)) {
            packet[5..9].fill(0);
        }
        packets.push(packet);
        rest = behind;
    }
    packets
}
