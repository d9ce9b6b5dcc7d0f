//! A MariaDB whose certificate nobody vouches for, and what it has to know: T-08, E-34.

use mywire::error::TlsError;
use mywire::wire::{Capabilities, Greeting, OkPacket, SessionState, StatusFlags};
use mywire::{Config, Error, Sent, Session, SslMode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::scripted::*;

const CERTIFICATE: &str = "self-signed.pem";

/// An account that verifies the server and says nothing about whom to trust.
fn verifying() -> Config {
    config().host(TLS_NAME).ssl_mode(SslMode::VerifyIdentity)
}

/// What a server with this certificate says of an account of mysql_native_password.
pub(crate) fn proof(password: &str, nonce: &[u8], certificate: &str) -> Vec<u8> {
    let digest = Sha256::new()
        .chain_update(Sha1::digest(Sha1::digest(password)))
        .chain_update(nonce)
        .chain_update(fingerprint(certificate))
        .finalize();
    let digits: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("\x01{digits}").into_bytes()
}

fn right() -> Vec<u8> {
    proof(PASSWORD, NONCE, CERTIFICATE)
}

/// Logs in at a MariaDB that shows a certificate and ends the login with this info.
async fn log_in(
    config: &Config,
    greeting: Greeting<'static>,
    certificate: &'static str,
    info: Vec<u8>,
) -> (mywire::Result<Session>, Script) {
    let (stream, script) = serve(move |mut server| async move {
        // Ends here if the client does not take the certificate.
        let Ok(_) = server.greet_tls_with(&greeting, certificate).await else { return };
        server.login_request().await;
        // The session state is an attacker's, unless the proof is right.
        let state = b"\x01\x05\x04evil";
        server
            .send(server.reply().ok_with(&OkPacket {
                status: StatusFlags::SESSION_STATE_CHANGED,
                info: &info,
                session_state: SessionState::decode(state).unwrap(),
                ..ok()
            }))
            .await;
        server.echo().await;
    });
    (Session::from_stream(stream, config).await, script)
}

/// A session whose server proved itself.
pub(crate) async fn log_in_with_proof() -> Session {
    let (session, script) = log_in(&verifying(), mariadb(), CERTIFICATE, right()).await;
    let session = session.unwrap();
    script.abandon();
    session
}

fn unproved(error: &Error) -> &'static str {
    let Error::Tls(tls) = error else { panic!("{error}") };
    let TlsError::Unproved { why, .. } = **tls else { panic!("{error}") };
    let shown = error.to_string();
    assert!(shown.contains(why) && shown.contains("UnknownIssuer"), "{shown}");
    assert!(shown.contains("`ssl-ca`"), "{shown}");
    assert!(error.is_fatal() && !error.is_retryable());
    assert_eq!(error.was_sent(), Sent::No);
    why
}

#[test]
fn e34_a60_a_right_proof_makes_up_for_an_untrusted_certificate() {
    for info in [right(), right().to_ascii_lowercase()] {
        run(async move {
            let (session, script) = log_in(&verifying(), mariadb(), CERTIFICATE, info).await;
            let mut session = session.unwrap();
            assert!(session.is_encrypted());
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
    // A certificate of a CA, for another host.
    run(async {
        let info = proof(PASSWORD, NONCE, "server.pem");
        let (session, script) = log_in(&verifying(), mariadb(), "server.pem", info).await;
        assert_in_step(&mut session.unwrap()).await;
        script.done().await;
    });
}

#[test]
fn e34_t08_every_other_proof_is_refused() {
    let changed = |at: usize, byte| {
        let mut info = right();
        info[at] = byte;
        info
    };
    let last = if right()[64] == b'0' { b'1' } else { b'0' };
    let mut longer = right();
    longer.push(b'0');
    for info in [
        Vec::new(),
        changed(64, last),
        changed(0, 2),
        changed(9, b'G'),
        right()[..64].to_vec(),
        longer,
        // Right for another account, nonce or certificate: a relay cannot change its own.
        proof("another", NONCE, CERTIFICATE),
        proof(PASSWORD, b"tsrqponmlkjihgfedcba", CERTIFICATE),
        proof(PASSWORD, NONCE, "server.pem"),
    ] {
        run(async move {
            let (session, script) = log_in(&verifying(), mariadb(), CERTIFICATE, info).await;
            unproved(&session.unwrap_err());
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

#[test]
fn t08_plugins_that_give_the_password_away_are_not_answered_before_the_proof() {
    for plugin in [
        "mysql_clear_password",
        "dialog",
        "sha256_password",
        "caching_sha2_password",
        "mysql_old_password",
        "unknown",
    ] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet_tls_with(&mariadb(), CERTIFICATE).await.unwrap();
                server.login_request().await;
                server.send(server.reply().auth_switch(plugin, b"01234567890123456789\0")).await;
                assert_eq!(server.until_closed().await, 0, "{plugin} was answered");
            });
            let error = Session::from_stream(stream, &verifying()).await.unwrap_err();
            assert!(unproved(&error).contains("plugin"), "{error}");
            script.done().await.assert_without_secret(PASSWORD);
        });
    }
}

/// The greeting's own choice is no different: the answer is another plugin's.
#[test]
fn t08_h35_a_greeting_with_such_a_plugin_gets_another_ones_answer() {
    run(async {
        let greeting = Greeting { auth_plugin: b"caching_sha2_password", ..mariadb() };
        let (stream, script) = serve(move |mut server| async move {
            server.greet_tls_with(&greeting, CERTIFICATE).await.unwrap();
            let login = server.login_request().await;
            assert_eq!(login.request().auth_plugin, b"mysql_native_password");
            assert_eq!(login.request().auth_response.len(), 20);
            // What caching_sha2_password would take for a wish to see the password.
            server.send(server.reply().more_data(&[4])).await;
            assert_eq!(server.until_closed().await, 0);
        });
        Session::from_stream(stream, &verifying()).await.unwrap_err();
        script.done().await.assert_without_secret(PASSWORD);
    });
}

/// Whoever knows the second factor's password, of less worth, could make a proof of it.
#[test]
fn t08_a60_h43_no_further_factor_is_answered_before_the_proof() {
    const SECOND: &str = "wo-second-factor";
    run(async {
        let capabilities = mariadb().capabilities | Capabilities::MULTI_FACTOR_AUTHENTICATION;
        let greeting = Greeting { capabilities, ..mariadb() };
        let (stream, script) = serve(move |mut server| async move {
            server.greet_tls_with(&greeting, CERTIFICATE).await.unwrap();
            server.login_request().await;
            let factor = [&b"\x02mysql_native_password\0"[..], NONCE].concat();
            server.send(server.reply().payload(&factor)).await;
            if server.try_payload().await.is_some() {
                let info = proof(SECOND, NONCE, CERTIFICATE);
                server.send(server.reply().ok_with(&OkPacket { info: &info, ..ok() })).await;
                server.echo().await;
            }
        });
        let config = verifying().password2(SECOND);
        let error = Session::from_stream(stream, &config).await.unwrap_err();
        assert!(unproved(&error).contains("further factor"), "{error}");
        script.done().await.assert_without_secret(SECOND);
    });
}

/// a switch to the plugin that makes the proof carries a nonce of its own; the proof is made
/// with the greeting's all the same.
#[test]
fn a61_the_nonce_of_a_proof_is_the_greetings() {
    for (nonce, is_right) in [(NONCE, true), (b"01234567890123456789", false)] {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet_tls_with(&mariadb(), CERTIFICATE).await.unwrap();
                server.login_request().await;
                let switch = server.reply();
                let data = b"01234567890123456789\0";
                server.send(switch.auth_switch("mysql_native_password", data)).await;
                assert_eq!(server.payload().await.len(), 20);
                let info = proof(PASSWORD, nonce, CERTIFICATE);
                server.send(server.reply().ok_with(&OkPacket { info: &info, ..ok() })).await;
                server.echo().await;
            });
            let session = Session::from_stream(stream, &verifying()).await;
            assert_eq!(session.is_ok(), is_right);
            drop(session);
            script.done().await;
        });
    }
}

#[test]
fn t08_who_cannot_be_proved_is_left_before_the_account_is_named() {
    let mysql_with_tls = mysql();
    let older = Greeting { server_version: b"5.5.5-10.11.19-MariaDB", ..mariadb() };
    for (config, greeting, certificate) in [
        // An empty password is known to everybody.
        (verifying().password(""), mariadb(), CERTIFICATE),
        // No MariaDB, or one that sends no proof.
        (verifying(), mysql_with_tls, CERTIFICATE),
        (verifying(), older, CERTIFICATE),
        // Whom to trust was said.
        (verifying().ssl_ca_file(tls_file("ca.pem")), mariadb(), CERTIFICATE),
        (verifying().ssl_fingerprint(fingerprint("server.pem")), mariadb(), CERTIFICATE),
        // more is wrong than trust.
        (verifying(), mariadb(), "self-signed-expired.pem"),
        (verifying(), mariadb(), "early.pem"),
    ] {
        run(async move {
            let (session, script) = log_in(&config, greeting, certificate, right()).await;
            let error = session.unwrap_err();
            let Error::Tls(tls) = &error else { panic!("{error}") };
            assert!(matches!(**tls, TlsError::Failed(_)), "{error}");
            let wire = script.done().await;
            assert!(!wire.contains(b"app"), "the account was named");
        });
    }
}

/// H-25: until the proof, what the server says is anybody's word.
#[test]
fn t05_h25_an_error_before_the_proof_is_unverified() {
    run(async {
        let (stream, script) = serve(|mut server| async move {
            server.greet_tls_with(&mariadb(), CERTIFICATE).await.unwrap();
            server.login_request().await;
            server.send(server.reply().err(1045, "Access denied")).await;
        });
        let error = Session::from_stream(stream, &verifying()).await.unwrap_err();
        assert!(error.to_string().starts_with("unverified server error 1045"), "{error}");
        script.done().await;
    });
}

/// The same server where the certificate is trusted: no proof is asked for.
#[test]
fn a_trusted_certificate_needs_no_proof() {
    for config in [
        verifying().ssl_ca_file(tls_file("ca.pem")),
        verifying().ssl_fingerprint(fingerprint("server.pem")),
    ] {
        run(async move {
            let (session, script) = log_in(&config, mariadb(), "server.pem", Vec::new()).await;
            assert_in_step(&mut session.unwrap()).await;
            script.done().await;
        });
    }
}
