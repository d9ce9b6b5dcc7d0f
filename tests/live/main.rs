//! The suite that runs against real servers: each case on every server of [`servers::all`].
//!
//! A case is one libtest test. It runs on all servers at the same time, each in a thread that is
//! named after the case and the server, and fails if it failed on any; its message names them. What
//! a server of `MYWIRE_TEST_URL` cannot have (the certificates, the socket and the accounts `u_*`
//! that `tests/servers/servers.sh` makes) is said in one line on stderr, captured output or not.
#![cfg(any(feature = "ring", feature = "aws-lc-rs", feature = "graviola"))]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::as_conversions,
    reason = "a test target has no users"
)]
#![allow(clippy::print_stdout, reason = "figures, shown by --nocapture")]
#![allow(clippy::drop_non_drop, reason = "leaving rows early is what is tested, so it is said")]

/// What only futures can do: `tests/live_blocking`, which runs these files on the blocking front,
/// leaves it out.
macro_rules! asynchronous {
    ($($item:item)*) => { $($item)* };
}

#[path = "../support/metered.rs"]
mod metered;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/servers.rs"]
mod servers;

mod accounts;
mod attributes;
mod bad_input;
mod bulk;
mod calls;
mod capture;
mod certificates;
mod change_user;
mod charsets;
#[cfg(feature = "codec")]
mod codec_proxy;
mod compression;
mod cursors;
mod cursors_aside;
mod facts;
mod foreign;
mod greeting;
mod kill_logins;
mod ladder;
mod large;
mod large_values;
mod last_prepared;
mod leaving;
mod load_local;
mod login_matrix;
mod long_data;
mod names;
mod options;
mod pipelines;
mod queries;
mod random;
mod relay;
#[cfg(feature = "stream")]
mod row_stream;
mod seed;
mod server_errors;
mod sql_text;
mod statements;
mod target;
mod tls12;
mod transactions;
mod transports;
mod types;
mod values;

use target::{Target, each_server};

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;
