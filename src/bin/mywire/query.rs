//! `mywire query`: the rows of a statement, as they arrive.

use std::io::{IsTerminal, Read, Write};

use mywire::blocking::{Rows, Session};
use mywire::params_from_iter;

use crate::arguments::Query;
use crate::connect::{config, connect};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{
    CSV_BREAKS, Delimited, Form, Format, Json, Kind, Layout, Sink, Table, check_null, each_cell,
};
use crate::progress::Progress;

/// Runs the statement and writes what it returns.
pub(crate) fn run(arguments: &Query) -> Result<(), Failure> {
    let sql = sql(&arguments.sql)?;
    let on_terminal = arguments.output.is_none() && std::io::stdout().is_terminal();
    let format = arguments.format.unwrap_or(if on_terminal { Format::Table } else { Format::Tsv });
    let (binary, header) = (arguments.binary, !arguments.no_header);
    check_effects(arguments, format)?;
    let breaks: &[char] = match format {
        Format::Csv => CSV_BREAKS,
        Format::Tsv => &['\t', '\n'],
        Format::Table | Format::Json | Format::Ndjson => &[],
    };
    check_null(arguments.null.as_deref().unwrap_or_default(), breaks)?;
    let null = |default: &str| arguments.null.as_deref().unwrap_or(default).into();
    let job = Job { arguments, sql: &sql, on_terminal };
    match format {
        Format::Csv => job.run(Delimited::new(Form::Csv, null(""), header, binary)),
        Format::Tsv => job.run(Delimited::new(Form::Tsv, null("\\N"), header, binary)),
        Format::Table => job.run(Table::new(arguments.null.clone(), header, binary)),
        Format::Json | Format::Ndjson => {
            job.run(Json::new(format == Format::Json, binary, arguments.bigint_as_text)?)
        }
    }
}

/// Refuses options that this format does not have.
fn check_effects(arguments: &Query, format: Format) -> Result<(), Failure> {
    let is_json = matches!(format, Format::Json | Format::Ndjson);
    let option = match is_json {
        true if arguments.null.is_some() => "--null",
        true if arguments.no_header => "--no-header",
        false if arguments.bigint_as_text => "--bigint-as-text",
        _ => return Ok(()),
    };
    let formats = if is_json { "csv, tsv and table" } else { "json and ndjson" };
    Err(Failure::usage(format_args!("{option} is for the formats {formats}")))
}

fn sql(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut sql = String::new();
    std::io::stdin()
        .read_to_string(&mut sql)
        .map_err(|error| Failure::work(format_args!("cannot read standard input: {error}")))?;
    Ok(sql)
}

struct Job<'a> {
    arguments: &'a Query,
    sql: &'a str,
    on_terminal: bool,
}

impl Job<'_> {
    fn run(&self, mut layout: impl Layout) -> Result<(), Failure> {
        let mut session = connect(&config(&self.arguments.connection)?)?;
        interrupt::guard(session.cancel_handle())?;
        let mut sink = Sink::open(self.arguments.output.as_deref())?;
        let mut progress = Progress::new(!self.arguments.quiet && !self.on_terminal, None);
        let mut rows = 0;
        let outcome = self.stream(&mut session, &mut layout, &mut sink, &mut progress, &mut rows);
        match &outcome {
            Ok(()) => progress.finish(rows, sink.bytes()),
            Err(_) => progress.clear(),
        }
        outcome?;
        sink.finish()?;
        session.close()?;
        Ok(())
    }

    fn stream(
        &self,
        session: &mut Session,
        layout: &mut impl Layout,
        sink: &mut Sink,
        progress: &mut Progress,
        count: &mut u64,
    ) -> Result<(), Failure> {
        let parameters = params_from_iter(self.arguments.parameters.iter());
        let mut rows = session.query(self.sql, parameters)?;
        let mut results = 0_u32;
        loop {
            if !rows.columns().is_empty() {
                let kinds = Kind::all(rows.columns());
                let begun = layout.begin(rows.columns(), results == 0, &mut sink.text);
                let outcome = begun
                    .and_then(|()| write_rows(&mut rows, &kinds, layout, sink, progress, count));
                if let Err(failure) = outcome {
                    layout.left(&mut sink.text);
                    return Err(leave(rows, sink, failure));
                }
                layout.end(&mut sink.text);
                results += 1;
            }
            match rows.next_result() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(leave(rows, sink, error.into())),
            }
        }
        sink.flush()?;
        let done = rows.finish()?;
        if results == 0 && !self.arguments.quiet {
            let id = match done.last_insert_id {
                0 => String::new(),
                id => format!(", last insert id {id}"),
            };
            let (affected, warnings) = (done.affected_rows, done.warnings);
            let text = format!("{affected} rows affected{id}, {warnings} warnings\n");
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
        Ok(())
    }
}

fn write_rows(
    rows: &mut Rows<'_>,
    kinds: &[Kind],
    layout: &mut impl Layout,
    sink: &mut Sink,
    progress: &mut Progress,
    count: &mut u64,
) -> Result<(), Failure> {
    while let Some(batch) = rows.next_batch()? {
        for row in batch {
            let text = &mut sink.text;
            let whole = text.len();
            layout.begin_row(text);
            let written = row.map_err(Failure::from).and_then(|row| {
                each_cell(row, kinds, |place, kind, value| layout.cell(place, kind, value, text))
            });
            if let Err(failure) = written {
                text.truncate(whole);
                return Err(failure);
            }
            layout.end_row(text);
            *count += 1;
            sink.pass()?;
        }
        progress.update(*count, sink.bytes());
        if interrupt::was_asked() {
            return Err(Failure::Interrupted);
        }
    }
    Ok(())
}

/// Ends the statement on the server, and writes the whole rows that came before.
fn leave(rows: Rows<'_>, sink: &mut Sink, failure: Failure) -> Failure {
    // The failure is what counts; a session that had to be closed for it is no second one.
    let _ = rows.cancel();
    match &failure {
        Failure::ReaderGone => failure,
        _ => match sink.flush() {
            Err(Failure::ReaderGone) | Ok(()) => failure,
            Err(other) => other,
        },
    }
}
