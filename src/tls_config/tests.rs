use std::path::PathBuf;

use rustls::{ClientConnection, ServerConfig, ServerConnection};

use super::*;

// Certificates valid from 2000 to 2099, made for these tests: a CA, a server and client certificate
// of it for db.example.test and 127.0.0.1 with its key, and another CA.
const CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBZTCCAQugAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5teXdpcmUg
dGVzdCBDQTAgFw0wMDAxMDEwMDAwMDBaGA8yMDk5MTIzMTAwMDAwMFowGTEXMBUG
A1UEAwwObXl3aXJlIHRlc3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARK
Ecgmb7fIOSv4n35U2Lmbmi8HbXsvG73dQ8lOGdw5VMqRhvCErXIpOj2Yt7JoG2DT
pHfbJgZuJ8swB5QDhUgko0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQE
AwICBDAdBgNVHQ4EFgQUGn5OIKkWc+6J31N5P4VeqQ6qiUgwCgYIKoZIzj0EAwID
SAAwRQIhAPQAl2Yk80U21thwKNpPNp49o9rxhIwujOCP4OdWekmtAiAy+MkFZye4
Tbwz/vC/kfwGJ9k2Kd74JQcG5Xr5b0FD2g==
-----END CERTIFICATE-----
";
const LEAF: &str = "\
-----BEGIN CERTIFICATE-----
MIIBuDCCAV2gAwIBAgIBAzAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5teXdpcmUg
dGVzdCBDQTAgFw0wMDAxMDEwMDAwMDBaGA8yMDk5MTIzMTAwMDAwMFowGjEYMBYG
A1UEAwwPZGIuZXhhbXBsZS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
sN6mQfMGYZxyUQfalIihlht+Py8ikHfLqGMmSwnEAyVIJ1aLAuR5jDo7Qveqmj26
XYsjk2rfyTD0bh3dmGtSZaOBkjCBjzAgBgNVHREEGTAXgg9kYi5leGFtcGxlLnRl
c3SHBH8AAAEwDAYDVR0TAQH/BAIwADAdBgNVHSUEFjAUBggrBgEFBQcDAQYIKwYB
BQUHAwIwHQYDVR0OBBYEFEchWTicXju69Fu6X+Uwh+Mt7WkGMB8GA1UdIwQYMBaA
FBp+TiCpFnPuid9TeT+FXqkOqolIMAoGCCqGSM49BAMCA0kAMEYCIQDHuuCUbpHp
1tc5s5VREfLtnfNzwkXbSyeit2ZMEpOXvQIhAMbYgkT05Hz94VinxuummyIejClW
UjGbiLo17UTS5oPl
-----END CERTIFICATE-----
";
const LEAF_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglZ0lg8RLrXefZQTu
MKC/Uvv4Kv8ITxSTcha2lqcDn96hRANCAASw3qZB8wZhnHJRB9qUiKGWG34/LyKQ
d8uoYyZLCcQDJUgnVosC5HmMOjtC96qaPbpdiyOTat/JMPRuHd2Ya1Jl
-----END PRIVATE KEY-----
";
const OTHER_CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBXDCCAQOgAwIBAgIBAjAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAphbm90aGVy
IENBMCAXDTAwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMDAwMDAwWjAVMRMwEQYDVQQD
DAphbm90aGVyIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAGh+OgkeZMg9
wHGcGbNKPbJE8uhW1M6E17t+Hi8q1NPTQfyxp7gvzHt2qCUmOW22eH1oDYAQ/Hm4
2WXSk127c6NCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwHQYD
VR0OBBYEFFp9UdfyrngTok7Sxdp+opCVLGIuMAoGCCqGSM49BAMCA0cAMEQCIG7H
1BopKsuuwHxPL7QtmZk9W1NLNTlPwxPM0sA6Jv5bAiBQJbPM47r8q50kzviGSnx5
XnAhSbpiFfoltTu+32L7hQ==
-----END CERTIFICATE-----
";

fn client_config(config: &Config, mode: SslMode) -> Result<Arc<ClientConfig>, ConfigError> {
    tls_setup(config, mode).map(|setup| setup.client_config)
}

/// One handshake in memory, with a server that has `LEAF`; the client's error, or whether the
/// server was asked for a name and got a client certificate.
fn handshake(config: &Config, mode: SslMode) -> Result<(Option<String>, bool), rustls::Error> {
    let provider = provider().unwrap();
    let roots = Arc::new(roots_from(&bytes(CA)).unwrap());
    let client_verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    let server_config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(client_verifier)
        .with_single_cert(
            certificates(&bytes(LEAF), "certificate").unwrap(),
            PrivateKeyDer::from_pem_slice(LEAF_KEY.as_bytes()).unwrap(),
        )
        .unwrap();
    let mut server = ServerConnection::new(Arc::new(server_config)).unwrap();
    let client_config = client_config(config, mode).unwrap();
    let mut client = ClientConnection::new(client_config, server_name(config).unwrap()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok((server.server_name().map(String::from), server.peer_certificates().is_some()))
}

fn bytes(pem: &str) -> PemSource {
    PemSource::Bytes(Secret::from(pem))
}

fn to(host: &str) -> Config {
    Config::default().host(host)
}

const VERIFYING: [SslMode; 2] = [SslMode::VerifyCa, SslMode::VerifyIdentity];

#[test]
fn lenient_modes_take_any_certificate() {
    for mode in [SslMode::Preferred, SslMode::Required] {
        for config in [to("elsewhere.test"), to("db.example.test").ssl_ca_pem(OTHER_CA)] {
            assert!(handshake(&config, mode).is_ok(), "{mode}");
        }
    }
}

/// T-09: the chain decides in both modes, the name in one.
#[test]
fn verifying_modes_check_chain_and_name() {
    for mode in VERIFYING {
        assert!(handshake(&to("db.example.test").ssl_ca_pem(CA), mode).is_ok(), "{mode}");
        assert!(handshake(&to("db.example.test").ssl_ca_pem(OTHER_CA), mode).is_err(), "{mode}");
        let both = format!("{OTHER_CA}{CA}");
        assert!(handshake(&to("db.example.test").ssl_ca_pem(both), mode).is_ok(), "{mode}");
    }
    let elsewhere = to("elsewhere.test").ssl_ca_pem(CA);
    assert!(handshake(&elsewhere, SslMode::VerifyCa).is_ok());
    assert!(handshake(&elsewhere, SslMode::VerifyIdentity).is_err());
    let named = elsewhere.tls_server_name("db.example.test");
    assert!(handshake(&named, SslMode::VerifyIdentity).is_ok());
}

/// E-24, H-24: an IP address is verified as one and not asked for by name.
#[test]
fn ip_addresses_send_no_name() {
    let mode = SslMode::VerifyIdentity;
    let name = |host: &str| handshake(&to(host).ssl_ca_pem(CA), mode).map(|(name, _)| name);
    assert_eq!(name("127.0.0.1"), Ok(None));
    assert_eq!(name("db.example.test"), Ok(Some(String::from("db.example.test"))));
    assert_eq!(name("db.example.test."), Ok(Some(String::from("db.example.test"))));
    assert!(name("127.0.0.2").is_err());
    assert!(name("::1").is_err());
}

#[test]
fn server_names() {
    let name = |config: Config| server_name(&config).map(|name| name.to_str().into_owned());
    assert_eq!(name(to("fe80::1%eth0")), Ok(String::from("fe80::1")));
    assert_eq!(name(to("my_db")), Ok(String::from("my_db")));
    assert_eq!(name(Config::default().socket("/s")), Ok(String::from("localhost")));
    assert_eq!(name(to("a").tls_server_name("b.")), Ok(String::from("b")));
    for host in ["", ".", "a b", "bücher.example", "-"] {
        let error = name(to(host)).unwrap_err().to_string();
        assert!(error.contains("tls-server-name"), "{host}: {error}");
    }
}

#[test]
fn a_client_certificate_is_shown() {
    let shown = |config: &Config| handshake(config, SslMode::Required).unwrap().1;
    let plain = to("db.example.test");
    assert!(!shown(&plain));
    assert!(shown(&plain.ssl_cert_pem(LEAF, LEAF_KEY)));
}

#[test]
fn disabled_is_no_tls() {
    let error = client_config(&Config::default(), SslMode::Disabled).unwrap_err();
    assert!(error.to_string().contains("DISABLED"));
}

/// Public authorities alone do not do for VERIFY_CA.
#[test]
fn roots_are_required() {
    let error = client_config(&Config::default(), SslMode::VerifyCa).unwrap_err();
    assert!(error.to_string().contains("ssl-ca"), "{error}");
    if cfg!(feature = "webpki-roots") {
        client_config(&Config::default(), SslMode::VerifyIdentity).unwrap();
    } else if cfg!(not(feature = "platform-verifier")) {
        let error = client_config(&Config::default(), SslMode::VerifyIdentity).unwrap_err();
        assert!(error.to_string().contains("`webpki-roots`"), "{error}");
    }
}

/// A missing file is named, with the system's reason.
#[test]
fn unreadable_files_are_named() {
    let missing = PathBuf::from("/nonexistent/x.pem");
    let reason = std::fs::read(&missing).unwrap_err().to_string();
    for config in [
        Config::default().ssl_ca_file(&missing),
        Config::default().ssl_ca_pem(CA).ssl_cert_files(&missing, &missing),
    ] {
        let error = client_config(&config, SslMode::VerifyIdentity).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/x.pem") && error.contains(&reason), "{error}");
    }
}

/// T-80: a key in the wrong place is not quoted.
#[test]
fn bad_pem_is_an_error_without_its_text() {
    let key_line = LEAF_KEY.lines().nth(1).unwrap();
    let broken = LEAF_KEY.replace("PRIVATE KEY", "CERTIFICATE");
    let unfinished = LEAF_KEY.replace("-----END", "");
    for pem in ["", "garbage", LEAF_KEY, broken.as_str(), unfinished.as_str()] {
        for config in [
            Config::default().ssl_ca_pem(pem),
            Config::default().ssl_ca_pem(CA).ssl_cert_pem(pem, LEAF_KEY),
        ] {
            let error = client_config(&config, SslMode::VerifyIdentity).unwrap_err().to_string();
            assert!(!error.contains(key_line), "{error}");
        }
    }
    for key in ["", "garbage", LEAF, unfinished.as_str()] {
        let config = Config::default().ssl_ca_pem(CA).ssl_cert_pem(LEAF, key);
        let error = client_config(&config, SslMode::VerifyIdentity).unwrap_err().to_string();
        assert!(error.contains("private key") && !error.contains(key_line), "{error}");
    }
    let swapped = Config::default().ssl_ca_pem(CA).ssl_cert_pem(CA, LEAF_KEY);
    assert!(client_config(&swapped, SslMode::VerifyIdentity).is_err());
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

fn pin(pem: &str) -> crate::config::CertificateFingerprint {
    use sha2::Digest;
    <[u8; 32]>::from(sha2::Sha256::digest(der(pem))).into()
}

#[test]
fn certificates_and_keys_may_be_der() {
    let key = PrivateKeyDer::from_pem_slice(LEAF_KEY.as_bytes()).unwrap();
    let config = to("db.example.test").ssl_ca_der(der(CA));
    let config = config.ssl_cert_pem(der(LEAF), key.secret_der().to_vec());
    assert!(handshake(&config, SslMode::VerifyIdentity).unwrap().1);
    let broken = Config::default().ssl_ca_der([0x30, 0x01, 0x00]);
    let error = client_config(&broken, SslMode::VerifyIdentity).unwrap_err().to_string();
    assert!(error.contains("X.509"), "{error}");
}

/// A key that is there and cannot be used: the error says what to do.
#[test]
fn unusable_keys_say_why() {
    let encrypted = LEAF_KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let older = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    for (key, why) in [
        (encrypted.as_str(), "decrypt it"),
        (older, "decrypt it"),
        (LEAF, "swapped"),
        ("garbage", "PKCS#8, PKCS#1 or SEC1"),
        ("0garbage", "PKCS#8, PKCS#1 or SEC1"),
    ] {
        let config = Config::default().ssl_ca_pem(CA).ssl_cert_pem(LEAF, key);
        let error = client_config(&config, SslMode::VerifyIdentity).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

/// T-82: the pin holds in every mode, alone instead of a chain and a name, beside a CA as well.
#[test]
fn a_pin_decides_alone_and_beside_a_ca() {
    for mode in [SslMode::Required, SslMode::VerifyCa, SslMode::VerifyIdentity] {
        let pinned = |pem: &str| to("elsewhere.test").ssl_fingerprint(pin(pem));
        assert!(handshake(&pinned(LEAF), mode).is_ok(), "{mode}");
        assert!(tls_setup(&pinned(LEAF), mode).unwrap().verifies, "{mode}");
        let error = handshake(&pinned(CA), mode).unwrap_err();
        let error = crate::error::TlsError::Failed(error).to_string();
        assert!(error.contains("`ssl-fingerprint`"), "{error}");
        assert!(error.contains(&pin(LEAF).to_string()), "{error}");
    }
    let beside = |host: &str, ca: &str| {
        let config = to(host).ssl_fingerprint(pin(LEAF)).ssl_ca_pem(ca);
        handshake(&config, SslMode::VerifyIdentity)
    };
    assert!(beside("db.example.test", CA).is_ok());
    assert!(beside("elsewhere.test", CA).is_err());
    assert!(beside("db.example.test", OTHER_CA).is_err());
}

/// a proof makes up for trust only where the caller did not say whom to trust.
#[test]
fn a60_a_proof_is_for_those_who_named_nobody_to_trust() {
    let may = |config: Config, mode| tls_setup(&config, mode).unwrap().verifier.is_some();
    let identity = SslMode::VerifyIdentity;
    if cfg!(feature = "webpki-roots") {
        assert!(may(to("db.example.test"), identity));
    }
    assert!(!may(to("db.example.test").ssl_ca_pem(CA), identity));
    assert!(!may(to("db.example.test").ssl_fingerprint(pin(LEAF)), identity));
    assert!(!may(to("db.example.test"), SslMode::Required));
    let own = client_config(&to("db.example.test").ssl_ca_pem(CA), identity).unwrap();
    let own = to("db.example.test").tls_config(own);
    assert!(!may(own.clone(), identity));
    assert!(tls_setup(&own, identity).unwrap().verifies);
    assert!(!tls_setup(&own, SslMode::Required).unwrap().verifies);
}

/// The operating system trusts somebody, and not the tests' CA.
#[test]
fn the_systems_trust_needs_its_feature() {
    let config = to("db.example.test").ssl_ca_system();
    let setup = tls_setup(&config, SslMode::VerifyIdentity);
    if cfg!(feature = "platform-verifier") {
        match setup {
            Ok(_) => assert!(handshake(&config, SslMode::VerifyIdentity).is_err()),
            // A machine without any CA certificate.
            Err(error) => assert!(error.to_string().contains("operating system"), "{error}"),
        }
    } else {
        let error = setup.unwrap_err().to_string();
        assert!(error.contains("`platform-verifier`"), "{error}");
    }
    let error = tls_setup(&config, SslMode::VerifyCa).unwrap_err().to_string();
    assert!(error.contains("ssl-ca"), "{error}");
}

/// T-25: a URL can name any file, and some have no end.
#[cfg(unix)]
#[test]
fn a_file_without_end_is_refused() {
    let endless = to("db.example.test").ssl_ca_file("/dev/zero");
    let error = tls_setup(&endless, SslMode::VerifyIdentity).unwrap_err().to_string();
    assert!(error.contains("/dev/zero: it is longer than"), "{error}");
}

/// What a build without any authority says, and what to do about it.
#[test]
fn verifying_the_identity_needs_roots_and_says_so() {
    let setup = tls_setup(&to("db.example.test"), SslMode::VerifyIdentity);
    if cfg!(any(feature = "webpki-roots", feature = "platform-verifier")) {
        assert!(setup.is_ok());
        return;
    }
    let error = setup.unwrap_err().to_string();
    for way in ["`ssl-ca`", "`webpki-roots`", "`platform-verifier`"] {
        assert!(error.contains(way), "{error}");
    }
}
