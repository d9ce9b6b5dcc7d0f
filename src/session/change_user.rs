//! Another account on the session that is there.

use std::sync::Arc;

use super::Session;
use super::transaction::Guarded;
use crate::attributes::QueryAttributes;
use crate::config::Config;
use crate::error::Result;
use crate::proto::{Login, Step};
use crate::setup::after_reset;

impl Session {
    /// Logs in as the account of `config` on the connection that is there (COM_CHANGE_USER), and
    /// makes the session as good as new, as [`reset`](Self::reset) does.
    ///
    /// Of `config` count the user, the passwords, the database (none if none is named), the
    /// collation, the SQL mode, the time zone, the init commands, the connection attributes and what
    /// is said about plugins. Where the server is,
    /// TLS, the limits and the options of the protocol stay those of the session, so
    /// `config.clone().user(..).password(..)` of the session's own configuration is a good start.
    ///
    /// Cost: two round trips for the login, more for some plugins, and one for the setup: the
    /// character set, and what the configuration asks for.
    ///
    /// Any error that [is fatal](crate::Error::is_fatal) leaves the session dead, and a refusal by
    /// the server is one: MySQL closes the connection then, and MariaDB would go on as an account
    /// that was reset and not left. A configuration that [is not
    /// valid](Config::validate) is refused before anything is sent, and the session lives.
    ///
    /// Cancel-safe: if the future is dropped, the next call finishes the change first.
    pub async fn change_user(&mut self, config: &Config) -> Result<()> {
        let login = Login::from_config(&self.account_of(config))?;
        self.settle().await?;
        let config = self.account_of(config);
        let route = self.lifeline.route().map(|route| route.changed(&login, &config));
        self.connection.change_user(login)?;
        // From here on the old account's things are gone, whoever waits for the end. No statement
        // runs that could be killed before the new account is there.
        self.config = Arc::new(config);
        if let Some(route) = route {
            self.lifeline.set_route(route);
        }
        self.set_query_attributes(QueryAttributes::default());
        self.forget_statements();
        self.rollback = None;
        self.guarded = Guarded::Nothing;
        self.setup_due = true;
        while self.step().await? != Step::Connected {}
        self.settle_setup().await
    }

    /// This session's configuration with the account of another one.
    fn account_of(&self, config: &Config) -> Config {
        Config {
            user: config.user.clone(),
            password: config.password.clone(),
            credentials: config.credentials.clone(),
            server_public_key: config.server_public_key.clone(),
            fetch_server_public_key: config.fetch_server_public_key,
            database: config.database.clone(),
            collation: config.collation.clone(),
            session: config.session.clone(),
            connect_attributes: config.connect_attributes.clone(),
            send_connect_attributes: config.send_connect_attributes,
            ..(*self.config).clone()
        }
    }

    /// Sets the session up if a change of the user, or a reset that nobody waited for, left that to
    /// do. Servers take the character set
    /// that the command names, proxies need not (K-42).
    pub(super) async fn settle_setup(&mut self) -> Result<()> {
        if !self.setup_due {
            return Ok(());
        }
        let config = Arc::clone(&self.config);
        let parts = self.begin_setup(after_reset(&config, self.is_mariadb()))?;
        let finished = self.finish_setup(parts).await;
        // Not before somebody heard what came of it.
        self.setup_due = false;
        finished
    }
}
