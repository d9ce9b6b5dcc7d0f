//! Setting a session up: after its login, and after each reset.

use super::Session;
use super::cancel::{IDENTIFY, read_identity};
use super::route::Identity;
use crate::error::{Error, Result};
use crate::proto::Step;
use crate::setup::{Setup, SetupPart};

/// Statements of the setup whose replies are due.
#[derive(Debug)]
pub(super) struct SetupSent {
    parts: Vec<SetupPart>,
    identify: bool,
}

impl Session {
    /// Puts the statements of the setup behind what there is to send, to go out in one write;
    /// [`finish_setup`](Self::finish_setup) reads the replies.
    ///
    /// The question who we are to the server is one of them each time: a proxy can have another
    /// session there behind a reset, or a change of the user.
    pub(super) fn begin_setup<'a>(
        &mut self,
        setup: impl Iterator<Item = Setup<'a>>,
    ) -> Result<SetupSent> {
        let mut parts = Vec::new();
        for Setup { sql, part } in setup {
            self.connection.query(sql.as_bytes())?;
            parts.push(part);
        }
        let identify = self.config.identify;
        if identify {
            self.connection.query(IDENTIFY.as_bytes())?;
        }
        Ok(SetupSent { parts, identify })
    }

    /// Reads the replies; an error says which statement it is about. Results are skipped.
    pub(super) async fn finish_setup(&mut self, sent: SetupSent) -> Result<()> {
        for part in sent.parts {
            if let Err(error) = self.finish_statement().await {
                if sent.identify {
                    // Its answer will not be read, and what was known may be another session's.
                    self.know_identity(None);
                }
                return Err(match error {
                    Error::Server(error) => error.in_setup(part.to_string()).into(),
                    other => other,
                });
            }
        }
        if sent.identify {
            let identity = read_identity(self).await?;
            self.know_identity(Some(identity));
        }
        Ok(())
    }

    /// Takes in who we are to the server: for the route, which a login does not have yet.
    fn know_identity(&mut self, identity: Option<Identity>) {
        match self.lifeline.route() {
            Some(route) => self.lifeline.set_route(route.known_as(identity)),
            None => self.identity = identity,
        }
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
