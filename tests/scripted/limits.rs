//! Servers that claim, send or repeat more than anybody needs.

use mywire::error::ProtocolErrorKind as Kind;
use mywire::proto::Login;
use mywire::wire::{Capabilities, ColumnType, ProgressReport, StatusFlags};
use mywire::{Error, Limits, Session};

use crate::scripted::*;

fn limit(error: &Error) -> &'static str {
    match error {
        Error::Protocol(error) => match error.kind() {
            Kind::Limit { limit, .. } => limit,
            other => panic!("no limit: {other:?}"),
        },
        other => panic!("no protocol error: {other}"),
    }
}

/// A connection without a session, behind its login.
fn logged_in_bare(limits: Limits) -> Bare {
    let mut login = Login::new("app", PASSWORD);
    login.options = Capabilities::MARIADB_PROGRESS;
    let mut bare = Bare::with_limits(login, limits);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mariadb()).bytes()).unwrap();
    let capabilities = bare.connection.capabilities();
    bare.feed(Packets::new(capabilities, 2).ok().bytes()).unwrap();
    assert!(bare.connection.is_idle());
    bare
}

#[test]
fn t30_a_claimed_length_takes_no_memory() {
    // The window that a claimed chunk of 16 MiB is read into stays as it was before.
    for head in [&b"\xFF\xFF\xFF\x01"[..], b"\xFF\xFF\xFF\x01\x01", b"\xFE\xFF\xFF\x01\xFD"] {
        let mut bare = logged_in_bare(Limits::default());
        bare.connection.query(b"SELECT").unwrap();
        assert_eq!(bare.feed(head).unwrap(), []);
        let spare = bare.connection.spare().len();
        assert!(spare <= 64 << 10, "{spare} bytes of space for {} bytes", head.len());
        assert!(bare.end().is_err());
    }
}

#[test]
fn t30_f09_a_packet_beyond_the_limit_fails_at_its_header() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.login().await;
            server.command().await;
            // 16 MiB are claimed, and not a byte of them comes.
            server.write(b"\xFE\xFF\xFF\x01").await;
            server.until_closed().await;
        });
        let config = config().limits(Limits::default().max_packet(1 << 20));
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        let error = session.execute("SELECT", ()).await.unwrap_err();
        assert_eq!(limit(&error), "max_packet");
        assert_dead(&mut session, &script).await;
        drop(session);
        script.done().await;
    });
}

#[test]
fn t32_a_payload_of_endless_chunks_ends_at_the_limit() {
    for skipped in [false, true] {
        run(async move {
            let (stream, script) = serve(|mut server| async move {
                server.login().await;
                server.command().await;
                let head = server.reply().columns(&[column("b", ColumnType::LONG_BLOB)]);
                let mut sequence = head.sequence();
                server.send(head).await;
                let chunk = vec![b'x'; 0xFF_FFFF];
                let mut sent = 0;
                while server.write(&[0xFF, 0xFF, 0xFF, sequence]).await
                    && server.write(&chunk).await
                {
                    sequence = sequence.wrapping_add(1);
                    sent += 1;
                    assert!(sent <= 5, "the client reads on");
                }
            });
            let config = config().limits(Limits::default().max_packet(64 << 20));
            let mut session = Session::from_stream(stream, &config).await.unwrap();
            let mut rows = session.query("SELECT b", ()).await.unwrap();
            let error = match skipped {
                true => rows.finish().await.unwrap_err(),
                false => rows.next().await.unwrap_err(),
            };
            assert_eq!(limit(&error), "max_packet");
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn t33_progress_without_end_is_given_up() {
    let mut bare = logged_in_bare(Limits::default().max_progress_packets(100));
    bare.connection.query(b"ALTER TABLE t").unwrap();
    let report = ProgressReport { stage: 1, max_stage: 2, progress: 1, text: b"" };
    let mut packets = Packets::new(bare.connection.capabilities(), 1);
    for _ in 0..101 {
        packets = packets.progress(&report);
    }
    let error = bare.feed(packets.bytes()).unwrap_err();
    assert_eq!(limit(&error), "max_progress_packets");
    assert!(bare.connection.is_dead());
}

#[test]
fn t33_results_without_end_are_streamed_one_by_one() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            server.command().await;
            let more = ok_status(StatusFlags::MORE_RESULTS);
            let mut reply = server.reply().ok_with(&more);
            while server.write(reply.bytes()).await {
                reply = Packets::new(server.capabilities(), reply.sequence()).ok_with(&more);
            }
        })
        .await;
        // Nothing is read ahead of the caller, who can stop at any of them.
        let mut rows = session.query("CALL p()", ()).await.unwrap();
        for _ in 0..10_000 {
            assert!(rows.next_result().await.unwrap());
        }
        drop(session);
        script.done().await;
    });
}

#[test]
fn t34_metadata_beyond_its_limits_is_refused() {
    // 4096 columns are taken, one more is not, and what they say is bounded too.
    for (columns, name, expected) in [
        (4097, 1, "max_columns"),
        (65_535, 1, "max_columns"),
        (4096, 8 << 10, "max_metadata_bytes"),
    ] {
        run(async move {
            let name = "n".repeat(name);
            let (mut session, script) = replying(move |reply| {
                reply.columns(&vec![column(&name, ColumnType::LONG); columns]).end()
            })
            .await;
            let error = session.execute("SELECT *", ()).await.unwrap_err();
            assert_eq!(limit(&error), expected);
            assert_dead(&mut session, &script).await;
            script.abandon();
        });
    }
}

#[test]
fn t34_a_session_state_beyond_its_limit_is_refused() {
    run(async {
        let (mut session, script) = replying(|reply| {
            let mut payload = b"\0\0\0\x02\x40\0\0\0\xFD\0\0\x20".to_vec();
            payload.resize(12 + (2 << 20), b'x');
            reply.payload(&payload)
        })
        .await;
        let error = session.execute("SET @x = 1", ()).await.unwrap_err();
        assert_eq!(limit(&error), "max_state_bytes");
        assert_dead(&mut session, &script).await;
        script.abandon();
    });
}

#[test]
fn t32_a_login_takes_no_large_packet() {
    for payload in [vec![0x01; 2 << 20], vec![0xFE; 2 << 20]] {
        run(async move {
            let (stream, script) = serve(|mut server| async move {
                server.greet(&mysql()).await;
                server.send(server.reply().payload(&payload)).await;
                server.until_closed().await;
            });
            let error = Session::from_stream(stream, &config()).await.unwrap_err();
            assert_eq!(limit(&error), "max_packet");
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn t35_a_message_of_sixteen_mebibytes_is_cut() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.login().await;
            server.command().await;
            server.send(server.reply().err(1064, &"m".repeat(16 << 20))).await;
            server.echo().await;
        });
        let config = config().limits(Limits::default().max_error_message(100));
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        let error = session.execute("SELECT", ()).await.unwrap_err();
        assert_eq!(error.as_server().unwrap().message().len(), 100);
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
}
