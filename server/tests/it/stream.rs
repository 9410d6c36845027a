//! Connections as clients make them: TCP, and TLS over it where the address says so.

use std::{
    io,
    sync::{Arc, Mutex},
};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::aws_lc_rs,
    pki_types::CertificateDer,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, whatever it is made of.
pub type Stream = Box<dyn Duplex>;

/// The authorities of all servers of these tests.
static TRUSTED: Mutex<Vec<CertificateDer<'static>>> = Mutex::new(Vec::new());

/// From now on clients trust this authority.
pub fn trust(der: &[u8]) {
    TRUSTED.lock().unwrap().push(der.to_vec().into());
}

/// How clients speak TLS: they trust the authorities of the tests.
pub fn config(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for der in TRUSTED.lock().unwrap().iter() {
        roots.add(der.clone()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What the kernel may hold for a client that does not read; it takes twice that. Left alone, it
/// holds megabytes on some machines.
pub const RECEIVE_BUFFER_LEN: usize = 64 * 1024;

/// Host and port of an address.
pub fn authority(url: &str) -> &str {
    url.split_once("://").unwrap().1
}

/// Connects to where an address says, by TLS if it begins with `https`.
pub async fn connect(url: &str) -> Stream {
    if url.starts_with("https://") {
        let stream = shake_hands(url, config(rustls::DEFAULT_VERSIONS)).await;
        return Box::new(stream.unwrap());
    }
    Box::new(reach(url).await)
}

async fn reach(url: &str) -> TcpStream {
    let stream = TcpStream::connect(authority(url)).await.unwrap();
    socket2::SockRef::from(&stream).set_recv_buffer_size(RECEIVE_BUFFER_LEN).unwrap();
    stream
}

/// Connects by TLS; what the handshake came to.
pub async fn shake_hands(url: &str, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = reach(url).await;
    let host = authority(url).rsplit_once(':').unwrap().0.to_owned();
    TlsConnector::from(config).connect(host.try_into().unwrap(), stream).await
}
