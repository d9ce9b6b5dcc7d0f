//! Streams a query's rows to standard output as CSV, in memory that does not depend on their number.
//!
//! ```text
//! cargo run --example to_csv -- mysql://user:password@host:3306/database 'SELECT * FROM users' > users.csv
//! ```
//!
//! NULL is written as `\N`.
use std::io::{self, BufWriter, Write};

use mywire::Session;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(sql)) = (arguments.next(), arguments.next()) else {
        return Err("usage: to_csv URL SQL".into());
    };
    let mut session = Session::connect(&url).await?;
    let mut rows = session.query(&sql, ()).await?;
    let mut out = BufWriter::new(io::stdout().lock());
    for (index, column) in rows.columns().iter().enumerate() {
        separate(&mut out, index)?;
        write_field(&mut out, column.name_bytes())?;
    }
    out.write_all(b"\n")?;
    // A batch is all rows that are in the buffer: one `await` for many of them. SQL without
    // parameters returns text, so a value's bytes are what CSV wants.
    while let Some(batch) = rows.next_batch().await? {
        for row in batch {
            for (index, value) in row?.iter().enumerate() {
                separate(&mut out, index)?;
                match value? {
                    Some(value) => write_field(&mut out, value.bytes())?,
                    None => out.write_all(b"\\N")?,
                }
            }
            out.write_all(b"\n")?;
        }
    }
    rows.finish().await?;
    out.flush()?;
    Ok(session.close().await?)
}

fn separate(out: &mut impl Write, index: usize) -> io::Result<()> {
    if index > 0 { out.write_all(b",") } else { Ok(()) }
}

/// Quotes what would be misread, and doubles the quotes within.
fn write_field(out: &mut impl Write, value: &[u8]) -> io::Result<()> {
    let quoted = value == b"\\N" || value.iter().any(|byte| b",\"\r\n".contains(byte));
    if !quoted {
        return out.write_all(value);
    }
    out.write_all(b"\"")?;
    for piece in value.split_inclusive(|&byte| byte == b'"') {
        out.write_all(piece)?;
        if piece.ends_with(b"\"") {
            out.write_all(b"\"")?;
        }
    }
    out.write_all(b"\"")
}
