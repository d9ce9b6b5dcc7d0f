//! Where the secrets of a login come from, and which plugins may have them.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Config;
use crate::auth::{Answers, Plugin, Policy, Question};
use crate::secret::Secret;

/// What a caller's function gives for a password.
pub type PasswordResult = Result<Secret, Box<dyn StdError + Send + Sync>>;

/// Secrets beyond the one password, and what may be done with them.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub(crate) source: Option<PasswordSource>,
    pub(crate) password2: Option<Secret>,
    pub(crate) password3: Option<Secret>,
    pub(crate) allow_clear_text: bool,
    pub(crate) allowed_plugins: Option<Vec<String>>,
    pub(crate) plugins: Vec<Arc<dyn Plugin>>,
    pub(crate) answers: Option<Answers>,
}

/// Where the password comes from at each connect.
#[derive(Clone)]
pub(crate) enum PasswordSource {
    Callback(Arc<dyn Fn() -> PasswordResult + Send + Sync>),
    File(PathBuf),
    Environment(String),
}

impl Config {
    /// Asks `password` for the password at each connect, instead of keeping one: for tokens that
    /// expire, such as those of a cloud's IAM.
    ///
    /// Of this, `password`, `password_file` and `password_env`, the last call decides. The function
    /// runs on the task that connects, in a pool once for each new session, and once more for a
    /// connection that kills a statement: it should give a
    /// token at hand and fetch new ones elsewhere. Its error's text becomes part of the connect's.
    ///
    /// Such tokens mostly want [`allow_clear_text_passwords`](Self::allow_clear_text_passwords).
    pub fn password_from(
        mut self,
        password: impl Fn() -> PasswordResult + Send + Sync + 'static,
    ) -> Self {
        self.credentials.source = Some(PasswordSource::Callback(Arc::new(password)));
        self.password = Secret::default();
        self
    }

    /// Reads the password from a file at each connect, without the line break at its end: what
    /// container platforms mount for variables that end in `_FILE`.
    ///
    /// A URL cannot say it: whoever gives the URL could have any file sent to any server (T-25).
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials.source = Some(PasswordSource::File(path.into()));
        self.password = Secret::default();
        self
    }

    /// Takes the password from an environment variable at each connect. Nothing is read from the
    /// environment unless this is called (T-85); a variable that is not set is an error.
    ///
    /// A URL cannot say it, see [`password_file`](Self::password_file).
    pub fn password_env(mut self, variable: impl Into<String>) -> Self {
        self.credentials.source = Some(PasswordSource::Environment(variable.into()));
        self.password = Secret::default();
        self
    }

    /// Sets the password of the account's second factor (MySQL's multi-factor authentication). It
    /// goes to that factor's plugin and to no other (T-11).
    pub fn password2(mut self, password: impl Into<Secret>) -> Self {
        self.credentials.password2 = Some(password.into());
        self
    }

    /// Sets the password of the account's third factor; see [`password2`](Self::password2).
    pub fn password3(mut self, password: impl Into<Secret>) -> Self {
        self.credentials.password3 = Some(password.into());
        self
    }

    /// Allows the plugins that give the server the password itself, `mysql_clear_password` (also
    /// the way of IAM and LDAP) and `dialog` (PAM); `false` by default.
    ///
    /// Even then they get it only over TLS with a verified server, or over a Unix socket (A-30).
    pub fn allow_clear_text_passwords(mut self, allow: bool) -> Self {
        self.credentials.allow_clear_text = allow;
        self
    }

    /// Sets who answers the questions of the plugin `dialog`: a second password, a one-time code.
    ///
    /// The first question for a password is answered with the password; the others come here, and
    /// `None` gives up the login. The function runs on the task that connects, within
    /// [`Config::connect_timeout`].
    pub fn answer_questions(
        mut self,
        answers: impl Fn(&Question<'_>) -> Option<Secret> + Send + Sync + 'static,
    ) -> Self {
        self.credentials.answers = Some(Arc::new(answers));
        self
    }

    /// Allows these of the built-in authentication plugins and no others; all that are built in by
    /// default.
    ///
    /// A server, or who poses as one, chooses the plugin: with a list it cannot choose a weaker one
    /// than the account's (T-03). `sha256_password`, over TLS without a verified server, waits for such
    /// a list where the server's greeting named another plugin. Plugins that give the password away wait for
    /// [`allow_clear_text_passwords`](Self::allow_clear_text_passwords) all the same, and those of
    /// [`auth_plugin`](Self::auth_plugin) need no entry.
    ///
    /// ```
    /// use mywire::Config;
    ///
    /// let config = Config::default().auth_plugins(["caching_sha2_password"]);
    /// assert!(config.validate().is_ok());
    /// assert!(config.auth_plugins(["mysql_old_password"]).validate().is_err());
    /// ```
    pub fn auth_plugins<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.credentials.allowed_plugins = Some(names.into_iter().map(String::from).collect());
        self
    }

    /// Adds an authentication plugin of the caller's; see [`Plugin`].
    pub fn auth_plugin(mut self, plugin: impl Plugin + 'static) -> Self {
        self.credentials.plugins.push(Arc::new(plugin));
        self
    }

    /// What authentication may do under this configuration.
    pub(crate) fn auth_policy(&self) -> Policy {
        let mut policy = Policy::default()
            .fetch_server_public_key(self.fetch_server_public_key)
            .allow_clear_text(self.credentials.allow_clear_text);
        if let Some(names) = &self.credentials.allowed_plugins {
            policy = policy.allow_only(names.iter().map(String::as_str));
        }
        if let Some(pem) = &self.server_public_key {
            policy = policy.server_public_key_pem(pem.clone());
        }
        if let Some(answers) = &self.credentials.answers {
            policy = policy.answers(answers.clone());
        }
        self.credentials.plugins.iter().fold(policy, |policy, own| policy.plugin(own.clone()))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins: Vec<_> = self.plugins.iter().map(|plugin| plugin.name()).collect();
        f.debug_struct("Credentials")
            .field("source", &self.source)
            .field("password2", &self.password2)
            .field("password3", &self.password3)
            .field("allow_clear_text", &self.allow_clear_text)
            .field("allowed_plugins", &self.allowed_plugins)
            .field("plugins", &plugins)
            .field("answers", &self.answers.is_some())
            .finish()
    }
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Callback(_) => f.write_str("Callback"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
        }
    }
}
