//! A web service with a pool: notes that are posted and read over HTTP.
//!
//! ```text
//! cargo run --example axum_pool --features pool -- mysql://user:password@host:3306/database
//! curl -d 'buy bread' http://127.0.0.1:PORT/notes
//! curl http://127.0.0.1:PORT/notes/1
//! ```
//!
//! A second argument is the address to listen on. Makes the table `notes` unless it is there.
#![allow(clippy::print_stdout, reason = "a program for people")]

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use mywire::{Config, Pool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().or_else(|| std::env::var("MYWIRE_URL").ok());
    let config: Config = url.ok_or("usage: axum_pool URL [ADDRESS]")?.parse()?;
    let pool = Pool::new(config)?;
    let create = "CREATE TABLE IF NOT EXISTS notes (id INT AUTO_INCREMENT PRIMARY KEY, text TEXT)";
    pool.session().await?.execute(create, ()).await?;

    let service = Router::new()
        .route("/notes", post(add))
        .route("/notes/{id}", get(read))
        .route("/status", get(status))
        .with_state(pool.clone());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    // Says good-bye to the server for every session.
    pool.close().await;
    Ok(())
}

async fn add(State(pool): State<Pool>, text: String) -> Result<String, Failure> {
    let mut session = pool.session().await?;
    let done = session.execute("INSERT INTO notes (text) VALUES (?)", (text,)).await?;
    Ok(format!("{}\n", done.last_insert_id))
}

async fn read(State(pool): State<Pool>, Path(id): Path<u32>) -> Result<String, Failure> {
    // The session goes back when it is dropped, also if the caller hangs up meanwhile.
    let mut session = pool.session().await?;
    let text = session.fetch_optional("SELECT text FROM notes WHERE id = ?", (id,)).await?;
    text.ok_or_else(|| (StatusCode::NOT_FOUND, "no such note\n".to_owned()).into())
}

async fn status(State(pool): State<Pool>) -> String {
    let status = pool.status();
    format!("{} open, {} in use, {} waiting\n", status.open, status.in_use, status.waiting)
}

/// What the caller is told: of an error of the database no more than that there was one.
struct Failure(StatusCode, String);

impl From<(StatusCode, String)> for Failure {
    fn from((code, text): (StatusCode, String)) -> Self {
        Self(code, text)
    }
}

impl From<mywire::Error> for Failure {
    fn from(error: mywire::Error) -> Self {
        println!("{error}");
        Self(StatusCode::SERVICE_UNAVAILABLE, "try again later\n".to_owned())
    }
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        (self.0, self.1).into_response()
    }
}
