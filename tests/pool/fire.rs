//! Many tasks, few sessions, and everything that goes wrong (S5 to S8, S14, T-60, T-63).
//!
//! `MYWIRE_FIRE_ROUNDS` says how many rounds each task does; by hand a number that takes a minute.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mywire::error::UsageError;
use mywire::{CancelHandle, Error, Pool, PoolReset, PooledSession, Session};
use tokio::time::timeout;

use crate::{each_server, pool_of};

const TASKS: u64 = 200;
const SESSIONS: usize = 8;
/// Takes some seconds in all.
const ROUNDS: u64 = 12;

#[derive(Default)]
struct Tally {
    rounds: AtomicU64,
    rows: AtomicU64,
    errors: AtomicU64,
    dropped_futures: AtomicU64,
    dropped_rows: AtomicU64,
    kills: AtomicU64,
    dirtied: AtomicU64,
    checked: AtomicU64,
    /// Cancels that found nothing, and that were told to the server or were in time.
    cancels: [AtomicU64; 2],
    /// Cancels by the handles of those who had a session before.
    stale: AtomicU64,
    committed: AtomicU64,
    /// Commits of which nobody knows.
    unknown: AtomicU64,
}

struct Fire {
    pool: Pool,
    /// Sessions that somebody holds, for who kills.
    held: Mutex<BTreeSet<u64>>,
    tally: Tally,
    database: String,
    killer: tokio::sync::Mutex<Session>,
    /// A handle of a session that was given back, most likely.
    kept: Mutex<Option<CancelHandle>>,
}

/// A small generator whose numbers repeat with its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn rows_of(tag: &str, rows: u64) -> String {
    format!(
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         SELECT '{tag}', i, REPEAT('x', 300) FROM n"
    )
}

/// An error that killing explains. Everything else is a failure of the test.
fn allowed(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Protocol(_) => error.is_fatal(),
        // Killed; and a lock that somebody who was killed, or a table lock, made us wait for.
        Error::Server(error) => [1317, 1927, 1053, 3169, 1205, 1213, 1969].contains(&error.code()),
        _ => false,
    }
}

impl Fire {
    /// What the last user left would show here. Its own rows carry the tag; a lock of GET_LOCK is
    /// counted, and under LOCK TABLES the table `fire_fixed` cannot be read (1100). (MariaDB gives 0
    /// for a bare `@@autocommit` beside an aggregate.)
    async fn check_clean(&self, session: &mut PooledSession, tag: &str) -> Result<(), Error> {
        assert!(!session.in_transaction(), "an open transaction was handed on");
        let sql = format!(
            "SELECT '{tag}', @dirt, RELEASE_ALL_LOCKS(), DATABASE(), @@autocommit + 0, \
             @@sort_buffer_size = @@GLOBAL.sort_buffer_size, COUNT(*) FROM fire_fixed"
        );
        type Found = (String, Option<i64>, i64, Option<String>, i64, i64, i64);
        let found: Found = session.fetch_one(&sql, ()).await?;
        let clean = (tag.to_owned(), None, 0, Some(self.database.clone()), 1, 1, 3);
        assert_eq!(found, clean, "a dirty session, or another's rows");
        let error = session.execute("SELECT * FROM fire_temporary", ()).await.unwrap_err();
        match error.as_server() {
            Some(error) if error.code() == 1146 => {}
            _ => return Err(error),
        }
        add(&self.tally.checked, 1);
        Ok(())
    }

    /// Reads at most `most` of a statement's rows; each has to carry the tag.
    async fn read(
        &self,
        session: &mut Session,
        tag: &str,
        rows: u64,
        most: u64,
    ) -> Result<(), Error> {
        let sql = rows_of(tag, rows);
        let mut found = session.query(&sql, ()).await?;
        let mut seen = 0;
        while seen < most {
            let Some(row) = found.next().await? else {
                assert_eq!(seen, rows, "rows are missing");
                found.finish().await?;
                return Ok(());
            };
            seen += 1;
            let (whose, number, _pad): (&str, u64, &str) = row.decode()?;
            assert_eq!((whose, number), (tag, seen), "mixed rows");
            add(&self.tally.rows, 1);
        }
        add(&self.tally.dropped_rows, 1);
        Ok(())
    }

    async fn act(
        &self,
        session: &mut PooledSession,
        tag: &str,
        random: &mut Random,
    ) -> Result<(), Error> {
        match random.below(11) {
            0 => self.read(session, tag, 200, u64::MAX).await?,
            1 => self.read(session, tag, 1000, random.below(50)).await?,
            2 => {
                let wait = Duration::from_micros(random.below(3000));
                match timeout(wait, self.read(session, tag, 1000, u64::MAX)).await {
                    Ok(done) => done?,
                    Err(_) => add(&self.tally.dropped_futures, 1),
                }
                // Mostly it goes back in that state; sometimes it is used on.
                if random.below(3) == 0 {
                    self.read(session, tag, 3, u64::MAX).await?;
                }
            }
            3 => {
                let (whose, number): (String, u64) =
                    session.fetch_one("SELECT ?, ?", (tag, 7_u64)).await?;
                assert_eq!((whose.as_str(), number), (tag, 7), "mixed rows");
            }
            4 => {
                let mut transaction = session.begin().await?;
                transaction.execute("INSERT INTO fire_rows VALUES (?)", (tag,)).await?;
                match random.below(3) {
                    0 => drop(transaction),
                    1 => std::mem::forget(transaction),
                    _ => match transaction.commit().await {
                        Ok(()) => add(&self.tally.committed, 1),
                        Err(error) => {
                            add(&self.tally.unknown, 1);
                            return Err(error);
                        }
                    },
                }
            }
            5 => {
                add(&self.tally.dirtied, 1);
                let sql = match random.below(8) {
                    0 => "SET @dirt = 7".to_owned(),
                    1 => "SELECT 7 INTO @dirt".to_owned(),
                    2 => format!("SELECT GET_LOCK('{tag}', 0)"),
                    3 => "CREATE TEMPORARY TABLE fire_temporary (a INT)".to_owned(),
                    4 => "USE information_schema".to_owned(),
                    5 => "SET autocommit = 0".to_owned(),
                    6 => "SET SESSION sort_buffer_size = 65536".to_owned(),
                    _ => "LOCK TABLES fire_locked READ".to_owned(),
                };
                session.execute(&sql, ()).await?;
            }
            6 => {
                session.execute("BEGIN", ()).await?;
                session.execute("INSERT INTO fire_rows VALUES (?)", (tag,)).await?;
            }
            7 => {
                let sleeping = session.execute("DO SLEEP(0.02)", ());
                let wait = Duration::from_micros(random.below(20_000));
                match timeout(wait, sleeping).await {
                    Ok(done) => drop(done?),
                    Err(_) => add(&self.tally.dropped_futures, 1),
                }
            }
            8 => {
                let handle = session.cancel_handle();
                let wait = Duration::from_micros(random.below(8000));
                let cancelled = async {
                    tokio::time::sleep(wait).await;
                    handle.cancel().await
                };
                let slow = session.execute("DO SLEEP(0.02)", ());
                let (slept, cancelled) = tokio::join!(slow, cancelled);
                match cancelled {
                    Ok(hit) => add(&self.tally.cancels[usize::from(hit)], 1),
                    // Somebody killed the session meanwhile.
                    Err(error) => {
                        let lost = matches!(&error, Error::Usage(UsageError::CannotCancel { .. }));
                        assert!(lost, "{error:?}");
                    }
                }
                match slept {
                    Err(Error::Usage(UsageError::Cancelled)) => {}
                    Err(Error::Server(error)) if error.code() == 1317 => {}
                    slept => drop(slept?),
                }
                // What follows is not hit.
                self.read(session, tag, 20, u64::MAX).await?;
            }
            9 => {
                // Kept beyond the loan: it is about a statement that never comes, and nobody else's.
                let kept = session.cancel_handle();
                let old = self.kept.lock().unwrap().replace(kept);
                if let Some(old) = old {
                    add(&self.tally.stale, 1);
                    drop(old.cancel().await);
                }
            }
            _ => {
                let victim = {
                    let held = self.held.lock().unwrap();
                    let place = random.below(held.len().max(1) as u64) as usize;
                    held.iter().nth(place).copied()
                };
                if let Some(id) = victim {
                    let what = if random.below(2) == 0 { "KILL QUERY" } else { "KILL" };
                    let sql = format!("{what} {id}");
                    match self.killer.lock().await.execute(&sql, ()).await {
                        Ok(_) => add(&self.tally.kills, 1),
                        // It was gone already.
                        Err(error) => assert_eq!(error.as_server().unwrap().code(), 1094),
                    }
                }
            }
        }
        Ok(())
    }

    async fn round(&self, tag: &str, random: &mut Random) -> Result<(), Error> {
        // Some do not wait for a session to the end.
        let checkout = match random.below(6) {
            0 => timeout(Duration::from_micros(random.below(5000)), self.pool.session()).await,
            _ => Ok(self.pool.session().await),
        };
        let Ok(session) = checkout else {
            add(&self.tally.dropped_futures, 1);
            return Ok(());
        };
        let mut session = session?;
        if random.below(2) == 0 {
            self.check_clean(&mut session, tag).await?;
        }
        let id: u64 = session.fetch_one("SELECT CONNECTION_ID()", ()).await?;
        self.held.lock().unwrap().insert(id);
        let outcome = self.act(&mut session, tag, random).await;
        self.held.lock().unwrap().remove(&id);
        outcome
    }
}

/// T-60, T-63, T-110, S14: 0 mixed rows, 0 leaked places, 0 dirty sessions.
#[test]
fn t60_t63_t110_s14_a_pool_under_fire() {
    let rounds = std::env::var("MYWIRE_FIRE_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    each_server(async |target| {
        let started = Instant::now();
        let mut owner = target.local().await;
        let database = target.database(&mut owner).await;
        for sql in [
            "CREATE TABLE fire_rows (tag VARCHAR(64)) ENGINE = InnoDB",
            "CREATE TABLE fire_locked (a INT) ENGINE = InnoDB",
            "CREATE TABLE fire_fixed (a INT) ENGINE = InnoDB",
            "INSERT INTO fire_fixed VALUES (1), (2), (3)",
        ] {
            owner.execute(sql, ()).await.unwrap();
        }
        for (turn, policy) in [PoolReset::Always, PoolReset::WhenChanged].into_iter().enumerate() {
            owner.execute("DELETE FROM fire_rows", ()).await.unwrap();
            let config = target.local_config().database(&*database);
            let pool = pool_of(config, SESSIONS, |options| {
                options.reset(policy).min(2).acquire_timeout(Duration::from_secs(100))
            });
            let fire = Arc::new(Fire {
                pool: pool.clone(),
                held: Mutex::default(),
                tally: Tally::default(),
                database: database.clone(),
                killer: tokio::sync::Mutex::new(target.local().await),
                kept: Mutex::default(),
            });
            let mut tasks = Vec::new();
            for task in 0..TASKS {
                let fire = fire.clone();
                tasks.push(tokio::spawn(async move {
                    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (task + 1) << turn);
                    for round in 0..rounds.div_ceil(2) {
                        let tag = format!("{turn} {task} {round}");
                        if let Err(error) = fire.round(&tag, &mut random).await {
                            assert!(allowed(&error), "{error:?}");
                            add(&fire.tally.errors, 1);
                        }
                        add(&fire.tally.rounds, 1);
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            // No place was lost: all sessions can be had at the same time, and each is clean.
            let mut all = Vec::new();
            for number in 0..SESSIONS {
                let mut session = pool.session().await.unwrap();
                fire.check_clean(&mut session, &format!("last {number}")).await.unwrap();
                all.push(session);
            }
            let status = pool.status();
            assert_eq!((status.open, status.in_use), (SESSIONS, SESSIONS), "{status:?}");
            assert_eq!((status.waiting, status.timed_out), (0, 0), "{status:?}");
            drop(all);
            pool.close().await;
            assert_eq!(pool.status().open, 0);
            let kept: u64 = owner.fetch_one("SELECT COUNT(*) FROM fire_rows", ()).await.unwrap();
            let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
            let tally = &fire.tally;
            let (committed, unknown) = (get(&tally.committed), get(&tally.unknown));
            assert!(
                (committed..=committed + unknown).contains(&kept),
                "{kept} rows of {committed} commits and {unknown} of which nobody knows"
            );
            println!(
                "{} {policy:?}: {} rounds, {} rows, {} checks, {} dirtied, {} futures and {} rows \
                 dropped, {} kills, {} of {} cancels in time, {} stale, {} errors, {committed} \
                 commits; {} opened, {} resets, {} discarded; {:?}",
                target.server.name,
                get(&tally.rounds),
                get(&tally.rows),
                get(&tally.checked),
                get(&tally.dirtied),
                get(&tally.dropped_futures),
                get(&tally.dropped_rows),
                get(&tally.kills),
                get(&tally.cancels[1]),
                get(&tally.cancels[0]) + get(&tally.cancels[1]),
                get(&tally.stale),
                get(&tally.errors),
                status.opened,
                status.resets,
                status.discarded,
                started.elapsed(),
            );
            assert!(get(&tally.checked) > 0 && get(&tally.rows) > 0);
        }
    });
}
