//! The other end of a request: a server on this machine that notes what it is asked.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use carillon_notify::egress::{Egress, Guard, Resolve, Terms, tls};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

type Answer = dyn Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync;

/// A server that is asked by the client under test.
pub struct Listener {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
    connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Listener {
    /// Speaks plain HTTP.
    pub async fn plain(
        answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Listener {
        Listener::start(None, Arc::new(answer)).await
    }

    /// Speaks TLS with this certificate.
    pub async fn secure(
        identity: &Identity,
        answer: impl Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Listener {
        Listener::start(Some(identity.acceptor.clone()), Arc::new(answer)).await
    }

    async fn start(tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Listener {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (noted, counted) = (Arc::clone(&seen), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(accept(stream, tls.clone(), Arc::clone(&noted), Arc::clone(&answer)));
            }
        });
        Listener { address, seen, connections, task }
    }

    /// What it was asked until now.
    pub fn seen(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().unwrap().clone()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    seen: Arc<Mutex<Vec<Request<Bytes>>>>,
    answer: Arc<Answer>,
) {
    match tls {
        None => serve(stream, seen, answer).await,
        Some(tls) => {
            // A client that does not trust the certificate goes away.
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, seen, answer).await;
            }
        }
    }
}

async fn serve<S>(stream: S, seen: Arc<Mutex<Vec<Request<Bytes>>>>, answer: Arc<Answer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let request = Request::from_parts(parts, body);
            seen.lock().unwrap().push(request.clone());
            Ok::<_, Infallible>(answer(&request).map(Full::new))
        }
    });
    // A client that has enough closes the connection, which is an error to a server.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// A certificate for some names, and the authority that signed it.
pub struct Identity {
    /// The authority's certificate, as PEM.
    pub authority: String,
    pub acceptor: TlsAcceptor,
}

impl Identity {
    pub fn of(names: &[&str]) -> Identity {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let own = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&own, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(own.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Identity { authority: authority.pem(), acceptor }
    }
}

/// A resolver that says what a test wants, in order; the last answer is said for ever.
#[derive(Clone)]
pub struct Script {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Script {
    pub fn says(answers: &[&[&str]]) -> Script {
        let read = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let answers = Arc::new(answers.iter().map(read).collect());
        Script { answers, asked: Arc::default() }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        Ok(self.answers[nth].clone())
    }
}

/// A client that may talk to this machine, for which every name is this machine.
pub fn local(port: u16, authorities: Option<&str>) -> Egress {
    let guard = Guard::new(vec!["127.0.0.1/32".parse().unwrap()], vec![port]);
    let tls = tls(authorities.map(str::as_bytes)).unwrap();
    Egress::new(guard, tls, Script::says(&[&["127.0.0.1"]]))
}

pub fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

pub fn repeatable() -> Terms {
    Terms { repeatable: true, ..Terms::default() }
}

pub fn answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}
