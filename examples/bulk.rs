//! Bulk: one statement with many rows of parameters, from an iterator, in flat memory.
//!
//! ```text
//! cargo run --example bulk -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::{Error, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: bulk URL")?).await?;
    let create = "CREATE TEMPORARY TABLE users (id INT UNSIGNED PRIMARY KEY, name VARCHAR(20)) \
                  ENGINE=InnoDB";
    session.execute(create, ()).await?;
    let insert = session.prepare("INSERT INTO users VALUES (?, ?)").await?;

    // MariaDB takes many rows in one command, others one for each without waiting in between. Both
    // are fastest in a transaction, which also undoes them together.
    let mut transaction = session.begin().await?;
    let rows = (0..20_000_u32).map(|id| (id, format!("user {id}")));
    let done = transaction.bulk(&insert, rows).await?;
    transaction.commit().await?;
    println!("{} rows inserted", done.rows);

    // A failure names its row.
    let mut transaction = session.begin().await?;
    let rows = [(20_001_u32, "new"), (7, "twice"), (20_002, "new")];
    match transaction.bulk(&insert, rows).await {
        Err(Error::Bulk(error)) => println!("{error}"),
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("there was no such user".into()),
    }
    transaction.rollback().await?;
    let users: u64 = session.fetch_one("SELECT COUNT(*) FROM users", ()).await?;
    println!("{users} users");
    Ok(session.close().await?)
}
