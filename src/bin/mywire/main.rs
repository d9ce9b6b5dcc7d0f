//! `mywire`: queries, loads, pings and records from a shell.
//!
//! A program over [`mywire::blocking`]: one thread works, and a second one only waits for Ctrl-C.

mod arguments;
mod connect;
mod failure;
mod interrupt;
mod load;
mod output;
mod ping;
mod progress;
mod query;
mod record;

use std::io::Write;
use std::process::ExitCode;

use arguments::Command;
use failure::Failure;

fn main() -> ExitCode {
    let outcome = match arguments::parse() {
        Ok(Command::Query(arguments)) => query::run(&arguments),
        Ok(Command::Load(arguments)) => load::run(&arguments),
        Ok(Command::Ping(arguments)) => ping::run(&arguments),
        Ok(Command::Record(arguments)) => record::run(&arguments.options()).map_err(Failure::work),
        Err(exit) => return exit,
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    if let Some(message) = failure.message() {
        // Nobody is left to be told of a standard error that cannot be written.
        let _ = writeln!(std::io::stderr(), "mywire: {message}");
    }
    ExitCode::from(failure.exit_code())
}
