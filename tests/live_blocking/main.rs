//! The suite of `tests/live`, on the blocking front: the same files, in which `mywire` is this crate,
//! whose [`front`] has the blocking session under the names of the other.
//!
//! What is about dropped futures or several of them at once is `asynchronous!` there, and not here.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::as_conversions,
    reason = "a test target has no users"
)]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]
#![allow(clippy::drop_non_drop, reason = "leaving rows early is what is tested, so it is said")]

extern crate mywire as library;
extern crate self as mywire;

pub use front::{ChunkedRow, Field, Pipeline, Rows, Session, Transaction};
pub use library::*;

/// What only futures can do is not tested here.
macro_rules! asynchronous {
    ($($item:item)*) => {};
}

#[path = "../support/metered.rs"]
mod metered;
#[path = "../support/servers.rs"]
mod servers;

mod front;
mod ladder;
mod threads;
mod transactions;

#[path = "../live/accounts.rs"]
mod accounts;
#[path = "../live/bulk.rs"]
mod bulk;
#[path = "../live/calls.rs"]
mod calls;
#[path = "../live/certificates.rs"]
mod certificates;
#[path = "../live/change_user.rs"]
mod change_user;
#[path = "../live/charsets.rs"]
mod charsets;
#[cfg(feature = "compress")]
#[path = "../live/compression.rs"]
mod compression;
#[path = "../live/cursors.rs"]
mod cursors;
#[path = "../live/cursors_aside.rs"]
mod cursors_aside;
#[path = "../live/facts.rs"]
mod facts;
#[path = "../live/foreign.rs"]
mod foreign;
#[path = "../live/greeting.rs"]
mod greeting;
#[path = "../live/kill_logins.rs"]
mod kill_logins;
#[path = "../live/large.rs"]
mod large;
#[path = "../live/large_values.rs"]
mod large_values;
#[path = "../live/leaving.rs"]
mod leaving;
#[cfg(feature = "compress")]
#[path = "../live/load_local.rs"]
mod load_local;
#[path = "../live/names.rs"]
mod names;
#[path = "../live/options.rs"]
mod options;
#[path = "../live/pipelines.rs"]
mod pipelines;
#[path = "../live/queries.rs"]
mod queries;
#[path = "../live/random.rs"]
mod random;
#[path = "../live/relay.rs"]
mod relay;
#[path = "../live/server_errors.rs"]
mod server_errors;
#[path = "../live/statements.rs"]
mod statements;
#[path = "../live/target.rs"]
mod target;
#[path = "../live/tls12.rs"]
mod tls12;
#[path = "../live/transports.rs"]
mod transports;
#[path = "../live/types.rs"]
mod types;
#[path = "../live/values.rs"]
mod values;

use target::{Target, each_server};

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;
