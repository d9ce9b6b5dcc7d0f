//! Evil and odd servers: what no honest server does, and the session's answer to it.
//!
//! The names of the tests begin with the ids of the edge case (`e`) or the threat (`t`) that they
//! pin. The server is `tests/support/scripted.rs`.
#![cfg(all(feature = "tokio", any(feature = "ring", feature = "aws-lc-rs", feature = "graviola")))]
#![allow(missing_docs, unreachable_pub, reason = "a test target has no callers")]

#[path = "../pool/listener.rs"]
mod listener;
#[path = "../support/metered.rs"]
mod metered;
#[path = "../support/scripted.rs"]
mod scripted;

mod attributes;
mod charsets;
mod ends;
mod framing;
mod greeting;
mod infile;
mod infile_unasked;
mod kill_route;
mod leaving;
mod left;
mod limits;
mod login;
mod login_bytes;
mod long_data;
mod pieces;
mod pieces_ok;
mod pipelines;
mod plugins;
mod refused;
mod replies;
mod rows;
mod secrets;
mod sentences;
mod server_proof;
mod setup;
mod sockets;
mod statements;
mod time;
mod timeouts;
mod tls;
mod transactions;
mod transcripts;
mod transports;
mod wiped;

#[global_allocator]
static ALLOCATOR: counting_alloc::Counting = counting_alloc::Counting;
