//! Transactions: guards that roll back unless they are committed, savepoints, retries.
//!
//! ```text
//! cargo run --example transactions -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::{IsolationLevel, Session, TransactionOptions};

/// How often a transfer is tried that loses against another transaction.
const ATTEMPTS: u32 = 3;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: transactions URL")?).await?;
    let create = "CREATE TEMPORARY TABLE accounts (id INT PRIMARY KEY, cents BIGINT) ENGINE=InnoDB";
    session.execute(create, ()).await?;
    session.execute("INSERT INTO accounts VALUES (1, 1000), (2, 0)", ()).await?;

    let mut attempts = 1;
    while let Err(error) = transfer(&mut session, 1, 2, 300).await {
        // A deadlock, or a lock that was waited for too long: nothing was done.
        if !error.is_retryable() || attempts == ATTEMPTS {
            return Err(error.into());
        }
        attempts += 1;
    }
    println!("after the transfer: {:?}", balances(&mut session).await?);

    // Dropped without a commit: the rollback goes out before the session's next command.
    let mut transaction = session.begin().await?;
    transaction.execute("DELETE FROM accounts", ()).await?;
    drop(transaction);
    println!("after the rollback: {:?}", balances(&mut session).await?);

    // What is behind a savepoint can be undone by itself.
    let mut transaction = session.begin().await?;
    transaction.execute("UPDATE accounts SET cents = cents + 1", ()).await?;
    let mut bonus = transaction.savepoint().await?;
    bonus.execute("UPDATE accounts SET cents = cents * 2", ()).await?;
    bonus.rollback().await?;
    transaction.commit().await?;
    println!("after the savepoint: {:?}", balances(&mut session).await?);
    Ok(session.close().await?)
}

/// Moves money, or returns early with an error, which undoes it.
async fn transfer(session: &mut Session, from: u32, to: u32, cents: i64) -> mywire::Result<()> {
    let options = TransactionOptions::default().isolation(IsolationLevel::Serializable);
    let mut transaction = session.begin_with(options).await?;
    let sql = "UPDATE accounts SET cents = cents + ? WHERE id = ?";
    transaction.execute(sql, (-cents, from)).await?;
    transaction.execute(sql, (cents, to)).await?;
    transaction.commit().await
}

async fn balances(session: &mut Session) -> mywire::Result<Vec<(u32, i64)>> {
    session.fetch_all("SELECT id, cents FROM accounts ORDER BY id", ()).await
}
