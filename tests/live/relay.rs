//! Somebody between the client and a real server.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
};

/// CLIENT_SSL, in the third of the capabilities' bytes.
const SSL: u16 = 0x0800;

/// An address of this machine that is not loopback; without a network, the one that means any.
pub fn own_address() -> IpAddr {
    let found = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        // Nothing is sent: the system only says from where it would be.
        socket.connect(("192.0.2.1", 9))?;
        socket.local_addr()
    });
    match found {
        Ok(address) if !address.ip().is_loopback() => address.ip(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// Passes bytes on between one client and the server; with `strip`, the greeting's offer of TLS
/// does not get through. Gives the port, and how many bytes the client sent.
pub fn forward(server: u16, strip: bool) -> (u16, JoinHandle<usize>) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
        let (mut from, mut to) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
        let back = std::thread::spawn(move || {
            let mut greeting = packet(&mut from).unwrap();
            if strip {
                strip_tls(&mut greeting);
            }
            to.write_all(&greeting).unwrap();
            // Either end may leave first.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let (mut client, mut upstream) = (client, upstream);
        let sent = io::copy(&mut client, &mut upstream).unwrap_or(0);
        let _ = upstream.shutdown(Shutdown::Both);
        back.join().unwrap();
        usize::try_from(sent).unwrap()
    });
    (port, task)
}

/// Somebody in between who shows a certificate of their own and passes on what is said inside of
/// TLS, packet by packet, until one side has enough. Gives the port, and all that the client said
/// inside of TLS.
pub fn intercept(server: u16, chain: &Path, key: &Path) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = server_config(chain, key);
    let task = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut upstream = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
        client.write_all(&packet(&mut upstream).unwrap()).unwrap();
        let mut said = Vec::new();
        // A client that does not take the offer has left.
        let Ok(request) = packet(&mut client) else { return said };
        upstream.write_all(&request).unwrap();
        let mut client = StreamOwned::new(ServerConnection::new(config).unwrap(), client);
        let credulous = ClientConnection::new(credulous(), "localhost".try_into().unwrap());
        let mut upstream = StreamOwned::new(credulous.unwrap(), upstream);
        while let Ok(word) = packet(&mut client) {
            said.extend_from_slice(&word);
            upstream.write_all(&word).unwrap();
            let Ok(answer) = packet(&mut upstream) else { break };
            if client.write_all(&answer).is_err() {
                break;
            }
        }
        said
    });
    (port, task)
}

fn packet(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 4];
    stream.read_exact(&mut packet)?;
    let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]);
    packet.resize(4 + usize::try_from(length).unwrap(), 0);
    stream.read_exact(&mut packet[4..])?;
    Ok(packet)
}

fn strip_tls(greeting: &mut [u8]) {
    // Header, protocol version, server version and its NUL; connection id, nonce and its NUL.
    let version = greeting[5..].iter().position(|&byte| byte == 0).unwrap();
    let at = 5 + version + 1 + 4 + 9;
    let low = u16::from_le_bytes([greeting[at], greeting[at + 1]]);
    assert_ne!(low & SSL, 0, "the server offers no TLS");
    greeting[at..at + 2].copy_from_slice(&(low & !SSL).to_le_bytes());
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn server_config(chain: &Path, key: &Path) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(chain).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn credulous() -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let verifier = Arc::new(Credulous(provider()));
    Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Takes any certificate: who is in between has no need to verify.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The address of a port on this machine, as a host beyond loopback would name it.
pub fn from_afar(port: u16) -> SocketAddr {
    (own_address(), port).into()
}
