//! The arguments, and the help that is made of them.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{
    ArgGroup, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use mywire::Value;

use crate::output::{Binary, Format};
use crate::record;

/// A client for MySQL and MariaDB: rows to files, files to tables.
#[derive(Debug, Parser)]
#[command(name = "mywire", version, after_help = PASSWORDS_AND_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a statement and write its rows
    Query(Query),
    /// Load a CSV file into a table
    Load(Load),
    /// Log in, and tell how and how fast
    Ping(Ping),
    /// Pass connections on to a server and write down what is said
    Record(Record),
}

const PASSWORDS_AND_CODES: &str = "\
Passwords, the first that there is:
  -p                      asked for on the terminal, without echo
  --password-file FILE    the file's content, without the line break at its end
  the URL                 works, but other users of the machine see it in the list of processes,
                          and the shell keeps it in its history: prefer any of the others
  MYWIRE_PASSWORD         an environment variable
  --defaults, --defaults-file, --login-path
                          the option files of the servers' own clients, and MYSQL_PWD

Exit codes:
  0    done; also when the reader of standard output wants no more (`mywire … | head`)
  1    the server refused the statement, or the data or a file was wrong
  2    wrong arguments, URL or option file
  3    no session: no server, no TLS, or no login
  130  Ctrl-C, SIGTERM or SIGHUP; the statement was ended on the server before. A second one ends
       mywire at once. Once a load's commit was sent, the first one waits for its outcome.";

const QUERY_CONVENTIONS: &str = "\
What is written:
           csv                    tsv                  table     json, ndjson
  NULL     nothing                \\N                   NULL      null
  ''       \"\"                     nothing              nothing   \"\"
  bytes    0x and hexadecimal digits everywhere; --binary chooses otherwise
  BIT      a decimal number everywhere
  numbers  as the server writes them; in JSON, integers (also beyond 2^53, unless
           --bigint-as-text) and floating point are numbers, DECIMAL is a string. Of a FLOAT the
           server writes six digits (all of them with --param): CAST(f AS DOUBLE) has all
  JSON     its text; in JSON formats the value itself
  times    as the server writes them, strings in JSON

csv is RFC 4180 with \\n at the end of lines; what holds a comma, a quote, a line break or the text
of NULL is quoted. tsv is what `mysql --batch` writes and LOAD DATA reads, with \\t, \\n, \\0 and \\\\
escaped, and \\r, which mysql leaves, and \\N where mysql writes NULL. json is one array for each
result; ndjson has an object on each line.
Further results of a CALL follow behind an empty line in csv and tsv.

Rows are written as they arrive; memory is that of the largest row. A table takes the widths of its
columns from the first 500 rows, which it holds until then; a wider value later on is written whole
and moves its line.

--output writes to FILE.partial, replacing one of that name, and renames it to FILE at the end.
After exit code 1 or 130 FILE is as it was before, and FILE.partial has the rows that came until
then (there is none if nothing was written). What is there and is no regular file, such as a pipe,
is written in place.

Progress is shown on standard error if that is a terminal and the rows go elsewhere.";

/// What every command that logs in takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("option_files").multiple(true))]
pub(crate) struct Connection {
    /// mysql://user@host:port/database?key=value; the keys are those of mywire::Config.
    /// With --defaults, --defaults-file or --login-path it may leave out what they say: `mysql://`;
    /// one that names a host and no port means port 3306, also if they name another
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Ask for the password
    #[arg(short, long, help_heading = "Connection", conflicts_with = "password_file")]
    pub(crate) password: bool,
    /// Read the password from a file
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(crate) password_file: Option<PathBuf>,
    /// Read the usual option files (/etc/my.cnf, /etc/mysql/my.cnf, $MYSQL_HOME/my.cnf, ~/.my.cnf;
    /// groups client, client-server, client-mariadb, mysql, mariadb-client, mywire) and MYSQL_HOST,
    /// MYSQL_TCP_PORT, MYSQL_UNIX_PORT, MYSQL_PWD
    #[arg(
        long,
        help_heading = "Connection",
        conflicts_with = "defaults_file",
        group = "option_files"
    )]
    pub(crate) defaults: bool,
    /// Read this option file instead, and the same variables
    #[arg(long, value_name = "FILE", help_heading = "Connection", group = "option_files")]
    pub(crate) defaults_file: Option<PathBuf>,
    /// Read the groups whose names end in this as well
    #[arg(long, value_name = "SUFFIX", help_heading = "Connection", requires = "option_files")]
    pub(crate) defaults_group_suffix: Option<String>,
    /// Read this group of ~/.mylogin.cnf (of mysql_config_editor) as well; implies --defaults
    #[arg(long, value_name = "NAME", help_heading = "Connection", group = "option_files")]
    pub(crate) login_path: Option<String>,
    /// Allow plugins that give the server the password itself, over verified TLS or a Unix socket
    #[arg(long, help_heading = "Connection")]
    pub(crate) allow_clear_text_passwords: bool,
}

#[derive(Debug, Args)]
#[command(after_help = QUERY_CONVENTIONS)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The statement, with a ? for each parameter; - reads it from standard input
    pub(crate) sql: String,
    /// How rows are written [default: table on a terminal, else tsv]
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// A parameter's value, as text; `CAST(? AS SIGNED)` makes it something else
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    param: Vec<String>,
    /// A parameter's value as JSON: 5, 1.5, true, null, "text"
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    param_json: Vec<String>,
    /// How bytes are written: raw is not for json and ndjson
    #[arg(long, value_enum, default_value_t = Binary::Hex)]
    pub(crate) binary: Binary,
    /// What is written for NULL in csv, tsv and table
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) null: Option<String>,
    /// Leave out the line with the names of the columns
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Write BIGINT as a string in json and ndjson
    #[arg(long)]
    pub(crate) bigint_as_text: bool,
    /// No progress, and no word about statements that return no rows
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Of `param` and `param_json`, in the order given.
    #[arg(skip)]
    pub(crate) parameters: Vec<Value>,
}

const LOAD_CONVENTIONS: &str = "\
The file is CSV: commas, double quotes, line breaks of either kind, UTF-8, what `mywire query -f csv`
writes. A value that is the text of NULL, without quotes, is NULL: an empty one unless --null says
otherwise; \"\" is an empty text. A blank line is skipped, but of a file of one column it is a row
whose value is an empty one. Values of binary columns are 0x and hexadecimal digits (--binary
chooses otherwise), those of BIT columns decimal numbers.

The whole file is one transaction: a line that is wrong, a warning of the server (it cut a value
short, or skipped a duplicate), or Ctrl-C undoes all of it, in tables that can. With --ignore,
duplicates are skipped and warnings are told.

It is sent by LOAD DATA LOCAL INFILE where the server allows that (local_infile), else by INSERT,
many rows at once.";

#[derive(Debug, Args)]
#[command(after_help = LOAD_CONVENTIONS)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The table, also as database.table
    pub(crate) table: String,
    /// The CSV file; - is standard input
    pub(crate) file: PathBuf,
    /// The table's columns that the file has, in its order [default: those of its first line]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// The first line holds values; without --columns, of all columns of the table
    #[arg(long)]
    pub(crate) no_header: bool,
    /// The text that stands for NULL where it is not quoted
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    pub(crate) null: String,
    /// How values of binary columns are written; raw takes them as UTF-8 text
    #[arg(long, value_enum, default_value_t = Binary::Hex)]
    pub(crate) binary: Binary,
    /// How the rows are sent
    #[arg(long, value_enum, default_value_t = Via::Auto)]
    pub(crate) via: Via,
    /// Rows replace those that have the same key
    #[arg(long, conflicts_with = "ignore")]
    pub(crate) replace: bool,
    /// Rows whose key is taken are skipped, and warnings undo nothing
    #[arg(long)]
    pub(crate) ignore: bool,
    /// No progress and no summary
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How rows get to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// As the server allows
    Auto,
    /// LOAD DATA LOCAL INFILE
    Infile,
    /// INSERT, many rows at once
    Bulk,
}

#[derive(Debug, Args)]
pub(crate) struct Ping {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How many round trips are measured
    #[arg(short, long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) count: u32,
}

#[derive(Debug, Args)]
#[command(after_help = "\
TLS and compression are taken out of the greeting, so that what is said can be read: record with test
accounts only. With --keep-tls the greeting is left alone, and what follows is passed on unseen. It
ends with Ctrl-C.

Clients that insist on TLS have to be told that there is none: `mysql --get-server-public-key` (for
caching_sha2_password without TLS), `mariadb --skip-ssl`, mywire's `?ssl-mode=DISABLED`.

A file that is there is never overwritten: its number is left out.")]
pub(crate) struct Record {
    /// Address to listen on, such as 127.0.0.1:3307; port 0 takes a free one
    listen: String,
    /// Address of the server
    target: String,
    /// Write each connection to a file in this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Leave TLS and compression to client and server
    #[arg(long)]
    keep_tls: bool,
}

impl Record {
    pub(crate) fn options(&self) -> record::Options {
        record::Options {
            listen: self.listen.clone(),
            target: self.target.clone(),
            out: self.out.clone(),
            keep_tls: self.keep_tls,
        }
    }
}

/// The command, or how to exit: help and version are no command, and neither is a mistake.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    let line: Vec<_> = std::env::args_os().collect();
    let parsed = check_password_flag(&line);
    let parsed =
        parsed.and_then(|()| Cli::command().try_get_matches_from(line)).and_then(|matches| {
            let mut cli = Cli::from_arg_matches(&matches)?;
            if let (Command::Query(query), Some((_, matches))) =
                (&mut cli.command, matches.subcommand())
            {
                query.parameters = parameters(query, matches)?;
            }
            Ok(cli.command)
        });
    parsed.map_err(|error| {
        let error = without_secrets(error);
        // Asked for, the help is the output.
        let written = error.print().and_then(|()| std::io::stdout().flush());
        match (error.use_stderr(), written) {
            (false, _) => ExitCode::SUCCESS,
            (true, _) => ExitCode::from(2),
        }
    })
}

/// `-psecret` of the servers' own clients: here it would be several flags, some with values.
fn check_password_flag(line: &[OsString]) -> Result<(), clap::Error> {
    // Their values may begin with a hyphen.
    const WITH_HYPHENS: [&str; 3] = ["--param", "--param-json", "--null"];

    let mut before = None;
    for argument in line.iter().take_while(|argument| *argument != "--") {
        let is_value = before.is_some_and(|option| WITH_HYPHENS.iter().any(|name| option == *name));
        before = (!is_value).then_some(argument);
        let bytes = argument.as_encoded_bytes();
        if !is_value && bytes.starts_with(b"-p") && bytes.len() > 2 {
            return Err(Cli::command().error(
                ErrorKind::TooManyValues,
                "-p takes no password: it asks for one. Write -p alone, apart from other flags, or use \
                 --password-file or MYWIRE_PASSWORD.",
            ));
        }
    }
    Ok(())
}

/// The error without what may be a password: terminals are shared, and logs kept.
///
/// Names of options stay, and so do values of options that are no URL.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    const HIDDEN: &str = "(not shown: it may hold a password)";

    // A flag has no value; one that got some was taken for another program's.
    let hides_values = error.kind() == ErrorKind::TooManyValues;
    let suspects: Vec<ContextKind> = error
        .context()
        .filter(|(kind, value)| {
            let ContextValue::String(text) = value else { return false };
            match kind {
                ContextKind::InvalidArg => {
                    let is_name = text.starts_with(['-', '<']) && !text.contains("://");
                    !is_name || text.contains('=')
                }
                ContextKind::InvalidSubcommand => {
                    !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                }
                ContextKind::InvalidValue => hides_values || text.contains("://"),
                _ => false,
            }
        })
        .map(|(kind, _)| kind)
        .collect();
    if !suspects.is_empty() {
        // Hints repeat the value.
        error.insert(ContextKind::Suggested, ContextValue::None);
    }
    for kind in suspects {
        error.insert(kind, ContextValue::String(HIDDEN.to_owned()));
    }
    error
}

fn parameters(query: &Query, matches: &ArgMatches) -> Result<Vec<Value>, clap::Error> {
    let texts = query.param.iter().cloned().map(Value::Text);
    let places = matches.indices_of("param").into_iter().flatten();
    let mut all: Vec<(usize, Value)> = places.zip(texts).collect();
    let places = matches.indices_of("param_json").into_iter().flatten();
    for (place, json) in places.zip(&query.param_json) {
        let value = from_json(json).ok_or_else(|| {
            Cli::command().error(
                ErrorKind::ValueValidation,
                "--param-json takes a number, true, false, null or a \"text\"; --param takes text \
                 as it is",
            )
        })?;
        all.push((place, value));
    }
    all.sort_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

fn from_json(json: &str) -> Option<Value> {
    Some(match serde_json::from_str(json).ok()? {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Int(truth.into()),
        serde_json::Value::String(text) => Value::Text(text),
        // A fraction keeps the digits that it was given.
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => match json.trim().parse() {
                Ok(decimal) => Value::Decimal(decimal),
                Err(_) => Value::Double(number.as_f64()?),
            },
        },
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn parameters_keep_their_order_and_types() {
        let line = [
            "mywire",
            "query",
            "mysql://h",
            "SELECT ?",
            "--param",
            "007",
            "--param-json",
            "-5",
            "--param",
            "",
            "--param-json",
            "null",
            "--param-json",
            "18446744073709551615",
        ];
        let matches = Cli::command().try_get_matches_from(line).unwrap();
        let cli = Cli::from_arg_matches(&matches).unwrap();
        let Command::Query(query) = &cli.command else { panic!("{cli:?}") };
        let expected = [
            Value::Text("007".into()),
            Value::Int(-5),
            Value::Text(String::new()),
            Value::Null,
            Value::UInt(u64::MAX),
        ];
        assert_eq!(parameters(query, matches.subcommand().unwrap().1).unwrap(), expected);
        assert_eq!(from_json("[1]"), None);
        assert_eq!(from_json("1.10"), Some(Value::Decimal("1.10".parse().unwrap())));
    }
}
