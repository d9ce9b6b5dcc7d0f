//! Going where a server would rather have us (H-49, T-10).

use std::time::Instant;

use super::Session;
use super::connect::Front;
use super::trace::Span;
use crate::config::{Config, Endpoint, SslMode};
use crate::error::{Error, Result, ServerErrorKind};

impl Session {
    /// Goes to the server that this one names, if TLS has verified this one and the configuration
    /// lists the other. Where that is not to be reached, this session is the one; where it refuses the
    /// account or is not who it should be, that is the error. Whom the other names does not matter: a
    /// proxy names a server, and a third one is somebody's mistake.
    pub(super) async fn follow_redirect(
        self,
        front: Front,
        config: &Config,
        deadline: Option<Instant>,
    ) -> Result<Self> {
        let verified = self.is_encrypted() && config.effective_ssl_mode().verifies_peer();
        let url = self.redirect_url().filter(|_| verified);
        let Some(mut target) = url.and_then(|url| target(config, url)) else { return Ok(self) };
        if let Some(deadline) = deadline {
            target.connect_timeout = deadline.saturating_duration_since(Instant::now());
        }
        let span = Span::of("connect.redirect", &target);
        match span.run(Self::connect_there(front, &target)).await {
            // The span has told it.
            Err(error) if is_away(&error) => Ok(self),
            outcome => outcome,
        }
    }
}

/// Whether the other server is not to be had for now, and nothing is wrong with it or with us.
fn is_away(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Timeout(_) => true,
        Error::Server(error) => {
            matches!(error.kind(), ServerErrorKind::TooManyConnections | ServerErrorKind::Shutdown)
        }
        _ => false,
    }
}

/// The configuration for the server that a URL names, if it is another one and may be gone to: of the
/// URL only the address counts, and the certificate has to be the new host's.
fn target(config: &Config, url: &str) -> Option<Config> {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    let there: Config = address.parse().ok()?;
    let Endpoint::Tcp { host, .. } = there.endpoint() else { return None };
    let listed = config.redirect_hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    if !listed || there.endpoint == config.endpoint {
        return None;
    }
    let mut target = config.clone().ssl_mode(SslMode::VerifyIdentity);
    target.endpoint = there.endpoint;
    target.tls_server_name = None;
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t10_only_the_address_of_a_redirect_counts_and_only_of_listed_hosts() {
        let config: Config = "mysql://app:secret@a/shop?tls-server-name=x".parse().unwrap();
        let elsewhere = "mariadb://evil:pw@b:3307/other?ttl=100";
        assert!(target(&config, elsewhere).is_none(), "nobody was listed");
        let config = config.redirect_to(["a", "B"]);
        let there = target(&config, elsewhere).unwrap();
        assert_eq!(there.to_url(), "mysql://app@b:3307/shop?ssl-mode=VERIFY_IDENTITY");
        assert_eq!(there.password.expose(), config.password.expose());
        assert_eq!(there.effective_ssl_mode(), SslMode::VerifyIdentity);
        for url in [
            "",
            "http://b",
            "mysql://%2Frun%2Fsock",
            "mysql://a b",
            "b:3307",
            // A host that is not listed, though it looks like one; and where we are already.
            "mysql://b.evil.example",
            "mysql://evil",
            "mysql://a:3306",
        ] {
            assert!(target(&config, url).is_none(), "{url}");
        }
    }
}
