//! The second connection of a kill, and who may stand at its other end: T-09, T-93, E-98.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mywire::error::UsageError;
use mywire::wire::{ColumnType, Command, OkPacket};
use mywire::{Config, Error, Session, SslMode};

use crate::listener::Listener;
use crate::scripted::*;
use crate::server_proof::proof;

const SLOW: &str = "SELECT slow";

/// Takes the login, with the proof of a certificate.
async fn take_login(server: &mut Server, proved: &'static str) {
    server.login_request().await;
    let info = proof(PASSWORD, NONCE, proved);
    server.send(server.reply().ok_with(&OkPacket { info: &info, ..ok() })).await;
}

/// Answers the question who runs what with one session.
async fn list(server: &mut Server, id: &str, user: &str, host: &str) {
    server.expect(Command::Query(b"SHOW PROCESSLIST")).await;
    let mut columns = ["Id", "User", "Host"].map(|name| column(name, ColumnType::VAR_STRING));
    columns[0].column_type = ColumnType::LONGLONG;
    server.send(server.reply().columns(&columns).row(&[id, user, host]).end()).await;
}

/// Begins the slow statement and tells `begun`; its result comes once `done` says so.
async fn run_slowly(server: &mut Server, signs: &Signs) {
    server.expect(Command::Query(SLOW.as_bytes())).await;
    signs.begun.notify_one();
    signs.done.notified().await;
    server.send(server.reply().numbers([1])).await;
    server.echo().await;
}

#[derive(Debug, Default)]
struct Signs {
    begun: tokio::sync::Notify,
    done: tokio::sync::Notify,
}

/// Cancels the slow statement while it runs; the statement ends afterwards, and the session has to
/// be in step.
async fn cancel(session: &mut Session, signs: &Signs) -> mywire::Result<bool> {
    let handle = session.cancel_handle();
    let cancelled = async {
        signs.begun.notified().await;
        let cancelled = handle.cancel().await;
        signs.done.notify_one();
        cancelled
    };
    let (answer, cancelled) = tokio::join!(session.fetch_one::<u64>(SLOW, ()), cancelled);
    assert_eq!(answer.unwrap(), 1);
    assert_in_step(session).await;
    cancelled
}

fn assert_cannot_cancel(error: &Error, why: &str) {
    let Error::Usage(UsageError::CannotCancel { reason }) = error else { panic!("{error:?}") };
    assert!(reason.starts_with("on the second connection: "), "{reason}");
    assert!(reason.contains(why), "{reason}");
    assert!(!error.is_fatal());
}

/// Who listens shows another certificate than before, whose holder is not trusted: nothing is said
/// to it, and nothing killed.
#[test]
fn t09_a60_a_kill_goes_to_no_server_whose_certificate_was_swapped() {
    let by_ca = |config: Config| config.ssl_ca_file(tls_file("ca.pem"));
    let by_proof = |config: Config| config.ssl_mode(SslMode::VerifyIdentity);
    type Trust = fn(Config) -> Config;
    let cases: [(Trust, &str, &str, &str); 5] = [
        (by_ca, "server.pem", "self-signed.pem", "UnknownIssuer"),
        (by_ca, "server.pem", "expired.pem", "certificate expired"),
        (by_ca, "server.pem", "nameless.pem", "TLS"),
        // The other one relays the first one's proof, and cannot make its own.
        (by_proof, "self-signed.pem", "server.pem", "not to be trusted"),
        (by_proof, "self-signed.pem", "self-signed-expired.pem", "certificate expired"),
    ];
    for (trust, first, second, why) in cases {
        run_on_sockets(async move {
            let signs = Arc::new(Signs::default());
            let heard = Arc::new(AtomicBool::new(false));
            let (told, said) = (signs.clone(), heard.clone());
            let listener = Listener::new(move |number, mut server| {
                let (signs, heard) = (told.clone(), said.clone());
                async move {
                    if number == 0 {
                        server.greet_tls_with(&mariadb(), first).await.unwrap();
                        take_login(&mut server, first).await;
                        return run_slowly(&mut server, &signs).await;
                    }
                    if server.greet_tls_with(&mariadb(), second).await.is_err() {
                        return;
                    }
                    take_login(&mut server, first).await;
                    // A relay hears nothing of what is asked behind the login.
                    heard.store(server.until_closed().await > 0, Ordering::SeqCst);
                }
            })
            .await;
            let config = trust(listener.config().ssl_mode(SslMode::VerifyIdentity));
            let config = config.tls_server_name(TLS_NAME);
            let mut session = Session::connect_with(&config).await.unwrap();
            let error = cancel(&mut session, &signs).await.unwrap_err();
            assert_cannot_cancel(&error, why);
            assert_eq!(listener.connections(), 2);
            assert!(!heard.load(Ordering::SeqCst), "{second} heard something");
            listener.wire(1).assert_without_secret(PASSWORD);
        });
    }
}

/// A first connection in TLS is never followed by one in plain text, whatever the mode allows.
#[test]
fn t04_t09_a_kill_is_not_sent_in_plain_text_behind_a_connection_in_tls() {
    run_on_sockets(async {
        let signs = Arc::new(Signs::default());
        let told = signs.clone();
        let listener = Listener::new(move |number, mut server| {
            let signs = told.clone();
            async move {
                if number == 0 {
                    server.greet_tls_with(&mariadb(), "self-signed.pem").await.unwrap();
                    take_login(&mut server, "self-signed.pem").await;
                    return run_slowly(&mut server, &signs).await;
                }
                server.send(server.reply().greeting(&mariadb())).await;
                assert_eq!(server.until_closed().await, 0, "something was said in plain text");
            }
        })
        .await;
        let config = listener.config().ssl_mode(SslMode::Preferred);
        let mut session = Session::connect_with(&config).await.unwrap();
        assert!(session.is_encrypted());
        let error = cancel(&mut session, &signs).await.unwrap_err();
        assert_cannot_cancel(&error, "does not offer TLS");
        assert!(listener.wire(1).is_empty());
    });
}

/// What a proxy answers to the question who we are.
async fn identify(server: &mut Server, thread: &str) {
    let columns = ["Variable_name", "Value"].map(|name| column(name, ColumnType::VAR_STRING));
    let rows = server.reply().columns(&columns).row(&["server_uuid", "first"]);
    server.send(rows.row(&["pseudo_thread_id", thread]).end()).await;
}

/// The question itself.
const IDENTIFY: &[u8] =
    b"SHOW VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'pseudo_thread_id')";

/// A proxy can give the session another one of the server's behind a reset and a change of the user:
/// what was known is somebody else's then.
#[test]
fn e98_t93_behind_a_reset_and_a_change_of_the_user_the_server_is_asked_anew() {
    for changes in [false, true] {
        for listed in ["70", "71"] {
            run_on_sockets(async move {
                let signs = Arc::new(Signs::default());
                let told = signs.clone();
                let listener = Listener::new(move |number, mut server| {
                    let signs = told.clone();
                    async move {
                        server.login().await;
                        if number > 0 {
                            server.expect(Command::Query(IDENTIFY)).await;
                            identify(&mut server, "99").await;
                            list(&mut server, listed, "app", "proxy:1").await;
                            // Only 71 is ours by now.
                            if listed == "71" {
                                server.expect(Command::Query(b"KILL QUERY 71")).await;
                                server.send(server.reply().ok()).await;
                            }
                            let left = server.try_command().await;
                            assert!(left.is_none_or(|command| command == [1]), "it killed");
                            return;
                        }
                        server.expect(Command::Query(IDENTIFY)).await;
                        identify(&mut server, "70").await;
                        let change = server.command().await;
                        assert_eq!(change[0], if changes { 0x11 } else { 0x1F });
                        if changes {
                            let nonce = b"NEW-NONCE-of-20bytes\0";
                            let plugin = "mysql_native_password";
                            server.send(server.reply().auth_switch(plugin, nonce)).await;
                            server.payload().await;
                        }
                        server.send(server.reply().ok()).await;
                        assert!(server.command().await[1..].starts_with(b"SET NAMES"));
                        server.send(server.reply().ok()).await;
                        server.expect(Command::Query(IDENTIFY)).await;
                        identify(&mut server, "71").await;
                        run_slowly(&mut server, &signs).await;
                    }
                })
                .await;
                let config = listener.config().identify(true);
                let mut session = Session::connect_with(&config).await.unwrap();
                match changes {
                    true => session.change_user(&config).await.unwrap(),
                    false => session.reset().await.unwrap(),
                }
                match (listed, cancel(&mut session, &signs).await) {
                    ("71", cancelled) => assert!(cancelled.unwrap()),
                    (_, cancelled) => {
                        let error = cancelled.unwrap_err().to_string();
                        assert!(error.contains("lists no session"), "{error}");
                    }
                }
            });
        }
    }
}

/// A server of another id is not ours, whatever it lists.
#[test]
fn e98_another_server_behind_the_same_address_is_not_told_to_kill() {
    run_on_sockets(async {
        let signs = Arc::new(Signs::default());
        let told = signs.clone();
        let listener = Listener::new(move |number, mut server| {
            let signs = told.clone();
            async move {
                server.login().await;
                server.expect(Command::Query(IDENTIFY)).await;
                if number == 0 {
                    identify(&mut server, "70").await;
                    return run_slowly(&mut server, &signs).await;
                }
                let columns =
                    ["Variable_name", "Value"].map(|name| column(name, ColumnType::VAR_STRING));
                let rows = server.reply().columns(&columns).row(&["server_uuid", "second"]);
                server.send(rows.row(&["pseudo_thread_id", "99"]).end()).await;
                let left = server.try_command().await;
                assert!(left.is_none_or(|command| command == [1]), "something was asked of it");
            }
        })
        .await;
        let config = listener.config().identify(true);
        let mut session = Session::connect_with(&config).await.unwrap();
        let error = cancel(&mut session, &signs).await.unwrap_err().to_string();
        assert!(error.contains("another server answered, with another id"), "{error}");
    });
}
