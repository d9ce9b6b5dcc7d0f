//! Prepared statements: by hand, through the session's cache, by name, and with a cursor.
//!
//! ```text
//! cargo run --example prepared -- mysql://user:password@host:3306/database
//! ```
#![allow(clippy::print_stdout, reason = "a program for people")]

use mywire::{NamedSql, Session, Value, params_from_iter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).or_else(|| std::env::var("MYWIRE_URL").ok());
    let mut session = Session::connect(&url.ok_or("usage: prepared URL")?).await?;
    let create =
        "CREATE TEMPORARY TABLE stock (id INT PRIMARY KEY, name VARCHAR(20), price DOUBLE)";
    session.execute(create, ()).await?;

    // Prepared once, executed often. The last clone closes it on the server when it is dropped.
    let insert = session.prepare("INSERT INTO stock VALUES (?, ?, ?)").await?;
    for (id, name, price) in [(1, "bread", Some(2.5)), (2, "salt", None), (3, "tea", Some(4.0))] {
        session.execute(&insert, (id, name, price)).await?;
    }
    println!("a statement of {} parameters", insert.parameters());

    // SQL with parameters does the same by itself: the session keeps its statements.
    let name: String = session.fetch_one("SELECT name FROM stock WHERE id = ?", (3,)).await?;
    println!("number 3 is {name}");

    // Parameters by name, a list of any length, and types that are known only at run time.
    let sql = NamedSql::parse("SELECT id FROM stock WHERE price > :least OR name = :name")?;
    let params = sql.bind(&[("least", &3.0), ("name", &"bread")])?;
    let ids: Vec<i32> = session.fetch_all(&sql, params).await?;
    println!("by name: {ids:?}");

    let wanted = [1, 2];
    let marks = vec!["?"; wanted.len()].join(", ");
    let sql = format!("SELECT name FROM stock WHERE id IN ({marks}) ORDER BY id");
    let names: Vec<String> = session.fetch_all(&sql, params_from_iter(wanted)).await?;
    println!("by a list: {names:?}");

    let sql = "SELECT * FROM stock WHERE id = ? AND name = ?";
    let mut rows = session.query(sql, [Value::Int(2), Value::from("salt")]).await?;
    while let Some(row) = rows.next().await? {
        let price: Value = row.get("price")?;
        println!("the price of salt is {price:?}");
    }
    drop(rows);

    // With a cursor the server keeps the result, and sends two rows at a time.
    let all = session.prepare("SELECT name FROM stock ORDER BY id").await?.with_fetch_size(2);
    let mut rows = session.query(&all, ()).await?;
    while let Some(row) = rows.next().await? {
        println!("from the cursor: {}", row.get::<&str>(0)?);
    }
    drop(rows);
    Ok(session.close().await?)
}
