//! Certificates as an operator meets them: a running server follows its files, and one that cannot
//! have its certificate does not start.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
};

use carillon::{
    clock::SystemClock,
    config::{Config, Tls},
    tls,
};
use carillon_plugin::Clock as _;
use carillon_protocol::session;
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use rustls::version::TLS13;

use crate::{
    client::TestClient,
    kit::PATIENCE,
    process::{Process, add_org, add_person, carillon, connect},
    stream,
};

/// A folder with a certificate for this machine, its key, and a data folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> (Folder, Vec<u8>) {
        let folder = Folder(tempfile::tempdir().unwrap());
        let first = folder.renew();
        (folder, first)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a new certificate with its key, and answers it.
    fn renew(&self) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        fs::write(self.path("cert.pem"), certificate.pem()).unwrap();
        stream::trust(certificate.der());
        certificate.der().to_vec()
    }

    fn setting(&self) -> String {
        let path = |name| self.path(name).display().to_string();
        format!("files:{},{}", path("cert.pem"), path("key.pem"))
    }

    /// Runs a command that ends.
    fn run(&self, command: &str, tls: &str) -> Output {
        let mut program = carillon();
        program.args([command, "--listen", "127.0.0.1:0", "--tls", tls]);
        program.arg("--data").arg(self.path("data")).output().unwrap()
    }
}

async fn serve(data: &Path, tls: &str, log: Option<&Path>) -> Process {
    let mut serve = carillon();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--tls", tls, "--data"]).arg(data);
    serve.env("CARILLON_LOG__LEVEL", "error");
    if let Some(log) = log {
        serve.stderr(File::create(log).unwrap());
    }
    Process::start(serve).await
}

/// What a new connection is shown.
async fn shown(url: &str) -> Vec<u8> {
    let stream = stream::shake_hands(url, stream::config(&[&TLS13])).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn in_time(what: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_nobody() {
    let (folder, first) = Folder::new();
    let (data, log) = (folder.path("data"), folder.path("log"));
    let bob = add_person(&data, add_org(&data, "Harbour"), "bob");
    let process = serve(&data, &folder.setting(), Some(&log)).await;
    let mut before = connect(&process.url, &bob).await;
    let talks = async |client: &mut TestClient| client.call(&session::Whoami {}).await.unwrap();
    assert_eq!(shown(&process.url).await, first);

    let second = folder.renew();
    process.signal(Signal::HUP);
    in_time(async { while shown(&process.url).await != second {} }).await;
    assert_eq!(talks(&mut before).await.user, bob.user);

    fs::write(folder.path("key.pem"), "no key any more").unwrap();
    process.signal(Signal::HUP);
    let told = || fs::read_to_string(&log).unwrap().contains("the certificate stays the old one");
    in_time(async {
        while !told() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(shown(&process.url).await, second);
    assert_eq!(talks(&mut before).await.user, bob.user);

    process.terminate();
    assert!(before.until_closed().await.1.code.is_some(), "it ended in order");
    assert_eq!(process.status().await.code(), Some(0));
}

#[test]
fn a_server_does_not_start_without_the_certificate_that_it_was_told_of() {
    let (folder, _) = Folder::new();
    let doctor = |tls: &str| String::from_utf8(folder.run("doctor", tls).stdout).unwrap();
    let refusal = |tls: &str| {
        let refused = folder.run("serve", tls);
        assert!(!refused.status.success(), "{tls}");
        String::from_utf8(refused.stderr).unwrap()
    };
    let good = folder.setting();
    assert!(doctor(&good).contains("ok     https: good for "), "{}", doctor(&good));
    fs::remove_file(folder.path("key.pem")).unwrap();
    for said in [doctor(&good), refusal(&good)] {
        assert!(said.contains("cannot read ") && said.contains("key.pem"), "{said}");
    }
    let said = refusal("files:alone.pem");
    assert!(said.contains("flag --tls") && said.contains("files:chain.pem,key.pem"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_local_authority_says_where_people_learn_to_trust_it() {
    let data = tempfile::tempdir().unwrap();
    let config = Config { data: data.path().to_owned(), tls: Some(Tls::Own), ..Config::default() };
    let listen = SocketAddr::from(([127, 0, 0, 1], 8443));
    let made =
        tls::Tls::open(&config, listen, SystemClock::default().now() / 1000).unwrap().unwrap();
    let page = made.page().unwrap();
    stream::trust(page.der());
    let process = serve(data.path(), "self", None).await;
    let address = format!("{}/ca", process.url.replacen("https", "http", 1));
    let words = process.last_words();
    assert!(words.contains(&address), "{words:?}");
    let numbers = page.fingerprint();
    assert!(words.windows(numbers.len()).any(|lines| *lines == *numbers), "{words:?}");
    assert!(words.iter().any(|line| line.contains("--listen 0.0.0.0")), "{words:?}");
}
