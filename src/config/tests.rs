use super::*;

const SENTINEL: &str = "s3nt1nel";

#[test]
fn the_last_of_host_port_and_socket_decides() {
    let tcp = |host: &str, port| Endpoint::Tcp { host: host.into(), port };
    let config = Config::default();
    assert_eq!(*config.endpoint(), tcp("localhost", 3306));
    let config = config.port(3307).host("a");
    assert_eq!(*config.endpoint(), tcp("a", 3307));
    let config = config.socket("/s");
    assert_eq!(*config.endpoint(), Endpoint::Socket("/s".into()));
    assert_eq!(*config.clone().host("b").endpoint(), tcp("b", 3306));
    assert_eq!(*config.port(1).endpoint(), tcp("localhost", 1));
}

/// T-80
#[test]
fn debug_and_display_hide_password_and_key() {
    let config = Config::default().password(SENTINEL).ssl_cert_pem("cert", SENTINEL);
    let config = config.init_command(format!("SET @token = '{SENTINEL}'"));
    assert!(!format!("{config:?} {config:#?} {config}").contains(SENTINEL));
}

/// T-22: NUL at each position of each field.
#[test]
fn nul_is_refused() {
    for text in ["\0ab", "a\0b", "ab\0"] {
        for config in [
            Config::default().user(text),
            Config::default().database(text),
            Config::default().password(text),
            Config::default().host(text),
            Config::default().collation(text),
        ] {
            assert!(config.validate().is_err(), "{config:?}");
        }
    }
}

/// T-102: which socket a relative path means is the process's folder's to say.
#[test]
fn t102_a_relative_socket_is_refused() {
    for path in ["mysqld.sock", "./mysqld.sock", "../mysqld.sock"] {
        let error = Config::default().socket(path).validate().unwrap_err().to_string();
        assert!(error.contains("relative"), "{error}");
        let url = format!("mysql://localhost/?socket={path}");
        assert!(url.parse::<Config>().is_err());
    }
    let socket = Config::default().socket("/run/mysqld.sock").socket_peer_uid(27);
    assert_eq!(socket.validate().is_ok(), cfg!(any(target_os = "linux", target_os = "android")));
    let error = socket.host("localhost").validate().unwrap_err().to_string();
    assert!(error.contains("`socket-peer-uid`"), "{error}");
}

/// T-03: what is no plugin of this build cannot be allowed.
#[test]
fn t03_a_list_of_plugins_names_those_that_there_are() {
    let config = Config::default();
    for names in [&[][..], &["caching_sha2_password"], &["mysql_native_password", "dialog"]] {
        assert_eq!(config.clone().auth_plugins(names.iter().copied()).validate(), Ok(()));
    }
    for name in ["", "mysql_old_password", "Caching_Sha2_Password", "no_such_plugin"] {
        let error = config.clone().auth_plugins([name]).validate().unwrap_err().to_string();
        assert!(error.contains("caching_sha2_password"), "{error}");
    }
}

/// T-23: a mebibyte of each.
#[test]
fn oversized_fields_are_refused() {
    let huge = "x".repeat(1 << 20);
    for config in [
        Config::default().user(huge.as_str()),
        Config::default().database(huge.as_str()),
        Config::default().password(huge.as_str()),
        Config::default().collation(huge.as_str()),
        Config::default().connect_attribute("key", huge.as_str()),
        Config::default().connect_attribute(huge.as_str(), "value"),
    ] {
        let message = config.validate().unwrap_err().to_string();
        assert!(message.len() < 200, "{message}");
    }
    let long = Config::default().user("x".repeat(MAX_NAME_BYTES)).password("x".repeat(65_536));
    assert_eq!(long.validate(), Ok(()));
}

#[test]
fn out_of_range_values_are_refused() {
    for config in [
        Config::default().host(""),
        Config::default().host("/run/mysqld.sock"),
        Config::default().host("localhost:3306"),
        Config::default().host("[::1]"),
        Config::default().host("a b"),
        Config::default().port(0),
        Config::default().socket(""),
        Config::default().collation(""),
        Config::default().collation("utf8mb4'; DROP"),
        Config::default().collation("UTF8MB4_BIN"),
        Config::default().collation("latin1_swedish_ci"),
        Config::default().sql_mode("ANSI'; DROP"),
        Config::default().sql_mode("A".repeat(1025)),
        Config::default().time_zone(""),
        Config::default().time_zone("'"),
        Config::default().init_command(" "),
        Config::default().init_command("x".repeat(1 << 21)),
        (0..300).fold(Config::default(), |config, _| config.init_command("SELECT 1")),
        Config::default().keepalive(Duration::ZERO),
        Config::default().keepalive(Duration::from_secs(32_768)),
        Config::default().tcp_user_timeout(Duration::ZERO),
        Config::default().socket("/s").bind_address([127, 0, 0, 1]),
        Config::default().limits(Limits::default().max_command(1024)),
        Config::default().connect_timeout(Duration::ZERO),
        Config::default().limits(Limits::default().max_packet(1023)),
    ] {
        assert!(config.validate().is_err(), "{config:?}");
    }
    for host in ["::1", "fe80::1%eth0", "db", "my_db", "bücher.example", "db.example.com."] {
        assert_eq!(Config::default().host(host).validate(), Ok(()), "{host}");
    }
}

/// T-04: a pin that a server could have ignored by offering no TLS.
#[test]
fn t04_a_pin_needs_a_mode_with_tls() {
    let pinned = Config::default().ssl_fingerprint([7; 32]);
    assert_eq!(pinned.effective_ssl_mode(), SslMode::VerifyIdentity);
    assert_eq!(pinned.clone().ssl_mode(SslMode::Required).validate(), Ok(()));
    for mode in [SslMode::Disabled, SslMode::Preferred] {
        let error = pinned.clone().ssl_mode(mode).validate().unwrap_err().to_string();
        assert!(error.contains(&mode.to_string()) && error.contains("REQUIRED"), "{error}");
    }
}

/// T-04: the same of a CA. REQUIRED beside one is what option files of the servers' clients say.
#[test]
fn t04_a_ca_needs_a_mode_with_tls() {
    let trusting = Config::default().ssl_ca_file("/ca.pem");
    for mode in [SslMode::Required, SslMode::VerifyCa, SslMode::VerifyIdentity] {
        assert_eq!(trusting.clone().ssl_mode(mode).validate(), Ok(()));
    }
    for mode in [SslMode::Disabled, SslMode::Preferred] {
        let error = trusting.clone().ssl_mode(mode).validate().unwrap_err().to_string();
        assert!(error.contains(&mode.to_string()) && error.contains("VERIFY_CA"), "{error}");
        assert!(format!("mysql://h/?ssl-ca=/ca.pem&ssl-mode={mode}").parse::<Config>().is_err());
    }
}

/// S-05, S-06: the connection's character set stays Rust's.
#[test]
fn s05_s06_collations_of_other_character_sets_are_refused() {
    for name in ["gbk_bin", "utf16_general_ci", "utf8_bin", "binary", "utf8mb3_bin", "utf8mb4"] {
        let error = Config::default().collation(name).validate().unwrap_err().to_string();
        assert!(error.contains("utf8mb4_general_ci"), "{name}: {error}");
    }
    for name in ["utf8mb4_bin", "utf8mb4_0900_ai_ci", "uca1400_as_ci"] {
        assert_eq!(Config::default().collation(name).validate(), Ok(()), "{name}");
    }
}

/// H-34
#[test]
fn attributes_replace_by_key_and_leave_reserved_keys_alone() {
    let config = Config::default().connect_attribute("app", "a").connect_attribute("app", "b");
    assert_eq!(config.connect_attributes, [(String::from("app"), String::from("b"))]);
    assert_eq!(config.validate(), Ok(()));
    assert!(Config::default().connect_attribute("_os", "x").validate().is_err());
    assert!(Config::default().connect_attribute("", "x").validate().is_err());
}

/// T-01, T-07, T-25: what lowers the guard is off until code asks for it.
#[test]
fn dangerous_options_are_off() {
    let config = Config::default();
    assert!(!config.multi_statements && !config.fetch_server_public_key);
    assert!(config.server_public_key.is_none());
}
