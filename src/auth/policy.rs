//! What a configuration allows in authentication.

use std::fmt;
use std::sync::Arc;

use super::built_in::BuiltIn;
use super::{AuthError, Plugin, Question};
use crate::secret::Secret;

/// What the configuration allows in authentication.
///
/// By default every plugin that is built in is allowed, except those that hand the password
/// over as it is, `mysql_clear_password` and `dialog`, which wait for
/// [`allow_clear_text`](Self::allow_clear_text). No RSA key is known or fetched.
#[derive(Clone)]
pub struct Policy {
    allowed: Vec<BuiltIn>,
    /// Whether the caller named those that are allowed.
    is_list: bool,
    clear_text: bool,
    pub(super) server_public_key: Option<Vec<u8>>,
    pub(super) fetch_server_public_key: bool,
    pub(super) plugins: Vec<Arc<dyn Plugin>>,
    pub(super) answers: Option<Answers>,
}

/// Answers the questions of `dialog`.
pub type Answers = Arc<dyn Fn(&Question<'_>) -> Option<Secret> + Send + Sync>;

impl Policy {
    /// Allows only the plugins named; names of plugins that are not built in are ignored.
    pub fn allow_only<'a>(mut self, plugins: impl IntoIterator<Item = &'a str>) -> Self {
        let named = plugins.into_iter().filter_map(|name| BuiltIn::from_name(name.as_bytes()));
        self.allowed = named.collect();
        self.is_list = true;
        self
    }

    /// Allows `mysql_clear_password` and `dialog`, which give the server the password itself, over
    /// TLS with a verified server and over a Unix socket; `false` by default.
    pub fn allow_clear_text(mut self, allow: bool) -> Self {
        self.clear_text = allow;
        self
    }

    /// Pins the server's RSA public key, PEM. A key that the server sends is then not used.
    pub fn server_public_key_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.server_public_key = Some(pem.into());
        self
    }

    /// Allows asking the server for its RSA public key over plain TCP (T-07).
    pub fn fetch_server_public_key(mut self, allow: bool) -> Self {
        self.fetch_server_public_key = allow;
        self
    }

    /// Adds a plugin of the caller's, which is allowed by being here.
    pub fn plugin(mut self, plugin: Arc<dyn Plugin>) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Sets who answers the questions of `dialog`, beyond the first one for a password.
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = Some(answers);
        self
    }

    /// Whether the plugin of this name is there and allowed, on some channel.
    pub fn allows(&self, plugin: &[u8]) -> bool {
        self.own(plugin).is_some() || self.built_in(plugin).is_some()
    }

    /// Fails if a server that has not proved who it is may not switch from another plugin to this
    /// one: to `sha256_password`, which over TLS sends the password itself, unless
    /// [`allow_only`](Self::allow_only) names it (T-03).
    pub(crate) fn check_unverified_switch(&self, plugin: &[u8]) -> Result<(), AuthError> {
        let is_own = self.own(plugin).is_some();
        if self.is_list || is_own || self.built_in(plugin) != Some(BuiltIn::Sha256) {
            return Ok(());
        }
        Err(AuthError::ChannelNotVerified { plugin: BuiltIn::Sha256.name() })
    }

    /// The allowed plugin to name to a server whose own choice is not allowed (H-35), the strongest
    /// first; `None` if none is.
    ///
    /// Name it together with its response to the greeting's nonce, if it
    /// [answers those](Self::answers_greetings): a server whose account happens to use this plugin
    /// takes what came with the name as the answer. Others are named with an empty response.
    pub fn preferred(&self) -> Option<&'static str> {
        let built_in = BuiltIn::ALL.into_iter().filter(|plugin| plugin.is_built());
        let mut allowed =
            built_in.filter(|plugin| self.built_in(plugin.name().as_bytes()).is_some());
        let own = || self.plugins.first().map(|plugin| plugin.name());
        allowed.next().map(BuiltIn::name).or_else(own)
    }

    /// Whether the plugin of this name makes an answer, and nothing but an answer, of a nonce that
    /// a greeting brought for another plugin.
    pub fn answers_greetings(plugin: &str, nonce: &[u8]) -> bool {
        match BuiltIn::from_name(plugin.as_bytes()) {
            Some(BuiltIn::CachingSha2 | BuiltIn::Native) => matches!(nonce.len(), 20 | 21),
            _ => false,
        }
    }

    pub(super) fn own(&self, name: &[u8]) -> Option<&Arc<dyn Plugin>> {
        let found = self.plugins.iter().find(|plugin| plugin.name().as_bytes() == name);
        // Nobody's plugin speaks the broken one.
        found.filter(|plugin| plugin.name() != "mysql_old_password")
    }

    pub(super) fn built_in(&self, name: &[u8]) -> Option<BuiltIn> {
        let plugin = BuiltIn::from_name(name)?;
        let opted_in = self.clear_text || !plugin.reveals_password();
        (opted_in && plugin.is_built() && self.allowed.contains(&plugin)).then_some(plugin)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allowed: BuiltIn::ALL.to_vec(),
            is_list: false,
            clear_text: false,
            server_public_key: None,
            fetch_server_public_key: false,
            plugins: Vec::new(),
            answers: None,
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own: Vec<_> = self.plugins.iter().map(|plugin| plugin.name()).collect();
        f.debug_struct("Policy")
            .field("allowed", &self.allowed)
            .field("is_list", &self.is_list)
            .field("clear_text", &self.clear_text)
            .field("server_public_key", &self.server_public_key.is_some())
            .field("fetch_server_public_key", &self.fetch_server_public_key)
            .field("plugins", &own)
            .field("answers", &self.answers.is_some())
            .finish()
    }
}
