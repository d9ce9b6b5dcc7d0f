//! `mywire load`: a CSV file into a table, all of it or nothing.

mod columns;
mod csv;
mod feed;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use mywire::blocking::Session;
use mywire::{Done, Error, params_from_iter};

use crate::arguments::{Load, Via};
use crate::connect::{config, connect};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{CSV_BREAKS, check_null, printable};
use crate::progress::Progress;
use columns::{Target, quote_table};
use csv::Records;
use feed::{Feed, Rows};

/// How many warnings are told.
const TOLD_WARNINGS: usize = 5;

/// Loads the file.
pub(crate) fn run(arguments: &Load) -> Result<(), Failure> {
    let config = config(&arguments.connection)?.local_infile(true);
    let (input, size) = open(&arguments.file)?;
    let mut session = connect(&config)?;
    let mut progress = Progress::new(!arguments.quiet, size);
    let loaded = match load(arguments, &mut session, input, &mut progress) {
        Ok(loaded) => loaded,
        Err(failure) => {
            progress.clear();
            return Err(failure);
        }
    };
    let Loaded { read, bytes, affected, warnings } = loaded;
    progress.finish(read, bytes);
    session.close()?;
    if !arguments.quiet {
        let text = format!("{read} rows read, {affected} rows affected, {warnings} warnings\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    Ok(())
}

/// The file, or standard input, and its size as far as that is known.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let unreadable = |error| Failure::work(format_args!("cannot read {}: {error}", path.display()));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    Ok((Box::new(file), metadata.is_file().then_some(metadata.len())))
}

/// What was loaded.
struct Loaded {
    read: u64,
    bytes: u64,
    affected: u64,
    warnings: u64,
}

fn load(
    arguments: &Load,
    session: &mut Session,
    input: Box<dyn Read>,
    progress: &mut Progress,
) -> Result<Loaded, Failure> {
    check_null(&arguments.null, CSV_BREAKS)?;
    let mut records = Records::new(input, arguments.null.as_bytes());
    let named = match arguments.no_header {
        true => None,
        false => Some(records.header().map_err(Failure::work)?),
    };
    let names = match (arguments.columns.is_empty(), named) {
        (false, named) => {
            let (count, first) = (arguments.columns.len(), named.map(|names| names.len()));
            if let Some(first) = first.filter(|&first| first != count) {
                return Err(Failure::work(format_args!(
                    "--columns names {count} columns, and the first line has {first}"
                )));
            }
            arguments.columns.clone()
        }
        (true, Some(names)) => names,
        (true, None) => Vec::new(),
    };
    let target = Target::find(session, &arguments.table, &names, arguments.binary)?;
    let infile = match arguments.via {
        Via::Infile => true,
        Via::Bulk => false,
        Via::Auto => session.fetch_one::<u8>("SELECT @@GLOBAL.local_infile", ())? == 1,
    };
    let mut transaction = session.begin()?;
    let mut rows = Rows::new(records, &target, progress);
    let outcome = match infile {
        true => by_infile(arguments, &mut transaction, &target, &mut rows),
        false => by_bulk(arguments, &mut transaction, &target, &mut rows),
    };
    // The file's own fault is what counts, not what became of the session for it.
    if let Some(fault) = rows.take_fault() {
        return Err(Failure::work(fault));
    }
    if interrupt::was_asked() {
        return Err(Failure::Interrupted);
    }
    let (affected, warnings) = outcome?;
    if warnings > 0 {
        let told = tell_warnings(&mut transaction, warnings)?;
        if !arguments.ignore {
            transaction.rollback()?;
            return Err(Failure::work(format_args!(
                "nothing was loaded, for the server had {warnings} warnings:{told}\n\
                 (tables without transactions keep the rows; --ignore loads in spite of warnings)"
            )));
        }
        let _ = std::io::stderr().write_all(format!("mywire: warnings:{told}\n").as_bytes());
    }
    let (read, bytes) = (rows.count(), rows.bytes());
    interrupt::before_commit()?;
    transaction.commit()?;
    Ok(Loaded { read, bytes, affected, warnings })
}

fn by_infile(
    arguments: &Load,
    session: &mut Session,
    target: &Target,
    rows: &mut Rows<'_>,
) -> Result<(u64, u64), Failure> {
    let duplicates = match (arguments.replace, arguments.ignore) {
        (true, _) => "REPLACE ",
        (_, true) => "IGNORE ",
        // LOCAL means IGNORE here too, and counts a warning for each.
        _ => "",
    };
    let sql = format!(
        "LOAD DATA LOCAL INFILE 'mywire' {duplicates}INTO TABLE {} CHARACTER SET utf8mb4 \
         FIELDS TERMINATED BY 0x09 ESCAPED BY 0x5C LINES TERMINATED BY 0x0A {}",
        quote_table(&arguments.table),
        target.load_clause(),
    );
    interrupt::guard(session.cancel_handle())?;
    let Done { affected_rows, warnings, .. } = session.load_local(&sql, Feed::new(rows))?;
    Ok((affected_rows, warnings.into()))
}

fn by_bulk(
    arguments: &Load,
    session: &mut Session,
    target: &Target,
    rows: &mut Rows<'_>,
) -> Result<(u64, u64), Failure> {
    let verb = match (arguments.replace, arguments.ignore) {
        (true, _) => "REPLACE",
        (_, true) => "INSERT IGNORE",
        _ => "INSERT",
    };
    let table = quote_table(&arguments.table);
    let sql = format!("{verb} INTO {table} {}", target.insert_clause());
    let insert = session.prepare(&sql)?;
    interrupt::guard(session.cancel_handle())?;
    let done = session.bulk(&insert, rows.values().map(params_from_iter)).map_err(|error| {
        match &error {
            // Of its rows, the first one is number 1 to who reads the file.
            Error::Bulk(bulk) if bulk.rows().end - bulk.rows().start == 1 => {
                let row = bulk.rows().end;
                Failure::work(format_args!("row {row} of the file: {}", bulk.error()))
            }
            _ => error.into(),
        }
    })?;
    Ok((done.affected_rows, done.warnings))
}

fn tell_warnings(session: &mut Session, count: u64) -> Result<String, Failure> {
    let mut told = String::new();
    let all: Vec<(String, u32, String)> = session.fetch_all("SHOW WARNINGS LIMIT 6", ())?;
    for (_, code, message) in all.iter().take(TOLD_WARNINGS) {
        told += &format!("\n  {code}: {}", printable(message));
    }
    if all.len() > TOLD_WARNINGS {
        told += "\n  …";
    } else if u64::try_from(all.len()).is_ok_and(|kept| kept < count) {
        told += &format!("\n  (of {count} the server kept {} to tell)", all.len());
    }
    Ok(told)
}
