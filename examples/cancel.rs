//! Cancelling: from another task, and a result that nobody wants to read to its end.
//!
//! ```text
//! cargo run --example cancel -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::time::Duration;

use mywire::Session;
use mywire::error::ServerErrorKind;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: cancel URL")?).await?;

    // The handle is for the session's next statement, and can never hit the one after it.
    let handle = session.cancel_handle();
    let canceller = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        handle.cancel().await
    });
    let numbers = numbers(7);
    let slow = format!("SELECT COUNT(*) FROM ({numbers}) AS numbers WHERE SLEEP(1) = 0");
    match session.fetch_one::<u64>(&slow, ()).await {
        Err(error) if error.as_server().is_some_and(|e| e.kind() == ServerErrorKind::Killed) => {
            println!("the statement was killed");
        }
        other => println!("the statement ended by itself: {other:?}"),
    }
    println!("there was something to end: {}", canceller.await??);

    // Ten million rows, of which ten are wanted. Dropping the rows would do the same with the
    // session's next command.
    let mut rows = session.query(&numbers, ()).await?;
    for _ in 0..10 {
        rows.next().await?.ok_or("there are more")?;
    }
    rows.cancel().await?;

    // The session is the same one, and in order.
    let answer: u64 = session.fetch_one("SELECT 42", ()).await?;
    println!("and the session answers {answer}");
    Ok(session.close().await?)
}

/// A query of 10 to the power of `digits` rows, which the server makes as it sends them.
fn numbers(digits: usize) -> String {
    let digit: Vec<String> = (0..10).map(|digit| format!("SELECT {digit} AS n")).collect();
    let digit = digit.join(" UNION ALL ");
    let tables: Vec<String> = (0..digits).map(|table| format!("({digit}) AS t{table}")).collect();
    format!("SELECT t0.n FROM {}", tables.join(" CROSS JOIN "))
}
