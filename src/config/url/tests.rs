use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::CaSource;
use crate::config::{Limits, SslMode};

const SENTINEL: &str = "s3nt1nel";

fn parsed(url: &str) -> Config {
    url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str) -> String {
    match url.parse::<Config>() {
        Ok(config) => panic!("{url} parsed as {config:?}"),
        Err(error) => error.to_string(),
    }
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.into(), port }
}

#[test]
fn reads_every_part() {
    let config = parsed("mysql://app:pw@db.example.com:3307/app_db");
    assert_eq!(config.user, "app");
    assert_eq!(config.password.expose(), b"pw");
    assert_eq!(config.endpoint, tcp("db.example.com", 3307));
    assert_eq!(config.database.as_deref(), Some("app_db"));

    let config = parsed("MariaDB://db");
    assert_eq!((config.user.as_str(), config.password.expose()), ("", &b""[..]));
    assert_eq!((config.endpoint, config.database), (tcp("db", 3306), None));
    assert_eq!(parsed("mysql://db/?").database, None);
}

#[test]
fn reads_and_prints_each_timeout() {
    let url = "mysql://h?connect-timeout=1&read-timeout=2.5&write-timeout=3&statement-timeout=4\
               &server-statement-timeout=0.25";
    let config = parsed(url);
    assert_eq!(config.connect_timeout, Duration::from_secs(1));
    assert_eq!(config.read_timeout, Some(Duration::from_millis(2500)));
    assert_eq!(config.write_timeout, Some(Duration::from_secs(3)));
    assert_eq!(config.statement_timeout, Some(Duration::from_secs(4)));
    assert_eq!(config.server_statement_timeout, Some(Duration::from_millis(250)));
    assert_eq!(config.to_string(), url);
    // None are the default: a statement may take its time.
    let config = parsed("mysql://h");
    assert_eq!((config.read_timeout, config.write_timeout), (None, None));
    assert_eq!((config.statement_timeout, config.server_statement_timeout), (None, None));
    assert!(refused("mysql://h?read-timeout=0").contains("read timeout"));
    assert!(refused("mysql://h?read-timeout=soon").contains("`read-timeout`"));
}

#[test]
fn percent_decodes() {
    let config = parsed("mysql://a%40b:%2F%3a%3F%23%25%ff+@h%6Fst/d%C3%A9?tls_server_name=%61");
    assert_eq!(config.user, "a@b");
    assert_eq!(config.password.expose(), b"/:?#%\xff+");
    assert_eq!(config.endpoint, tcp("host", 3306));
    assert_eq!(config.database.as_deref(), Some("dé"));
    assert_eq!(config.tls_server_name.as_deref(), Some("a"));
    // Only the first ':' separates, so a password may hold more.
    assert_eq!(parsed("mysql://u:a:b@h").password.expose(), b"a:b");
}

#[test]
fn reads_ipv6_and_sockets() {
    assert_eq!(parsed("mysql://[::1]").endpoint, tcp("::1", 3306));
    assert_eq!(parsed("mysql://[::1]:33/db").endpoint, tcp("::1", 33));
    assert_eq!(parsed("mysql://[fe80::1%25eth0]").endpoint, tcp("fe80::1%eth0", 3306));
    for url in [
        "mysql://u@localhost/db?socket=/run/my.sock",
        "mysql://u@/db?socket=%2Frun%2Fmy.sock",
        "mysql://%2Frun%2Fmy.sock/db",
    ] {
        assert_eq!(parsed(url).endpoint, Endpoint::Socket("/run/my.sock".into()), "{url}");
        assert_eq!(parsed(url).database.as_deref(), Some("db"));
    }
}

#[test]
fn reads_every_key() {
    let config = parsed(
        "mysql://h?ssl-mode=verify-ca&ssl-ca=/ca.pem&ssl_cert=/c.pem&ssl_key=/k.pem\
         &tls-server-name=db&connect-timeout=2.5&found-rows=true&collation=utf8mb4_bin\
         &max_packet=65536",
    );
    assert_eq!(config.ssl_mode, Some(SslMode::VerifyCa));
    assert!(
        matches!(&config.ssl_ca, Some(CaSource::Certificates(PemSource::File(path))) if path == Path::new("/ca.pem"))
    );
    assert!(config.ssl_identity.is_some());
    assert_eq!(config.tls_server_name.as_deref(), Some("db"));
    assert_eq!(config.connect_timeout, Duration::from_millis(2500));
    assert!(config.found_rows);
    assert_eq!(config.collation.as_deref(), Some("utf8mb4_bin"));
    assert_eq!(config.limits.max_packet, 65_536);
}

/// Each error says what was wrong and the way out.
#[test]
fn refuses_with_a_reason() {
    for (url, expected) in [
        ("", "mysql://"),
        ("localhost/db", "mysql://"),
        ("postgres://h", "scheme"),
        ("mysql://", "no host"),
        ("mysql:///db", "no host"),
        ("mysql://u@:3306/db", "no host"),
        ("mysql://h:0", "port"),
        ("mysql://h:65536", "port"),
        ("mysql://h:", "port"),
        ("mysql://h:+1", "port"),
        ("mysql://::1/db", "brackets"),
        ("mysql://[::1", "brackets"),
        ("mysql://[h]/db", "IPv6"),
        ("mysql://[::1]33", "bracket"),
        ("mysql://u%4@h", "%25"),
        ("mysql://u:%zz@h", "%25"),
        ("mysql://%ff@h", "UTF-8"),
        ("mysql://u%00@h", "%00"),
        ("mysql://h/d%00", "%00"),
        ("mysql://h?ssl-ca=%00", "%00"),
        ("mysql://h/a/b", "%2F"),
        ("mysql://h h", "%20"),
        ("mysql://h?found-rows", "found-rows=value"),
        ("mysql://h?found-rows=", "found-rows=value"),
        ("mysql://h?found-rows=yes", "`true` or `false`"),
        ("mysql://h?ssl-mode=require", "REQUIRED"),
        ("mysql://h?connect-timeout=-1", "seconds"),
        ("mysql://h?connect-timeout=1.", "seconds"),
        ("mysql://h?connect-timeout=0", "zero"),
        ("mysql://h?max-packet=1M", "bytes"),
        ("mysql://h?max-packet=99999999999999999999", "bytes"),
        ("mysql://h?ssl-cert=/c", "ssl-key"),
        ("mysql://h?socket=/s", "socket"),
        ("mysql://localhost:3306?socket=/s", "socket"),
        ("mysql://%2Fs:1/db", "port"),
        ("mysql://h?collation=a%27", "collation"),
    ] {
        let message = refused(url);
        assert!(message.contains(expected), "{url}: {message}");
    }
}

/// T-25
#[test]
fn unknown_and_duplicate_keys_are_errors() {
    for (key, nearest) in [
        ("sslmode", "ssl-mode"),
        ("SSL-MODE", "ssl-mode"),
        ("sslca", "ssl-ca"),
        ("unix_socket", "socket"),
        ("timeout", "connect-timeout"),
        ("found-row", "found-rows"),
        ("max_allowed_packets", "max-allowed-packet"),
    ] {
        let message = refused(&format!("mysql://h?{key}=1"));
        assert!(message.contains(&format!("is `{nearest}`")), "{key}: {message}");
        assert_eq!(message.matches('`').count(), 4, "{message}");
    }
    for url in ["mysql://h?ssl-ca=a&ssl-ca=a", "mysql://h?ssl-mode=required&ssl_mode=disabled"] {
        assert!(refused(url).contains("twice"), "{url}");
    }
}

/// T-25: what lowers the guard cannot come from a URL.
#[test]
fn dangerous_options_have_no_key() {
    for key in ["multi-statements", "multi_statements", "fetch-server-public-key", "local-infile"] {
        let message = refused(&format!("mysql://h?{key}=true"));
        assert!(message.contains("Config::"), "{message}");
    }
    for key in ["allow-cleartext", "server-public-key", "password"] {
        assert!(refused(&format!("mysql://h?{key}=true")).contains("unknown"), "{key}");
    }
}

/// T-80: no error repeats a piece of the password, wherever its characters put it.
#[test]
fn errors_never_show_the_password() {
    for url in [
        "u:s3nt1nel@h/db",
        "mysql//u:s3nt1nel@h/db",
        "s3nt1nel://h",
        "u:s3nt1nel@h://x",
        "mysql://u:s3nt1nel@h:port/db",
        "mysql://u:s3nt1nel@/db",
        "mysql://u:s3nt1nel%@h/db",
        "mysql://u:s3nt1nel%00@h/db",
        "mysql://u:@s3nt1nel@h/db",
        "mysql://u:s3nt1nel@x@h/db",
        "mysql://u:/s3nt1nel@h/db",
        "mysql://u:1/s3nt1nel@h/db",
        "mysql://u:s3nt1nel/@h/db",
        "mysql://u:s3nt1nel/x@h/db",
        "mysql://u:?s3nt1nel@h/db",
        "mysql://u:1?s3nt1nel=x@h/db",
        "mysql://u:s3nt1nel?x@h/db",
        "mysql://u:#s3nt1nel@h/db",
        "mysql://u:s3nt1nel#x@h/db",
        "mysql://u:s3nt1nel x@h/db",
        "mysql://u@e.com:s3nt1nel/x@h/db",
        "mysql://u@e.com:1?s3nt1nel=x@h/db",
        "mysql://u:s3nt1nel",
        // A password with a '?', and no host: the rest of it is no key.
        "mysql://app:hunter?s3nt1nel",
        "mysql://app:hunter?s3nt1nel=1",
        "mysql://u@h:s3nt1nel",
        "mysql://h?password=s3nt1nel",
        "mysql://h?s3nt1nel",
        "mysql://h?found-rows=s3nt1nel",
        "mysql://h?ssl-mode=s3nt1nel",
        "mysql://h?connect-timeout=s3nt1nel",
        "mysql://u:s3nt1nel@h?socket=/s",
        "mysql://u:s3nt1nel@h?max-packet=1",
        "mysql://u:s3nt1nel@h?x=1",
        "mysql://u:s3nt1nel@[h]",
    ] {
        let message = refused(url);
        let error = url.parse::<Config>().unwrap_err();
        assert!(!format!("{message}{error:?}").contains(SENTINEL), "{url}: {message}");
    }
}

#[test]
fn an_unescaped_character_is_explained() {
    for (url, escape) in [
        ("mysql://u:p@ss@h/db", "%40"),
        ("mysql://u:p/ss@h/db", "%2F"),
        ("mysql://u:p?ss@h/db", "%3F"),
        ("mysql://u:p#ss@h/db", "%23"),
        ("mysql://u:p%ss@h/db", "%25"),
        ("mysql://u:p ss@h/db", "%20"),
    ] {
        assert!(refused(url).contains(escape), "{url}: {}", refused(url));
    }
}

#[test]
fn prints_what_differs_from_the_default() {
    let config = Config::default()
        .user("a@b")
        .password(SENTINEL)
        .host("::1")
        .port(3307)
        .database("d/b")
        .connect_timeout(Duration::from_millis(1500));
    assert_eq!(config.to_url(), "mysql://a%40b@[::1]:3307/d%2Fb?connect-timeout=1.5");
    let socket = Config::default().user("u").socket("/run/my.sock");
    assert_eq!(socket.to_url(), "mysql://u@localhost?socket=/run/my.sock");
}

/// T-04: a CA given as bytes is not in the URL, the verification it stands for is.
#[test]
fn a_printed_url_never_verifies_less() {
    let url = Config::default().ssl_ca_pem("PEM").to_url();
    assert_eq!(parsed(&url).effective_ssl_mode(), SslMode::VerifyIdentity);
}

#[test]
fn connection_options_by_url() {
    let config = parsed(
        "mysql://u@db/?ssl-ca=system&bind-address=::1&tcp-nodelay=false&keepalive=30\
         &interactive=true&handle_expired_passwords=1&connect-attributes=false\
         &program-name=my%20app&sql-mode=ANSI,TRADITIONAL&time-zone=+02:00\
         &max-allowed-packet=67108864",
    );
    assert!(matches!(config.ssl_ca, Some(CaSource::System)));
    assert_eq!(config.effective_ssl_mode(), SslMode::VerifyIdentity);
    assert_eq!(config.sockets.bind_address, Some("::1".parse().unwrap()));
    assert!(!config.sockets.nodelay);
    assert_eq!(config.sockets.keepalive, Some(Duration::from_secs(30)));
    assert!(config.interactive && config.handle_expired_passwords);
    assert!(!config.send_connect_attributes);
    assert_eq!(config.connect_attributes, [(String::from("program_name"), "my app".into())]);
    assert_eq!(config.session.sql_mode.as_deref(), Some("ANSI,TRADITIONAL"));
    assert_eq!(config.session.time_zone.as_deref(), Some("+02:00"));
    assert_eq!(config.limits.max_command, 64 << 20);
    assert_eq!(parsed("mysql://u@db/?keepalive=0").sockets.keepalive, None);
    assert_eq!(parsed("mysql://u@db/?sql-mode=").session.sql_mode.as_deref(), Some(""));
    // A file of the name that is no file.
    let file = Config::default().ssl_ca_file("system").to_url();
    let file = parsed(&file).ssl_ca;
    assert!(matches!(&file, Some(CaSource::Certificates(PemSource::File(_)))), "{file:?}");
}

/// T-25: SQL comes from code alone.
#[test]
fn t25_init_commands_have_no_key() {
    let error = "mysql://u@db/?init-command=DROP".parse::<Config>().unwrap_err().to_string();
    assert!(error.contains("Config::init_command"), "{error}");
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    let host = prop_oneof![
        "[a-z0-9_][a-z0-9_.-]{0,20}",
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
        Just(String::from("fe80::1%eth0")),
        Just(String::from("bücher.example")),
    ];
    prop_oneof![
        (host, 1_u16..).prop_map(|(host, port)| Endpoint::Tcp { host, port }),
        "/[^\0]{1,20}".prop_map(|path| Endpoint::Socket(path.into())),
    ]
}

prop_compose! {
    fn configs()(
        endpoint in endpoints(),
        user in "[^\0]{0,12}",
        password in "[^\0]{0,12}",
        database in "[^\0]{0,12}",
        mode in prop::option::of(prop::sample::select(vec![
            SslMode::Disabled, SslMode::Preferred, SslMode::Required,
            SslMode::VerifyCa, SslMode::VerifyIdentity,
        ])),
        ca in prop::option::of("[^\0]{1,12}"),
        identity in prop::option::of(("[^\0]{1,12}", "[^\0]{1,12}")),
        name in prop::option::of("[^\0]{1,12}"),
        collation in prop::option::of("utf8mb4_[a-z0-9_]{1,12}"),
        timeout in (0_u64.., 1_u32..1_000_000_000),
        found_rows: bool,
        max_packet in 1024_usize..=1 << 30,
    ) -> Config {
        let mut config = Config::default()
            .user(user)
            .password(password)
            .database(database)
            .connect_timeout(Duration::new(timeout.0, timeout.1))
            .found_rows(found_rows)
            .limits(Limits::default().max_packet(max_packet));
        config.endpoint = endpoint;
        config.ssl_mode = mode;
        config.tls_server_name = name;
        config.collation = collation;
        if let Some(path) = ca.filter(|_| !is_in_vain(mode)) {
            config = config.ssl_ca_file(path);
        }
        if let Some((cert, key)) = identity {
            config = config.ssl_cert_files(cert, key);
        }
        config
    }
}

/// Neither a pin nor a CA goes with these modes.
fn is_in_vain(mode: Option<SslMode>) -> bool {
    matches!(mode, Some(SslMode::Disabled | SslMode::Preferred))
}

prop_compose! {
    /// Those of the options that came later than TLS.
    fn more_options()(
        config in configs(),
        pin in prop::option::of(any::<[u8; 32]>()),
        system: bool,
        bind in prop::option::of(any::<std::net::IpAddr>()),
        nodelay: bool,
        keepalive in prop::option::of(1_u64..=32_767),
        user_timeout in prop::option::of(1_u64..=2_147_483_647),
        peer_uid in prop::option::of(any::<u32>()),
        (interactive, expired, attributes) in any::<(bool, bool, bool)>(),
        program in prop::option::of("[^\0]{1,12}"),
        sql_mode in prop::option::of("[A-Z_]{0,9}(,[A-Z_]{1,9})?"),
        time_zone in prop::option::of("[+-][0-9]{2}:[0-9]{2}|SYSTEM|[A-Z][a-z]{2,9}/[A-Z][a-z_]{2,9}"),
        max_command in (128_usize << 10)..=1 << 30,
    ) -> Config {
        let mut config = config
            .tcp_nodelay(nodelay)
            .keepalive(keepalive.map(Duration::from_secs))
            .interactive(interactive)
            .handle_expired_passwords(expired)
            .connect_attributes(attributes);
        let in_vain = is_in_vain(config.ssl_mode);
        config.ssl_fingerprint = pin.filter(|_| !in_vain).map(Into::into);
        if system && !in_vain {
            config = config.ssl_ca_system();
        }
        if matches!(config.endpoint, Endpoint::Tcp { .. }) {
            config.sockets.bind_address = bind;
        }
        if cfg!(target_os = "linux") {
            config.sockets.user_timeout = user_timeout.map(Duration::from_millis);
            let is_socket = matches!(config.endpoint, Endpoint::Socket(_));
            config.sockets.peer_uid = peer_uid.filter(|_| is_socket);
        }
        if let Some(program) = program {
            config = config.connect_attribute("program_name", program);
        }
        config.session.sql_mode = sql_mode;
        config.session.time_zone = time_zone;
        config.limits.max_command = max_command;
        config
    }
}

proptest! {
    /// T-25: parse(print(c)) is c without its password. `Debug` shows every field but that one.
    #[test]
    fn printed_urls_parse_back(config in more_options()) {
        let url = config.to_url();
        let back: Config = url.parse().map_err(|error| {
            TestCaseError::fail(format!("{url}: {error}"))
        })?;
        prop_assert!(back.password.is_empty());
        prop_assert_eq!(format!("{:?}", back), format!("{:?}", config));
    }

    /// T-25, T-80: any password survives its encoding, and no text makes the parser panic.
    #[test]
    fn encoded_passwords_parse_back(password in "[^\0]{0,20}") {
        let config = parsed(&format!("mysql://u:{}@h", encode(&password, "")));
        prop_assert_eq!(config.password.expose(), password.as_bytes());
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "(mysql://)?[a-z0-9:@/?#%&=\\[\\]._-]{0,40}") {
        if let Ok(config) = text.parse::<Config>() {
            prop_assert!(config.to_url().parse::<Config>().is_ok());
        }
    }

    #[test]
    fn any_unicode_is_parsed_or_refused(text in "mysql://\\PC{0,30}") {
        let _ = text.parse::<Config>();
    }
}

#[test]
fn the_pools_keys() {
    let url = "mysql://app@db/?pool-min=2&pool_max=20&pool-acquire-timeout=2.5&pool-idle-timeout=60&\
               pool-lifetime=3600&query-attributes=true";
    let config = parsed(url);
    assert_eq!((config.pool.min, config.pool.max), (2, 20));
    assert_eq!(config.pool.acquire_timeout, Duration::from_millis(2500));
    assert_eq!(config.pool.idle_timeout, Some(Duration::from_secs(60)));
    assert_eq!(config.pool.lifetime, Some(Duration::from_secs(3600)));
    assert!(config.query_attributes);
    let again = parsed(&config.to_url());
    assert_eq!((again.pool, again.query_attributes), (config.pool, true));
    for (query, word) in [
        ("pool-max=0", "1 at least"),
        ("pool-max=100001", "at most"),
        ("pool-min=11", "cannot keep more"),
        ("pool-lifetime=0", "zero"),
        ("pool-acquire-timeout=0", "zero"),
        ("pool-max=-1", "a number"),
        ("trace-statements=true", "cannot be set by a URL"),
    ] {
        let said = refused(&format!("mysql://db/?{query}"));
        assert!(said.contains(word), "{query}: {said}");
    }
}
