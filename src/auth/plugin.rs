//! Plugins of the caller's: what a built-in one does, for servers with one that is not.

use std::fmt;

use super::{AuthError, Channel, Response};
use crate::secret::Secret;

/// An authentication plugin that is not built in, such as Kerberos, LDAP or OpenID Connect.
///
/// Hand it to [`Config::auth_plugin`](crate::Config::auth_plugin). It does no I/O of its own
/// through the connection: it is given what the server sent and says what to answer. It runs where
/// the session's bytes are looked at, so a long wait in it holds up that task.
///
/// It goes before a built-in plugin of the same name, except that `mysql_old_password` is never
/// spoken (A-31).
///
/// ```
/// use mywire::Config;
/// use mywire::auth::{AuthError, Plugin, PluginContext, PluginExchange, Response};
///
/// /// OpenID Connect, as MySQL 9 Enterprise asks for it: an identity token behind two lengths.
/// struct OpenIdConnect;
///
/// struct Answer;
///
/// impl Plugin for OpenIdConnect {
///     fn name(&self) -> &'static str {
///         "authentication_openid_connect_client"
///     }
///
///     fn start(&self) -> Box<dyn PluginExchange> {
///         Box::new(Answer)
///     }
/// }
///
/// impl PluginExchange for Answer {
///     fn respond(&mut self, _: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError> {
///         let token = context.secret()?.expose();
///         // The capability octet, and the token with its length.
///         let length = u8::try_from(token.len()).map_err(|_| AuthError::Plugin {
///             plugin: "authentication_openid_connect_client".into(),
///             reason: "the token is too long for this example".into(),
///         })?;
///         Ok(Response::send([&[1, length], token].concat()))
///     }
/// }
///
/// let config = Config::default().auth_plugin(OpenIdConnect).password("header.claims.signature");
/// # let _ = config;
/// ```
pub trait Plugin: Send + Sync {
    /// The name that servers call it by on the client's side.
    fn name(&self) -> &'static str;

    /// Whether its answers may give the secret, or something as good as it, to whoever reads them:
    /// then they go out only over TLS with a verified server, or over a Unix socket. `true` unless
    /// said otherwise.
    fn reveals_secret(&self) -> bool {
        true
    }

    /// Starts to answer for one login.
    fn start(&self) -> Box<dyn PluginExchange>;
}

/// One login with a [`Plugin`].
pub trait PluginExchange: Send + Sync {
    /// Answers what the server sent: first the data that came with the plugin's name, which may be
    /// empty, then each packet's, without the 0x01 in front of it.
    ///
    /// OK and ERR never come here. An error ends the login, and nothing is written.
    fn respond(&mut self, data: &[u8], context: &PluginContext<'_>) -> Result<Response, AuthError>;
}

/// What a [`PluginExchange`] may know.
pub struct PluginContext<'a> {
    pub(super) plugin: &'static str,
    pub(super) secret: Option<&'a Secret>,
    pub(super) channel: Channel,
}

impl<'a> PluginContext<'a> {
    /// The password of the factor that the plugin is asked for; an error if none is configured.
    pub fn secret(&self) -> Result<&'a Secret, AuthError> {
        self.secret.ok_or_else(|| AuthError::Plugin {
            plugin: self.plugin.into(),
            reason: "it needs the factor's password, and none is configured".into(),
        })
    }

    /// What the answer will be written to.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.channel
    }
}

impl fmt::Debug for PluginContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginContext")
            .field("plugin", &self.plugin)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
