//! The password in everything that can be shown (T-80).

use std::fmt::Debug;

use mywire::config::ConfigError;
use mywire::wire::{Capabilities, ColumnType, LoginRequest};
use mywire::{Config, Secret, Session, SslMode};

use crate::scripted::*;

/// How a password could show: plain, percent-encoded, base64, hex, and as a list of bytes.
fn assert_hidden(what: &str, shown: &str) {
    let hex: String = PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", PASSWORD.as_bytes());
    let forms = [
        PASSWORD,
        "s3nt1nel",
        "pa55word",
        "s3nt1nel%2Dpa55word",
        "czNudDFuZWwtcGE1NXdvcmQ",
        &hex,
        list.trim_matches(['[', ']']),
    ];
    let lower = shown.to_lowercase();
    for form in forms {
        assert!(!lower.contains(&form.to_lowercase()), "{what} shows a password: {shown}");
    }
}

fn assert_debug_hides(what: &str, value: &dyn Debug) {
    assert_hidden(what, &format!("{value:?}"));
    assert_hidden(what, &format!("{value:#?}"));
}

#[test]
fn t80_no_configuration_shows_its_password() {
    let url = format!("mysql://app:{PASSWORD}@localhost/shop");
    let config: Config = url.parse().unwrap();
    for config in [config, config_with_everything()] {
        assert_debug_hides("Config", &config);
        assert_hidden("Config", &config.to_string());
        assert_hidden("Config", &config.to_url());
    }
    assert_debug_hides("Secret", &Secret::from(PASSWORD));
    let login = mywire::proto::Login::new("app", PASSWORD);
    assert_debug_hides("Login", &login);
    let connection = mywire::proto::Connection::new(login, mywire::Limits::default());
    assert_debug_hides("Connection", &connection);
}

fn config_with_everything() -> Config {
    config().database("shop").ssl_mode(SslMode::Preferred).ssl_cert_pem("cert", PASSWORD)
}

#[test]
fn t80_no_url_that_does_not_parse_shows_its_password() {
    for url in [
        format!("mysql://app:{PASSWORD}@localhost:port/shop"),
        format!("mysql://app:{PASSWORD}/x@localhost/shop"),
        format!("mysql://app:{PASSWORD}?x@localhost/shop"),
        format!("mysql://app:{PASSWORD}#x@localhost/shop"),
        format!("mysql://app:{PASSWORD}@x@localhost/shop"),
        format!("postgres://app:{PASSWORD}@localhost/shop"),
        format!("app:{PASSWORD}@localhost"),
        format!("mysql://app:{PASSWORD}@localhost/shop?no-such-key=1"),
        format!("mysql://app:{PASSWORD}@localhost/shop?ssl-mode={PASSWORD}"),
        format!("mysql://app:{PASSWORD}%00@localhost/shop"),
        format!("mysql://app:{PASSWORD}%zz@localhost/shop"),
        format!("mysql://app@localhost:{PASSWORD}/shop"),
        format!("mysql://app@{PASSWORD}@/shop"),
    ] {
        let error: ConfigError = url.parse::<Config>().unwrap_err();
        assert_hidden("ConfigError", &error.to_string());
        assert_debug_hides("ConfigError", &error);
    }
}

#[test]
fn t80_no_error_of_a_login_and_no_session_shows_the_password() {
    type Ending = fn(Packets) -> Packets;
    let endings: [Ending; 9] = [
        |reply| reply.more_data(&[3]).ok(),
        |reply| reply.err(1045, "Access denied"),
        |reply| reply.more_data(&[4]),
        |reply| reply.auth_switch("mysql_clear_password", b""),
        |reply| reply.auth_switch("mysql_native_password", b"short"),
        |reply| reply.payload(b""),
        |reply| reply.payload(b"\0\xFC"),
        |reply| reply.with_sequence(77).ok(),
        |reply| reply.raw(b"\x05"),
    ];
    for (number, ending) in endings.into_iter().enumerate() {
        run(async move {
            let (stream, script) = serve(move |mut server| async move {
                server.greet(&mysql()).await;
                server.send(ending(server.reply())).await;
                server.close();
            });
            match Session::from_stream(stream, &config_with_everything_but_tls()).await {
                Ok(session) => {
                    assert_eq!(number, 0);
                    assert_debug_hides("Session", &session);
                }
                Err(error) => {
                    assert_ne!(number, 0);
                    assert_hidden("Error", &error.to_string());
                    assert_debug_hides("Error", &error);
                }
            }
            script.done().await;
        });
    }
}

fn config_with_everything_but_tls() -> Config {
    config().database("shop").connect_attribute("program_name", "shop")
}

#[test]
fn t80_a_decoded_login_request_does_not_show_its_answer() {
    // A clear-text plugin of somebody else's client would hold the password itself.
    let request = LoginRequest {
        capabilities: Capabilities::PROTOCOL_41,
        max_packet: 1,
        collation: 45,
        user: b"app",
        auth_response: PASSWORD.as_bytes(),
        database: b"",
        auth_plugin: b"mysql_clear_password",
        attributes: mywire::wire::ConnectAttributes::default(),
        zstd_level: 0,
    };
    assert_debug_hides("LoginRequest", &request);
}

/// Not even while the password itself waits to be written.
#[test]
fn t80_no_connection_shows_what_it_is_about_to_send() {
    let mut login = mywire::proto::Login::new("app", PASSWORD);
    login.transport = mywire::proto::Transport::UnixSocket;
    login.policy = login.policy.allow_clear_text(true);
    let mut connection = mywire::proto::Connection::new(login, mywire::Limits::default());
    let greeting = Packets::new(Capabilities::NONE, 0).greeting(&mysql());
    let switch = Packets::new(Capabilities::NONE, 2).auth_switch("mysql_clear_password", b"");
    for bytes in [greeting.bytes(), switch.bytes()] {
        let written = connection.send_buf().len();
        connection.sent(written);
        connection.spare()[..bytes.len()].copy_from_slice(bytes);
        connection.received(bytes.len());
        connection.step().unwrap();
    }
    let waits = connection.send_buf();
    assert!(waits.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()));
    assert_debug_hides("Connection", &connection);
}

/// What a session was sent and sends is in none of its parts, either.
#[test]
fn t80_no_session_shows_its_values() {
    run(async {
        let (mut session, script) = replying(|reply| {
            reply
                .columns(&[column("n", ColumnType::VAR_STRING)])
                .row(&[PASSWORD])
                .row(&[PASSWORD])
                .end()
        })
        .await;
        let mut rows = session.query("SELECT n", ()).await.unwrap();
        rows.next().await.unwrap().expect("a row");
        assert_debug_hides("Rows", &rows);
        drop(rows);
        assert_debug_hides("Session", &session);
        script.abandon();
    });
}

#[test]
fn t83_no_local_error_repeats_the_statement() {
    run(async {
        let (mut session, script) = replying(|reply| reply.payload(b"")).await;
        let sql = format!("SELECT '{PASSWORD}'");
        let error = session.execute(&sql, ()).await.unwrap_err();
        assert_hidden("Error", &error.to_string());
        assert_debug_hides("Error", &error);
        let error = session.execute(&sql, ()).await.unwrap_err();
        assert_hidden("Error", &error.to_string());
        script.abandon();
    });
}
