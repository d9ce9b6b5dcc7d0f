//! Transactions that a server does not undo at once.

use mywire::Error;
use mywire::error::UsageError;
use mywire::wire::{Command, StatusFlags};

use crate::scripted::*;

/// Only a savepoint that is gone needs no undoing: any other refusal is told, and the rollback goes
/// out again in front of the next command.
#[test]
fn a_refused_rollback_is_tried_again() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            let open = ok_status(StatusFlags::IN_TRANS);
            for sql in ["START TRANSACTION ", "SAVEPOINT mywire_1"] {
                server.expect(Command::Query(sql.as_bytes())).await;
                server.send(server.reply().ok_with(&open)).await;
            }
            let undo = Command::Query(b"ROLLBACK TO SAVEPOINT mywire_1");
            server.expect(undo).await;
            server.send(server.reply().err(1317, "interrupted")).await;
            server.expect(undo).await;
            server.send(server.reply().ok_with(&open)).await;
            server.expect(Command::Ping).await;
            server.send(server.reply().ok_with(&open)).await;
            server.expect(Command::Query(b"COMMIT")).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        let mut tx = session.begin().await.unwrap();
        drop(tx.savepoint().await.unwrap());
        let error = tx.ping().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1317);
        tx.ping().await.unwrap();
        tx.commit().await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// The error of a lock wait that timed out does not say whether the statement or the transaction is
/// undone: the status word of a PING does, and nothing runs outside of a transaction that is gone.
#[test]
fn a_lock_wait_may_have_ended_the_transaction() {
    for (status, gone) in [(StatusFlags::IN_TRANS, false), (StatusFlags::AUTOCOMMIT, true)] {
        for commit in [true, false] {
            run(async move {
                let (mut session, script) =
                    logged_in(mysql(), &config(), move |mut server| async move {
                        let open = ok_status(StatusFlags::IN_TRANS);
                        server.expect(Command::Query(b"START TRANSACTION ")).await;
                        server.send(server.reply().ok_with(&open)).await;
                        server.expect(Command::Query(b"UPDATE t")).await;
                        server.send(server.reply().err(1205, "Lock wait timeout exceeded")).await;
                        server.expect(Command::Ping).await;
                        server.send(server.reply().ok_with(&ok_status(status))).await;
                        let sql: &[u8] = if commit && !gone { b"COMMIT" } else { b"ROLLBACK" };
                        server.expect(Command::Query(sql)).await;
                        server.send(server.reply().ok()).await;
                        server.echo().await;
                    })
                    .await;
                let mut tx = session.begin().await.unwrap();
                assert_eq!(
                    tx.execute("UPDATE t", ()).await.unwrap_err().as_server().unwrap().code(),
                    1205
                );
                let ended = if commit { tx.commit().await } else { tx.rollback().await };
                assert_eq!(ended.is_err(), gone && commit, "{ended:?}");
                if let Err(error) = ended {
                    assert!(matches!(error, Error::Usage(UsageError::TransactionEnded)), "{error}");
                }
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

/// The last status word is older than an error which has ended a transaction of SQL.
#[test]
fn a_transaction_begins_behind_one_that_an_error_has_ended() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            let open = ok_status(StatusFlags::IN_TRANS);
            server.expect(Command::Query(b"BEGIN")).await;
            server.send(server.reply().ok_with(&open)).await;
            server.expect(Command::Query(b"UPDATE t")).await;
            server.send(server.reply().err(1213, "Deadlock found")).await;
            server.expect(Command::Ping).await;
            server.send(server.reply().ok()).await;
            server.expect(Command::Query(b"START TRANSACTION ")).await;
            server.send(server.reply().ok_with(&open)).await;
            server.expect(Command::Query(b"COMMIT")).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        session.execute("BEGIN", ()).await.unwrap();
        session.execute("UPDATE t", ()).await.unwrap_err();
        session.begin().await.unwrap().commit().await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}

/// T-94: an error that undoes everything is no proof that it did, for a procedure can signal it: what
/// ends the guard rolls back.
#[test]
fn t94_a_deadlock_is_rolled_back_all_the_same() {
    for code in [1213, 1020, 1206] {
        for dropped in [true, false] {
            run(async move {
                let (mut session, script) =
                    logged_in(mysql(), &config(), move |mut server| async move {
                        let open = ok_status(StatusFlags::IN_TRANS);
                        for sql in ["START TRANSACTION ", "SAVEPOINT mywire_1"] {
                            server.expect(Command::Query(sql.as_bytes())).await;
                            server.send(server.reply().ok_with(&open)).await;
                        }
                        server.expect(Command::Query(b"CALL p")).await;
                        server.send(server.reply().err(code, "signalled")).await;
                        server.expect(Command::Query(b"ROLLBACK")).await;
                        server.send(server.reply().ok()).await;
                        server.echo().await;
                    })
                    .await;
                let mut tx = session.begin().await.unwrap();
                let mut inner = tx.savepoint().await.unwrap();
                let error = inner.execute("CALL p", ()).await.unwrap_err();
                assert_eq!(error.as_server().unwrap().code(), code);
                if dropped {
                    drop(inner);
                    drop(tx);
                } else {
                    inner.rollback().await.unwrap();
                    tx.rollback().await.unwrap();
                }
                assert_in_step(&mut session).await;
                assert!(!session.in_transaction());
                drop(session);
                script.done().await;
            });
        }
    }
}

/// A server's OK to the commit of what a reset undid would be a lie (T-65).
#[test]
fn t65_a_transaction_that_was_reset_is_not_committed() {
    for commit in [true, false] {
        for savepoint in [true, false] {
            run(async move {
                let (mut session, script) =
                    logged_in(mysql(), &config(), move |mut server| async move {
                        let open = ok_status(StatusFlags::IN_TRANS);
                        server.expect(Command::Query(b"START TRANSACTION ")).await;
                        server.send(server.reply().ok_with(&open)).await;
                        if savepoint {
                            server.expect(Command::Query(b"SAVEPOINT mywire_1")).await;
                            server.send(server.reply().ok_with(&open)).await;
                        }
                        server.expect(Command::ResetConnection).await;
                        let first = server.reply().ok();
                        server.command().await;
                        server.send(first).await;
                        server.send(Packets::new(server.capabilities(), 1).ok()).await;
                        // Nothing is undone, and nothing committed.
                        server.expect(Command::Query(b"marker")).await;
                        server.send(server.reply().ok()).await;
                        server.echo().await;
                    })
                    .await;
                let mut tx = session.begin().await.unwrap();
                let ended = match savepoint {
                    false => {
                        tx.reset().await.unwrap();
                        if commit { tx.commit().await } else { tx.rollback().await }
                    }
                    true => {
                        let mut inner = tx.savepoint().await.unwrap();
                        inner.reset().await.unwrap();
                        let ended =
                            if commit { inner.commit().await } else { inner.rollback().await };
                        let outer = tx.commit().await.unwrap_err();
                        assert!(matches!(outer, Error::Usage(UsageError::TransactionEnded)));
                        ended
                    }
                };
                assert_eq!(ended.is_err(), commit, "{ended:?}");
                if let Err(error) = ended {
                    assert!(matches!(error, Error::Usage(UsageError::TransactionEnded)), "{error}");
                }
                session.execute("marker", ()).await.unwrap();
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

/// Nor does a reset that the server refuses leave the transaction of a guard open.
#[test]
fn t65_a_refused_reset_leaves_no_transaction_open() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            let open = ok_status(StatusFlags::IN_TRANS);
            server.expect(Command::Query(b"START TRANSACTION ")).await;
            server.send(server.reply().ok_with(&open)).await;
            server.expect(Command::ResetConnection).await;
            let refusal = server.reply().err(1047, "Unknown command");
            server.command().await;
            server.send(refusal).await;
            server.send(Packets::new(server.capabilities(), 1).ok_with(&open)).await;
            server.expect(Command::Query(b"ROLLBACK")).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        let mut tx = session.begin().await.unwrap();
        let error = tx.reset().await.unwrap_err();
        assert_eq!(error.as_server().unwrap().code(), 1047);
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, Error::Usage(UsageError::TransactionEnded)), "{error}");
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}
