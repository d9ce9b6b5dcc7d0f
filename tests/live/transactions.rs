//! Transactions: what their guards leave behind.

use std::time::Duration;

use mywire::error::UsageError;
use mywire::{Error, IsolationLevel, Session, TransactionOptions};

use crate::each_server;
use crate::target::{Target, code, usable};

/// Two sessions in a database with an empty table `t`.
async fn two(target: &Target) -> (Session, Session) {
    let (mut one, mut other) = (target.local().await, target.local().await);
    let name = target.database(&mut one).await;
    other.use_database(&name).await.unwrap();
    one.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE=InnoDB", ()).await.unwrap();
    (one, other)
}

async fn insert(session: &mut Session, id: i64) {
    session.execute("INSERT INTO t VALUES (?, 0)", (id,)).await.unwrap();
}

async fn ids(session: &mut Session) -> Vec<i64> {
    session.fetch_all("SELECT id FROM t ORDER BY id", ()).await.unwrap()
}

/// T-65: dropped without a commit, it does not stay open.
#[test]
fn t65_committed_rolled_back_and_dropped() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        assert!(!session.in_transaction());
        let mut tx = session.begin().await.unwrap();
        assert!(tx.in_transaction());
        insert(&mut tx, 1).await;
        assert!(tx.in_transaction());
        assert!(ids(&mut other).await.is_empty());
        tx.commit().await.unwrap();
        assert!(!session.in_transaction());
        assert_eq!(ids(&mut other).await, [1]);

        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 2).await;
        tx.rollback().await.unwrap();
        assert!(!session.in_transaction());
        assert_eq!(ids(&mut session).await, [1]);

        // Dropped: undone before the next command, whichever it is.
        for command in 0..4 {
            let mut tx = session.begin().await.unwrap();
            insert(&mut tx, 3).await;
            drop(tx);
            match command {
                0 => session.ping().await.unwrap(),
                1 => drop(session.prepare("SELECT 1").await.unwrap()),
                2 => session.reset().await.unwrap(),
                _ => usable(&mut session).await,
            }
            assert!(!session.in_transaction());
            assert_eq!(ids(&mut session).await, [1]);
        }
        // Left in the middle of rows.
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 4).await;
        drop(tx.query("SELECT id FROM t WHERE id > ?", (0,)).await.unwrap());
        drop(tx);
        assert_eq!(ids(&mut session).await, [1]);
    });
}

#[test]
fn savepoints_within_savepoints() {
    each_server(async |target| {
        let (mut session, _) = two(target).await;
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 1).await;
        let mut first = tx.savepoint().await.unwrap();
        insert(&mut first, 2).await;
        let mut second = first.savepoint().await.unwrap();
        insert(&mut second, 3).await;
        second.rollback().await.unwrap();
        assert_eq!(ids(&mut first).await, [1, 2]);
        let mut second = first.savepoint().await.unwrap();
        insert(&mut second, 4).await;
        second.commit().await.unwrap();
        let mut second = first.savepoint().await.unwrap();
        insert(&mut second, 5).await;
        drop(second);
        assert_eq!(ids(&mut first).await, [1, 2, 4]);
        assert!(first.in_transaction());
        first.commit().await.unwrap();
        let mut first = tx.savepoint().await.unwrap();
        insert(&mut first, 6).await;
        drop(first);
        // The savepoint is undone before the commit, and nothing else.
        tx.commit().await.unwrap();
        assert_eq!(ids(&mut session).await, [1, 2, 4]);

        // All guards dropped at once undo it all.
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 7).await;
        let mut first = tx.savepoint().await.unwrap();
        let mut second = first.savepoint().await.unwrap();
        insert(&mut second, 8).await;
        drop(second);
        drop(first);
        drop(tx);
        assert_eq!(ids(&mut session).await, [1, 2, 4]);
        assert!(!session.in_transaction());
    });
}

#[test]
fn options_are_in_force() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        let plain = TransactionOptions::default;
        for (level, seen_open, seen_committed) in [
            (IsolationLevel::ReadUncommitted, 1, 1),
            (IsolationLevel::ReadCommitted, 0, 1),
            (IsolationLevel::RepeatableRead, 0, 0),
        ] {
            other.execute("DELETE FROM t", ()).await.unwrap();
            let mut tx = session.begin_with(plain().isolation(level)).await.unwrap();
            assert_eq!(ids(&mut tx).await.len(), 0, "{level:?}");
            let mut theirs = other.begin().await.unwrap();
            insert(&mut theirs, 1).await;
            assert_eq!(ids(&mut tx).await.len(), seen_open, "{level:?}");
            theirs.commit().await.unwrap();
            assert_eq!(ids(&mut tx).await.len(), seen_committed, "{level:?}");
            tx.commit().await.unwrap();
        }
        // Serializable: reads lock what they read.
        let options = plain().isolation(IsolationLevel::Serializable);
        let mut tx = session.begin_with(options).await.unwrap();
        assert_eq!(ids(&mut tx).await, [1]);
        other.execute("SET innodb_lock_wait_timeout = 1", ()).await.unwrap();
        assert_eq!(code(other.execute("UPDATE t SET n = 1 WHERE id = 1", ()).await), 1205);
        drop(tx);

        let mut tx = session.begin_with(plain().read_only(true)).await.unwrap();
        assert_eq!(code(tx.execute("INSERT INTO t VALUES (9, 0)", ()).await), 1792);
        tx.commit().await.unwrap();
        session.execute("SET SESSION TRANSACTION READ ONLY", ()).await.unwrap();
        let mut tx = session.begin_with(plain().read_only(false)).await.unwrap();
        insert(&mut tx, 2).await;
        tx.commit().await.unwrap();
        session.execute("SET SESSION TRANSACTION READ WRITE", ()).await.unwrap();

        // The snapshot is taken at the beginning; without it, at the first read.
        for (options, seen) in [(plain().consistent_snapshot(), 2), (plain(), 3)] {
            let options = options.isolation(IsolationLevel::RepeatableRead);
            let mut tx = session.begin_with(options).await.unwrap();
            insert(&mut other, 3).await;
            assert_eq!(ids(&mut tx).await.len(), seen);
            tx.commit().await.unwrap();
            other.execute("DELETE FROM t WHERE id = 3", ()).await.unwrap();
        }
        // The next transaction has the session's own level again.
        let mut tx = session.begin().await.unwrap();
        assert_eq!(ids(&mut tx).await.len(), 2);
        insert(&mut other, 4).await;
        assert_eq!(ids(&mut tx).await.len(), 2);
    });
}

#[test]
fn t61_a_begin_or_commit_that_nobody_waits_for() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        let options = TransactionOptions::default().isolation(IsolationLevel::ReadCommitted);
        for options in [TransactionOptions::default(), options] {
            // Polled once: it is written, and its answer is not there yet.
            let begun = tokio::time::timeout(Duration::ZERO, session.begin_with(options)).await;
            drop(begun);
            assert_eq!(ids(&mut session).await.len(), 0);
            assert!(!session.in_transaction());
            insert(&mut session, 1).await;
            assert_eq!(ids(&mut other).await, [1], "outside of any transaction");
            other.execute("DELETE FROM t", ()).await.unwrap();
        }
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 2).await;
        let _ = tokio::time::timeout(Duration::ZERO, tx.rollback()).await;
        assert_eq!(ids(&mut session).await.len(), 0);
        assert!(!session.in_transaction());
    });
}

#[test]
fn a_deadlock_ends_the_transaction_and_not_the_session() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        insert(&mut session, 1).await;
        insert(&mut session, 2).await;
        let update = "UPDATE t SET n = n + 1 WHERE id = ?";
        let mut mine = session.begin().await.unwrap();
        let mut theirs = other.begin().await.unwrap();
        mine.execute(update, (1,)).await.unwrap();
        theirs.execute(update, (2,)).await.unwrap();
        let (a, b) = tokio::join!(mine.execute(update, (2,)), theirs.execute(update, (1,)));
        let refused: Vec<_> = [a, b].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1, "one of both is the victim");
        let error = refused[0].as_server().unwrap();
        assert_eq!((error.code(), refused[0].is_fatal()), (1213, false));
        drop(mine);
        drop(theirs);
        usable(&mut session).await;
        usable(&mut other).await;
        let sum: i64 = session.fetch_one("SELECT CAST(SUM(n) AS SIGNED) FROM t", ()).await.unwrap();
        assert_eq!(sum, 0);
        assert!(!session.in_transaction() && !other.in_transaction());
    });
}

/// T-94: the whole transaction is gone, savepoints and all, and what follows would commit by itself.
#[test]
fn t94_nothing_runs_behind_a_deadlock_until_the_guard_is_gone() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        insert(&mut session, 1).await;
        insert(&mut session, 2).await;
        let update = "UPDATE t SET n = n + 1 WHERE id = ?";
        let mut mine = session.begin().await.unwrap();
        let mut theirs = other.begin().await.unwrap();
        mine.execute(update, (1,)).await.unwrap();
        theirs.execute(update, (2,)).await.unwrap();
        let mut inner = mine.savepoint().await.unwrap();
        let (a, b) = tokio::join!(inner.execute(update, (2,)), theirs.execute(update, (1,)));
        let ended = |error: Error| matches!(error, Error::Usage(UsageError::TransactionEnded));
        match (a, b) {
            (Err(_), Ok(_)) => {
                assert!(ended(inner.execute("INSERT INTO t VALUES (8, 1)", ()).await.unwrap_err()));
                drop(inner);
                assert!(ended(mine.execute("INSERT INTO t VALUES (9, 1)", ()).await.unwrap_err()));
                assert!(ended(mine.commit().await.unwrap_err()));
                theirs.rollback().await.unwrap();
            }
            (Ok(_), Err(_)) => {
                let error = theirs.execute("INSERT INTO t VALUES (9, 1)", ()).await.unwrap_err();
                assert!(ended(error));
                theirs.rollback().await.unwrap();
                inner.rollback().await.unwrap();
                mine.rollback().await.unwrap();
            }
            both => panic!("one of both is the victim: {both:?}"),
        }
        assert_eq!(ids(&mut session).await, [1, 2]);
        assert_eq!(ids(&mut other).await, [1, 2]);
        let mut again = session.begin().await.unwrap();
        insert(&mut again, 3).await;
        again.commit().await.unwrap();
        assert_eq!(ids(&mut other).await, [1, 2, 3]);
    });
}

/// T-94: the error of a deadlock that is none leaves the transaction open on the server; its guard
/// undoes it.
#[test]
fn t94_a_signalled_deadlock_leaves_nothing_open() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        let sql = "CREATE PROCEDURE p() SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213";
        session.execute(sql, ()).await.unwrap();
        for id in [1, 3] {
            let mut tx = session.begin().await.unwrap();
            insert(&mut tx, id).await;
            assert_eq!(code(tx.execute("CALL p()", ()).await), 1213);
            match id {
                1 => tx.rollback().await.unwrap(),
                _ => drop(tx),
            }
            insert(&mut session, id + 1).await;
            assert!(!session.in_transaction());
        }
        assert_eq!(ids(&mut other).await, [2, 4]);
    });
}

/// T-65: what undoes a transaction behind its guard's back does not let it be committed.
#[test]
fn t65_a_reset_or_another_user_ends_the_transaction() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        let database = session.database().unwrap().to_owned();
        for change_user in [false, true] {
            let mut tx = session.begin().await.unwrap();
            insert(&mut tx, 1).await;
            match change_user {
                false => tx.reset().await.unwrap(),
                true => tx.change_user(&target.config().database(&*database)).await.unwrap(),
            }
            let error = tx.commit().await.unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::TransactionEnded)), "{error}");
            assert!(!error.is_fatal());
            usable(&mut session).await;
            assert_eq!(ids(&mut other).await, [0_i64; 0]);
        }
        // What follows is a transaction like any other.
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 2).await;
        tx.commit().await.unwrap();
        assert_eq!(ids(&mut other).await, [2]);
    });
}

/// A statement that commits by itself takes the savepoints with the transaction: what undoes one
/// says so, and what follows does not run as if nothing had happened.
#[test]
fn a_savepoint_that_went_with_its_transaction() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 1).await;
        let mut inner = tx.savepoint().await.unwrap();
        insert(&mut inner, 2).await;
        inner.execute("CREATE TABLE u (a INT)", ()).await.unwrap();
        drop(inner);
        let ended = |error: Error| matches!(error, Error::Usage(UsageError::TransactionEnded));
        assert!(ended(tx.execute("INSERT INTO t VALUES (3, 0)", ()).await.unwrap_err()));
        assert!(ended(tx.commit().await.unwrap_err()));
        assert_eq!(ids(&mut session).await, [1, 2]);
        assert_eq!(ids(&mut other).await, [1, 2]);
    });
}

#[test]
fn a_transaction_does_not_begin_within_another() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 1).await;
        let error = tx.begin().await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::TransactionOpen)), "{error}");
        assert!(ids(&mut other).await.is_empty(), "nothing was committed");
        tx.rollback().await.unwrap();
        assert!(ids(&mut session).await.is_empty());
        for (sql, inside) in [("BEGIN", true), ("SET autocommit = 0", false)] {
            session.execute(sql, ()).await.unwrap();
            assert_eq!(session.in_transaction(), inside);
            insert(&mut session, 2).await;
            let options = TransactionOptions::default().isolation(IsolationLevel::ReadCommitted);
            for options in [TransactionOptions::default(), options] {
                let error = session.begin_with(options).await.map(drop).unwrap_err();
                assert!(matches!(error, Error::Usage(UsageError::TransactionOpen)), "{error}");
            }
            assert!(ids(&mut other).await.is_empty(), "nothing was committed");
            session.execute("ROLLBACK", ()).await.unwrap();
            session.begin().await.unwrap().rollback().await.unwrap();
        }
        session.execute("SET autocommit = 1", ()).await.unwrap();
        // A guard that is never dropped leaves its transaction open, too.
        std::mem::forget(session.begin().await.unwrap());
        assert!(session.begin().await.is_err());
        session.reset().await.unwrap();
        session.begin().await.unwrap().commit().await.unwrap();
    });
}

/// T-94: the other errors behind which a server has rolled back everything.
#[test]
fn t94_a_changed_snapshot_ends_the_transaction() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        insert(&mut session, 1).await;
        if !session.is_mariadb() {
            // MySQL never refuses an update for its snapshot.
            let options = TransactionOptions::default().isolation(IsolationLevel::RepeatableRead);
            let mut tx = session.begin_with(options.consistent_snapshot()).await.unwrap();
            other.execute("UPDATE t SET n = 1", ()).await.unwrap();
            tx.execute("UPDATE t SET n = n + 1 WHERE id = 1", ()).await.unwrap();
            return tx.commit().await.unwrap();
        }
        session.execute("SET innodb_snapshot_isolation = ON", ()).await.unwrap();
        let options = TransactionOptions::default().isolation(IsolationLevel::RepeatableRead);
        let mut tx = session.begin_with(options.consistent_snapshot()).await.unwrap();
        other.execute("UPDATE t SET n = 1", ()).await.unwrap();
        assert_eq!(code(tx.execute("UPDATE t SET n = n + 1 WHERE id = 1", ()).await), 1020);
        let error = tx.execute("INSERT INTO t VALUES (9, 1)", ()).await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::TransactionEnded)), "{error}");
        tx.rollback().await.unwrap();
        assert_eq!(ids(&mut session).await, [1]);
    });
}

/// every kind of reply carries the status word.
#[test]
fn in_transaction_follows_every_status_word() {
    each_server(async |target| {
        let (mut session, _) = two(target).await;
        for (sql, inside) in [
            ("START TRANSACTION", true),
            ("SELECT 1", true),
            ("COMMIT", false),
            ("SET autocommit = 0", false),
            ("SELECT id FROM t", true),
            ("ROLLBACK", false),
            ("INSERT INTO t VALUES (1, 1)", true),
            ("CREATE TABLE u (a INT)", false),
            ("SET autocommit = 1", false),
            ("INSERT INTO t VALUES (2, 1)", false),
        ] {
            session.execute(sql, ()).await.unwrap();
            assert_eq!(session.in_transaction(), inside, "{sql}");
        }
        session.execute("BEGIN", ()).await.unwrap();
        session.execute("INSERT INTO t VALUES (?, 1)", (3,)).await.unwrap();
        assert!(session.in_transaction());
        assert_eq!(code(session.execute("INSERT INTO t VALUES (?, 1)", (3,)).await), 1062);
        session.ping().await.unwrap();
        assert!(session.in_transaction());
        session.reset().await.unwrap();
        assert!(!session.in_transaction());
    });
}

/// A lock wait's timeout undoes the statement alone, unless the server has
/// `innodb_rollback_on_timeout` (`tests/scripted/transactions.rs`): the transaction goes on.
#[test]
fn a_lock_wait_that_times_out_leaves_the_transaction() {
    each_server(async |target| {
        let (mut session, mut other) = two(target).await;
        insert(&mut session, 1).await;
        let mut theirs = other.begin().await.unwrap();
        theirs.execute("UPDATE t SET n = 5 WHERE id = 1", ()).await.unwrap();
        session.execute("SET innodb_lock_wait_timeout = 1", ()).await.unwrap();
        let mut tx = session.begin().await.unwrap();
        insert(&mut tx, 2).await;
        let mut nested = tx.savepoint().await.unwrap();
        insert(&mut nested, 3).await;
        assert_eq!(code(nested.execute("UPDATE t SET n = 6 WHERE id = 1", ()).await), 1205);
        nested.rollback().await.unwrap();
        assert_eq!(code(tx.execute("UPDATE t SET n = 6 WHERE id = 1", ()).await), 1205);
        tx.commit().await.unwrap();
        theirs.rollback().await.unwrap();
        assert_eq!(ids(&mut session).await, [1, 2]);
    });
}
