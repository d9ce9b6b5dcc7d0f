//! LOAD DATA LOCAL INFILE without a file: the lines are made as the server takes them.
//!
//! ```text
//! cargo run --example load_local -- mysql://user:password@host:3306/database
//! ```
//!
//! The server needs `local_infile` on.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use mywire::{Config, Session};
use tokio::io::{AsyncRead, ReadBuf};

const LINES: u64 = 100_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    // Never by a URL: whether this program gives data away is for its code to say.
    let config = url.ok_or("usage: load_local URL")?.parse::<Config>()?.local_infile(true);
    let mut session = Session::connect_with(&config).await?;
    let create = "CREATE TEMPORARY TABLE squares (n BIGINT UNSIGNED, square BIGINT UNSIGNED)";
    session.execute(create, ()).await?;

    // The name is free text. Nothing opens a file that a server asks for.
    let sql = "LOAD DATA LOCAL INFILE 'generated' INTO TABLE squares FIELDS TERMINATED BY ','";
    let done = session.load_local(sql, Squares { next: 0, line: Vec::new(), at: 0 }).await?;
    println!("{} rows loaded", done.affected_rows);

    let sql = "SELECT CAST(SUM(square) AS UNSIGNED) FROM squares";
    let sum: u64 = session.fetch_one(sql, ()).await?;
    println!("their sum is {sum}");
    Ok(session.close().await?)
}

/// Lines of CSV, one at a time.
struct Squares {
    next: u64,
    line: Vec<u8>,
    at: usize,
}

impl AsyncRead for Squares {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while buf.remaining() > 0 {
            if self.at == self.line.len() {
                if self.next == LINES {
                    break;
                }
                let n = self.next;
                (self.next, self.at) = (n + 1, 0);
                self.line.clear();
                writeln!(self.line, "{n},{}", n * n)?;
            }
            let rest = &self.line[self.at..];
            let taken = rest.len().min(buf.remaining());
            buf.put_slice(&rest[..taken]);
            self.at += taken;
        }
        Poll::Ready(Ok(()))
    }
}
