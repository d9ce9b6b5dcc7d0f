//! Leaves a stream of 3,000,000 rows of 1 KB after ten, and prints how long the next query's answer
//! takes: by a kill, by closing and connecting again, and by skipping.
//!
//! ```text
//! cargo run --release --example leaving [ROWS]
//! ```
#![allow(clippy::print_stdout, reason = "it prints")]

#[path = "../tests/support/servers.rs"]
mod servers;

use std::time::{Duration, Instant};

use mywire::{Config, Discard, Limits, Result, Session};
use servers::Flavor;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let rows = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(3_000_000);
    println!("{rows} rows of 1 KB, left after 10; milliseconds until the next query's answer");
    for server in servers::all() {
        let config: Config = server.url.parse()?;
        for (transport, config) in [
            ("TCP with TLS", config.clone()),
            ("Unix socket", server.socket.iter().fold(config, |c, path| c.socket(path))),
        ] {
            for discard in [Discard::Kill, Discard::Close, Discard::Skip] {
                let sql = stream(server.flavor, rows);
                let (took, sent) = leave(&config, discard, &sql).await?;
                let millis = took.as_secs_f64() * 1e3;
                println!(
                    "{:12} {transport:13} {:6} {millis:10.1} ms, the server sent {sent} bytes",
                    server.name,
                    format!("{discard:?}"),
                );
            }
        }
    }
    Ok(())
}

/// A result of so many rows that no server has to make before it sends the first.
fn stream(flavor: Flavor, rows: u64) -> String {
    if flavor == Flavor::MariaDb {
        // Not a join: MariaDB would fill buffers of 32,768 rows, and look for a kill between them.
        return format!("SELECT REPEAT('x', 1000) FROM seq_1_to_{rows}");
    }
    let ten = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION \
               SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
    let tables: Vec<_> = (0..7).map(|table| format!("{ten} a{table}")).collect();
    format!("SELECT REPEAT('x', 1000) FROM {} LIMIT {rows}", tables.join(", "))
}

async fn leave(config: &Config, discard: Discard, sql: &str) -> Result<(Duration, String)> {
    let mut config = config.clone().discard(discard);
    if discard == Discard::Skip {
        let limits = Limits::default().max_discard(u64::MAX).max_discard_time(Duration::MAX);
        config = config.limits(limits);
    }
    let mut session = Session::connect_with(&config).await?;
    let mut rows = session.query(sql, ()).await?;
    for _ in 0..10 {
        rows.next().await?;
    }
    let began = Instant::now();
    if rows.cancel().await.is_err() {
        session = Session::connect_with(&config).await?;
    }
    session.fetch_one::<u64>("SELECT 1", ()).await?;
    let took = began.elapsed();
    let (_, sent): (String, String) =
        session.fetch_one("SHOW SESSION STATUS LIKE 'Bytes_sent'", ()).await?;
    Ok((took, sent))
}
