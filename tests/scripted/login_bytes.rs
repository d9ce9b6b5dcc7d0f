//! Every byte that a client writes, held against a model of it.

use mywire::wire::{Capabilities, Command, Greeting, LoginRequest, PacketHeader};
use mywire::{Config, Error, Sent, Session};

use crate::scripted::*;

/// The bytes of a login and of one of each command.
async fn written(greeting: Greeting<'static>, config: &Config) -> Vec<u8> {
    let (mut session, script) =
        logged_in(greeting, config, |mut server| async move { server.echo().await }).await;
    session.ping().await.unwrap();
    session.use_database("shop").await.unwrap();
    assert_in_step(&mut session).await;
    session.reset().await.unwrap();
    session.close().await.unwrap();
    script.done().await.bytes()
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&PacketHeader { length, sequence }.encode(), payload].concat()
}

/// What the capabilities of the golden logins are, by their numbers.
const MYSQL_CAPABILITIES: u32 = 0x11BE_A205;
const MARIADB_CAPABILITIES: u32 = 0x01BE_A204;

fn model_of_login(greeting: &Greeting<'_>) -> Vec<u8> {
    let mariadb = greeting.is_mariadb();
    let mut login = Vec::new();
    let capabilities = if mariadb { MARIADB_CAPABILITIES } else { MYSQL_CAPABILITIES };
    login.extend_from_slice(&capabilities.to_le_bytes());
    login.extend_from_slice(&(1_u32 << 30).to_le_bytes());
    login.push(45);
    login.extend_from_slice(&[0; 19]);
    // MARIADB_STMT_BULK_OPERATIONS, MARIADB_EXTENDED_METADATA, MARIADB_CACHE_METADATA and
    // MARIADB_BULK_UNIT_RESULTS, or nothing.
    login.extend_from_slice(&[if mariadb { 4 + 8 + 16 + 32 } else { 0 }, 0, 0, 0]);
    login.extend_from_slice(b"app\0");
    if mariadb {
        login.push(20);
        login.extend_from_slice(&native_answer(PASSWORD, NONCE));
        login.extend_from_slice(b"mysql_native_password\0");
    } else {
        login.push(32);
        login.extend_from_slice(&sha2_answer(PASSWORD, NONCE));
        login.extend_from_slice(b"caching_sha2_password\0");
    }
    // Nothing of the user, the host or the process (T-86).
    let mut attributes = Vec::new();
    for text in [
        "_client_name",
        "mywire",
        "_client_version",
        env!("CARGO_PKG_VERSION"),
        "_os",
        std::env::consts::OS,
        "_platform",
        std::env::consts::ARCH,
    ] {
        attributes.push(u8::try_from(text.len()).unwrap());
        attributes.extend_from_slice(text.as_bytes());
    }
    login.push(u8::try_from(attributes.len()).unwrap());
    login.extend_from_slice(&attributes);
    login
}

#[test]
fn t13_t86_every_byte_of_a_login_and_of_each_command_is_accounted_for() {
    for greeting in [mysql(), mariadb()] {
        run(async move {
            // What gives each back the collation that its login had.
            let names: &[u8] = match greeting.is_mariadb() {
                true => b"\x03SET NAMES utf8mb4",
                false => b"\x03SET NAMES utf8mb4 COLLATE utf8mb4_general_ci",
            };
            let model = [
                framed(1, &model_of_login(&greeting)),
                framed(0, b"\x0E"),
                framed(0, b"\x02shop"),
                framed(0, b"\x03marker"),
                framed(0, b"\x1F"),
                framed(0, names),
                framed(0, b"\x01"),
            ];
            assert_eq!(written(greeting, &config()).await, model.concat());
        });
    }
}

#[test]
fn t86_attributes_can_be_switched_off_and_added_to() {
    run(async {
        let config = config().connect_attribute("program_name", "shop");
        for (config, expected) in [(config.clone(), 5), (config.connect_attributes(false), 0)] {
            let (stream, script) = serve(move |mut server| async move {
                let login = server.login().await;
                assert_eq!(login.request().attributes.iter().count(), expected);
            });
            drop(Session::from_stream(stream, &config).await.unwrap());
            script.done().await;
        }
    });
}

#[test]
fn t24_no_capability_is_claimed_that_the_server_lacks_and_no_field_without_its_own() {
    let base = Capabilities::PROTOCOL_41 | Capabilities::SECURE_CONNECTION;
    let optional = [
        Capabilities::PLUGIN_AUTH,
        Capabilities::PLUGIN_AUTH_LENENC_CLIENT_DATA,
        Capabilities::CONNECT_ATTRS,
        Capabilities::CONNECT_WITH_DB,
        Capabilities::SESSION_TRACK,
        Capabilities::DEPRECATE_EOF,
        Capabilities::LONG_PASSWORD,
        Capabilities::MULTI_RESULTS,
    ];
    for subset in 0..1_u32 << optional.len() {
        let chosen = optional.iter().enumerate().filter(|(bit, _)| subset & (1 << bit) != 0);
        let offered = chosen.fold(base, |all, (_, capability)| all | *capability);
        run(async move {
            let greeting = Greeting {
                capabilities: offered,
                auth_plugin: b"mysql_native_password",
                ..mysql()
            };
            let (stream, script) = serve(move |mut server| async move {
                let login = server.login_as(&greeting).await;
                // Decoding fails if a field is there that should not be, or is missing.
                let request: LoginRequest<'_> = login.request();
                assert!(offered.contains(request.capabilities), "{:?}", request.capabilities);
                let has = |capability| request.capabilities.contains(capability);
                assert_eq!(request.auth_response, native_answer(PASSWORD, NONCE));
                assert_eq!(request.database == b"shop", has(Capabilities::CONNECT_WITH_DB));
                assert_eq!(request.auth_plugin.is_empty(), !has(Capabilities::PLUGIN_AUTH));
                server.echo().await;
            });
            let config = config().database("shop");
            let mut session = Session::from_stream(stream, &config).await.unwrap();
            assert_in_step(&mut session).await;
            drop(session);
            script.done().await;
        });
    }
}

/// The error of a configuration that no login can be made of; nothing may be written for it.
async fn unwritable(config: Config) -> Error {
    let (stream, script) = serve(|mut server| async move {
        server.send(server.reply().greeting(&mysql())).await;
        server.until_closed().await;
    });
    let error = Session::from_stream(stream, &config).await.expect_err("a bad configuration");
    assert!(script.done().await.is_empty(), "{error}");
    assert_eq!(error.was_sent(), Sent::No);
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert!(!error.to_string().contains("Pa55"), "{error}");
    error
}

#[test]
fn e36_t22_a_nul_at_any_place_of_a_login_is_refused() {
    for at in 0..=4 {
        run(async move {
            let mut text = "Pa55".to_owned();
            text.insert(at, '\0');
            for (config, what) in [
                (config().user(text.clone()), "user name"),
                (config().password(text.as_str()), "password"),
                (config().database(text.clone()), "database name"),
                (config().collation(text.clone()), "collation"),
            ] {
                let error = unwritable(config).await.to_string();
                assert!(error.contains(what), "{error}");
            }
        });
    }
}

#[test]
fn e37_t20_t23_what_is_too_long_is_refused_before_the_first_byte() {
    let long = "Pa55".repeat(1 << 18);
    for (config, what) in [
        (config().user(long.clone()), "user name"),
        (config().password(long.as_str()), "password"),
        (config().database(long.clone()), "database name"),
        (config().connect_attribute("key", long.clone()), "connection attributes"),
        (config().connect_attribute(long, ""), "connection attributes"),
    ] {
        run(async move {
            let error = unwritable(config).await.to_string();
            let too_long = error.contains("longer") || error.contains("more than");
            assert!(error.contains(what) && too_long, "{error}");
        });
    }
}

#[test]
fn t20_the_longest_names_are_not_truncated() {
    run(async {
        let long = "u".repeat(1024);
        let value = "v".repeat(60_000);
        let config = config().user(long.clone()).database(long.clone());
        let config = config.connect_attribute("key", value.clone());
        let (stream, script) = serve(move |mut server| async move {
            let login = server.login().await;
            let request = login.request();
            assert!(request.user == long.as_bytes() && request.database == long.as_bytes());
            let last = request.attributes.iter().last().unwrap();
            assert!(last == (b"key", value.as_bytes()));
            server.expect(Command::Quit).await;
        });
        let session = Session::from_stream(stream, &config).await.unwrap();
        session.close().await.unwrap();
        script.done().await;
    });
}
