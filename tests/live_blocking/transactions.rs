//! Transactions: what their guards leave behind.

use library::blocking::Session;
use library::error::UsageError;
use library::{Error, IsolationLevel, TransactionOptions};

use crate::servers::{self, Server};

/// Two sessions in a database of the case's own, which is dropped at the end, with an empty table.
fn each_server(name: &str, case: impl Fn(&mut Session, &mut Session)) {
    for server in servers::all() {
        let connect = |server: &Server| Session::connect(&server.url).unwrap();
        let (mut one, mut other) = (connect(server), connect(server));
        let database = format!("blocking_{name}_{}", std::process::id());
        one.execute(&format!("CREATE DATABASE {database}"), ()).unwrap();
        one.use_database(&database).unwrap();
        other.use_database(&database).unwrap();
        one.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE=InnoDB", ()).unwrap();
        case(&mut one, &mut other);
        other.close().unwrap();
        one.execute(&format!("DROP DATABASE {database}"), ()).unwrap();
    }
}

fn insert(session: &mut Session, id: i64) {
    session.execute("INSERT INTO t VALUES (?, 0)", (id,)).unwrap();
}

fn ids(session: &mut Session) -> Vec<i64> {
    session.fetch_all("SELECT id FROM t ORDER BY id", ()).unwrap()
}

#[test]
fn committed_rolled_back_and_dropped() {
    each_server("ends", |session, other| {
        let mut tx = session.begin().unwrap();
        insert(&mut tx, 1);
        assert!(tx.in_transaction() && ids(other).is_empty());
        tx.commit().unwrap();
        assert_eq!(ids(other), [1]);
        let mut tx = session.begin().unwrap();
        insert(&mut tx, 2);
        tx.rollback().unwrap();
        assert_eq!(ids(session), [1]);
        let mut tx = session.begin().unwrap();
        insert(&mut tx, 3);
        drop(tx.query("SELECT id FROM t", ()).unwrap());
        drop(tx);
        session.ping().unwrap();
        assert!(!session.in_transaction());
        assert_eq!(ids(session), [1]);
    });
}

#[test]
fn savepoints_within_savepoints() {
    each_server("savepoints", |session, _| {
        let mut tx = session.begin().unwrap();
        insert(&mut tx, 1);
        let mut first = tx.savepoint().unwrap();
        insert(&mut first, 2);
        let mut second = first.savepoint().unwrap();
        insert(&mut second, 3);
        second.rollback().unwrap();
        let mut second = first.savepoint().unwrap();
        insert(&mut second, 4);
        drop(second);
        assert_eq!(ids(&mut first), [1, 2]);
        first.commit().unwrap();
        tx.commit().unwrap();
        assert_eq!(ids(session), [1, 2]);
        // All guards dropped at once undo it all.
        let mut tx = session.begin().unwrap();
        insert(&mut tx, 5);
        let mut first = tx.savepoint().unwrap();
        insert(&mut first, 6);
        drop(first);
        drop(tx);
        assert_eq!(ids(session), [1, 2]);
    });
}

#[test]
fn options_and_misuse() {
    each_server("options", |session, other| {
        let options = TransactionOptions::default().isolation(IsolationLevel::ReadUncommitted);
        let mut theirs = other.begin().unwrap();
        insert(&mut theirs, 1);
        let mut tx = session.begin_with(options).unwrap();
        assert_eq!(ids(&mut tx), [1]);
        let error = tx.begin().map(drop).unwrap_err();
        assert!(matches!(&error, Error::Usage(e) if *e == UsageError::TransactionOpen), "{error}");
        drop(tx);
        theirs.rollback().unwrap();
        let options = TransactionOptions::default().read_only(true);
        let mut tx = session.begin_with(options).unwrap();
        let error = tx.execute("INSERT INTO t VALUES (9, 9)", ()).unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1792);
        drop(tx);
        assert!(ids(session).is_empty());
    });
}

/// T-94: a deadlock ends the whole transaction, and nothing runs outside of it unnoticed.
#[test]
fn t94_a_deadlock_ends_the_transaction() {
    each_server("deadlock", |session, other| {
        insert(session, 1);
        insert(session, 2);
        let update = "UPDATE t SET n = n + 1 WHERE id = ?";
        let mut mine = session.begin().unwrap();
        let mut theirs = other.begin().unwrap();
        mine.execute(update, (1,)).unwrap();
        theirs.execute(update, (2,)).unwrap();
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| mine.execute(update, (2,)));
            let b = scope.spawn(|| theirs.execute(update, (1,)));
            (a.join().unwrap(), b.join().unwrap())
        });
        let victims = [(a, &mut mine), (b, &mut theirs)];
        let mut ended = 0;
        for (outcome, transaction) in victims {
            let Err(error) = outcome else { continue };
            assert_eq!(error.as_server().unwrap().code(), 1213);
            assert!(transaction.execute(update, (1,)).is_err(), "it ran outside");
            ended += 1;
        }
        assert_eq!(ended, 1);
        drop(mine);
        drop(theirs);
        assert_eq!(ids(session), [1, 2]);
        assert_eq!(ids(other), [1, 2]);
    });
}
