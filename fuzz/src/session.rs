//! Whole sessions: what a caller does, a server that answers it honestly or not, and a transport on
//! which every byte is a place to give up. All of it is drawn from the input.
//!
//! Each statement has a number, and so has every row of its reply. Rows must be those of the
//! statement that asks, in order and complete, whatever was left or dropped before (T-60); a
//! session that cannot say so is dead, and stays dead and silent (G4). A server with faults is held
//! to nothing, and the session still to the rest.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use mywire::{Config, Error, Result, Rows, Session, SslMode};
use tokio::runtime::{Builder, Runtime};

use super::auth::contains;
use super::meter::bounded;
use super::server::PASSWORD;
use super::session_server::{Fault, Scripted, Watched};
use super::source::Source;

/// The most actions of one run.
const MAX_ACTIONS: usize = 12;

/// Decisions: how the transport cuts, the server's faults, then the caller's actions.
pub fn session(data: &[u8]) {
    // A server that says the password knows it, and an error repeats what it said.
    if contains(data, PASSWORD.as_bytes()) {
        return;
    }
    thread_local! {
        static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    }
    bounded(data, |data| {
        RUNTIME.with(|runtime| {
            // Time passes only while everybody waits: no run waits for it.
            let new = || Builder::new_current_thread().enable_time().start_paused(true).build();
            let runtime = runtime.get_or_init(|| new().expect("a runtime without I/O"));
            runtime.block_on(act(data));
        });
    });
}

async fn act(data: &[u8]) {
    let mut source = Source::new(data);
    let portions = (1 + source.below(200), 1 + source.below(200));
    let faults: Vec<_> = (0..source.below(3)).map(|_| Fault::draw(&mut source)).collect();
    let honest = faults.is_empty();
    let (server, watched) = Scripted::new(portions, faults);
    let config = Config::default()
        .user("app")
        .password(PASSWORD)
        .ssl_mode(SslMode::Disabled)
        .local_infile(true)
        .read_timeout(Duration::from_secs(1))
        .pipelining(!source.rarely(4))
        .statement_cache(source.pick(&[64, 1, 2]));
    let mut session = match Session::from_stream(server, &config).await {
        Ok(session) => session,
        Err(error) => {
            assert!(!honest, "{error:?}");
            assert!(!format!("{error} {error:?} {error:#?}").contains(PASSWORD));
            return;
        }
    };
    let mut caller = Caller { number: 0, honest, dropped: false };
    for _ in 0..MAX_ACTIONS {
        if source.is_empty() {
            break;
        }
        // The polls after which the caller gives up; 0 for never.
        let patience = if source.rarely(3) { 1 + source.below(40) } else { 0 };
        let outcome = drop_after(patience, caller.one(&mut session, &mut source)).await;
        let Some(outcome) = outcome else {
            caller.dropped = true;
            continue;
        };
        if let Err(error) = outcome {
            caller.judge(&error, &session);
        }
        if session.is_dead() {
            assert!(caller.dropped || !honest, "a session died of nothing");
            return stays_dead(&mut session, &watched).await;
        }
    }
    let sent = watched.sent.lock().expect("nobody panicked");
    assert!(!contains(&sent, PASSWORD.as_bytes()), "the password was sent");
}

async fn stays_dead(session: &mut Session, watched: &Watched) {
    let written = watched.written.load(Ordering::Relaxed);
    assert!(session.ping().await.is_err_and(|error| error.is_fatal()));
    assert!(session.query("SELECT 1 1 1", ()).await.is_err_and(|error| error.is_fatal()));
    assert!(session.execute("SELECT ? 1 1", (1,)).await.is_err_and(|error| error.is_fatal()));
    assert!(session.reset().await.is_err_and(|error| error.is_fatal()));
    assert_eq!(watched.written.load(Ordering::Relaxed), written, "a dead session wrote");
}

struct Caller {
    /// The number of the last statement.
    number: u64,
    honest: bool,
    /// A future was dropped: the session may die of it.
    dropped: bool,
}

/// What a statement's SQL asks for.
struct Asked {
    number: u64,
    rows: u64,
    results: u64,
    sql: String,
}

impl Caller {
    fn ask(&mut self, source: &mut Source<'_>) -> Asked {
        self.number += 1;
        let (number, rows) = (self.number, u64::from(source.byte() % 24));
        let results = 1 + u64::from(source.rarely(4));
        Asked { number, rows, results, sql: format!("SELECT {number} {rows} {results}") }
    }

    async fn one(&mut self, session: &mut Session, source: &mut Source<'_>) -> Result<()> {
        match source.below(16) {
            0..=3 => {
                let asked = self.ask(source);
                let rows = session.query(&*asked.sql, ()).await?;
                self.read(rows, &asked, source).await
            }
            4 => {
                let asked = self.ask(source);
                // The same SQL may be in the cache.
                let sql = format!("SELECT ? {} {}", asked.rows, asked.results);
                let rows = session.query(&*sql, (asked.number,)).await?;
                self.read(rows, &asked, source).await
            }
            5 => {
                let asked = self.ask(source);
                let statement = session.prepare(&asked.sql).await?;
                for _ in 0..=source.below(2) {
                    let rows = session.query(&statement, ()).await?;
                    self.read(rows, &asked, source).await?;
                }
                Ok(())
            }
            6 => {
                let asked = self.ask(source);
                let done = session.execute(&*asked.sql, ()).await?;
                if self.honest {
                    assert_eq!(done.affected_rows, asked.number);
                }
                Ok(())
            }
            7 => {
                self.number += 1;
                let number = self.number;
                let failed = session.execute(&*format!("FAIL {number}"), ()).await;
                match failed {
                    Err(Error::Server(error)) if self.honest => {
                        assert_eq!(error.message(), format!("statement {number}"));
                        Ok(())
                    }
                    Ok(_) if self.honest => panic!("statement {number} did not fail"),
                    other => other.map(drop),
                }
            }
            8 => session.ping().await,
            9 => session.reset().await,
            10 => session.use_database("shop").await,
            11 | 12 => self.pipeline(session, source).await,
            13 => {
                let data = vec![b'x'; source.below(600)];
                let done = session.load_local("LOAD 7", &data[..]).await?;
                if self.honest {
                    let length = u64::try_from(data.len()).expect("a few hundred");
                    assert_eq!(done.affected_rows, length);
                }
                Ok(())
            }
            14 => {
                let asked = self.ask(source);
                let mut transaction = session.begin().await?;
                let rows = transaction.query(&*asked.sql, ()).await?;
                self.read(rows, &asked, source).await?;
                match source.below(3) {
                    0 => transaction.commit().await,
                    1 => transaction.rollback().await,
                    // Dropped: it is rolled back before the next statement.
                    _ => Ok(()),
                }
            }
            _ => {
                let asked = self.ask(source);
                let all: Vec<(u64, String, Vec<u8>)> = session.fetch_all(&*asked.sql, ()).await?;
                if self.honest {
                    let count = u64::try_from(all.len()).expect("a few");
                    assert_eq!(count, asked.rows);
                    for ((id, tag, _), row) in all.iter().zip(0..) {
                        assert_eq!((*id, &**tag), (row, &*tag_of(asked.number)));
                    }
                }
                Ok(())
            }
        }
    }

    async fn pipeline(&mut self, session: &mut Session, source: &mut Source<'_>) -> Result<()> {
        let mut pipeline = session.pipeline();
        let mut queued = Vec::new();
        for _ in 0..=source.below(4) {
            let asked = self.ask(source);
            pipeline.query(&*asked.sql, ()).await?;
            queued.push(asked);
        }
        if source.rarely(4) {
            pipeline.ping().await?;
        }
        // Those that are not read are left.
        for asked in queued.iter().take(source.below(6)) {
            let Some(rows) = pipeline.next_reply().await else {
                assert!(!self.honest, "a reply is missing");
                return Ok(());
            };
            self.read(rows?, asked, source).await?;
        }
        Ok(())
    }

    /// Reads rows in some way, to the end or not.
    async fn read(
        &mut self,
        mut rows: Rows<'_>,
        asked: &Asked,
        source: &mut Source<'_>,
    ) -> Result<()> {
        let way = source.below(4);
        let end = source.below(4);
        let enough = if end == 0 { u64::MAX } else { u64::from(source.byte() % 12) };
        for result in 0..asked.results {
            let mut seen = 0;
            while seen < enough {
                let more = match way {
                    0 => self.next(&mut rows, asked, &mut seen).await?,
                    1 => self.next_batch(&mut rows, asked, &mut seen).await?,
                    2 => self.next_chunked(&mut rows, asked, &mut seen, source.rarely(5)).await?,
                    _ => match source.below(3) {
                        0 => self.next(&mut rows, asked, &mut seen).await?,
                        1 => self.next_batch(&mut rows, asked, &mut seen).await?,
                        _ => self.next_chunked(&mut rows, asked, &mut seen, false).await?,
                    },
                };
                if !more {
                    if self.honest {
                        assert_eq!(seen, asked.rows, "rows are missing");
                    }
                    break;
                }
            }
            if end != 0 {
                break;
            }
            let more = rows.next_result().await?;
            if self.honest {
                assert_eq!(more, result + 1 < asked.results);
            }
            if !more {
                break;
            }
        }
        match end {
            0 | 1 => rows.finish().await.map(drop),
            2 => rows.cancel().await,
            _ => Ok(()),
        }
    }

    async fn next(&self, rows: &mut Rows<'_>, asked: &Asked, seen: &mut u64) -> Result<bool> {
        let Some(row) = rows.next().await? else { return Ok(false) };
        let values = row.decode::<(u64, &str, &[u8])>();
        self.check(values.map(|(id, tag, rest)| (id, tag.to_owned(), rest.len())), asked, seen);
        Ok(true)
    }

    async fn next_batch(&self, rows: &mut Rows<'_>, asked: &Asked, seen: &mut u64) -> Result<bool> {
        let Some(batch) = rows.next_batch().await? else { return Ok(false) };
        for row in batch {
            let values = row.and_then(|row| row.decode::<(u64, String, Vec<u8>)>());
            self.check(values.map(|(id, tag, rest)| (id, tag, rest.len())), asked, seen);
        }
        Ok(true)
    }

    async fn next_chunked(
        &self,
        rows: &mut Rows<'_>,
        asked: &Asked,
        seen: &mut u64,
        leaves: bool,
    ) -> Result<bool> {
        let Some(mut row) = rows.next_chunked().await? else { return Ok(false) };
        let mut fields = Vec::new();
        while let Some(mut field) = row.next_field().await? {
            let mut bytes = Vec::new();
            while let Some(piece) = field.chunk().await? {
                bytes.extend_from_slice(piece);
            }
            fields.push(bytes);
            if leaves {
                // The rest of the row is nobody's.
                *seen += 1;
                return Ok(true);
            }
        }
        if self.honest {
            let tag = String::from_utf8_lossy(&fields[1]).into_owned();
            let id = match <[u8; 8]>::try_from(&fields[0][..]) {
                Ok(binary) if fields[0][0] < b'0' || fields[0][1] == 0 => {
                    u64::from_le_bytes(binary)
                }
                _ => String::from_utf8_lossy(&fields[0]).parse().expect("a number"),
            };
            self.check(Ok((id, tag, fields[2].len())), asked, seen);
        }
        Ok(true)
    }

    /// A row is the one that is due of the statement that was asked.
    fn check(&self, row: Result<(u64, String, usize)>, asked: &Asked, seen: &mut u64) {
        if self.honest {
            let (id, tag, length) = row.expect("an honest row");
            assert_eq!((id, tag), (*seen, tag_of(asked.number)));
            assert_eq!(length, super::session_server::filler(id));
        }
        *seen += 1;
    }

    fn judge(&self, error: &Error, session: &Session) {
        assert!(!format!("{error} {error:?} {error:#?}").contains(PASSWORD));
        if error.is_fatal() {
            assert!(session.is_dead(), "{error:?} is fatal, and the session lives");
            assert!(!self.honest || self.dropped, "{error:?}");
        } else if self.honest && !self.dropped {
            panic!("{error:?}");
        }
    }
}

/// The tag of a statement's rows.
fn tag_of(number: u64) -> String {
    format!("statement {number}")
}

/// Polls a future at most so many times, unless that is 0, and drops it then.
async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        left = left.wrapping_sub(1);
        if left == 0 { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}
