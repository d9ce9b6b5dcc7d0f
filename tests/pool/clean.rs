//! What a session is like when it is handed out again (T-63, T-64).

use mywire::{Pool, PoolReset, PooledSession, Session};

use crate::target::{Target, code, running, usable};
use crate::{each_server, pool_of};

const POLICIES: [PoolReset; 2] = [PoolReset::Always, PoolReset::WhenChanged];

/// What one user does to a session, and how the next sees that it is undone.
struct Dirt {
    sql: &'static [&'static str],
    /// Gives 0 or NULL in a clean session.
    check: &'static str,
}

const DIRT: [Dirt; 14] = [
    Dirt { sql: &["SET @dirt = 7"], check: "SELECT @dirt" },
    Dirt { sql: &["SELECT 7 INTO @dirt"], check: "SELECT @dirt" },
    Dirt { sql: &["SELECT @dirt := 7"], check: "SELECT @dirt" },
    Dirt {
        sql: &["SELECT GET_LOCK('mywire pool dirt', 10)"],
        check: "SELECT IS_USED_LOCK('mywire pool dirt') = CONNECTION_ID()",
    },
    Dirt {
        sql: &["SET SESSION sort_buffer_size = 65536"],
        check: "SELECT @@sort_buffer_size = 65536",
    },
    Dirt { sql: &["SET time_zone = '+05:00'"], check: "SELECT @@time_zone = '+05:00'" },
    Dirt { sql: &["SET sql_mode = 'ANSI_QUOTES'"], check: "SELECT @@sql_mode = 'ANSI_QUOTES'" },
    Dirt { sql: &["SET NAMES latin1"], check: "SELECT @@character_set_client = 'latin1'" },
    Dirt { sql: &["SET autocommit = 0"], check: "SELECT @@autocommit = 0" },
    Dirt { sql: &["SET foreign_key_checks = 0"], check: "SELECT @@foreign_key_checks = 0" },
    Dirt { sql: &["USE information_schema"], check: "SELECT DATABASE() = 'information_schema'" },
    Dirt {
        sql: &["BEGIN", "INSERT INTO pool_dirt VALUES (7)"],
        check: "SELECT COUNT(*) FROM pool_dirt",
    },
    Dirt { sql: &["CALL pool_sets_a_variable()"], check: "SELECT @dirt" },
    // Neither its text nor its first word shows it: the server's tracker does.
    Dirt { sql: &["SELECT pool_sets_a_variable()"], check: "SELECT @dirt" },
];

async fn stored(session: &mut Session) {
    for sql in [
        "CREATE TABLE pool_dirt (a INT) ENGINE = InnoDB",
        "CREATE PROCEDURE pool_sets_a_variable() SET @dirt = 7",
        "CREATE FUNCTION pool_sets_a_variable() RETURNS INT NO SQL BEGIN SET @dirt = 7; RETURN 1; END",
    ] {
        session.execute(sql, ()).await.unwrap();
    }
}

/// A pool of one session in a database of its own, with what the dirt needs.
async fn pool_of_one(target: &Target, policy: PoolReset) -> (Pool, Session) {
    let mut owner = target.local().await;
    let database = target.database(&mut owner).await;
    stored(&mut owner).await;
    (pool_of(target.local_config().database(database), 1, |options| options.reset(policy)), owner)
}

async fn id(session: &mut PooledSession) -> u64 {
    session.fetch_one("SELECT CONNECTION_ID()", ()).await.unwrap()
}

/// T-63, T-64, S14: each kind of dirt is gone for the next user.
#[test]
fn t63_t64_no_dirt_is_handed_on() {
    each_server(async |target| {
        for policy in POLICIES {
            let (pool, _owner) = pool_of_one(target, policy).await;
            let mut session = pool.session().await.unwrap();
            let first = id(&mut session).await;
            drop(session);
            for &Dirt { sql, check } in &DIRT {
                let mut session = pool.session().await.unwrap();
                let before: Option<i64> = session.fetch_one(check, ()).await.unwrap();
                assert_eq!(before.unwrap_or_default(), 0, "{sql:?} is not dirty to begin with");
                for &sql in sql {
                    session.execute(sql, ()).await.unwrap();
                }
                let dirty: Option<i64> = session.fetch_one(check, ()).await.unwrap();
                assert_eq!(dirty.unwrap_or_default().min(1), 1, "{sql:?} makes no dirt");
                drop(session);
                let mut session = pool.session().await.unwrap();
                let after: Option<i64> = session.fetch_one(check, ()).await.unwrap();
                assert_eq!(after.unwrap_or_default(), 0, "{sql:?} was handed on under {policy:?}");
                assert_eq!(id(&mut session).await, first, "it is the same session");
                assert!(session.database().is_some());
            }
            let charset: String = {
                let mut session = pool.session().await.unwrap();
                session.fetch_one("SELECT @@character_set_client", ()).await.unwrap()
            };
            assert_eq!(charset, "utf8mb4");
            assert_eq!(pool.status().opened, 1);
            pool.close().await;
        }
    });
}

/// An error says nothing of what its statement did before: it counts as dirt.
#[test]
fn t63_what_a_statement_left_that_failed_is_gone() {
    each_server(async |target| {
        for policy in POLICIES {
            let (pool, mut owner) = pool_of_one(target, policy).await;
            let sql = "CREATE FUNCTION pool_fails() RETURNS INT NO SQL \
                 BEGIN SET @dirt = 7; SIGNAL SQLSTATE '45000'; RETURN 1; END";
            owner.execute(sql, ()).await.unwrap();
            let mut session = pool.session().await.unwrap();
            assert_eq!(code(session.execute("SELECT pool_fails()", ()).await), 1644);
            drop(session);
            let mut session = pool.session().await.unwrap();
            let dirt: Option<i64> = session.fetch_one("SELECT @dirt", ()).await.unwrap();
            assert_eq!(dirt, None, "{policy:?}");
            let status = pool.status();
            assert_eq!((status.opened, status.resets), (1, 1), "{status:?}");
            drop(session);
            pool.close().await;
        }
    });
}

/// Temporary tables, locked tables and named statements, which only errors show.
#[test]
fn t63_temporary_tables_table_locks_and_statements_are_gone() {
    each_server(async |target| {
        for policy in POLICIES {
            let (pool, mut owner) = pool_of_one(target, policy).await;
            let mut session = pool.session().await.unwrap();
            session.execute("CREATE TEMPORARY TABLE pool_gone (a INT)", ()).await.unwrap();
            session.execute("PREPARE gone FROM 'SELECT 1'", ()).await.unwrap();
            drop(session);
            let mut session = pool.session().await.unwrap();
            assert_eq!(code(session.execute("SELECT * FROM pool_gone", ()).await), 1146);
            assert_eq!(code(session.execute("EXECUTE gone", ()).await), 1243);
            session.execute("LOCK TABLES pool_dirt WRITE", ()).await.unwrap();
            drop(session);
            drop(pool.session().await.unwrap());
            owner.execute("SET SESSION lock_wait_timeout = 60", ()).await.unwrap();
            owner.execute("INSERT INTO pool_dirt VALUES (1)", ()).await.unwrap();
            pool.close().await;
        }
    });
}

/// No round trip is added for a session that is known to be clean, and its statements stay.
#[test]
fn a_clean_session_keeps_its_statements() {
    each_server(async |target| {
        let (pool, _owner) = pool_of_one(target, PoolReset::WhenChanged).await;
        for _ in 0..5 {
            let mut session = pool.session().await.unwrap();
            session.execute("INSERT INTO pool_dirt VALUES (?)", (1,)).await.unwrap();
            let mut transaction = session.begin().await.unwrap();
            transaction.execute("DELETE FROM pool_dirt", ()).await.unwrap();
            transaction.commit().await.unwrap();
            let sql = "SELECT COUNT(*) FROM pool_dirt WHERE a = ?";
            assert_eq!(session.fetch_one::<i64>(sql, (1,)).await.unwrap(), 0);
        }
        let prepared: (String, String) = {
            let mut session = pool.session().await.unwrap();
            let sql = "SHOW SESSION STATUS LIKE 'Com_stmt_prepare'";
            session.fetch_one(sql, ()).await.unwrap()
        };
        assert_eq!(prepared.1, "2", "both statements were prepared once");
        assert_eq!(pool.status().resets, 0);
        // Not so under the policy that trusts nobody.
        let (pool, _owner) = pool_of_one(target, PoolReset::Always).await;
        for _ in 0..3 {
            usable(&mut pool.session().await.unwrap()).await;
        }
        // Lent and only looked at.
        assert!(!pool.session().await.unwrap().is_dead());
        assert!(!pool.session().await.unwrap().is_dead());
        assert_eq!(pool.status().resets, 3);
    });
}

/// S8, S14, T-110: rows that nobody read, and transactions that nobody ended, do not go on to hold
/// anything while the session lies in the pool.
#[test]
fn s8_s14_t110_nothing_is_held_by_a_session_that_came_back() {
    each_server(async |target| {
        for policy in POLICIES {
            let (pool, mut owner) = pool_of_one(target, policy).await;
            let mut session = pool.session().await.unwrap();
            let id = id(&mut session).await;
            session.execute("BEGIN", ()).await.unwrap();
            session.execute("INSERT INTO pool_dirt VALUES (1)", ()).await.unwrap();
            drop(session);
            // Nobody asks for it, and yet its lock goes: the owner's statement waits for it.
            owner.execute("SET SESSION lock_wait_timeout = 60", ()).await.unwrap();
            owner.execute("ALTER TABLE pool_dirt COMMENT 'altered'", ()).await.unwrap();
            assert!(running(&mut owner, id).await.is_some(), "it was cleaned, not closed");

            let mut session = pool.session().await.unwrap();
            drop(session.begin().await.unwrap());
            drop(session);
            let mut session = pool.session().await.unwrap();
            assert!(!session.in_transaction());

            // 10,000 rows of 1 KB, of which one is read.
            let sql = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                 SELECT a.i, REPEAT('x', 1000) FROM n a, (SELECT 1 FROM n LIMIT 10) b";
            let mut rows = session.query(sql, ()).await.unwrap();
            rows.next().await.unwrap().unwrap();
            drop(rows);
            drop(session);
            let mut session = pool.session().await.unwrap();
            usable(&mut session).await;
            // A future dropped in the middle of the wait for its answer.
            let sleeping = session.execute("DO SLEEP(0.2)", ());
            let _ = tokio::time::timeout(std::time::Duration::from_millis(50), sleeping).await;
            drop(session);
            usable(&mut pool.session().await.unwrap()).await;
            assert_eq!(pool.status().opened, 1, "one session did it all");
        }
    });
}

/// What every session of the pool is given is given again after a reset, in the configured database.
#[test]
fn e96_the_setup_holds_after_every_reset() {
    each_server(async |target| {
        for policy in POLICIES {
            let mut owner = target.local().await;
            let database = target.database(&mut owner).await;
            let config = target.local_config().database(&*database).collation("utf8mb4_unicode_ci");
            let pool = pool_of(config, 1, |options| {
                options.reset(policy).setup("SET time_zone = '+03:00'").setup("SET @ours = 'set'")
            });
            for _ in 0..3 {
                let mut session = pool.session().await.unwrap();
                let now: (String, String, String, Option<String>) = session
                    .fetch_one("SELECT @@time_zone, @ours, @@collation_connection, DATABASE()", ())
                    .await
                    .unwrap();
                let wanted = ("+03:00".into(), "set".into(), "utf8mb4_unicode_ci".into());
                assert_eq!(now, (wanted.0, wanted.1, wanted.2, Some(database.clone())));
                session.execute("SET time_zone = '-01:00', @ours = NULL", ()).await.unwrap();
                session.execute("USE mysql", ()).await.unwrap();
            }
            assert_eq!(pool.status().resets, 2);
            // A statement that fails fails the checkout, and says so.
            let pool = pool_of(target.local_config(), 1, |options| options.setup("SELEKT"));
            assert_eq!(code(pool.session().await), 1064);
        }
    });
}

/// Without a database of its own a session that went to one cannot go back, and is not handed on.
/// No reset gives the account of the pool back.
#[test]
fn t63_a_session_of_another_account_is_closed() {
    each_server(async |target| {
        for policy in [PoolReset::Always, PoolReset::WhenChanged] {
            let (pool, _) = pool_of_one(target, policy).await;
            let mut session = pool.session().await.unwrap();
            let before = id(&mut session).await;
            session.change_user(&target.local_config()).await.unwrap();
            drop(session);
            let mut session = pool.session().await.unwrap();
            assert_ne!(id(&mut session).await, before);
            drop(session);
            pool.close().await;
        }
    });
}

#[test]
fn t63_a_session_that_cannot_go_back_is_closed() {
    each_server(async |target| {
        for policy in POLICIES {
            let pool =
                pool_of(target.local_config().database(""), 1, |options| options.reset(policy));
            let mut session = pool.session().await.unwrap();
            session.use_database("mysql").await.unwrap();
            drop(session);
            let mut session = pool.session().await.unwrap();
            let now: Option<String> = session.fetch_one("SELECT DATABASE()", ()).await.unwrap();
            assert_eq!(now, None);
            let status = pool.status();
            assert_eq!((status.opened, status.discarded), (2, 1), "{status:?}");
        }
    });
}

/// C of what other drivers got wrong: a session with an open snapshot is not handed on, so nobody
/// reads what was true long ago.
#[test]
fn seed_c_d_no_snapshot_and_no_stream_is_handed_on() {
    each_server(async |target| {
        for policy in POLICIES {
            let (pool, mut owner) = pool_of_one(target, policy).await;
            for number in 1..=3_i64 {
                let mut session = pool.session().await.unwrap();
                session.execute("SET autocommit = 0", ()).await.unwrap();
                let sql = "SELECT COUNT(*) FROM pool_dirt";
                let seen: i64 = session.fetch_one(sql, ()).await.unwrap();
                assert_eq!(seen, number - 1, "an old snapshot");
                // It goes back in the middle of a stream, within the transaction.
                drop(session.query("SELECT a FROM pool_dirt", ()).await.unwrap());
                drop(session);
                owner.execute("INSERT INTO pool_dirt VALUES (1)", ()).await.unwrap();
            }
        }
    });
}
