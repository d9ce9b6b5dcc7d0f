//! LOCAL INFILE where no honest server is: requests out of place, errors in the middle of a file.

use mywire::error::{ProtocolErrorKind as Kind, UsageError};
use mywire::wire::Command;
use mywire::wire::attributes::AttributedQuery;
use mywire::{Config, Error, QueryAttributes};

use crate::scripted::*;

pub(crate) fn allowed() -> Config {
    config().local_infile(true)
}

pub(crate) fn kind(error: &Error) -> Kind {
    match error {
        Error::Protocol(error) => error.kind(),
        error => panic!("{error:?}"),
    }
}

/// T-01, T-02, E-91, R-61: whatever the server calls the file, what is sent is an empty packet.
#[test]
fn t02_e91_a_request_nobody_asked_for_gets_an_empty_packet() {
    for name in [&b"/etc/passwd"[..], b"", b"../../secret\0\xFF", &[b'x'; 70_000], b"(a+)+$"] {
        let request = [b"\xFB", name].concat();
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &allowed(), move |mut server| async move {
                    server.command().await;
                    server.send(server.reply().payload(&request)).await;
                    assert_eq!(server.payload().await, b"");
                    server.send(server.reply().ok()).await;
                    server.echo().await;
                })
                .await;
            let error = session.execute("SELECT 1", ()).await.unwrap_err();
            assert!(matches!(error, Error::Usage(UsageError::LocalInfileRefused)), "{error}");
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// E-93: in reply to anything but a statement it breaks the protocol, and nothing is sent.
#[test]
fn e93_a_request_in_reply_to_a_ping_or_a_preparation() {
    for prepare in [false, true] {
        run(async move {
            let (mut session, script) = logged_in(mysql(), &allowed(), |mut server| async move {
                server.command().await;
                server.send(server.reply().payload(b"\xFB/etc/passwd")).await;
                server.until_closed().await;
            })
            .await;
            let error = match prepare {
                true => session.prepare("SELECT 1").await.map(drop).unwrap_err(),
                false => session.ping().await.unwrap_err(),
            };
            assert_eq!(kind(&error), Kind::Unexpected { due: "a reply", header: 0xFB });
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

/// E-07, R-62: a server that stops listening in the middle of the file is heard.
#[test]
fn e07_r62_a_server_that_stops_listening_says_why() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &allowed(), |mut server| async move {
            server.expect(Command::Query(b"LOAD")).await;
            server.send(server.reply().payload(b"\xFBx")).await;
            server.payload().await;
            server.send(server.reply().err(1317, "interrupted")).await;
        })
        .await;
        let file = vec![b'x'; 8 << 20];
        let error = session.load_local("LOAD", &file[..]).await.unwrap_err();
        assert_eq!(error.as_server().map(|error| error.code()), Some(1317), "{error}");
        drop(session);
        script.done().await;
    });
}

/// K-01, R-60: where both sides know attributes every statement is framed for them, this one too.
#[test]
fn k01_r60_a_load_goes_out_with_its_attributes() {
    run(async {
        let config = allowed().query_attributes(true);
        let (mut session, script) = logged_in(mysql(), &config, |mut server| async move {
            for names in [&[][..], &["tenant"]] {
                let payload = server.command().await;
                let query = AttributedQuery::decode(&payload).unwrap();
                let sent: Vec<_> = query.attributes.iter().map(|one| one.name).collect();
                let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
                assert_eq!((query.sql, sent), (&b"LOAD"[..], names));
                server.send(server.reply().payload(b"\xFBx")).await;
                assert_eq!(server.payload().await, b"1,one\n");
                assert_eq!(server.payload().await, b"");
                server.send(server.reply().ok()).await;
            }
        })
        .await;
        session.load_local("LOAD", &b"1,one\n"[..]).await.unwrap();
        let attributes = QueryAttributes::default().with("tenant", 7_u64).unwrap();
        assert!(session.set_query_attributes(attributes));
        session.load_local("LOAD", &b"1,one\n"[..]).await.unwrap();
        drop(session);
        script.done().await;
    });
}
