//! Requests for a file at odd moments: in a login, in a pipeline, behind a reset (T-01).

use mywire::Error;
use mywire::error::ProtocolErrorKind as Kind;
use mywire::proto::{Login, Step, Transport};
use mywire::wire::{Capabilities, Command};

use crate::infile::{allowed, kind};
use crate::scripted::*;

/// T-01: in the middle of a login, whatever plugin is at it, and of a change of the user it breaks
/// the protocol, and nothing is sent.
#[test]
fn t01_a_request_in_the_middle_of_a_login() {
    type Before = fn(Packets) -> Packets;
    let mut befores: Vec<Before> = vec![
        |packets| packets,
        |packets| packets.auth_switch("mysql_native_password", NONCE),
        |packets| packets.auth_switch("mysql_clear_password", b""),
        |packets| packets.auth_switch("dialog", b"\x04Password: "),
        |packets| packets.more_data(&[4]),
        |packets| packets.payload(b"\x02mysql_clear_password\0"),
    ];
    if cfg!(feature = "parsec") {
        befores.push(|packets| packets.auth_switch("parsec", &[b'n'; 32]));
    }
    for before in befores {
        for change in [false, true] {
            let login = || {
                let mut login = Login::new("app", PASSWORD);
                login.transport = Transport::UnixSocket;
                login.policy = login.policy.allow_clear_text(true);
                login.password2 = Some("second".into());
                login.options = Capabilities::LOCAL_FILES;
                login
            };
            let mut bare = Bare::new(login());
            let packets = |sequence| Packets::new(Capabilities::NONE, sequence);
            bare.feed(packets(0).greeting(&mysql()).bytes()).unwrap();
            if change {
                let ok = Packets::new(bare.connection.capabilities(), 2).ok();
                assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
                bare.connection.change_user(login()).unwrap();
                // What the first challenge comes with.
                let switch = packets(1).auth_switch("caching_sha2_password", NONCE);
                bare.feed(switch.bytes()).unwrap();
            }
            let sequence = if change { 3 } else { 2 };
            let first = before(packets(sequence));
            let answered = !first.bytes().is_empty();
            bare.feed(first.bytes()).unwrap();
            let written = bare.written.len();
            let next = packets(if answered { sequence + 2 } else { sequence });
            let error = bare.feed(next.payload(b"\xFB/etc/passwd").bytes()).unwrap_err();
            assert!(matches!(error, Error::Auth(_) | Error::Protocol(_)), "{error:?}");
            assert!(error.is_fatal() && bare.connection.is_dead());
            assert_eq!(bare.written.len(), written, "{error}");
            assert!(bare.connection.send_buf().is_empty());
        }
    }
}

/// T-01, T-02: with commands behind it, what they say would be taken for the file.
#[test]
fn t01_a_request_in_the_middle_of_a_pipeline() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &allowed(), |mut server| async move {
            server.expect(Command::Query(b"SELECT 1")).await;
            server.send(server.reply().payload(b"\xFB/etc/passwd")).await;
            server.expect(Command::Query(b"SELECT 'secret'")).await;
            assert_eq!(server.until_closed().await, 0);
        })
        .await;
        let mut pipeline = session.pipeline();
        pipeline.query("SELECT 1", ()).await.unwrap();
        pipeline.query("SELECT 'secret'", ()).await.unwrap();
        let error = pipeline.next_reply().await.unwrap().map(drop).unwrap_err();
        assert_eq!(kind(&error), Kind::UnsolicitedInfile);
        drop(pipeline);
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

/// E-93: nor is it a reply to a reset, or to the choice of another database.
#[test]
fn e93_a_request_in_reply_to_a_reset_and_to_another_database() {
    for reset in [false, true] {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &allowed(), move |mut server| async move {
                    server.command().await;
                    let reply = server.reply();
                    if reset {
                        server.command().await;
                    }
                    server.send(reply.payload(b"\xFB/etc/passwd")).await;
                    assert_eq!(server.until_closed().await, 0);
                })
                .await;
            let error = match reset {
                // The setup goes out with it.
                true => session.reset().await.unwrap_err(),
                false => session.use_database("shop").await.unwrap_err(),
            };
            assert!(matches!(kind(&error), Kind::Unexpected { header: 0xFB, .. }), "{error}");
            assert_dead(&mut session, &script).await;
            drop(session);
            script.abandon();
        });
    }
}
