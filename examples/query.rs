//! Queries: rows that are lent one by one, parameters, single values, and errors.
//!
//! ```text
//! cargo run --example query -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::error::ServerErrorKind;
use mywire::{DateTime, Error, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: query URL")?).await?;
    println!("connected to {}", session.server_version());

    // Without parameters, SQL goes out as it is. Temporary tables end with the session.
    let create = "CREATE TEMPORARY TABLE people (id INT UNSIGNED, name VARCHAR(20), born DATE)";
    session.execute(create, ()).await?;
    let insert = "INSERT INTO people VALUES (1, 'Ada', '1815-12-10'), (2, 'Grace', NULL)";
    let done = session.execute(insert, ()).await?;
    println!("{} rows inserted", done.affected_rows);

    // A row lends its strings from the read buffer; NULL needs an `Option`.
    let mut rows = session.query("SELECT id, name, born FROM people ORDER BY id", ()).await?;
    while let Some(row) = rows.next().await? {
        let (id, name, born): (u32, &str, Option<mywire::Date>) = row.decode()?;
        let born = born.map_or_else(|| "unknown".to_owned(), |date| date.to_string());
        println!("{id} {name}, born {born}");
    }
    rows.finish().await?;

    // With parameters it is prepared, kept, and sent through the binary protocol.
    let sql = "SELECT name FROM people WHERE id = ?";
    let second: Option<String> = session.fetch_optional(sql, (2,)).await?;
    let third: Option<String> = session.fetch_optional(sql, (3,)).await?;
    println!("the second is {second:?}, the third {third:?}");
    let now: DateTime = session.fetch_one("SELECT NOW()", ()).await?;
    println!("the server's time is {now}");

    // An error of the server leaves the session as it was.
    match session.query("SELECT no_such_column FROM people", ()).await {
        Err(Error::Server(error)) if error.kind() == ServerErrorKind::UnknownColumn => {
            println!("no such column, says the server: {} ({})", error.message(), error.code());
        }
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("there is such a column".into()),
    }
    session.ping().await?;
    Ok(session.close().await?)
}
