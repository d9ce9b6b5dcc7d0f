//! Transactions that a server does not undo at once.

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
