//! Going where a server would rather have us (H-49, T-10).

use std::time::Instant;

use super::Session;
use super::connect::Front;
use crate::config::{Config, Endpoint};

/// How often a login is sent on: a proxy names a server; a third one is somebody's mistake.
const MAX_REDIRECTS: usize = 3;

impl Session {
    /// Goes to the server that this one names, if TLS has verified this one, until one names no
    /// other. Where that cannot be reached or verified, the last session is the one.
    pub(super) async fn follow_redirects(
        self,
        front: Front,
        config: &Config,
        deadline: Option<Instant>,
    ) -> Self {
        let mut session = self;
        let mut seen = vec![config.endpoint().clone()];
        while seen.len() <= MAX_REDIRECTS {
            let verified = session.is_encrypted() && config.effective_ssl_mode().verifies_peer();
            let url = session.redirect_url().filter(|_| verified);
            let Some(mut target) = url.and_then(|url| target(config, url)) else { break };
            if seen.contains(target.endpoint()) {
                break;
            }
            seen.push(target.endpoint().clone());
            if let Some(deadline) = deadline {
                target.connect_timeout = deadline.saturating_duration_since(Instant::now());
            }
            match Self::connect_there(front, &target).await {
                Ok(next) => session = next,
                Err(_) => break,
            }
        }
        session
    }
}

/// The configuration for the server that a URL names: of the URL only the address counts, and the
/// certificate has to be the new host's.
fn target(config: &Config, url: &str) -> Option<Config> {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    let there: Config = address.parse().ok()?;
    let Endpoint::Tcp { .. } = there.endpoint() else { return None };
    let mut target = config.clone();
    target.endpoint = there.endpoint;
    target.tls_server_name = None;
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t10_only_the_address_of_a_redirect_counts() {
        let config: Config = "mysql://app:secret@a/shop?tls-server-name=x".parse().unwrap();
        let there = target(&config, "mariadb://evil:pw@b:3307/other?ttl=100").unwrap();
        assert_eq!(there.to_url(), "mysql://app@b:3307/shop");
        assert_eq!(there.password.expose(), config.password.expose());
        for url in ["", "http://b", "mysql://%2Frun%2Fsock", "mysql://a b", "b:3307"] {
            assert!(target(&config, url).is_none(), "{url}");
        }
    }
}
