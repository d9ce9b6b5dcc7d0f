//! Going where a server would rather have us (H-49, T-10).

use std::time::Instant;

use super::Session;
use super::connect::Front;
use crate::config::{Config, Endpoint, SslMode};

impl Session {
    /// Goes to the server that this one names, if TLS has verified this one and the configuration
    /// lists the other. Where that cannot be reached or verified, this session is the one. Whom the
    /// other names does not matter: a proxy names a server, and a third one is somebody's mistake.
    pub(super) async fn follow_redirect(
        self,
        front: Front,
        config: &Config,
        deadline: Option<Instant>,
    ) -> Self {
        let verified = self.is_encrypted() && config.effective_ssl_mode().verifies_peer();
        let url = self.redirect_url().filter(|_| verified);
        let Some(mut target) = url.and_then(|url| target(config, url)) else { return self };
        if let Some(deadline) = deadline {
            target.connect_timeout = deadline.saturating_duration_since(Instant::now());
        }
        Self::connect_there(front, &target).await.unwrap_or(self)
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
