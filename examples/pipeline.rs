//! A pipeline: commands that do not wait for the replies of those before them.
//!
//! ```text
//! cargo run --example pipeline -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::Session;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: pipeline URL")?).await?;

    // Three questions and one round trip. An error is the error of its command alone.
    let mut pipeline = session.pipeline();
    pipeline.query("SELECT 1 + 1", ()).await?;
    pipeline.query("SELECT no_such_column", ()).await?;
    pipeline.query("SELECT 'three'", ()).await?;
    while let Some(reply) = pipeline.next_reply().await {
        match reply {
            Ok(mut rows) => {
                while let Some(row) = rows.next().await? {
                    println!("answer: {}", row.get::<String>(0)?);
                }
            }
            Err(error) if !error.is_fatal() => println!("failed: {error}"),
            Err(error) => return Err(error.into()),
        }
    }

    // Many commands: a pipeline has bounds, so replies are read whenever it has no room.
    let double = session.prepare("SELECT CAST(? AS SIGNED) * 2").await?;
    let mut pipeline = session.pipeline();
    let (mut sum, mut replies) = (0, 0);
    for n in 0..5000_i64 {
        while !pipeline.has_room() {
            if let Some(reply) = pipeline.next_reply().await {
                sum += reply?.collect::<i64>().await?.iter().sum::<i64>();
                replies += 1;
            }
        }
        pipeline.query(&double, (n,)).await?;
    }
    while let Some(reply) = pipeline.next_reply().await {
        sum += reply?.collect::<i64>().await?.iter().sum::<i64>();
        replies += 1;
    }
    println!("{replies} replies, the sum is {sum}");
    Ok(session.close().await?)
}
