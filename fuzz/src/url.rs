//! URLs: what is parsed and printed parses to the same, and the password is shown nowhere.

use mywire::Config;

use super::meter::bounded;
use super::source::Source;

/// It has the looks of a key, so that no error is tempted to repeat it as one.
const PASSWORD: &str = "swordfish";

/// Pieces of URLs.
const PIECES: [&str; 46] = [
    "mysql://",
    "mariadb://",
    "MySQL://",
    "localhost",
    "db.example.com",
    "127.0.0.1",
    "[::1]",
    ":3306",
    ":",
    "@",
    "/",
    "?",
    "&",
    "=",
    "#",
    "%",
    "%40",
    "%2F",
    "%00",
    "%zz",
    "%C3%A4",
    "ä",
    "+",
    "app",
    "shop",
    "ssl-mode=VERIFY_CA",
    "ssl_mode=disabled",
    "ssl-ca=system",
    "ssl-cert=/c",
    "ssl-key=/k",
    "socket=/run/s",
    "connect-timeout=2.5",
    "pool-max=3",
    "pool-idle-timeout=0.000000001",
    "compression=zlib,zstd",
    "compression-level=9",
    "keepalive=0",
    "bind-address=::1",
    "program-name=x%26y",
    "sql-mode=",
    "time-zone=%2B00:00",
    "max-packet=1024",
    "tls-server-name=x",
    "collation=utf8mb4_bin",
    "multi-statements=true",
    "ssl-fingerprint=00:11",
];

/// The first byte says whether the rest is text, a list of pieces, or either around a password.
pub fn url(data: &[u8]) {
    bounded(data, |data| {
        let mut source = Source::new(data);
        let (pieces, hides) = match source.below(4) {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            _ => (true, true),
        };
        if !hides {
            if let Some(url) = text(&mut source, pieces, usize::MAX) {
                parse(&url);
            }
            return;
        }
        let limit = 1 + source.below(12);
        let Some(user) = text(&mut source, pieces, limit) else { return };
        let Some(before) = text(&mut source, pieces, limit) else { return };
        let Some(behind) = text(&mut source, pieces, limit) else { return };
        let Some(rest) = text(&mut source, pieces, usize::MAX) else { return };
        if [&user, &before, &behind, &rest].iter().any(|part| part.contains(PASSWORD)) {
            return;
        }
        // Behind the user's colon and in front of the host's at, it is a part of the password,
        // or the URL does not parse.
        let url = format!("mysql://{user}:{before}{PASSWORD}{behind}@{rest}");
        let shown = match url.parse::<Config>() {
            Ok(config) => format!("{config} {config:?} {:?}", config.validate()),
            Err(error) => format!("{error} {error:?} {error:#?}"),
        };
        assert!(!shown.contains(PASSWORD), "{url:?}: {shown}");
        parse(&url);
    });
}

fn text(source: &mut Source<'_>, pieces: bool, limit: usize) -> Option<String> {
    if !pieces {
        let bytes = if limit == usize::MAX { source.rest() } else { source.slice(limit) };
        return std::str::from_utf8(bytes).ok().map(str::to_owned);
    }
    let mut text = String::new();
    for _ in 0..limit {
        if source.is_empty() {
            break;
        }
        text.push_str(source.pick(&PIECES));
    }
    Some(text)
}

fn parse(url: &str) {
    let Ok(config) = url.parse::<Config>() else { return };
    let printed = config.to_string();
    let again: Config = match printed.parse() {
        Ok(again) => again,
        Err(error) => panic!("{url:?} is printed as {printed:?}: {error}"),
    };
    // `Debug` shows all fields but the secrets, which a printed URL does not have.
    assert_eq!(format!("{again:?}"), format!("{config:?}"), "{url:?} is printed as {printed:?}");
    assert_eq!(again.to_string(), printed);
    if config.validate().is_ok() {
        again.validate().unwrap_or_else(|error| panic!("{printed:?}: {error}"));
    }
}
