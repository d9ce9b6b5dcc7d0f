use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::{Endpoint, SslMode};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mywire-cnf-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(text: impl AsRef<[u8]>) -> Result<Config, ConfigError> {
    let folder = Folder::new();
    let file = folder.write("my.cnf", text);
    OptionFiles::none().file(file).read()?.apply(Config::default())
}

#[test]
fn groups_comments_and_the_last_one_count() {
    let config = read(
        "# comment\n; another\n\n[mysqld]\nuser=nobody\nport = 1\n[client] # behind\n  user = app  \n\
         host=a.example\n[other]\nhost=b\n[mywire]\nport=3310\n[client-mariadb]\nuser=later\r\n\
         no-beep\nquick\nprompt=\\u@\\h>\n",
    )
    .unwrap();
    assert_eq!(config.to_string(), "mysql://later@a.example:3310");
}

#[test]
fn values_are_unquoted_and_unescaped_as_the_servers_clients_do() {
    let text = |value: &str| {
        let config = read(format!("[client]\nuser{value}")).unwrap();
        config.user
    };
    for (written, expected) in [
        ("=a b", "a b"),
        (" = 'a # b' # c", "a # b"),
        ("=a # b", "a"),
        ("=a#b", "a"),
        ("=\"a'b\"", "a'b"),
        ("=\" a \"", " a "),
        ("='a", "'a"),
        ("=a\\sb\\tc\\\\d\\\"e\\'f\\qg\\", "a b\tc\\d\"e'f\\qg\\"),
        ("='a\\'#b'", "a'#b"),
        ("=", ""),
        ("=a=b", "a=b"),
        ("=ü", "ü"),
    ] {
        assert_eq!(text(written), expected, "{written}");
    }
}

#[test]
fn every_option_is_taken() {
    let folder = Folder::new();
    let key = folder.write("key.pem", "a key");
    let file = folder.write(
        "my.cnf",
        format!(
            "[client]\nhost=h.example\nport=3307\nuser=u\npassword=\"p#w\"\ndatabase=d\n\
             ssl_mode=verify_ca\nssl-ca=/ca.pem\nssl-cert=/c.pem\nssl-key=/k.pem\n\
             connect_timeout=7\nbind-address=127.0.0.1\ncompression-algorithms=zlib,uncompressed\n\
             init-command=SET @a = 1\nenable-cleartext-plugin\nget-server-public-key=ON\n\
             server-public-key-path={}\npassword2=second\n",
            key.display()
        ),
    );
    let read = OptionFiles::none().file(&file).read().unwrap();
    assert_eq!(read.files(), [file]);
    assert!(!format!("{read:?}").contains("p#w"));
    let config = read.apply(Config::default()).unwrap();
    assert_eq!(
        config.to_string(),
        "mysql://u@h.example:3307/d?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem&ssl-cert=/c.pem&\
         ssl-key=/k.pem&connect-timeout=7&bind-address=127.0.0.1&compression=zlib"
    );
    assert_eq!(config.password.expose(), b"p#w");
    assert_eq!(config.credentials.password2.as_ref().unwrap().expose(), b"second");
    assert!(config.credentials.allow_clear_text && config.fetch_server_public_key);
    assert_eq!(config.server_public_key.as_deref(), Some(&b"a key"[..]));
}

#[test]
fn flags_can_be_said_in_many_ways() {
    let mode = |text: &str| read(format!("[client]\n{text}\n")).unwrap().effective_ssl_mode();
    for (text, expected) in [
        ("", SslMode::Preferred),
        ("ssl", SslMode::Required),
        ("ssl=1", SslMode::Required),
        ("enable-ssl", SslMode::Required),
        ("skip-ssl", SslMode::Disabled),
        ("ssl\nskip-ssl", SslMode::Disabled),
        ("skip-ssl\nssl", SslMode::Required),
        ("ssl-mode=PREFERRED\nssl", SslMode::Required),
        ("ssl\nsocket=/s", SslMode::Required),
        ("disable_ssl", SslMode::Disabled),
        ("ssl=OFF", SslMode::Disabled),
        ("skip-ssl=0", SslMode::Required),
        ("ssl-verify-server-cert", SslMode::VerifyIdentity),
        ("ssl-verify-server-cert\nssl", SslMode::VerifyIdentity),
        ("skip-ssl-verify-server-cert", SslMode::Preferred),
        ("ssl-mode=VERIFY_CA\nskip-ssl-verify-server-cert", SslMode::Required),
        ("skip-ssl\nskip-ssl-verify-server-cert", SslMode::Disabled),
        ("ssl-ca=/ca\nskip-ssl-verify-server-cert", SslMode::Required),
        ("ssl-verify-server-cert=0\nssl-ca=/ca", SslMode::Required),
        ("loose-ssl-mode=REQUIRED", SslMode::Required),
        ("loose-ssl-crl=x", SslMode::Preferred),
    ] {
        assert_eq!(mode(text), expected, "{text}");
    }
}

/// T-04: what `ssl` adds to is not taken back by it, wherever whom to trust was said.
#[test]
fn t04_ssl_takes_no_verification_back() {
    let pin = "ab".repeat(32);
    for text in [
        "ssl\nssl-ca=/ca.pem".to_owned(),
        "ssl-ca=/ca.pem\nssl".to_owned(),
        "ssl-ca=/ca.pem\nskip-ssl\nssl".to_owned(),
        format!("ssl\nssl-fp={pin}"),
        format!("ssl-fp={pin}\nssl\nhost=h"),
    ] {
        let config = read(format!("[client]\n{text}")).unwrap();
        assert_eq!(config.effective_ssl_mode(), SslMode::VerifyIdentity, "{text}");
        let printed: Config = config.to_string().parse().unwrap();
        assert_eq!(printed.effective_ssl_mode(), SslMode::VerifyIdentity, "{text}");
    }
    let folder = Folder::new();
    let ssl = OptionFiles::none().file(folder.write("my.cnf", "[client]\nssl\n")).read().unwrap();
    let over = |config: Config| ssl.apply(config).unwrap();
    let before = over(Config::default().ssl_ca_file("/ca.pem"));
    let after = over(Config::default()).ssl_ca_file("/ca.pem");
    let by_url = over(Config::default()).with_url("mysql://db.example/?ssl-ca=/ca.pem").unwrap();
    for config in [before, after, by_url] {
        assert_eq!(config.effective_ssl_mode(), SslMode::VerifyIdentity, "{config}");
    }
    let printed: Config = over(Config::default()).to_string().parse().unwrap();
    assert_eq!(printed.effective_ssl_mode(), SslMode::Required);
    let chosen = over(Config::default()).ssl_mode(SslMode::Preferred);
    assert_eq!(chosen.effective_ssl_mode(), SslMode::Preferred);
}

#[test]
fn restricted_auth_is_the_list_of_plugins() {
    let list = |names: &str| {
        let config = read(format!("[client]\nrestricted-auth={names}")).unwrap();
        config.validate().unwrap();
        config.credentials.allowed_plugins.unwrap()
    };
    assert_eq!(list("mysql_native_password"), ["mysql_native_password"]);
    assert_eq!(
        list("auth_gssapi_client, caching_sha2_password,dialog"),
        ["caching_sha2_password", "dialog"]
    );
}

/// T-04: both versions that there are leave nothing out.
#[test]
fn t04_tls_versions_that_are_spoken_anyway_are_no_restriction() {
    for list in ["TLSv1.2,TLSv1.3", "TLSv1.1, tlsv1.2, TLSV1.3"] {
        read(format!("[client]\ntls-version={list}")).unwrap();
    }
}

#[test]
fn localhost_is_the_socket_if_there_is_one() {
    let endpoint = |text: &str| read(format!("[client]\n{text}")).unwrap().endpoint().clone();
    let socket = Endpoint::Socket("/s".into());
    let tcp = |host: &str, port| Endpoint::Tcp { host: host.to_owned(), port };
    for (text, expected) in [
        ("socket=/s", socket.clone()),
        ("socket=/s\nhost=localhost\nport=1", socket.clone()),
        ("host=h\nsocket=/s", tcp("h", 3306)),
        ("host=h\nsocket=/s\nprotocol=socket", socket),
        ("socket=/s\nprotocol=TCP\nport=5", tcp("localhost", 5)),
        ("port=5", tcp("localhost", 5)),
    ] {
        assert_eq!(endpoint(text), expected, "{text}");
    }
    assert!(read("[client]\nprotocol=socket").is_err());

    // Who named a host, in code or by MYSQL_HOST, means it: a file's socket leads to another server.
    let folder = Folder::new();
    let over = |text: &str, config: Config| {
        let file = folder.write("my.cnf", format!("[client]\n{text}"));
        let files = OptionFiles::none().file(file).read().unwrap();
        files.apply(config).unwrap().endpoint().clone()
    };
    let named = || Config::default().host("db.example").port(3310);
    assert_eq!(over("socket=/s", named()), tcp("db.example", 3310));
    assert_eq!(over("socket=/s\nport=1", named()), tcp("db.example", 1));
    assert_eq!(over("socket=/s\nhost=other", named()), tcp("other", 3310));
    assert_eq!(over("socket=/s\nhost=localhost", named()), Endpoint::Socket("/s".into()));
    assert_eq!(over("socket=/s\nprotocol=socket", named()), Endpoint::Socket("/s".into()));
    assert_eq!(over("socket=/s\nprotocol=tcp", named()), tcp("db.example", 3310));
    assert_eq!(over("socket=/s", Config::default()), Endpoint::Socket("/s".into()));
}

/// Errors name the file and the line, and show nothing of it: it may be a password (T-80).
#[test]
fn mistakes_name_file_and_line_and_no_value() {
    for (text, line, reason) in [
        ("user=s3nt1nel", 1, "before the first group"),
        ("[client\ns3nt1nel", 1, "between [ and ]"),
        ("[]\n", 1, "between [ and ]"),
        ("[client]\n=s3nt1nel", 2, "needs a name"),
        ("[client]\n\nport=s3nt1nel", 3, "`port` is not a number"),
        ("[client]\nport=+1\nport=65536", 3, "`port` is not a number"),
        ("[mysql]\nsafe-updates", 2, "`loose-safe-updates` ignores it"),
        ("[mysql]\ni_am_a_dummy=1", 2, "`loose-i-am-a-dummy` ignores it"),
        ("[client]\nuser", 2, "`user` needs a value"),
        ("[client]\nssl=s3nt1nel", 2, "`ssl` is 0 or 1"),
        ("[client]\nssl-mode=s3nt1nel", 2, "VERIFY_IDENTITY"),
        ("[client]\nssl-crl=/s3nt1nel", 2, "`loose-ssl-crl` ignores it"),
        ("[client]\nssl-fp-list=/s3nt1nel", 2, "`loose-ssl-fp-list` ignores it"),
        ("[client]\ntls-version=TLSv1.3", 2, "`loose-tls-version` ignores it"),
        ("[client]\ntls_version=TLSv1.2", 2, "`loose-tls-version` ignores it"),
        ("[client]\nssl-cipher=s3nt1nel", 2, "`loose-ssl-cipher` ignores it"),
        ("[client]\ntls-ciphersuites=s3nt1nel", 2, "`loose-tls-ciphersuites` ignores it"),
        ("[client]\nrestricted-auth=s3nt1nel", 2, "names no authentication plugin"),
        ("[client]\nprotocol=pipe", 2, "TCP or SOCKET"),
        ("[client]\nconnect-timeout=s3nt1nel", 2, "not a number"),
        ("[mywire]\nusr=s3nt1nel", 2, "`usr` of the group [mywire] is unknown"),
        ("[x]\n!include", 2, "!include FILE"),
        ("[x]\n!exclude s3nt1nel", 2, "no others"),
    ] {
        let error = read(text).unwrap_err().to_string();
        let place = format!("my.cnf, line {line}: ");
        assert!(error.contains(&place) && error.contains(reason), "{text:?}: {error}");
        assert!(!error.contains("s3nt1nel"), "{error}");
    }
    assert!(read("[client]\nssl-cert=/c").unwrap_err().to_string().contains("needs both"));
    assert!(read("[mywire]\nloose-usr=1").is_ok());
    for harmless in ["safe-updates=0", "skip-safe-updates", "loose-safe-updates"] {
        assert!(read(format!("[mysql]\n{harmless}")).is_ok(), "{harmless}");
    }
}

#[test]
fn files_include_others_within_bounds() {
    let folder = Folder::new();
    folder.write("d/b.cnf", "[client]\nuser=b\n");
    folder.write("d/a.cnf", "[client]\nuser=a\nhost=from-a\n");
    folder.write("d/c.txt", "[client]\nuser=never\n");
    folder.write("one.cnf", "[client]\nport=11\n");
    let main = folder.write("my.cnf", "[client]\nport=10\n!include one.cnf\n!includedir d\n");
    let read = OptionFiles::none().file(&main).read().unwrap();
    assert_eq!(read.files().len(), 4);
    let config = read.apply(Config::default()).unwrap();
    assert_eq!(config.to_string(), "mysql://b@from-a:11");

    let own = folder.write("loop.cnf", "[client]\n!include loop.cnf\n");
    let error = OptionFiles::none().file(own).read().unwrap_err().to_string();
    assert!(error.contains("line 2: files include each other more than 10 deep"), "{error}");

    let wide = "!include one.cnf\n".repeat(MAX_FILES);
    let error = OptionFiles::none().file(folder.write("wide.cnf", wide)).read().unwrap_err();
    assert!(error.to_string().contains("one too many"), "{error}");

    let long = folder.write("long.cnf", vec![b'\n'; MAX_FILE_BYTES + 1]);
    let error = OptionFiles::none().file(long).read().unwrap_err();
    assert!(error.to_string().contains("has more than"), "{error}");
    let missing = OptionFiles::none().file(folder.0.join("missing")).read().unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}

/// As the servers' clients do; only a file that the caller names has to be there.
#[test]
fn what_is_included_and_cannot_be_read_is_skipped_and_told() {
    let folder = Folder::new();
    let text = "[client]\n!include no.cnf\n!includedir none\nuser=u\n";
    let read = OptionFiles::none().file(folder.write("my.cnf", text)).read().unwrap();
    let ignored: Vec<_> = read.ignored().iter().map(IgnoredFile::path).collect();
    assert_eq!(ignored, [folder.0.join("no.cnf"), folder.0.join("none")]);
    assert!(read.ignored()[0].to_string().contains("is not there"));
    assert_eq!(read.apply(Config::default()).unwrap().to_string(), "mysql://u@localhost");
}

#[test]
fn zero_is_the_default() {
    let config =
        read("[client]\nport=5\nconnect-timeout=5\n[mysql]\nport=0\nconnect-timeout=0\n").unwrap();
    assert_eq!(config.connect_timeout, Config::default().connect_timeout);
    assert_eq!(config.to_string(), "mysql://localhost");
}

#[test]
fn the_groups_of_both_servers_clients_are_read() {
    for group in ["client", "client-server", "client-mariadb", "mysql", "mariadb-client", "mywire"]
    {
        let config = read(format!("[{group}]\nuser=u\n")).unwrap();
        assert_eq!(config.user, "u", "{group}");
    }
}

#[test]
fn suffixes_and_other_groups() {
    let folder = Folder::new();
    let file = folder.write("my.cnf", "[client]\nuser=a\n[client_x]\nport=1\n[app]\nuser=c\n");
    let files = OptionFiles::none().file(file);
    let url =
        |files: &OptionFiles| files.read().unwrap().apply(Config::default()).unwrap().to_string();
    assert_eq!(url(&files), "mysql://a@localhost");
    assert_eq!(url(&files.clone().group_suffix("_x")), "mysql://a@localhost:1");
    assert_eq!(url(&files.groups(["app"])), "mysql://c@localhost");
}

#[cfg(unix)]
#[test]
fn what_anybody_can_write_to_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let open = folder.write("open.cnf", "[client]\nhost=evil\n");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
    let error = OptionFiles::none().file(&open).read().unwrap_err().to_string();
    assert!(error.contains("anybody can write to it"), "{error}");

    let main = folder.write("my.cnf", "[client]\n!include open.cnf\nuser=u\n");
    let read = OptionFiles::none().file(main).read().unwrap();
    assert_eq!(read.ignored()[0].path(), open);
    assert!(read.ignored()[0].to_string().ends_with("anybody can write to it (chmod o-w)."));
    assert_eq!(read.apply(Config::default()).unwrap().to_string(), "mysql://u@localhost");
}

/// The file has the form of mysql_config_editor's; one of the same making, with a server's address and
/// account, logged the `mysql` of MySQL 9.7 in by `--login-path`.
#[cfg(all(unix, feature = "login-path"))]
#[test]
fn login_files_are_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let file = folder.write(".mylogin.cnf", include_bytes!("mylogin.cnf"));
    let of = |name: &str| OptionFiles::none().login_file(&file).login_path(name).read();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(of("shop").unwrap_err().to_string().contains("chmod 600"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let config = of("shop").unwrap().apply(Config::default()).unwrap();
    assert_eq!(config.to_string(), "mysql://app@db.example");
    assert_eq!(config.password.expose(), b"pa#ss\"w\\ord");
    assert!(of("other").unwrap_err().to_string().contains("has the group `other`"));
    for broken in [&include_bytes!("mylogin.cnf")[..40], b"short", &[0; 60]] {
        fs::write(&file, broken).unwrap();
        assert!(of("shop").unwrap_err().to_string().contains("mysql_config_editor"));
    }
}

#[test]
fn a_url_goes_over_what_files_say() {
    let base = read("[client]\nhost=h\nport=5\nuser=u\npassword=p\ndatabase=d\n").unwrap();
    let with = |url: &str| base.clone().with_url(url).unwrap();
    assert_eq!(with("mysql://").to_string(), "mysql://u@h:5/d");
    assert_eq!(
        with("mysql:///other?found-rows=1").to_string(),
        "mysql://u@h:5/other?found-rows=true"
    );
    let other = with("mysql://me:secret@x");
    assert_eq!(
        (other.to_string().as_str(), other.password.expose()),
        ("mysql://me@x/d", &b"secret"[..])
    );
    assert_eq!(with("mysql://me@").password.expose(), b"p");
    assert!(base.clone().with_url("mysql://a:b:c@x:y").is_err());
    assert!("mysql://".parse::<Config>().is_err());
}

/// T-85: where files are looked for, without reading any.
#[test]
fn t85_the_usual_places_are_those_of_the_servers_clients() {
    let places = environment::usual_places();
    assert!(places.iter().all(|place| place.optional));
    if cfg!(unix) {
        assert_eq!(places[0].path, Path::new("/etc/my.cnf"));
        assert_eq!(places[1].path, Path::new("/etc/mysql/my.cnf"));
    }
    assert!(OptionFiles::none().places.is_empty());
}
