//! LOAD DATA LOCAL: what the server asks for comes from the caller's reader.

use std::future::poll_fn;
use std::task::Poll;

use super::Session;
use super::input::{Input, Pieces};
use crate::error::{IoError, IoTask, Result, UsageError};
use crate::proto::{Done, Step};

impl Session {
    /// Runs a `LOAD DATA LOCAL INFILE` or `LOAD XML LOCAL INFILE` statement with the data of a
    /// reader.
    ///
    /// ```no_run
    /// # async fn example(mut session: mywire::Session) -> mywire::Result<()> {
    /// let csv = b"1,one\n2,two\n";
    /// let sql = "LOAD DATA LOCAL INFILE 'any name' INTO TABLE t FIELDS TERMINATED BY ','";
    /// let done = session.load_local(sql, &csv[..]).await?;
    /// assert_eq!(done.affected_rows, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Needs [`Config::local_infile`](crate::Config::local_infile), and `local_infile` on the server;
    /// fails with nothing sent otherwise. The file's name in the statement is free text: no file is
    /// opened. Of several such statements in one text the first gets the data and the next one is
    /// refused, which fails. So is every request for a file that comes to another method. A statement
    /// that asks for no data is executed and fails with
    /// [`UsageError::NoLocalInfile`](crate::error::UsageError).
    ///
    /// Cost: one round trip besides the data, and a copy of them; memory stays flat, for the reader
    /// is asked for more only as the server takes it. The server gives up on a reader that is slower
    /// than its `net_read_timeout`.
    ///
    /// **Half a file.** The protocol has no word for "the rest will not come", and the end of a file
    /// is its success. So if the reader fails, the error has [`IoTask::ReadFile`] and the session is
    /// closed: MySQL and MariaDB then undo the whole statement, and the transaction around it. So
    /// they do if the future is dropped in the middle of the data, which closes the session at its
    /// next method, or when it is dropped. Tables whose engine has no transactions, such as MyISAM
    /// and Aria, keep the rows that they had.
    ///
    /// The server's errors, such as a duplicate key, come once all data are sent; the session is
    /// usable after them.
    #[cfg(feature = "tokio")]
    pub async fn load_local(
        &mut self,
        sql: &str,
        reader: impl tokio::io::AsyncRead + Unpin,
    ) -> Result<Done> {
        self.load(sql, super::input::Tokio(reader)).await
    }

    pub(crate) async fn load(&mut self, sql: &str, mut input: impl Input) -> Result<Done> {
        self.settle().await?;
        self.lifeline.begin()?;
        self.clock.begin_statement();
        let loaded = self.run_load(sql, &mut input).await;
        self.end_statement();
        loaded
    }

    async fn run_load(&mut self, sql: &str, input: &mut impl Input) -> Result<Done> {
        self.lifeline.run()?;
        self.connection.load_local(sql.as_bytes())?;
        let mut asked = false;
        loop {
            match self.step().await? {
                Step::LocalInfile => {
                    asked = true;
                    self.send_input(input).await?;
                }
                Step::Columns => self.connection.skip_rows(),
                Step::Done if !self.connection.done().more_results() => break,
                _ => {}
            }
        }
        match asked {
            true => Ok(self.connection.done()),
            false => Err(UsageError::NoLocalInfile.into()),
        }
    }

    async fn send_input(&mut self, input: &mut impl Input) -> Result<()> {
        let mut pieces = Pieces::of(input);
        loop {
            let piece = match pieces.next().await {
                Ok([]) => break,
                Ok(piece) => piece,
                Err(error) => {
                    let sent = self.connection.unanswered_sent();
                    self.cut().await;
                    let what = "the data to load";
                    return Err(IoError::new(IoTask::ReadFile, what, sent, error).into());
                }
            };
            self.connection.send_file(piece)?;
            if let Some(error) = self.write_out().await? {
                // The server may have said why it stopped listening (E-07): read on.
                self.write_error = Some(error);
                break;
            }
        }
        self.connection.end_file()
    }

    /// The server asks for a file whose reader is gone with its future.
    #[cold]
    pub(super) async fn leave_file(&mut self) -> Result<()> {
        if !self.connection.has_begun_file() {
            return self.connection.end_file();
        }
        self.cut().await;
        Err(UsageError::AbandonedFile.into())
    }

    /// Ends the connection at once, so that the server does not wait, with its locks, for whoever
    /// has the session to drop it.
    async fn cut(&mut self) {
        self.connection.abort();
        poll_fn(|cx| {
            // What a transport cannot do now is done when it is dropped.
            let _ = self.stream.poll_shutdown(cx);
            Poll::Ready(())
        })
        .await;
    }
}
