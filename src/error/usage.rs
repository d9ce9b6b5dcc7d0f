//! Mistakes of the caller.

use std::fmt;
use std::time::Duration;

use super::Sent;

/// The caller asked for something that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageError {
    /// A command was given before the login was over, or a login after it.
    NotReady,
    /// More commands are unanswered than the connection keeps track of.
    TooManyCommands {
        /// How many may be.
        max: usize,
    },
    /// A pipeline holds as much as it may: replies are to be read first. Nothing was queued.
    PipelineFull {
        /// How many commands may be without a reply.
        max: usize,
        /// How many bytes of them may wait to be sent.
        max_bytes: usize,
    },
    /// SQL with parameters was queued behind other commands, and is not prepared yet, or not in the
    /// default database that one of them chooses. Nothing was queued.
    NotPrepared,
    /// A statement, or another argument, is longer than the protocol can carry, or a command may be
    /// ([`Limits::max_command`](crate::Limits::max_command)).
    TooLong {
        /// What is too long.
        what: &'static str,
        /// The most that fits, in bytes.
        max: u64,
    },
    /// There are more of something than the protocol can count. Nothing was sent.
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// The server cannot do what was asked for. Nothing was sent.
    NotSupported {
        /// What was asked for.
        what: &'static str,
    },
    /// A name holds a NUL character, which no server takes.
    Nul {
        /// What holds it.
        what: &'static str,
    },
    /// `fetch_one` found no row.
    NoRow,
    /// `fetch_one` or `fetch_optional` found more than one row.
    ManyRows,
    /// The statement returned no rows because it is none that does.
    NoResultSet,
    /// A statement has another number of parameters than were given. Nothing was sent.
    ParameterCount {
        /// The statement's.
        statement: usize,
        /// How many were given.
        given: usize,
    },
    /// A value was to be sent for a parameter that the statement does not have. Nothing was sent.
    NoSuchParameter {
        /// The place asked for, from 0.
        index: usize,
        /// How many parameters the statement has.
        statement: usize,
    },
    /// [`LongData`](crate::LongData) stands for a parameter whose value was not sent to the statement
    /// before, with the same fetch size or none. Nothing was sent.
    NoLongData {
        /// The parameter's place, from 0.
        index: usize,
    },
    /// The future of a `send_long_data` was dropped, and the server has only a part of the value.
    /// Nothing was sent.
    LongDataInPart {
        /// The parameter's place, from 0.
        index: usize,
    },
    /// The server has a parameter's value from `send_long_data`, and the execution has another one.
    /// Nothing was sent.
    LongDataLeft {
        /// The parameter's place, from 0.
        index: usize,
    },
    /// A named parameter was given that the statement does not have. Nothing was sent.
    UnknownParameter {
        /// The name given.
        name: Box<str>,
        /// The names that there are.
        names: Box<str>,
    },
    /// A named parameter of the statement was not given, or was given twice. Nothing was sent.
    NamedParameter {
        /// The parameter's name.
        name: Box<str>,
        /// How often it was given.
        given: usize,
    },
    /// A statement has both named parameters and `?`.
    MixedParameters,
    /// MySQL needs the statement to be prepared once more to be executed both with a fetch size and
    /// without one, and the default database has changed since. Nothing was sent.
    OtherDatabase,
    /// Rows were to be put aside that no cursor has.
    NoCursor,
    /// The rest of a fetch takes more memory than may be kept for rows that are put aside.
    TooManyRowsAside {
        /// The most that is kept, in bytes.
        max: usize,
    },
    /// The session's `character_set_client` was set to one in which SQL of more than ASCII would be
    /// something else. Nothing was sent.
    ForeignCharacterSet {
        /// The character set's name.
        charset: Box<str>,
    },
    /// A cursor was to be gone on with that a later execution of its statement, or a reset, has
    /// closed. Nothing was sent.
    CursorClosed,
    /// The statement was prepared by another session, or the session was reset since.
    ForeignStatement,
    /// The whole transaction was rolled back, by the server because of a deadlock or a lock wait, or by
    /// a reset of the session or a change of its user, and its guard is still there. Nothing was sent.
    TransactionEnded,
    /// A transaction was to begin within another, which the server would commit. Nothing was sent.
    TransactionOpen,
    /// A row was asked for as a whole of which pieces were read already, by a `next_chunked` whose
    /// future was dropped.
    RowInPieces,
    /// A row has another number of columns than the type that it is decoded into.
    ColumnCount {
        /// The row's columns.
        row: usize,
        /// The type's.
        wanted: usize,
    },
    /// The result set has no column of this name.
    NoSuchColumn {
        /// The name asked for.
        name: Box<str>,
        /// The columns that there are.
        columns: Box<str>,
    },
    /// The result set has fewer columns.
    NoSuchIndex {
        /// The index asked for.
        index: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// A row does not fit the type that it is deserialized into.
    Deserialize {
        /// What serde says of it, with the column's name if it is about one.
        message: Box<str>,
    },
    /// No session of a pool was to be had in time. Nothing was sent.
    PoolTimedOut {
        /// `PoolOptions::acquire_timeout`.
        wait: Duration,
        /// How many sessions were in use.
        in_use: usize,
        /// `PoolOptions::max`.
        max: usize,
        /// Why the last attempt to connect failed, if it did.
        reason: Option<Box<str>>,
    },
    /// The pool was closed.
    PoolClosed,
    /// A session is not as it was when it was new, and cannot be made so.
    SessionNotClean,
    /// Data for LOAD DATA LOCAL were offered on a session that may not send any, because
    /// `Config::local_infile` is not set or the server has it off. Nothing was sent.
    LocalInfileOff,
    /// The server asked for a file that no call offered: the statement is a LOAD DATA LOCAL beside
    /// the one that the data are for, or was not given to `load_local`. An empty file was sent.
    LocalInfileRefused,
    /// Data were offered for a statement that asked for none. It was executed.
    NoLocalInfile,
    /// The server waits for the rest of a file, so nothing else can be sent.
    FileDue,
    /// A LOAD DATA LOCAL was left in the middle of its file, so the session was closed: the server
    /// undoes what it had of it, as far as the table's engine can.
    AbandonedFile,
    /// A result left unread was larger than may be skipped, so the session was closed.
    AbandonedResult {
        /// `Limits::max_discard`.
        max_discard: u64,
    },
    /// A statement that nobody waits for any more did not end in time, so the session was closed.
    AbandonedStatement {
        /// `Limits::max_discard_time`.
        max_discard_time: Duration,
    },
    /// A statement that nobody waits for any more could not be killed, so the session was closed.
    NotKilled {
        /// Why not.
        reason: Box<str>,
    },
    /// A statement was left before its end, and `Discard::Close` closed the session.
    LeftEarly,
    /// The statement was ended, by a timeout while a row was read in pieces: no rows follow.
    RowsOver,
    /// A `CancelHandle` could not cancel the statement, which goes on.
    CannotCancel {
        /// Why not.
        reason: Box<str>,
    },
    /// The statement was cancelled by its `CancelHandle` before it was sent.
    Cancelled,
}

impl UsageError {
    pub(super) const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::AbandonedResult { .. }
                | Self::AbandonedStatement { .. }
                | Self::NotKilled { .. }
                | Self::LeftEarly
                | Self::SessionNotClean
                | Self::AbandonedFile
        )
    }

    pub(super) const fn is_retryable(&self) -> bool {
        // A session closed before the command: a new one has nothing to skip. A pool that had none
        // may have one next time.
        self.is_fatal() || matches!(self, Self::PoolTimedOut { .. })
    }

    pub(super) const fn was_sent(&self) -> Sent {
        match self {
            Self::NotReady
            | Self::TooManyCommands { .. }
            | Self::PipelineFull { .. }
            | Self::NotPrepared
            | Self::TooLong { .. }
            | Self::TooMany { .. }
            | Self::NotSupported { .. }
            | Self::Nul { .. }
            | Self::ParameterCount { .. }
            | Self::NoSuchParameter { .. }
            | Self::NoLongData { .. }
            | Self::LongDataInPart { .. }
            | Self::LongDataLeft { .. }
            | Self::UnknownParameter { .. }
            | Self::NamedParameter { .. }
            | Self::MixedParameters
            | Self::OtherDatabase
            | Self::CursorClosed
            | Self::ForeignStatement
            | Self::TransactionEnded
            | Self::TransactionOpen
            | Self::PoolTimedOut { .. }
            | Self::PoolClosed
            | Self::SessionNotClean
            | Self::LocalInfileOff
            | Self::ForeignCharacterSet { .. }
            | Self::FileDue
            | Self::AbandonedFile
            | Self::AbandonedResult { .. }
            | Self::AbandonedStatement { .. }
            | Self::NotKilled { .. }
            | Self::LeftEarly
            | Self::Cancelled => Sent::No,
            _ => Sent::Yes,
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => f.write_str("the connection is not logged in"),
            Self::TooManyCommands { max } => {
                write!(f, "{max} commands are unanswered: read replies before sending more")
            }
            Self::PipelineFull { max, max_bytes } => write!(
                f,
                "the pipeline is full, with {max} commands or {max_bytes} bytes to send: read \
                 replies while it has no room"
            ),
            Self::NotPrepared => f.write_str(
                "the pipeline cannot prepare a statement behind other commands: prepare it before \
                 them, and behind the reply to a USE",
            ),
            // What a field of the protocol holds is less.
            Self::TooLong { what, max } if *max > u64::from(u16::MAX) => write!(
                f,
                "the {what} is longer than the {max} bytes that a command may have: raise \
                 `Limits::max_command`, which goes up to the protocol's 1 GiB, or send large values by \
                 `send_long_data`"
            ),
            Self::TooLong { what, max } => {
                write!(f, "the {what} is longer than the {max} bytes that the protocol can carry")
            }
            Self::TooMany { what, max } => write!(
                f,
                "there are more than {max} {what}, the most that a command can have: give fewer at once"
            ),
            Self::NotSupported { what } => write!(f, "this server does not support {what}"),
            Self::Nul { what } => {
                write!(f, "the {what} contains a NUL character, which no server takes; remove it")
            }
            Self::NoRow => f.write_str(
                "the statement returned no row: use `fetch_optional` if that is no error",
            ),
            Self::ManyRows => f.write_str(
                "the statement returned more than one row: add `LIMIT 1`, or use `fetch_all` or \
                 `query`",
            ),
            Self::NoResultSet => {
                f.write_str("the statement returns no rows: use `execute` for such statements")
            }
            Self::ParameterCount { statement, given } => write!(
                f,
                "the statement has {}, {given} {} given: give one for each `?`",
                counted(*statement, "parameter"),
                if *given == 1 { "was" } else { "were" }
            ),
            Self::NoSuchParameter { index, statement } => write!(
                f,
                "there is no parameter {index}: the statement has {}, counted from 0",
                counted(*statement, "parameter")
            ),
            Self::NoLongData { index } => write!(
                f,
                "no value was sent for parameter {index}, counted from 0: send it before each execution \
                 with `LongData`, through a statement of the same fetch size"
            ),
            Self::LongDataInPart { index } => write!(
                f,
                "only a part of the value was sent for parameter {index}, counted from 0: reset the \
                 statement, and send the value again"
            ),
            Self::LongDataLeft { index } => write!(
                f,
                "the server has a value for parameter {index}, counted from 0, that the execution does \
                 not take: give `LongData` there, or reset the statement and send the others again"
            ),
            Self::UnknownParameter { name, names } => {
                let name = name.escape_debug();
                write!(f, "the statement has no parameter `:{name}`; there are: {names}")
            }
            Self::NamedParameter { name, given } => {
                match given {
                    0 => write!(f, "the parameter `:{name}` was not given"),
                    _ => write!(f, "the parameter `:{name}` was given {given} times: give it once"),
                }
            }
            Self::MixedParameters => f.write_str(
                "the statement has both named parameters and `?`, whose order would be anybody's \
                 guess: name all of them, or none",
            ),
            Self::OtherDatabase => f.write_str(
                "the default database has changed since the statement was prepared, and to be \
                 executed both with a fetch size and without one it has to be prepared once more: \
                 prepare it again",
            ),
            Self::NoCursor => f.write_str(
                "only the rows of a cursor can be put aside: execute a prepared statement that has \
                 a fetch size, and one result",
            ),
            Self::TooManyRowsAside { max } => write!(
                f,
                "the rest of the fetch exceeds the {max} bytes that are kept of rows put aside: use a \
                 smaller fetch size, or put them aside behind the last row of a fetch"
            ),
            Self::CursorClosed => f.write_str(
                "the cursor is closed: its statement was executed again or reset meanwhile",
            ),
            Self::ForeignStatement => f.write_str(
                "the statement belongs to another session, or was lost when this one was reset: \
                 prepare it again",
            ),
            Self::TransactionOpen => f.write_str(
                "a transaction is open, and beginning another would commit it: use `savepoint`",
            ),
            Self::TransactionEnded => f.write_str(
                "the transaction was rolled back, by the server because of a deadlock or a lock wait or \
                 by a reset of the session: drop its guard and begin it again",
            ),
            Self::RowInPieces => f.write_str(
                "the next row is being read in pieces: call `next_chunked` again to go on with it",
            ),
            Self::ColumnCount { row, wanted } => {
                let row = counted(*row, "column");
                write!(f, "the row has {row}, the type it is decoded into has {wanted}")
            }
            Self::NoSuchColumn { name, columns } => write!(
                f,
                "no column is called `{}`; there are: {}",
                name.escape_debug(),
                columns.escape_debug()
            ),
            Self::NoSuchIndex { index, columns } => {
                write!(f, "there is no column {index}: the row has {columns}, counted from 0")
            }
            Self::Deserialize { message } => {
                write!(f, "the row cannot be deserialized: {message}")
            }
            Self::PoolTimedOut { wait, in_use, max, reason } => {
                write!(f, "no session was to be had within {wait:?}: ")?;
                match reason {
                    Some(reason) => write!(f, "{reason}"),
                    None => write!(
                        f,
                        "{in_use} of at most {max} were in use; give sessions back sooner, or raise \
                         `PoolOptions::max`"
                    ),
                }
            }
            Self::PoolClosed => f.write_str("the pool is closed"),
            Self::SessionNotClean => f.write_str(
                "the session cannot be made as good as new, so it is not handed out again",
            ),
            Self::ForeignCharacterSet { charset } => write!(
                f,
                "the session's `character_set_client` was set to {}, and this SQL holds more than \
                 ASCII, which the server would take for something else: say `SET NAMES utf8mb4` or \
                 reset the session",
                charset.escape_debug()
            ),
            Self::LocalInfileOff => f.write_str(
                "the session may not send local data: set `Config::local_infile`, and `local_infile` \
                 on the server",
            ),
            Self::LocalInfileRefused => f.write_str(
                "the server asked for a local file that no call offered, and got an empty one: give \
                 each LOAD DATA LOCAL to a `load_local` of its own",
            ),
            Self::NoLocalInfile => f.write_str(
                "the statement was executed and asked for no local data: use `execute` for it",
            ),
            Self::FileDue => f.write_str(
                "the server waits for the rest of a file: send it before anything else",
            ),
            Self::AbandonedFile => f.write_str(
                "the session was closed because a LOAD DATA LOCAL was left in the middle of its file",
            ),
            Self::AbandonedResult { max_discard } => write!(
                f,
                "the session was closed because more than {max_discard} bytes of an unread result \
                 were left: read results to their end, or raise `Limits::max_discard`"
            ),
            Self::AbandonedStatement { max_discard_time } => write!(
                f,
                "the session was closed because a statement that nobody waits for any more did not \
                 end within {max_discard_time:?}: open a new one, or raise \
                 `Limits::max_discard_time`"
            ),
            Self::NotKilled { reason } => write!(
                f,
                "the session was closed because a statement that nobody waits for any more could \
                 not be killed: {reason}"
            ),
            Self::LeftEarly => f.write_str(
                "the session was closed because a statement was left before its end, as \
                 `Discard::Close` demands: open a new one",
            ),
            Self::RowsOver => f.write_str(
                "the statement was ended by a timeout in the middle of a row: no rows follow",
            ),
            Self::CannotCancel { reason } => {
                write!(f, "the statement could not be cancelled, and goes on: {reason}")
            }
            Self::Cancelled => {
                f.write_str("the statement was cancelled before it was sent: nothing happened")
            }
        }
    }
}

/// A number of things, in words.
fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

impl std::error::Error for UsageError {}
