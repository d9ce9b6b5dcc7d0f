//! Records conversations between any client and a MySQL or MariaDB server: `mywire record` without
//! the rest of the program.
//!
//! ```text
//! cargo run --example record -- LISTEN TARGET [--out DIR] [--keep-tls]
//! ```
//!
//! Point a client at LISTEN. Record with test accounts only. With `--keep-tls` the greeting is left
//! alone, and what follows an SSLRequest is passed on unseen.
#![allow(clippy::print_stderr, reason = "it says how it is used")]

#[path = "../src/bin/mywire/record/mod.rs"]
mod record;

use std::path::PathBuf;
use std::{env, io};

fn main() -> io::Result<()> {
    let mut places = Vec::new();
    let (mut out, mut keep_tls) = (None, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--out" => out = arguments.next().map(PathBuf::from),
            "--keep-tls" => keep_tls = true,
            _ => places.push(argument),
        }
    }
    let Ok([listen, target]) = <[String; 2]>::try_from(places) else {
        eprintln!("usage: record LISTEN TARGET [--out DIR] [--keep-tls]");
        std::process::exit(2);
    };
    record::run(&record::Options { listen, target, out, keep_tls })
}
