//! Sessions whose character set is changed behind the driver's back (S-05, T-66, T-71).

use mywire::error::{UsageError, ValueError};
use mywire::wire::{ColumnType, Command, OkPacket, SessionState, StateChange, StatusFlags};
use mywire::{Error, Sent, Session, Value};

use crate::scripted::*;

/// An OK that tells of another character set.
fn told(reply: Packets, charset: &[u8]) -> Packets {
    let mut state = Vec::new();
    let change =
        StateChange::SystemVariable { name: b"character_set_client", value: Some(charset) };
    change.encode(&mut state);
    reply.ok_with(&OkPacket {
        status: StatusFlags::SESSION_STATE_CHANGED,
        session_state: SessionState::decode(&state).unwrap(),
        ..ok()
    })
}

fn refused(error: Error) {
    let foreign = matches!(error, Error::Usage(UsageError::ForeignCharacterSet { .. }));
    assert!(foreign, "{error:?}");
    assert!(!error.is_fatal() && error.was_sent() == Sent::No);
    assert!(error.to_string().contains("SET NAMES utf8mb4"), "{error}");
}

async fn told_of(charset: &'static [u8]) -> (Session, Script) {
    replying(move |reply| told(reply, charset)).await
}

/// SQL of more than ASCII would be cut elsewhere: 0xBF eats the backslash or quote behind it.
#[test]
fn s05_t71_sql_that_the_server_would_misread_is_not_sent() {
    for charset in [&b"gbk"[..], b"big5", b"sjis", b"cp932", b"gb18030", b"latin1", b"\x1b[0m"] {
        run(async move {
            let (mut session, script) = told_of(charset).await;
            session.execute("CALL changes_it()", ()).await.unwrap();
            let written = script.wire.len();
            refused(session.execute("SELECT 'ä\\'", ()).await.unwrap_err());
            refused(session.prepare("SELECT 'ä'").await.map(drop).unwrap_err());
            refused(session.fetch_one::<u64>("SELECT 'ä', ?", (1,)).await.unwrap_err());
            refused(session.use_database("lädchen").await.unwrap_err());
            assert_eq!(script.wire.len(), written);
            // ASCII is the same in all of them.
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
    for charset in [&b"utf8mb4"[..], b"utf8mb3", b"utf8", b"ascii", b"binary"] {
        run(async move {
            let (mut session, script) = told_of(charset).await;
            session.execute("DO 1", ()).await.unwrap();
            let echoed: String = session.fetch_one("SELECT 'ä'", ()).await.unwrap();
            assert_eq!(echoed, "SELECT 'ä'");
            drop(session);
            script.done().await;
        });
    }
}

/// A reset, another user, or SQL makes it good.
#[test]
fn s05_the_way_back() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.command().await;
            server.send(told(server.reply(), b"gbk")).await;
            server.expect(Command::Query(b"SET NAMES utf8mb4")).await;
            server.send(told(server.reply(), b"utf8mb4")).await;
            server.expect(Command::Query("SELECT 'ä'".as_bytes())).await;
            server.send(told(server.reply(), b"gbk")).await;
            server.echo().await;
        })
        .await;
        session.execute("SET NAMES gbk", ()).await.unwrap();
        session.execute("SET NAMES utf8mb4", ()).await.unwrap();
        session.execute("SELECT 'ä'", ()).await.unwrap();
        refused(session.execute("SELECT 'ä'", ()).await.unwrap_err());
        session.reset().await.unwrap();
        let echoed: String = session.fetch_one("SELECT 'ä'", ()).await.unwrap();
        assert_eq!(echoed, "SELECT 'ä'");
        drop(session);
        script.done().await;
    });
}

/// Text in another character set is bytes, unless it is ASCII and what looks so has to be.
#[test]
fn s05_text_in_another_character_set_is_not_taken_for_utf8() {
    // latin1, gbk, utf16: "Ã©" and two letters of UTF-16 look like something else.
    for (collation, bytes, ascii) in
        [(8, "é", true), (28, "é", true), (54, "ab", false), (54, "é", false)]
    {
        run(async move {
            let (mut session, script) = replying(move |reply| {
                let mut column = column("n", ColumnType::VAR_STRING);
                column.collation = collation;
                let last = if ascii { "plain" } else { bytes };
                reply.columns(&[column]).row(&[bytes]).row(&[last]).end()
            })
            .await;
            let mut rows = session.query("SELECT n", ()).await.unwrap();
            let row = rows.next().await.unwrap().unwrap();
            for error in [
                row.get::<&str>(0).unwrap_err(),
                row.get::<String>(0).unwrap_err(),
                row.decode::<(&str,)>().unwrap_err(),
                row.decode::<(String,)>().unwrap_err(),
            ] {
                let Error::Column(error) = &error else { panic!("{error:?}") };
                assert_eq!(error.reason(), ValueError::CharacterSet);
                assert!(error.to_string().contains("ask for bytes"), "{error}");
            }
            assert_eq!(row.get::<&[u8]>(0).unwrap(), bytes.as_bytes());
            assert_eq!(row.get::<Value>(0).unwrap(), Value::Bytes(bytes.as_bytes().to_vec()));
            let row = rows.next().await.unwrap().unwrap();
            match ascii {
                true => {
                    assert_eq!(row.get::<&str>(0).unwrap(), "plain");
                    assert_eq!(row.get::<Value>(0).unwrap(), Value::Text("plain".into()));
                }
                false => drop(row.get::<&str>(0).unwrap_err()),
            }
            rows.finish().await.unwrap();
            drop(session);
            script.done().await;
        });
    }
}
