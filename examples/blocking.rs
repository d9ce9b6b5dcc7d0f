//! Without a runtime: the same names, without `await`.
//!
//! ```text
//! cargo run --example blocking --features blocking -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::blocking::Session;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: blocking URL")?)?;
    session.execute("CREATE TEMPORARY TABLE words (id INT, word VARCHAR(20))", ())?;
    let insert = session.prepare("INSERT INTO words VALUES (?, ?)")?;
    let mut transaction = session.begin()?;
    for (id, word) in [(1, "one"), (2, "two"), (3, "three")] {
        transaction.execute(&insert, (id, word))?;
    }
    transaction.commit()?;

    // Rows that are lent from the read buffer.
    let mut rows = session.query("SELECT id, word FROM words ORDER BY id", ())?;
    while let Some(row) = rows.next()? {
        let (id, word): (i32, &str) = row.decode()?;
        println!("{id} {word}");
    }
    drop(rows);

    // An iterator of rows that can be kept.
    let rows: Vec<_> = session
        .query("SELECT word FROM words WHERE id > ? ORDER BY id", (1,))?
        .into_iter()
        .collect::<Result<_, _>>()?;
    let words: Vec<&str> = rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?;
    println!("{}", words.join(" and "));

    // A statement is cancelled from another thread.
    let handle = session.cancel_handle();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        handle.cancel()
    });
    let slept = session.fetch_one::<i64>("SELECT COUNT(*) FROM words WHERE SLEEP(100) = 0", ());
    let told = canceller.join().map_err(|_| "the canceller panicked")??;
    println!("told to end: {told}; {}", if slept.is_err() { "it failed" } else { "it went on" });
    Ok(session.close()?)
}
