//! The clients, each through its best unbuffered interface.

mod drain;
mod mysql_async_peer;
mod mysql_peer;
mod mywire_peer;
mod sqlx_peer;
mod zero_mysql_peer;

use crate::{Account, Sum, Task};

/// The clients that are part of this program, in the order of the report.
pub const PEERS: [&str; 7] =
    ["mywire", "mywire-next", "mywire-blocking", "mysql_async", "mysql", "sqlx", "zero-mysql"];

/// Whether a client can do a task with typed values.
pub fn can(peer: &str, task: &Task) -> bool {
    match (peer, task) {
        // It hands out the bytes of text rows and decodes none.
        ("zero-mysql", Task::Rows { binary, .. }) => *binary,
        // The tuple is the same; only the way to the row differs.
        ("mywire-next", Task::Rows { .. }) => true,
        ("mywire-next", _) => false,
        ("mywire-blocking", _) => !matches!(task, Task::Rows { .. }),
        ("floor", Task::Rows { shape, .. }) => {
            matches!(shape.name, "ints8" | "strings4" | "bytes4")
        }
        ("floor" | "drain", _) => matches!(task, Task::Rows { .. }),
        _ => true,
    }
}

/// Does a task.
pub fn run(peer: &str, account: &Account, task: &Task) -> Sum {
    // The others wait for each.
    let task = &match task {
        Task::Pipeline { count } if !peer.starts_with("mywire") => Task::Point { count: *count },
        task => *task,
    };
    match peer {
        "drain" => drain::drain(account),
        "floor" => drain::floor(account, task),
        "mywire" => mywire_peer::run(account, task, true),
        "mywire-next" => mywire_peer::run(account, task, false),
        "mywire-blocking" => mywire_peer::run_blocking(account, task),
        "mysql" => mysql_peer::run(account, task),
        "mysql_async" => mysql_async_peer::run(account, task),
        "sqlx" => sqlx_peer::run(account, task),
        "zero-mysql" => zero_mysql_peer::run(account, task),
        other => panic!("no client {other}"),
    }
}

/// A runtime on the calling thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The text that is inserted with each id.
const INSERTED: &str = "the name of a customer";

/// What tells that all rows were inserted.
const CHECK: &str = "SELECT CAST(SUM(id + 1) AS SIGNED) FROM sink";

/// The id of point query number `i`.
fn point_id(i: u64) -> i64 {
    (i * 7919 % 4096) as i64
}
