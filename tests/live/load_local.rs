//! LOAD DATA LOCAL: data from a reader, the ways in which that fails, and requests for files that
//! nobody offered.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use counting_alloc::{peak, start};
use mywire::error::{IoTask, UsageError};
use mywire::{Compression, Config, Error, Session, SslMode};
use tokio::io::{AsyncRead, ReadBuf};

use crate::target::{code, connect, usable};
use crate::{Target, each_server};

const LOAD: &str = "LOAD DATA LOCAL INFILE 'free text, it''s no path' INTO TABLE t FIELDS \
                    TERMINATED BY ',' (id, text)";

fn config(target: &Target) -> Config {
    target.local_config().local_infile(true)
}

/// A session in a database of its own, with a table.
async fn with_table(target: &Target, config: &Config, engine: &str) -> Session {
    let mut session = connect(config).await;
    target.database(&mut session).await;
    let sql = format!("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(200)) ENGINE = {engine}");
    session.execute(&sql, ()).await.unwrap();
    session
}

/// Lines of a file, made as they are read.
struct Lines {
    next: u64,
    end: u64,
    /// It fails behind its last line.
    fails: bool,
    pending: Vec<u8>,
    at: usize,
}

impl Lines {
    fn new(lines: u64) -> Self {
        Self { next: 0, end: lines, fails: false, pending: Vec::new(), at: 0 }
    }

    fn failing(lines: u64) -> Self {
        Self { fails: true, ..Self::new(lines) }
    }

    fn fill(&mut self) {
        use std::io::Write;
        self.pending.clear();
        self.at = 0;
        while self.next < self.end && self.pending.len() < 60_000 {
            writeln!(self.pending, "{},line number {} of the file", self.next, self.next).unwrap();
            self.next += 1;
        }
    }
}

impl AsyncRead for Lines {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at == self.pending.len() {
            self.fill();
            if self.pending.is_empty() && self.fails {
                return Poll::Ready(Err(io::Error::other("the disk is on fire")));
            }
        }
        let rest = &self.pending[self.at..];
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

async fn count(session: &mut Session) -> u64 {
    session.fetch_one("SELECT COUNT(*) FROM t", ()).await.unwrap()
}

/// Waits until the server has seen that a session is gone; what is left of it then is for good.
async fn wait_for_the_end_of(watcher: &mut Session, id: u64) {
    while crate::target::running(watcher, id).await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn id(session: &mut Session) -> u64 {
    session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap()
}

/// R-60, E-92: files of all sizes over each transport, compressed and not; the empty one is an
/// empty packet.
#[test]
fn r60_e92_files_are_loaded() {
    each_server(async |target| {
        let mut configs = vec![
            config(target),
            target.config().local_infile(true).ssl_mode(SslMode::Preferred),
            config(target).compression([Compression::Zlib]),
            target.config().local_infile(true).compression([Compression::Zlib]),
        ];
        if cfg!(feature = "zstd") {
            configs.push(config(target).compression([Compression::Zstd]));
        }
        for config in configs {
            let mut session = with_table(target, &config, "InnoDB").await;
            for lines in [0, 1, 10, 5_000, 60_000] {
                session.execute("DELETE FROM t", ()).await.unwrap();
                let done = session.load_local(LOAD, Lines::new(lines)).await.unwrap();
                assert_eq!(done.affected_rows, lines);
                assert!(done.info.starts_with(&format!("Records: {lines} ")), "{}", done.info);
                assert_eq!(count(&mut session).await, lines);
            }
            let text: String =
                session.fetch_one("SELECT text FROM t WHERE id = 59999", ()).await.unwrap();
            assert_eq!(text, "line number 59999 of the file");
            usable(&mut session).await;
        }
    });
}

/// E-92: a file of exactly 0xFFFFFF bytes, and around.
#[test]
fn e92_a_file_as_long_as_the_longest_packet() {
    each_server(async |target| {
        let mut session = connect(&config(target)).await;
        target.database(&mut session).await;
        session.execute("CREATE TABLE t (b LONGTEXT)", ()).await.unwrap();
        for size in [0xFF_FFFE, 0xFF_FFFF, 0x100_0000] {
            session.execute("TRUNCATE t", ()).await.unwrap();
            let file = vec![b'x'; size];
            let sql = "LOAD DATA LOCAL INFILE '' INTO TABLE t";
            assert_eq!(session.load_local(sql, &file[..]).await.unwrap().affected_rows, 1);
            let length: usize = session.fetch_one("SELECT LENGTH(b) FROM t", ()).await.unwrap();
            assert_eq!(length, size);
        }
    });
}

/// A gibibyte goes by in flat memory. All lines are ignored by the server, which reads them all the
/// same: so the disk is not what is measured.
#[test]
fn a_gibibyte_is_loaded_flat() {
    const SIZE: u64 = 1 << 30;
    each_server(async |target| {
        let mut session = with_table(target, &config(target), "InnoDB").await;
        // One kibibyte a line: the server looks at every byte for the line's end.
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let block = std::sync::Arc::new(line.repeat(256));
        let reader = Blocks { left: SIZE, block: &block };
        // As many lines as there are: servers go on to count down every further one past the end of
        // the file.
        let lines = SIZE / 1024;
        let sql = format!(
            "LOAD DATA LOCAL INFILE '' INTO TABLE t CHARACTER SET binary IGNORE {lines} LINES"
        );
        let before = start();
        let done = session.load_local(&sql, reader).await.unwrap();
        let grown = peak().saturating_sub(before);
        assert_eq!(done.affected_rows, 0);
        println!("{}: 1 GiB loaded, the heap grew by {grown} bytes", target.server.name);
        assert!(grown < 1 << 20, "{grown}");
        usable(&mut session).await;
    });
}

struct Blocks<'b> {
    left: u64,
    block: &'b [u8],
}

impl AsyncRead for Blocks<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = buf.remaining().min(self.block.len()).min(self.left as usize);
        buf.put_slice(&self.block[..n]);
        self.left -= n as u64;
        Poll::Ready(Ok(()))
    }
}

/// E-92: a reader that fails: the session is cut, and the server keeps nothing of the file, in a
/// transaction or not, compressed or not.
#[test]
fn e92_a_reader_that_fails_commits_nothing() {
    each_server(async |target| {
        let compressed = config(target).compression([Compression::Zlib]);
        let tls = target.config().local_infile(true);
        for config in [config(target), tls, compressed] {
            for lines in [0, 3, 20_000] {
                for open in [false, true] {
                    let mut session = with_table(target, &config, "InnoDB").await;
                    let database = session.database().unwrap().to_owned();
                    let id = id(&mut session).await;
                    let error = match open {
                        false => session.load_local(LOAD, Lines::failing(lines)).await.unwrap_err(),
                        true => {
                            let mut transaction = session.begin().await.unwrap();
                            transaction.execute("INSERT INTO t VALUES (-1, '')", ()).await.unwrap();
                            transaction.load_local(LOAD, Lines::failing(lines)).await.unwrap_err()
                        }
                    };
                    let Error::Io(io) = &error else { panic!("{error:?}") };
                    assert_eq!(io.task(), IoTask::ReadFile);
                    assert!(error.is_fatal() && !error.is_retryable(), "{error}");
                    assert!(error.to_string().contains("the disk is on fire"), "{error}");
                    assert!(session.ping().await.unwrap_err().is_fatal());
                    // It is closed already, though the session is still there.
                    let mut other = target.local().await;
                    wait_for_the_end_of(&mut other, id).await;
                    other.use_database(&database).await.unwrap();
                    assert_eq!(count(&mut other).await, 0, "{lines} lines, {open}");
                    drop(session);
                }
            }
        }
    });
}

/// What the documentation says of engines without transactions.
#[test]
fn engines_without_transactions_keep_half_a_file() {
    each_server(async |target| {
        let mut session = with_table(target, &config(target), "MyISAM").await;
        let database = session.database().unwrap().to_owned();
        let id = id(&mut session).await;
        session.load_local(LOAD, Lines::failing(5_000)).await.unwrap_err();
        let mut other = target.local().await;
        wait_for_the_end_of(&mut other, id).await;
        other.use_database(&database).await.unwrap();
        assert!(count(&mut other).await > 0);
    });
}

asynchronous! {
    /// T-60: the future dropped in the middle of the file, and before it.
    #[test]
    fn t60_a_dropped_load_commits_nothing() {
        struct Stalls(Lines);

        impl AsyncRead for Stalls {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let before = buf.filled().len();
                let polled = Pin::new(&mut self.0).poll_read(cx, buf);
                match buf.filled().len() == before {
                    true => Poll::Pending,
                    false => polled,
                }
            }
        }

        each_server(async |target| {
            for lines in [0, 4_000] {
                let mut session = with_table(target, &config(target), "InnoDB").await;
                let database = session.database().unwrap().to_owned();
                let id = id(&mut session).await;
                let stalled = session.load_local(LOAD, Stalls(Lines::new(lines)));
                // Long enough for the request to come; if it did not, the rest holds as well.
                tokio::time::timeout(Duration::from_millis(300), stalled).await.unwrap_err();
                match session.ping().await {
                    // Nothing of it was sent: an empty file is no half one.
                    Ok(()) => usable(&mut session).await,
                    Err(error) => {
                        let abandoned = matches!(error, Error::Usage(UsageError::AbandonedFile));
                        assert!(abandoned && lines > 0, "{error}");
                        assert!(error.is_fatal());
                        let mut other = target.local().await;
                        wait_for_the_end_of(&mut other, id).await;
                    }
                }
                let mut other = target.local().await;
                other.use_database(&database).await.unwrap();
                assert_eq!(count(&mut other).await, 0);
            }
        });
    }
}

asynchronous! {
    /// T-93: a load that is left while the server keeps it waiting is killed like any other statement,
    /// before it asked for its file and whether or not it asks afterwards.
    #[test]
    fn t93_a_load_that_is_left_is_killed() {
        each_server(async |target| {
            let mut session = with_table(target, &config(target), "InnoDB").await;
            let mut owner = target.local().await;
            owner.use_database(session.database().unwrap()).await.unwrap();
            for _ in 0..3 {
                owner.execute("LOCK TABLES t WRITE", ()).await.unwrap();
                let waiting = session.load_local(LOAD, &b"1,one\n"[..]);
                assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err());
                session.ping().await.unwrap();
                owner.execute("UNLOCK TABLES", ()).await.unwrap();
                usable(&mut session).await;
                assert_eq!(count(&mut session).await, 0);
            }
        });
    }
}

/// errors of the server in the middle of the file come behind it, and the session goes on.
#[test]
fn r62_the_servers_errors_come_behind_the_data() {
    each_server(async |target| {
        let mut configs = vec![config(target)];
        configs.push(config(target).compression([Compression::Zlib]));
        for config in configs {
            let mut session = with_table(target, &config, "InnoDB").await;
            // A duplicate key at the first line; LOCAL takes it for a warning, so that a trigger
            // has to object.
            let done = session.load_local(LOAD, &b"1,a\n1,b\n2,c\n"[..]).await.unwrap();
            assert_eq!((done.affected_rows, done.warnings), (2, 1), "{}", done.info);
            assert_eq!(session.warnings(), 1);
            session.execute("DELETE FROM t", ()).await.unwrap();
            let trigger = "CREATE TRIGGER stop BEFORE INSERT ON t FOR EACH ROW BEGIN IF NEW.id = 2 \
                           THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF; END";
            session.execute(trigger, ()).await.unwrap();
            let error = session.load_local(LOAD, Lines::new(200_000)).await.unwrap_err();
            let server = error.as_server().unwrap_or_else(|| panic!("{error}"));
            assert_eq!((server.code(), server.message()), (1644, "not this one"));
            assert!(!error.is_fatal());
            assert_eq!(count(&mut session).await, 0);
            session.execute("DROP TRIGGER stop", ()).await.unwrap();
            // No such table: the server does not even ask.
            let sql = "LOAD DATA LOCAL INFILE 'x' INTO TABLE nowhere";
            assert_eq!(code(session.load_local(sql, Lines::new(10)).await), 1146);
            // What is no file of lines.
            let done = session.load_local(LOAD, &b"9,\xFF\xFE"[..]).await;
            assert!(done.is_ok() || !done.unwrap_err().is_fatal());
            // In a transaction that only reads.
            let sql = "START TRANSACTION READ ONLY";
            session.execute(sql, ()).await.unwrap();
            assert_eq!(code(session.load_local(LOAD, Lines::new(100_000)).await), 1792);
            session.execute("ROLLBACK", ()).await.unwrap();
            usable(&mut session).await;
        }
    });
}

/// In a transaction, undone with it; LOAD XML; what asks for no data.
#[test]
fn loads_in_a_transaction_and_other_statements() {
    each_server(async |target| {
        let mut session = with_table(target, &config(target), "InnoDB").await;
        let mut transaction = session.begin().await.unwrap();
        assert_eq!(transaction.load_local(LOAD, Lines::new(10)).await.unwrap().affected_rows, 10);
        transaction.rollback().await.unwrap();
        assert_eq!(count(&mut session).await, 0);
        let xml = b"<list><row id='1' text='one'/><row><id>2</id><text>two</text></row></list>";
        let sql = "LOAD XML LOCAL INFILE 'x' INTO TABLE t";
        assert_eq!(session.load_local(sql, &xml[..]).await.unwrap().affected_rows, 2);
        for sql in ["DO 1", "SELECT * FROM t", "DELETE FROM t"] {
            let error = session.load_local(sql, &b""[..]).await.unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::NoLocalInfile)), "{error}");
            assert!(!error.is_fatal());
        }
        assert_eq!(count(&mut session).await, 0);
        usable(&mut session).await;
    });
}

/// E-91, T-02: a file is for one statement. Others get an empty one, and an error.
#[test]
fn r61_r63_e91_other_requests_are_refused() {
    each_server(async |target| {
        let config = config(target).multi_statements(true);
        let mut session = with_table(target, &config, "InnoDB").await;
        let refused = |error: &Error| {
            assert!(matches!(error, Error::Usage(UsageError::LocalInfileRefused)), "{error}");
            assert!(!error.is_fatal());
        };
        refused(&session.execute(LOAD, ()).await.unwrap_err());
        usable(&mut session).await;
        // A later statement of the text asks.
        let both = format!("SELECT 1; {LOAD}; SELECT 2");
        refused(&session.execute(&both, ()).await.unwrap_err());
        usable(&mut session).await;
        let mut rows = session.query(&both, ()).await.unwrap();
        refused(&rows.next_result().await.unwrap_err());
        drop(rows);
        usable(&mut session).await;
        // Two ask: the first has it.
        let twice = format!("DO 1; {LOAD}; {LOAD}; SELECT 3");
        refused(&session.load_local(&twice, Lines::new(5)).await.unwrap_err());
        assert_eq!(count(&mut session).await, 5);
        let once = format!("SELECT 1; {LOAD}; SELECT 3");
        session.execute("DELETE FROM t", ()).await.unwrap();
        session.load_local(&once, Lines::new(5)).await.unwrap();
        assert_eq!(count(&mut session).await, 5);
        // Only MariaDB prepares it.
        match session.prepare(LOAD).await {
            Ok(statement) => {
                assert!(session.is_mariadb());
                refused(&session.execute(&statement, ()).await.unwrap_err());
                refused(&session.execute(&statement, ()).await.unwrap_err());
                session.execute("DELETE FROM t", ()).await.unwrap();
                let sql = format!("PREPARE s FROM '{}'", LOAD.replace('\'', "''"));
                session.execute(&sql, ()).await.unwrap();
                session.load_local("EXECUTE s", Lines::new(7)).await.unwrap();
                assert_eq!(count(&mut session).await, 7);
            }
            Err(error) => {
                assert_eq!(error.as_server().map(|error| error.code()), Some(1295), "{error}");
            }
        }
        usable(&mut session).await;
    });
}

/// T-01: without the option nothing can be loaded, and the server is told so at the login.
#[test]
fn t01_without_the_option_nothing_is_loaded() {
    each_server(async |target| {
        let mut session = with_table(target, &target.local_config(), "InnoDB").await;
        let error = session.load_local(LOAD, Lines::new(3)).await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::LocalInfileOff)), "{error}");
        assert_eq!(error.was_sent(), mywire::Sent::No);
        let refused = code(session.execute(LOAD, ()).await);
        assert!([1148, 3948, 4166].contains(&refused), "{refused}");
        usable(&mut session).await;
    });
}
