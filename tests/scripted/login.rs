//! Authentication by servers that want too much, too often, or in the wrong order.

use mywire::error::{AuthError, ProtocolErrorKind as Kind, ServerErrorKind};
use mywire::proto::{Login, Step, Transport};
use mywire::wire::{Capabilities, Greeting};
use mywire::{Config, Error, Sent, Session, SslMode};

use crate::scripted::*;

/// Plugins that would hand the password over, that are broken, or that nobody knows.
const REFUSED: [&str; 12] = [
    "mysql_clear_password",
    "mysql_old_password",
    "dialog",
    "authentication_kerberos_client",
    "authentication_ldap_sasl_client",
    "authentication_oci_client",
    "authentication_webauthn_client",
    "auth_gssapi_client",
    "authentication_windows_client",
    "authentication_openid_connect_client",
    "MYSQL_NATIVE_PASSWORD",
    "no_such_plugin",
];

/// What a plugin makes of a password and a nonce.
type Answer = fn(&str, &[u8]) -> Vec<u8>;

/// The server's packets after the login request, and then silence: the error, and what the client
/// wrote after its login request.
async fn login_answered(
    greeting: Greeting<'static>,
    config: &Config,
    answer: impl FnOnce(Packets) -> Packets + Send + 'static,
) -> (Error, Vec<u8>, Wire) {
    let (stream, script) = serve(|mut server| async move {
        let login = server.greet(&greeting).await;
        assert!(!login.request().user.is_empty());
        let answer = answer(server.reply());
        server.send(answer).await;
        server.until_closed().await;
    });
    let error = Session::from_stream(stream, config).await.expect_err("no login");
    let wire = script.done().await;
    let after = wire.writes().split_off(1).concat();
    (error, after, wire)
}

fn native() -> Greeting<'static> {
    Greeting { auth_plugin: b"mysql_native_password", ..mysql() }
}

#[test]
fn e25_known_answers() {
    // Both answers are computed here once more, apart from the crate.
    let accounts: [(_, Answer); 3] =
        [(native(), native_answer), (mysql(), sha2_answer), (mariadb(), native_answer)];
    for (greeting, answer) in accounts {
        for password in
            ["x", PASSWORD, "nineteen bytes long", "exactly twenty bytes", "päss\u{1F642}"]
        {
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    let login = server.login_as(&greeting).await;
                    let request = login.request();
                    assert_eq!(request.auth_response, answer(password, NONCE));
                    assert_eq!(request.auth_plugin, greeting.auth_plugin);
                    server.echo().await;
                });
                let config = config().password(password);
                let mut session = Session::from_stream(stream, &config).await.unwrap();
                assert_eq!(session.auth_plugin().as_bytes(), greeting.auth_plugin);
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

#[test]
fn e26_an_empty_password_is_an_empty_answer() {
    for greeting in [mysql(), native(), mariadb()] {
        // With caching_sha2_password the OK may come directly or behind fast success.
        for more_data in [false, true] {
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    let login = server.greet(&greeting).await;
                    assert_eq!(login.request().auth_response, b"");
                    let reply = server.reply();
                    let more_data = more_data && greeting == mysql();
                    let reply = if more_data { reply.more_data(&[3]) } else { reply };
                    server.send(reply.ok()).await;
                    server.echo().await;
                });
                let config = config().password("");
                let mut session = Session::from_stream(stream, &config).await.unwrap();
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

#[test]
fn e27_the_ok_behind_fast_success_belongs_to_the_login() {
    for together in [true, false] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet(&mysql()).await;
                if together {
                    server.send(server.reply().more_data(&[3]).ok()).await;
                } else {
                    server.send(server.reply().more_data(&[3])).await;
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    server.send(server.reply().ok()).await;
                }
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
fn e28_t07_the_password_is_not_shown_to_the_network() {
    run(async {
        let ask = |reply: Packets| reply.more_data(&[4]);
        let (error, after, wire) = login_answered(mysql(), &config(), ask).await;
        assert!(matches!(error, Error::Auth(AuthError::PasswordNeedsProtection)), "{error}");
        let shown = error.to_string();
        for way_out in ["ssl-mode=REQUIRED", "Unix socket", "server_public_key_pem"] {
            assert!(shown.contains(way_out), "{shown}");
        }
        assert_eq!(error.was_sent(), Sent::No);
        // No request for the server's key either.
        assert_eq!(after, b"");
        wire.assert_without_secret(PASSWORD);
    });
}

#[cfg(feature = "rsa")]
#[test]
fn t07_a_key_of_the_network_is_asked_for_only_on_demand_and_judged() {
    let keys: [&[u8]; 4] = [
        b"garbage",
        b"-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL8=\n-----END PUBLIC KEY-----\n",
        &[b'x'; 40_000],
        b"",
    ];
    for key in keys {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet(&mysql()).await;
                server.send(server.reply().more_data(&[4])).await;
                assert_eq!(server.payload().await, [2], "the request for the key");
                server.send(server.reply().more_data(key)).await;
                assert_eq!(server.until_closed().await, 0);
            });
            let config = config().fetch_server_public_key(true);
            let error = Session::from_stream(stream, &config).await.unwrap_err();
            assert!(matches!(error, Error::Auth(AuthError::ServerPublicKey { .. })), "{error}");
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn e29_e30_a_switch_is_answered_with_its_own_nonce() {
    let nonce = b"12345678901234567890";
    let with_nul = [&nonce[..], b"\0"].concat();
    for data in [nonce.to_vec(), with_nul] {
        let plugins: [(_, Answer); 2] =
            [("mysql_native_password", native_answer), ("caching_sha2_password", sha2_answer)];
        for (plugin, answer) in plugins {
            let data = data.clone();
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    server.greet(&mysql()).await;
                    server.send(server.reply().auth_switch(plugin, &data)).await;
                    assert_eq!(server.payload().await, answer(PASSWORD, nonce));
                    server.send(server.reply().ok()).await;
                    server.echo().await;
                });
                let mut session = Session::from_stream(stream, &config()).await.unwrap();
                assert_eq!(session.auth_plugin(), plugin);
                assert_in_step(&mut session).await;
                drop(session);
                script.done().await;
            });
        }
    }
}

#[test]
fn h45_s11_a_few_switches_are_gone_along_with_and_no_more() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            for _ in 0..3 {
                server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
                assert_eq!(server.payload().await, native_answer(PASSWORD, NONCE));
            }
            server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
            assert_eq!(server.until_closed().await, 0);
        });
        let error = Session::from_stream(stream, &config()).await.unwrap_err();
        assert!(error.to_string().contains("authentication switches"), "{error}");
        script.done().await;
    });
}

/// What a switch to a plugin brings, over a channel.
fn assert_refused(error: &Error, plugin: &str) {
    let Error::Auth(AuthError::PluginRefused { plugin: named }) = error else {
        panic!("{plugin} is not refused: {error}")
    };
    assert_eq!(named, plugin);
    assert!(error.to_string().contains("let the account use") || named == "mysql_old_password");
    assert_eq!(error.was_sent(), Sent::No);
}

#[test]
fn e29_e31_t03_no_plugin_gets_the_password_over_a_plain_connection() {
    for plugin in REFUSED {
        for data in [&b""[..], b"\0", NONCE] {
            run(async move {
                let ask = move |reply: Packets| reply.auth_switch(plugin, data);
                let (error, after, wire) = login_answered(mysql(), &config(), ask).await;
                assert_refused(&error, plugin);
                assert_eq!(after, b"", "{plugin}");
                wire.assert_without_secret(PASSWORD);
            });
        }
        // Without the NUL behind its name.
        run(async move {
            let payload = [b"\xFE", plugin.as_bytes()].concat();
            let ask = move |reply: Packets| reply.payload(&payload);
            let (error, after, _) = login_answered(mysql(), &config(), ask).await;
            assert_refused(&error, plugin);
            assert_eq!(after, b"", "{plugin}");
        });
    }
    // The bare 0xFE of servers before MySQL 4.1.
    run(async {
        let (error, after, _) =
            login_answered(mysql(), &config(), |reply| reply.payload(b"\xFE")).await;
        assert_refused(&error, "mysql_old_password");
        assert_eq!(after, b"");
    });
}

#[test]
fn t03_no_plugin_gets_the_password_over_unverified_tls() {
    for plugin in REFUSED {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet_tls(&mysql()).await.unwrap();
                server.login_request().await;
                server.send(server.reply().auth_switch(plugin, NONCE)).await;
                assert_eq!(server.until_closed().await, 0, "{plugin}");
            });
            let config = config().ssl_mode(SslMode::Required);
            let error = Session::from_stream(stream, &config).await.unwrap_err();
            assert_refused(&error, plugin);
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn t03_no_plugin_gets_the_password_over_a_unix_socket() {
    for plugin in REFUSED {
        let mut login = Login::new("app", PASSWORD);
        login.transport = Transport::UnixSocket;
        let mut bare = Bare::new(login);
        let greeting = Packets::new(Capabilities::NONE, 0).greeting(&mysql());
        assert_eq!(bare.feed(greeting.bytes()).unwrap(), []);
        let written = bare.written.len();
        let switch = Packets::new(Capabilities::NONE, 2).auth_switch(plugin, NONCE);
        let error = bare.feed(switch.bytes()).unwrap_err();
        assert_refused(&error, plugin);
        assert_eq!(bare.written.len(), written, "{plugin}");
        assert!(bare.connection.is_dead() && bare.connection.send_buf().is_empty());
    }
}

#[test]
fn a13_full_authentication_shows_the_password_only_to_a_private_channel() {
    let password = [PASSWORD.as_bytes(), b"\0"].concat();
    // A Unix socket.
    let mut login = Login::new("app", PASSWORD);
    login.transport = Transport::UnixSocket;
    let mut bare = Bare::new(login);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    let written = bare.written.len();
    bare.feed(Packets::new(Capabilities::NONE, 2).more_data(&[4]).bytes()).unwrap();
    assert_eq!(bare.written[written + 4..], password);
    let ok = Packets::new(bare.connection.capabilities(), 4).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
    // TLS: on the wire there is nothing to see.
    run(async move {
        let (stream, script) = serve(move |mut server| async move {
            server.greet_tls(&mysql()).await.unwrap();
            server.login_request().await;
            server.send(server.reply().more_data(&[4])).await;
            assert_eq!(server.payload().await, password);
            server.send(server.reply().ok()).await;
            server.echo().await;
        });
        let config = config().ssl_mode(SslMode::Required);
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await.assert_without_secret(PASSWORD);
    });
}

#[test]
fn h35_a_greeting_with_a_refused_plugin_is_answered_with_one_that_is_allowed() {
    for plugin in REFUSED {
        run(async move {
            let greeting = Greeting { auth_plugin: plugin.as_bytes(), ..mysql() };
            let (stream, script) = serve(move |mut server| async move {
                let login = server.greet(&greeting).await;
                assert_eq!(login.request().auth_plugin, b"caching_sha2_password");
                server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
                assert_eq!(server.payload().await, native_answer(PASSWORD, NONCE));
                server.send(server.reply().ok()).await;
                server.until_closed().await;
            });
            let session = Session::from_stream(stream, &config()).await.unwrap();
            assert_eq!(session.auth_plugin(), "mysql_native_password");
            drop(session);
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

/// T-03: a list keeps a server from choosing a weaker plugin than the account's.
#[test]
fn t03_a_plugin_that_is_not_on_the_list_gets_nothing() {
    run(async {
        let config = config().auth_plugins(["caching_sha2_password"]);
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
            assert_eq!(server.until_closed().await, 0);
        });
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        assert_refused(&error, "mysql_native_password");
        assert!(error.to_string().contains("Config::auth_plugins"), "{error}");
        script.done().await.assert_without_secret(PASSWORD);
        // A greeting's choice is answered with what is on it.
        let (stream, script) = serve(|mut server| async move {
            let login = server.greet(&mariadb()).await;
            assert_eq!(login.request().auth_plugin, b"caching_sha2_password");
            server.send(server.reply().more_data(&[3]).ok()).await;
            server.until_closed().await;
        });
        drop(Session::from_stream(stream, &config).await.unwrap());
        script.done().await;
    });
}

#[test]
fn t11_a_second_factor_that_was_not_agreed_on_gets_nothing() {
    for plugin in ["mysql_clear_password", "mysql_native_password"] {
        run(async move {
            let payload = [b"\x02", plugin.as_bytes(), b"\0", NONCE].concat();
            let ask = move |reply: Packets| reply.payload(&payload);
            let capabilities =
                mysql().capabilities.without(Capabilities::MULTI_FACTOR_AUTHENTICATION);
            let greeting = Greeting { capabilities, ..mysql() };
            let config = config().password2("s3c0nd");
            let (error, after, wire) = login_answered(greeting, &config, ask).await;
            assert!(matches!(error, Error::Auth(AuthError::UnexpectedData { .. })), "{error}");
            assert_eq!(after, b"");
            wire.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn e38_an_empty_database_is_none() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            let login = server.login().await;
            let request = login.request();
            assert!(!request.capabilities.contains(Capabilities::CONNECT_WITH_DB));
            assert_eq!(request.database, b"");
            server.until_closed().await;
        });
        let session = Session::from_stream(stream, &config().database("")).await.unwrap();
        assert_eq!(session.database(), None);
        drop(session);
        script.done().await;
    });
}

#[test]
fn e40_t33_authentication_without_end_is_given_up() {
    type Flood = fn(Packets) -> Packets;
    let floods: [Flood; 4] = [
        |reply| reply.more_data(&[3]),
        |reply| reply.auth_switch("mysql_native_password", NONCE),
        // Data that MariaDB would not mark (H-40), and data of nobody.
        |reply| reply.payload(b"\x05data"),
        |reply| reply.more_data(b""),
    ];
    for flood in floods {
        run(async move {
            let ask = move |mut reply: Packets| {
                for _ in 0..1000 {
                    // Whatever the client says in between, its id is counted.
                    reply = flood(reply);
                }
                reply
            };
            let (error, after, wire) = login_answered(mysql(), &config(), ask).await;
            assert!(error.is_fatal());
            assert!(after.len() <= 3 * 24, "{} bytes in answer", after.len());
            wire.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn e40_patient_switches_end_at_the_limit_of_packets() {
    // One limit is the configuration's: here it comes before the cap on switches.
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            for _ in 0..2 {
                server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
                server.payload().await;
            }
            server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
            assert_eq!(server.until_closed().await, 0);
        });
        let config = config().limits(mywire::Limits::default().max_auth_packets(2));
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        let Error::Protocol(protocol) = &error else { panic!("{error}") };
        assert_eq!(protocol.kind(), Kind::Limit { limit: "max_auth_packets", value: 2 });
        script.done().await;
    });
}

#[test]
fn t12_an_account_that_does_not_exist_looks_like_a_wrong_password() {
    run(async {
        let text = "Access denied for user 'app'@'localhost' (using password: YES)";
        let direct = move |reply: Packets| reply.err(1045, text);
        let (direct, _, _) = login_answered(mysql(), &config(), direct).await;
        let (stream, script) = serve(move |mut server| async move {
            server.greet(&mysql()).await;
            server.send(server.reply().auth_switch("mysql_native_password", NONCE)).await;
            server.payload().await;
            server.send(server.reply().err(1045, text)).await;
            server.until_closed().await;
        });
        let switched = Session::from_stream(stream, &config()).await.unwrap_err();
        script.done().await;
        assert_eq!(direct.to_string(), switched.to_string());
        assert_eq!(format!("{direct:#?}"), format!("{switched:#?}"));
        let server = direct.as_server().unwrap();
        assert_eq!(server.kind(), ServerErrorKind::AccessDenied);
        assert!(direct.is_fatal() && !direct.is_retryable());
    });
}

#[test]
fn t14_beyond_loopback_a_harvested_hash_needs_a_decision() {
    run(async {
        // A fixed nonce from somebody who collects answers to it.
        let greeting = Greeting { nonce_first: [0; 8], nonce_rest: &[0; 12], ..mysql() };
        let (stream, script) = serve(move |mut server| async move {
            server.send(server.reply().greeting(&greeting)).await;
            server.until_closed().await;
        });
        let config = config().host("db.example.test");
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        assert!(error.to_string().contains("does not offer TLS"), "{error}");
        assert!(script.done().await.is_empty());
    });
}

#[test]
fn h46_a_login_that_ends_early_or_breaks_off() {
    run(async {
        // An OK straight after the first answer.
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        });
        let mut session = Session::from_stream(stream, &config()).await.unwrap();
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await;
    });
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            server.close();
        });
        let error = Session::from_stream(stream, &config()).await.unwrap_err();
        assert!(error.to_string().contains("login"), "{error}");
        assert_eq!(error.was_sent(), Sent::No);
        script.done().await;
    });
}
