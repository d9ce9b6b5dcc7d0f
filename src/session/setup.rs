//! Setting a session up: after its login, and after each reset.

use super::Session;
use crate::error::{Error, Result};
use crate::proto::Step;
use crate::setup::{Setup, SetupPart};

impl Session {
    /// Puts the statements of the setup behind what there is to send, to go out in one write;
    /// [`finish_setup`](Self::finish_setup) reads the replies.
    pub(super) fn begin_setup<'a>(
        &mut self,
        setup: impl Iterator<Item = Setup<'a>>,
    ) -> Result<Vec<SetupPart>> {
        let mut parts = Vec::new();
        for Setup { sql, part } in setup {
            self.connection.query(sql.as_bytes())?;
            parts.push(part);
        }
        Ok(parts)
    }

    /// Reads the replies; an error says which statement it is about. Results are skipped.
    pub(super) async fn finish_setup(&mut self, parts: Vec<SetupPart>) -> Result<()> {
        for part in parts {
            self.finish_statement().await.map_err(|error| match error {
                Error::Server(error) => error.in_setup(part.to_string()).into(),
                other => other,
            })?;
        }
        Ok(())
    }

    /// Reads one statement's results to their end.
    async fn finish_statement(&mut self) -> Result<()> {
        loop {
            match self.step().await? {
                Step::Done if !self.connection.done().more_results() => return Ok(()),
                Step::Columns => self.connection.skip_rows(),
                _ => {}
            }
        }
    }
}
