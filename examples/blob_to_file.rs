//! Writes one value of any size to a file, through a buffer of some hundred KiB.
//!
//! ```text
//! cargo run --example blob_to_file -- mysql://user:password@host:3306/database \
//!     'SELECT content FROM files WHERE id = 7' content.bin
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::Session;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, sql, path] = &*arguments else {
        return Err("usage: blob_to_file URL SQL FILE".into());
    };
    let mut session = Session::connect(url).await?;
    let mut rows = session.query(sql, ()).await?;
    let mut row = rows.next_chunked().await?.ok_or("the query returned no row")?;
    let mut field = row.next_field().await?.ok_or("the row has no value")?;
    if field.is_null() {
        return Err("the value is NULL".into());
    }
    // Its length is known before its bytes are here. A field is an `AsyncRead` as well, so
    // `tokio::io::copy(&mut field, &mut file)` does the same with one copy more.
    let length = field.len();
    let (mut file, mut pieces) = (File::create(path).await?, 0);
    while let Some(piece) = field.chunk().await? {
        file.write_all(piece).await?;
        pieces += 1;
    }
    file.sync_all().await?;
    println!("{length} bytes in {pieces} pieces");
    // Whatever else the row has, and the query returns, is not read.
    drop(row);
    rows.cancel().await?;
    Ok(session.close().await?)
}
