//! Streams ten million rows in flat memory.
//!
//! ```text
//! cargo run --release --example demo [-- --url URL] [--sql SQL]
//! ```
//!
//! Without `--url` it brings up a MySQL server of its own (see `tests/servers/README.md`) and stops
//! it afterwards. The last line on standard output is JSON; everything else goes to standard error.

#![allow(clippy::as_conversions, reason = "figures for people")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

#[path = "../tests/support/servers.rs"]
mod servers;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use mywire::{Result, Session};

/// Rows that the default query makes.
const ROWS: u64 = 10_000_000;

/// From this row on the resident memory is watched: buffers have their size by then.
const WARM_ROWS: u64 = 100_000;

/// How many rows pass between two looks at the clock and the memory.
const ROWS_PER_LOOK: u64 = 1 << 16;

const HELP: &str = "\
Streams the rows of a query and shows that memory stays flat.

Usage: cargo run --release --example demo [-- OPTIONS]

  --url URL   a server of yours, such as mysql://user:password@host:3306/database
              (default: a MySQL server that is fetched, started and stopped for this)
  --sql SQL   a query of yours (default: ten million rows that the server makes up)
  --help      this text";

struct Arguments {
    url: Option<String>,
    sql: Option<String>,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error} (--help lists the options)");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(Some(summary)) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Ok(None) => {
            eprintln!("demo: interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    use lexopt::prelude::{Long, ValueExt};

    let mut arguments = Arguments { url: None, sql: None };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("url") => arguments.url = Some(parser.value()?.string()?),
            Long("sql") => arguments.sql = Some(parser.value()?.string()?),
            Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(arguments))
}

/// Streams the query; `None` if it was interrupted.
async fn run(arguments: Arguments) -> Result<Option<String>, String> {
    let url = match arguments.url {
        Some(url) => url,
        None => servers::one("mysql97")?.url,
    };
    let mut session = Session::connect(&url).await.map_err(|error| error.to_string())?;
    eprintln!(
        "{} at {}, {}",
        session.server_version(),
        url.parse::<mywire::Config>().map_err(|error| error.to_string())?,
        if session.is_encrypted() { "over TLS" } else { "in plain text" },
    );
    let (sql, rows) = match arguments.sql {
        Some(sql) => (sql, None),
        None => (default_sql(), Some(ROWS)),
    };
    let mut watch = Watch::new(rows);
    // Dropping the stream at any await is safe, and closing the session stops the server's work.
    let streamed = tokio::select! {
        streamed = stream(&mut session, &sql, &mut watch) => streamed,
        _ = tokio::signal::ctrl_c() => {
            watch.bar.abandon();
            return Ok(None);
        }
    };
    streamed.map_err(|error| error.to_string())?;
    session.close().await.map_err(|error| error.to_string())?;
    Ok(Some(watch.summary()))
}

/// The part to read: rows are lent from the session's buffer one by one, and each value from its
/// row.
async fn stream(session: &mut Session, sql: &str, watch: &mut Watch) -> Result<()> {
    let mut rows = session.query(sql, ()).await?;
    while let Some(row) = rows.next().await? {
        for value in row.iter() {
            watch.values += u64::from(value?.is_some());
        }
        watch.row(row.payload().len());
    }
    rows.finish().await?;
    Ok(())
}

/// Seven tables of ten rows, crossed: servers make these rows as they send them.
fn default_sql() -> String {
    let digits: Vec<String> = (0..10).map(|digit| format!("SELECT {digit} AS n")).collect();
    let digits = digits.join(" UNION ALL ");
    let tables: Vec<String> = (0..7).map(|table| format!("({digits}) AS t{table}")).collect();
    let number = "t0.n + t1.n * 10 + t2.n * 100 + t3.n * 1000 + t4.n * 10000 + t5.n * 100000 \
                  + t6.n * 1000000";
    format!(
        "SELECT {number} AS id, CONCAT('customer ', t0.n, t1.n, t2.n, t3.n, t4.n) AS name, \
         t6.n * 12.5e0 AS score, IF(t0.n = 3, NULL, 'a note of some length') AS note FROM {}",
        tables.join(" CROSS JOIN ")
    )
}

/// Counts, and keeps an eye on time and memory.
struct Watch {
    bar: ProgressBar,
    start: Instant,
    cpu_at_start: Duration,
    rows: u64,
    bytes: u64,
    values: u64,
    warm_rss: Option<u64>,
    peak_rss: u64,
}

impl Watch {
    fn new(rows: Option<u64>) -> Self {
        let (bar, style) = match rows {
            Some(rows) => (ProgressBar::new(rows), "{bar:32} {percent:>3} %  {msg}"),
            None => (ProgressBar::new_spinner(), "{spinner}  {msg}"),
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        Self {
            bar,
            start: Instant::now(),
            cpu_at_start: cpu_time(),
            rows: 0,
            bytes: 0,
            values: 0,
            warm_rss: None,
            peak_rss: 0,
        }
    }

    fn row(&mut self, payload: usize) {
        self.rows += 1;
        // A packet has a header of four bytes.
        self.bytes += payload as u64 + 4;
        if self.rows == WARM_ROWS {
            self.warm_rss = Some(resident_memory());
        }
        if self.rows.is_multiple_of(ROWS_PER_LOOK) {
            self.look();
        }
    }

    fn look(&mut self) {
        let rss = resident_memory();
        if self.warm_rss.is_some() {
            self.peak_rss = self.peak_rss.max(rss);
        }
        let seconds = self.start.elapsed().as_secs_f64();
        self.bar.set_position(self.rows);
        self.bar.set_message(format!(
            "{} rows  {} rows/s  {:.0} MB/s  resident {}",
            HumanCount(self.rows),
            HumanCount((self.rows as f64 / seconds) as u64),
            self.bytes as f64 / 1e6 / seconds,
            HumanBytes(rss),
        ));
    }

    /// The line of JSON. Growth counts from row 100,000 to the last, at its highest.
    fn summary(mut self) -> String {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu = (cpu_time() - self.cpu_at_start).as_secs_f64();
        self.look();
        self.bar.finish();
        if !self.bar.is_hidden() {
            eprintln!();
        }
        // Fewer rows, or no /proc, and there is nothing to tell.
        let growth = match self.warm_rss {
            Some(warm) if warm > 0 => {
                let growth = self.peak_rss.saturating_sub(warm);
                format!("{:.3}", growth as f64 / f64::from(1 << 20))
            }
            _ => "null".to_owned(),
        };
        format!(
            "{{\"rows\":{},\"bytes\":{},\"seconds\":{seconds:.3},\"cpu_seconds\":{cpu:.2},\
             \"rss_growth_mib\":{growth}}}",
            self.rows, self.bytes,
        )
    }
}

/// Resident memory in bytes; 0 where there is no /proc.
fn resident_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// User and system time of this process; zero where there is no /proc.
fn cpu_time() -> Duration {
    // Fields 14 and 15, counted from the process's name, which can contain spaces. The kernel
    // counts them in hundredths of a second for every process.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
