//! The plugins beyond the two default ones, by servers that no package has: wrong turns, too many
//! of them, and answers held against what they have to be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mywire::auth::{Plugin, PluginContext, PluginExchange, Response};
use mywire::error::{AuthError, ProtocolErrorKind as Kind};
use mywire::proto::{Connection, Login, Step, Transport};
use mywire::wire::{AuthNextFactor, Capabilities, ChangeUser, Command, Greeting};
use mywire::{Config, Error, Limits, Secret, Sent, Session, SslMode};

use crate::scripted::*;

const SECOND: &str = "s3c0nd-fact0r";

/// A login over a Unix socket, up to the first answer.
fn over_a_socket(change: impl FnOnce(&mut Login)) -> Bare {
    let mut login = Login::new("app", PASSWORD);
    login.transport = Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    change(&mut login);
    let mut bare = Bare::new(login);
    bare.feed(Packets::new(Capabilities::NONE, 0).greeting(&mysql()).bytes()).unwrap();
    bare.written.clear();
    bare
}

/// What the connection answers to a payload with the next id.
fn answer(bare: &mut Bare, sequence: u8, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let before = bare.written.len();
    bare.feed(Packets::new(Capabilities::NONE, sequence).payload(payload).bytes())?;
    Ok(bare.written.get(before + 4..).unwrap_or_default().to_vec())
}

fn switch(plugin: &str, data: &[u8]) -> Vec<u8> {
    [b"\xFE", plugin.as_bytes(), b"\0", data].concat()
}

fn next_factor(plugin: &str, data: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    AuthNextFactor { plugin: plugin.as_bytes(), data }.encode(&mut payload).unwrap();
    payload
}

fn auth_error(result: Result<Vec<u8>, Error>) -> AuthError {
    match result {
        Err(Error::Auth(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn t11_h43_each_factor_gets_its_own_password_and_no_other() {
    let mut bare = over_a_socket(|login| {
        login.password2 = Some(SECOND.into());
        login.password3 = Some("third".into());
    });
    let clear = |password: &str| [password.as_bytes(), b"\0"].concat();
    assert_eq!(answer(&mut bare, 2, b"\x01\x04").unwrap(), clear(PASSWORD));
    let payload = next_factor("mysql_clear_password", b"");
    assert_eq!(answer(&mut bare, 4, &payload).unwrap(), clear(SECOND));
    // A switch within a factor is answered with the factor's password.
    let payload = switch("mysql_native_password", NONCE);
    assert_eq!(answer(&mut bare, 6, &payload).unwrap(), native_answer(SECOND, NONCE));
    let payload = next_factor("caching_sha2_password", NONCE);
    assert_eq!(answer(&mut bare, 8, &payload).unwrap(), sha2_answer("third", NONCE));
    // There is no fourth factor.
    let payload = next_factor("mysql_native_password", NONCE);
    let error = answer(&mut bare, 10, &payload).unwrap_err();
    let Error::Protocol(protocol) = &error else { panic!("{error}") };
    assert_eq!(protocol.kind(), Kind::Limit { limit: "authentication factors", value: 3 });
    assert!(bare.connection.is_dead());
}

#[test]
fn t11_a_factor_without_a_password_gets_none() {
    for plugin in
        ["mysql_clear_password", "mysql_native_password", "caching_sha2_password", "dialog"]
    {
        // A third password does not help the second factor.
        let mut bare = over_a_socket(|login| login.password3 = Some("third".into()));
        answer(&mut bare, 2, b"\x01\x03").unwrap();
        let written = bare.written.len();
        let error = auth_error(answer(&mut bare, 3, &next_factor(plugin, NONCE)));
        assert_eq!(error, AuthError::FactorWithoutPassword { plugin });
        assert!(error.to_string().contains("Config::password2"), "{error}");
        assert_eq!(bare.written.len(), written);
    }
}

#[test]
fn a54_questions_are_answered_one_by_one() {
    // Questions as MySQL marks them, and as MariaDB leaves them (H-40).
    for marked in [true, false] {
        let mut bare = over_a_socket(|login| {
            login.policy = login.policy.clone().answers(Arc::new(|question| {
                Some(Secret::from(format!("answer {}", question.number())))
            }));
            // The connection's own capability decides what a bare 0x02 means.
            login.password2 = None;
        });
        let mark = |question: &[u8]| match marked {
            true => [b"\x01", question].concat(),
            false => question.to_vec(),
        };
        let payload = switch("dialog", b"\x04Password: ");
        assert_eq!(answer(&mut bare, 2, &payload).unwrap(), [PASSWORD.as_bytes(), b"\0"].concat());
        assert_eq!(answer(&mut bare, 4, &mark(b"\x04PIN: ")).unwrap(), b"answer 1\0");
        assert_eq!(answer(&mut bare, 6, &mark(b"\x05Again: ")).unwrap(), b"answer 2\0");
        // Behind the last question there is none.
        let error = auth_error(answer(&mut bare, 8, &mark(b"\x04More: ")));
        assert_eq!(error, AuthError::UnexpectedData { plugin: "dialog" });
    }
}

#[test]
fn e40_questions_without_end_are_given_up() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let mut bare = over_a_socket(|login| {
        login.policy = login.policy.clone().answers(Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Some(Secret::from("x"))
        }));
    });
    answer(&mut bare, 2, &switch("dialog", b"")).unwrap();
    let mut sequence = 4_u8;
    let error = loop {
        match answer(&mut bare, sequence, b"\x01\x02And then?") {
            Ok(answered) => assert_eq!(answered, b"x\0"),
            Err(error) => break error,
        }
        sequence += 2;
    };
    let Error::Protocol(protocol) = &error else { panic!("{error}") };
    let value = u64::try_from(Limits::DEFAULT_MAX_AUTH_PACKETS).unwrap();
    assert_eq!(protocol.kind(), Kind::Limit { limit: "max_auth_packets", value });
    assert_eq!(asked.load(Ordering::Relaxed), Limits::DEFAULT_MAX_AUTH_PACKETS - 1);
}

#[test]
fn e31_t03_with_the_opt_in_the_password_still_waits_for_a_verified_channel() {
    for plugin in ["mysql_clear_password", "dialog"] {
        for mode in [SslMode::Disabled, SslMode::Required] {
            run(async move {
                let (stream, script) = serve(move |mut server| async move {
                    match mode {
                        SslMode::Disabled => drop(server.greet(&mysql()).await),
                        _ => {
                            server.greet_tls(&mysql()).await.unwrap();
                            server.login_request().await;
                        }
                    }
                    server.send(server.reply().auth_switch(plugin, b"\x05Password: ")).await;
                    assert_eq!(server.until_closed().await, 0, "{plugin}");
                });
                let config = config().ssl_mode(mode).allow_clear_text_passwords(true);
                let error = Session::from_stream(stream, &config).await.unwrap_err();
                assert!(
                    matches!(&error, Error::Auth(AuthError::ChannelNotVerified { plugin: named })
                        if *named == plugin),
                    "{error}"
                );
                assert!(error.to_string().contains("VERIFY_IDENTITY"), "{error}");
                assert_eq!(error.was_sent(), Sent::No);
                script.done().await.assert_without_secret(PASSWORD);
            });
        }
    }
}

/// A list that names sha256_password.
const SHA2_AND_SHA256: [&str; 2] = ["caching_sha2_password", "sha256_password"];

/// T-03: somebody in between who ends the TLS and switches to the plugin that gives the password away.
#[test]
fn t03_no_switch_to_sha256_password_over_unverified_tls() {
    let unverified = || config().ssl_mode(SslMode::Required);
    let verified = || {
        let ca = tls_file("ca.pem");
        config().host(TLS_NAME).ssl_mode(SslMode::VerifyIdentity).ssl_ca_file(ca)
    };
    let named_by_the_greeting = Greeting { auth_plugin: b"sha256_password", ..mysql() };
    for (config, greeting, is_answered) in [
        (unverified(), mysql(), false),
        (unverified().auth_plugins(SHA2_AND_SHA256), mysql(), true),
        (unverified(), named_by_the_greeting, true),
        (verified(), mysql(), true),
    ] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet_tls(&greeting).await.unwrap();
                server.login_request().await;
                server.send(server.reply().auth_switch("sha256_password", NONCE)).await;
                let answer = server.try_payload().await;
                let password = [PASSWORD.as_bytes(), b"\0"].concat();
                assert_eq!(answer, is_answered.then_some(password));
                if is_answered {
                    server.send(server.reply().ok()).await;
                    server.echo().await;
                }
            });
            match Session::from_stream(stream, &config).await {
                Ok(mut session) => assert_in_step(&mut session).await,
                Err(error) => {
                    let refused = AuthError::ChannelNotVerified { plugin: "sha256_password" };
                    assert!(matches!(&error, Error::Auth(auth) if *auth == refused), "{error}");
                    assert!(error.to_string().contains("Config::auth_plugins"), "{error}");
                    assert_eq!(error.was_sent(), Sent::No);
                }
            }
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn a20_sha256_password_over_tls_and_in_the_clear() {
    let password = [PASSWORD.as_bytes(), b"\0"].concat();
    run(async move {
        let (stream, script) = serve(move |mut server| async move {
            server.greet_tls(&mysql()).await.unwrap();
            server.login_request().await;
            server.send(server.reply().auth_switch("sha256_password", NONCE)).await;
            assert_eq!(server.payload().await, password);
            server.send(server.reply().ok()).await;
            server.echo().await;
        });
        let config = config().ssl_mode(SslMode::Required).auth_plugins(SHA2_AND_SHA256);
        let mut session = Session::from_stream(stream, &config).await.unwrap();
        assert_eq!(session.auth_plugin(), "sha256_password");
        assert_in_step(&mut session).await;
        drop(session);
        script.done().await.assert_without_secret(PASSWORD);
    });
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet(&mysql()).await;
            server.send(server.reply().auth_switch("sha256_password", NONCE)).await;
            assert_eq!(server.until_closed().await, 0);
        });
        let error = Session::from_stream(stream, &config()).await.unwrap_err();
        assert!(matches!(error, Error::Auth(AuthError::PasswordNeedsProtection)), "{error}");
        script.done().await.assert_without_secret(PASSWORD);
    });
}

#[cfg(feature = "ed25519")]
#[test]
fn a41_ed25519_nonces_of_another_length_are_refused() {
    for length in [0, 20, 21, 31, 33, 34, 64] {
        let data = vec![7; length];
        let error =
            auth_error(answer(&mut over_a_socket(|_| {}), 2, &switch("client_ed25519", &data)));
        let plugin = "client_ed25519";
        assert_eq!(error, AuthError::NonceLength { plugin, length, wanted: 32 });
    }
    let with_nul = [&[7; 32][..], b"\0"].concat();
    let answers = [&[7; 32][..], &with_nul].map(|data| {
        answer(&mut over_a_socket(|_| {}), 2, &switch("client_ed25519", data)).unwrap()
    });
    assert_eq!(answers[0].len(), 64);
    assert_eq!(answers[0], answers[1]);
}

#[cfg(feature = "parsec")]
#[test]
fn e32_e33_a50_parsec_with_and_without_the_first_byte() {
    let salt = |factor: u8| [&[b'P', factor][..], &[9; 18]].concat();
    for marked in [true, false] {
        let framed = |salt: Vec<u8>| if marked { [vec![1], salt].concat() } else { salt };
        for factor in 0..=3 {
            let mut bare = over_a_socket(|_| {});
            assert_eq!(answer(&mut bare, 2, &switch("parsec", &[7; 32])).unwrap(), b"");
            // The empty packet was written, all the same.
            assert_eq!(bare.written, [0, 0, 0, 3]);
            assert_eq!(answer(&mut bare, 4, &framed(salt(factor))).unwrap().len(), 96);
        }
        for factor in [4, 20, 31, 255] {
            let mut bare = over_a_socket(|_| {});
            answer(&mut bare, 2, &switch("parsec", &[7; 32])).unwrap();
            let error = auth_error(answer(&mut bare, 4, &framed(salt(factor))));
            assert_eq!(error, AuthError::IterationFactor { factor, max: 3 });
        }
        for wrong in [vec![b'P', 0], [salt(0), vec![0]].concat(), vec![b'Q'; 20]] {
            let mut bare = over_a_socket(|_| {});
            answer(&mut bare, 2, &switch("parsec", &[7; 32])).unwrap();
            let error = auth_error(answer(&mut bare, 4, &framed(wrong)));
            assert_eq!(error, AuthError::UnexpectedData { plugin: "parsec" });
        }
    }
}

/// A token and its length, as some enterprise plugins want it.
struct Token;

impl Plugin for Token {
    fn name(&self) -> &'static str {
        "authentication_openid_connect_client"
    }

    fn start(&self) -> Box<dyn PluginExchange> {
        Box::new(Self)
    }
}

impl PluginExchange for Token {
    fn respond(&mut self, data: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError> {
        match data {
            b"done?" => Ok(Response::Wait),
            data => Ok(Response::send([data, context.secret()?.expose()].concat())),
        }
    }
}

#[test]
fn a55_a_plugin_of_the_callers_logs_in_where_it_may() {
    let plugin = "authentication_openid_connect_client";
    // Over a Unix socket.
    let mut bare = over_a_socket(|login| {
        login.policy = login.policy.clone().plugin(Arc::new(Token));
    });
    let payload = switch(plugin, b"first:");
    assert_eq!(answer(&mut bare, 2, &payload).unwrap(), [b"first:", PASSWORD.as_bytes()].concat());
    assert_eq!(
        answer(&mut bare, 4, b"\x01more:").unwrap(),
        [b"more:", PASSWORD.as_bytes()].concat()
    );
    assert_eq!(answer(&mut bare, 6, b"\x01done?").unwrap(), b"");
    let ok = Packets::new(bare.connection.capabilities(), 7).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
    assert_eq!(bare.connection.server().auth_plugin(), plugin);
    // Not over a network that anybody reads, for it says nothing to the contrary.
    run(async move {
        let (stream, script) = serve(move |mut server| async move {
            server.greet(&mysql()).await;
            server.send(server.reply().auth_switch(plugin, b"first:")).await;
            assert_eq!(server.until_closed().await, 0);
        });
        let config = config().auth_plugin(Token);
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        assert!(matches!(error, Error::Auth(AuthError::ChannelNotVerified { .. })), "{error}");
        script.done().await.assert_without_secret(PASSWORD);
    });
}

#[test]
fn t80_nothing_shows_the_secrets_of_factors_and_answers() {
    let config = config()
        .password2(SECOND)
        .password3(SECOND)
        .auth_plugin(Token)
        .answer_questions(|_| Some(Secret::from(SECOND)))
        .password_from(|| Ok(SECOND.into()));
    let login = Login::from_config(&config).unwrap();
    let shown = format!("{config:?} {config:#?} {config} {login:?}");
    let shown = format!("{shown} {:?}", Connection::new(login, Limits::default()));
    for secret in [SECOND, PASSWORD] {
        assert!(!shown.contains(secret), "{shown}");
    }
    // What lowers the guard cannot come by a URL (T-25).
    for key in ["password-file", "password_env", "allow-clear-text-passwords"] {
        let error = format!("mysql://app@localhost/?{key}=x").parse::<Config>().unwrap_err();
        assert!(error.to_string().contains("call Config::"), "{error}");
    }
}

/// The server's side of a change: the request, a challenge, and the answer to it.
async fn take_change(server: &mut Server, capabilities: Capabilities) -> Vec<u8> {
    let payload = server.command().await;
    let change = ChangeUser::decode(&payload, capabilities).unwrap();
    assert_eq!(
        (change.user, change.auth_response, change.auth_plugin),
        (&b"other"[..], &b""[..], &b""[..])
    );
    assert_eq!(change.collation, 45);
    server
        .send(server.reply().auth_switch("mysql_native_password", b"NEW-NONCE-of-20bytes\0"))
        .await;
    server.payload().await
}

fn other() -> Config {
    config().user("other").password(SECOND).database("shop")
}

#[test]
fn e41_a57_a_change_of_the_user_answers_the_new_nonce() {
    run(async {
        let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
            let capabilities = server.capabilities();
            let answer = take_change(&mut server, capabilities).await;
            assert_eq!(answer, native_answer(SECOND, b"NEW-NONCE-of-20bytes"));
            server.send(server.reply().ok()).await;
            server.expect(Command::Query(b"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")).await;
            server.send(server.reply().ok()).await;
            server.echo().await;
        })
        .await;
        session.change_user(&other()).await.unwrap();
        assert_eq!(session.database(), Some("shop"));
        assert_eq!(session.auth_plugin(), "mysql_native_password");
        assert_in_step(&mut session).await;
        drop(session);
        let wire = script.done().await;
        wire.assert_without_secret(PASSWORD);
        wire.assert_without_secret(SECOND);
    });
}

#[test]
fn e41_a_refused_change_is_the_end_of_the_session() {
    type Ending = fn(Packets) -> Packets;
    let endings: [Ending; 4] = [
        |reply| reply.err(1045, "Access denied"),
        |reply| reply.auth_switch("mysql_clear_password", b""),
        |reply| reply.auth_switch("mysql_old_password", b""),
        |reply| reply.payload(b"\xFE"),
    ];
    for ending in endings {
        run(async move {
            let (mut session, script) =
                logged_in(mysql(), &config(), move |mut server| async move {
                    server.command().await;
                    server.send(ending(server.reply())).await;
                    assert_eq!(server.until_closed().await, 0);
                })
                .await;
            let error = session.change_user(&other()).await.unwrap_err();
            assert!(error.is_fatal() && !error.is_retryable(), "{error}");
            assert_dead(&mut session, &script).await;
            drop(session);
            script.done().await.assert_without_secret(SECOND);
        });
    }
}

/// T-60: the future dropped at every await; the next call finishes the change.
#[test]
fn t60_a_change_that_nobody_waits_for_is_finished_by_the_next_call() {
    for polls in 1..40 {
        run(async move {
            let (mut session, script) = logged_in(mysql(), &config(), |mut server| async move {
                let capabilities = server.capabilities();
                tokio::task::yield_now().await;
                take_change(&mut server, capabilities).await;
                tokio::task::yield_now().await;
                server.send(server.reply().ok()).await;
                server.echo().await;
            })
            .await;
            let other = other();
            {
                let mut change = Box::pin(session.change_user(&other));
                for _ in 0..polls {
                    let done = std::future::poll_fn(|cx| {
                        std::task::Poll::Ready(change.as_mut().poll(cx).is_ready())
                    });
                    if done.await {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            assert_in_step(&mut session).await;
            assert_eq!(session.database(), Some("shop"));
            drop(session);
            let wire = script.done().await;
            let names = b"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci";
            assert!(wire.contains(names), "{polls}: the character set is set, whoever waits");
        });
    }
}

#[test]
fn a_change_needs_a_connection_that_is_idle() {
    let mut connection = Connection::new(Login::new("app", PASSWORD), Limits::default());
    assert!(connection.change_user(Login::new("other", SECOND)).is_err(), "before the login");
    let mut bare = over_a_socket(|_| {});
    let ok = Packets::new(bare.connection.capabilities(), 2).ok();
    assert_eq!(bare.feed(ok.bytes()).unwrap(), [Step::Connected]);
    bare.connection.ping().unwrap();
    assert!(bare.connection.change_user(Login::new("other", SECOND)).is_err(), "a ping is due");
    assert!(!bare.connection.is_dead());
    bare.feed(Packets::new(bare.connection.capabilities(), 1).ok().bytes()).unwrap();
    bare.connection.change_user(Login::new("other", SECOND)).unwrap();
    assert!(bare.connection.ping().is_err(), "the change is under way");
    let error = bare.connection.change_user(Login::new("a\0b", SECOND)).unwrap_err();
    assert!(!error.is_fatal(), "{error}");
}
