//! `mywire ping`: who answers, over what, and how fast.

use std::io::Write;
use std::time::{Duration, Instant};

use mywire::Endpoint;
use mywire::blocking::Session;

use crate::arguments::Ping;
use crate::connect::{config, connect};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::printable;

/// Logs in and measures round trips.
pub(crate) fn run(arguments: &Ping) -> Result<(), Failure> {
    let config = config(&arguments.connection)?;
    let begun = Instant::now();
    let mut session = connect(&config)?;
    let login = begun.elapsed();
    interrupt::guard(session.cancel_handle())?;
    let (version, cipher) = tls(&mut session)?;
    let mut trips = Vec::new();
    for _ in 0..arguments.count {
        let begun = Instant::now();
        session.ping()?;
        trips.push(begun.elapsed());
        if interrupt::was_asked() {
            return Err(Failure::Interrupted);
        }
    }
    trips.sort_unstable();
    let median = trips.get(trips.len() / 2).copied().unwrap_or_default();
    let (least, most) = (trips.first(), trips.last());
    let product = if session.is_mariadb() { "MariaDB" } else { "MySQL" };
    let tls = match session.is_encrypted() {
        true => printable(&format!("{version}, {cipher}")),
        false => String::from("none"),
    };
    let plugin = Some(session.auth_plugin()).filter(|plugin| !plugin.is_empty());
    let address = match config.endpoint() {
        Endpoint::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Socket(path) => path.display().to_string(),
    };
    let text = format!(
        "server      {address}\nversion     {} ({product})\nsession     {}\ntls         {tls}\n\
         plugin      {}\nlogin       {}\nround trip  {} (of {}: least {}, most {})\n",
        // MariaDB before 11 puts it in front for very old replicas.
        printable(session.server_version().trim_start_matches("5.5.5-")),
        session.connection_id(),
        printable(plugin.unwrap_or("none was asked for")),
        print(login),
        print(median),
        trips.len(),
        print(least.copied().unwrap_or_default()),
        print(most.copied().unwrap_or_default()),
    );
    session.close()?;
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::writing("standard output", &error))
}

/// What the server says of TLS: the protocol's version and the cipher.
fn tls(session: &mut Session) -> Result<(String, String), Failure> {
    let sql = "SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher')";
    let mut found = (String::new(), String::new());
    for (name, value) in session.fetch_all::<(String, String)>(sql, ())? {
        match name.as_str() {
            "Ssl_version" => found.0 = value,
            _ => found.1 = value,
        }
    }
    Ok(found)
}

fn print(time: Duration) -> String {
    let micros = time.as_micros();
    format!("{}.{:03} ms", micros / 1000, micros % 1000)
}
