//! The pool, on real servers and on scripted ones.
//!
//! The names of the tests begin with the ids that they pin. What is left of the list of checks S1 to
//! S18 for the pool is S14 (`s14_*`), with S7 and S8 where the pool meets them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::as_conversions,
    reason = "a test target has no users"
)]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]

#[path = "../support/scripted.rs"]
#[allow(unused_imports, reason = "the scripted suite uses all of it")]
mod scripted;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../live/target.rs"]
#[allow(dead_code, reason = "the live suite uses all of it")]
mod target;

mod clean;
mod end;
mod fire;
mod life;
mod listener;
mod odd;
mod redirect;
mod restart;

use mywire::{Config, Pool, PoolOptions};
use target::each_server;

/// A pool of at most `max` sessions; more options by `change`.
fn pool_of(config: Config, max: usize, change: impl FnOnce(PoolOptions) -> PoolOptions) -> Pool {
    Pool::new(config.pool(change(PoolOptions::default().max(max)))).unwrap()
}
