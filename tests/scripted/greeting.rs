//! What answers a new connection: odd greetings, errors in their place, and other protocols.

use mywire::error::{Lost, ProtocolErrorKind as Kind, ServerErrorKind};
use mywire::wire::{Capabilities, Greeting};
use mywire::{Config, Error, Sent, Session, SslMode};

use crate::scripted::*;

/// Opens a session with a server that says `bytes` first and nothing more.
async fn greeted_with(bytes: Vec<u8>, config: &Config) -> (Error, Wire) {
    let (stream, script) = serve(|mut server| async move {
        server.write(&bytes).await;
        server.half_close().await;
        server.until_closed().await;
    });
    let error = Session::from_stream(stream, config).await.expect_err("no MySQL server");
    (error, script.done().await)
}

fn protocol_kind(error: &Error) -> Kind {
    match error {
        Error::Protocol(error) => error.kind(),
        other => panic!("no protocol error: {other}"),
    }
}

#[test]
fn e21_t05_an_error_in_place_of_the_greeting_is_the_servers_and_unverified() {
    // With and without an SQLSTATE, and with any sequence id (F-06).
    let payloads: [&[u8]; 2] =
        [b"\xFF\x10\x04#08004Too many connections", b"\xFF\x10\x04Too many connections"];
    for payload in payloads {
        for sequence in [0, 1, 255] {
            run(async move {
                let packets = Packets::new(Capabilities::NONE, sequence).payload(payload);
                let (error, wire) = greeted_with(packets.bytes().to_vec(), &config()).await;
                let server = error.as_server().unwrap_or_else(|| panic!("{error}"));
                assert_eq!((server.code(), server.message()), (1040, "Too many connections"));
                assert_eq!(server.kind(), ServerErrorKind::TooManyConnections);
                assert!(error.is_fatal());
                assert_eq!(error.was_sent(), Sent::No);
                // TLS is wanted and did not protect this: it can be anybody's text (H-25).
                assert!(error.to_string().starts_with("unverified server error 1040"), "{error}");
                assert!(wire.is_empty());
            });
        }
    }
}

#[test]
fn t05_nothing_follows_from_an_injected_error() {
    let long = "x".repeat(60_000);
    for (code, text) in [(1045, "Access denied"), (4031, "redirect to evil:3306"), (1045, &long)] {
        for mode in [SslMode::Preferred, SslMode::Required] {
            let text = text.to_owned();
            run(async move {
                let packets = Packets::new(Capabilities::NONE, 0).err(code, &text);
                let config = config().ssl_mode(mode);
                let (error, wire) = greeted_with(packets.bytes().to_vec(), &config).await;
                let shown = error.to_string();
                assert!(shown.starts_with("unverified server error"), "{shown}");
                assert!(shown.len() < 5000);
                assert!(wire.is_empty());
            });
        }
    }
    // Without the wish for TLS nothing else was to be expected.
    run(async {
        let packets = Packets::new(Capabilities::NONE, 0).err(1040, "Too many connections");
        let config = config().ssl_mode(SslMode::Disabled);
        let (error, _) = greeted_with(packets.bytes().to_vec(), &config).await;
        assert!(error.to_string().starts_with("server error 1040"), "{error}");
    });
}

/// The greeting's payload with another length byte, and the place of that byte.
fn greeting_payload(greeting: &Greeting<'_>, length: u8) -> (Vec<u8>, usize) {
    let mut payload = Vec::new();
    greeting.encode(&mut payload).unwrap();
    let at = 1 + greeting.server_version.len() + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2;
    payload[at] = length;
    (payload, at)
}

#[test]
fn e22_every_length_of_the_plugin_data_gives_the_right_nonce_or_an_error() {
    let native = Greeting { auth_plugin: b"mysql_native_password", ..mysql() };
    let mut greetings = Vec::new();
    for length in [0, 8, 20, 21] {
        greetings.push(greeting_payload(&native, length).0);
    }
    let (mut without_nul, at) = greeting_payload(&native, 20);
    without_nul.remove(at + 1 + 10 + 12);
    greetings.push(without_nul);
    let (mut name_without_nul, _) = greeting_payload(&native, 21);
    name_without_nul.pop();
    greetings.push(name_without_nul);
    for greeting in greetings {
        run(async move {
            let (stream, script) = serve(|mut server| async move {
                server.send(server.reply().payload(&greeting)).await;
                let login = server.login_request().await;
                assert_eq!(login.request().auth_response, native_answer(PASSWORD, NONCE));
                server.send(server.reply().ok()).await;
                server.echo().await;
            });
            let mut session = Session::from_stream(stream, &config()).await.unwrap();
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn e22_a_nonce_of_another_length_is_an_error_and_nothing_is_written() {
    let long = Greeting { nonce_rest: b"ijklmnopqrstuvwxyz012345", ..mysql() };
    for (payload, word) in [
        (greeting_payload(&long, 33).0, "32 bytes instead of 20"),
        (greeting_payload(&mysql(), 255).0, "malformed greeting"),
    ] {
        run(async move {
            let packets = Packets::new(Capabilities::NONE, 0).payload(&payload);
            let (error, wire) = greeted_with(packets.bytes().to_vec(), &config()).await;
            assert!(error.to_string().contains(word), "{error}");
            assert!(wire.is_empty());
        });
    }
}

#[test]
fn e39_version_strings_of_proxies_and_forks() {
    let versions: [(&[u8], bool); 10] = [
        (b"", false),
        (b"8.0.11-TiDB-v7.5.0", false),
        (b"8.0.30-Vitess", false),
        (b"5.5.30 (ProxySQL)", false),
        (b"MySQL", false),
        (b"99999999999999999999.0", false),
        (b"\xFF\xFE\x80", false),
        (&[b'8'; 4000], false),
        (b"5.5.5-10.11.6-MariaDB-1:10.11.6+maria~ubu2204-log", true),
        (b"11.8.2-mariadb.enterprise", true),
    ];
    for (server_version, mariadb) in versions {
        run(async move {
            let greeting = Greeting { server_version, ..mysql() };
            let (mut session, script) =
                logged_in(greeting, &config(), |mut server| async move { server.echo().await })
                    .await;
            assert_eq!(session.server_version(), String::from_utf8_lossy(server_version));
            assert_eq!(session.is_mariadb(), mariadb);
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn another_protocol_on_the_port_is_named_and_nothing_is_written_to_it() {
    let peers: [(&[u8], &str); 8] = [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "an SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server"),
        (b"220 mail.example.test ESMTP\r\n", "an FTP or mail server"),
        (b"220-Welcome\r\n", "an FTP or mail server"),
        (b"* OK IMAP4rev1 ready\r\n", "an IMAP server"),
        (b"+OK POP3 ready\r\n", "a POP3 server"),
        // A TLS alert, and a greeting of some other binary protocol.
        (b"\x15\x03\x01\x00\x02\x02\x28", "something else"),
        (b"\x05\x00\x00\x00\x0Bhello", "something else"),
    ];
    for (bytes, peer) in peers {
        run(async move {
            let (error, wire) = greeted_with(bytes.to_vec(), &config()).await;
            assert_eq!(protocol_kind(&error), Kind::NotMySql(peer));
            let shown = error.to_string();
            assert!(shown.contains(peer) && shown.contains("not a MySQL or MariaDB"), "{shown}");
            assert!(wire.is_empty());
        });
    }
}

#[test]
fn h01_h05_a_server_older_than_protocol_41_is_told_apart() {
    let v9 = b"\x093.23.58\0\x01\0\0\0abcdefgh\0\x2C\x20".to_vec();
    let mut old = Vec::new();
    let without = Capabilities::PROTOCOL_41;
    let capabilities = mysql().capabilities.without(without);
    Greeting { capabilities, ..mysql() }.encode(&mut old).unwrap();
    for payload in [v9, old] {
        run(async move {
            let packets = Packets::new(Capabilities::NONE, 0).payload(&payload);
            let (error, wire) = greeted_with(packets.bytes().to_vec(), &config()).await;
            assert_eq!(protocol_kind(&error), Kind::ServerTooOld);
            assert!(error.to_string().contains("MySQL 4.1"), "{error}");
            assert!(wire.is_empty());
        });
    }
}

#[test]
fn e99_a_greeting_that_breaks_off_is_told_apart_from_none() {
    let greeting = Packets::new(Capabilities::NONE, 0).greeting(&mysql());
    let greeting = greeting.bytes().to_vec();
    for length in 0..greeting.len() {
        let cut = greeting[..length].to_vec();
        run(async move {
            let (error, wire) = greeted_with(cut, &config()).await;
            assert_eq!(protocol_kind(&error), Kind::ConnectionLost(Lost::BeforeGreeting));
            assert_eq!(error.was_sent(), Sent::No);
            assert!(wire.is_empty());
        });
    }
}

#[test]
fn f08_an_empty_greeting_is_a_protocol_error() {
    run(async {
        let (error, wire) = greeted_with(b"\0\0\0\0\0".to_vec(), &config()).await;
        assert!(matches!(error, Error::Protocol(_)), "{error}");
        assert!(wire.is_empty());
    });
}
