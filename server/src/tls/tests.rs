pub mod pair;

use std::{fs, time::Duration};

use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tempfile::TempDir;

use super::*;

/// 2026-11-22, in seconds.
const NOW: i64 = 1_795_305_600;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn configured(folder: &TempDir, tls: config::Tls) -> Config {
    Config { data: folder.path().to_owned(), tls: Some(tls), ..Config::default() }
}

/// A certificate for `localhost` and its key in two files; good from so many days before now until
/// so many days after.
fn files(folder: &TempDir, name: &str, days: (i64, i64)) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let day = |days: i64| time::OffsetDateTime::from_unix_timestamp(NOW + days * DAY_S).unwrap();
    (params.not_before, params.not_after) = (day(-days.0), day(days.1));
    let certificate = params.self_signed(&key).unwrap();
    let path = |end: &str| folder.path().join(format!("{name}.{end}"));
    fs::write(path("crt"), certificate.pem()).unwrap();
    fs::write(path("key"), key.serialize_pem()).unwrap();
    (path("crt"), path("key"))
}

fn from_files((cert, key): (PathBuf, PathBuf)) -> config::Tls {
    config::Tls::Files { cert, key }
}

fn shown(tls: &Tls) -> Vec<u8> {
    tls.shown.get().key.cert[0].to_vec()
}

/// Whether who trusts this authority takes the certificate for the name, at this time.
fn accepts(authority: &[u8], certificate: &[u8], name: &str, now_s: i64) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.to_vec().into()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s as u64));
    let certificate = CertificateDer::from(certificate.to_vec());
    let taken = verifier.verify_server_cert(&certificate, &[], &name, &[], now);
    taken.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_new_certificate_is_shown_when_the_files_change_and_not_before() {
    let folder = folder();
    let paths = files(&folder, "a", (1, 90));
    let tls = Tls::open(&configured(&folder, from_files(paths.clone())), at(1), NOW);
    let tls = tls.unwrap().unwrap();
    let first = shown(&tls);
    assert!(!tls.renew(NOW, false).unwrap());
    files(&folder, "a", (1, 100));
    assert!(tls.renew(NOW, false).unwrap());
    assert_ne!(shown(&tls), first);
    assert_eq!(tls.days_left(NOW), 100);
    assert!(!tls.renew(NOW, false).unwrap(), "only once");
}

#[test]
fn a_bad_file_leaves_the_old_certificate_is_told_once_and_mended_later() {
    let folder = folder();
    let (cert, key) = files(&folder, "a", (1, 90));
    let tls = Tls::open(&configured(&folder, from_files((cert.clone(), key.clone()))), at(1), NOW);
    let tls = tls.unwrap().unwrap();
    let first = shown(&tls);
    let (other, _) = files(&folder, "b", (1, 90));
    fs::copy(other, &cert).unwrap();
    let told = tls.renew(NOW, false).unwrap_err().to_string();
    assert!(told.contains("does not belong"), "{told}");
    assert_eq!(shown(&tls), first);
    assert!(!tls.renew(NOW, false).unwrap(), "it has been said");
    fs::remove_file(&key).unwrap();
    let told = tls.renew(NOW, false).unwrap_err().to_string();
    assert!(told.contains("cannot read"), "{told}");
    files(&folder, "a", (1, 91));
    assert!(tls.renew(NOW, false).unwrap());
    assert_eq!(tls.days_left(NOW), 91);
}

#[test]
fn files_that_cannot_be_used_are_refused_with_a_sentence_that_names_them() {
    let folder = folder();
    let (cert, key) = files(&folder, "a", (1, 90));
    let (_, foreign) = files(&folder, "b", (1, 90));
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (missing, folder_itself) = (folder.path().join("none.pem"), folder.path().to_owned());
    let junk = write("junk.pem", "this is no PEM");
    let cut = write("cut.pem", &fs::read_to_string(&cert).unwrap()[..200]);
    let body = fs::read_to_string(&key).unwrap();
    let sealed = write("sealed.pem", &body.replace(" PRIVATE", " ENCRYPTED PRIVATE"));
    let hollow =
        write("hollow.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----");
    let large = write("large.pem", &" ".repeat(2 << 20));
    for (cert, key, named, sentence) in [
        (&missing, &key, &missing, "cannot read"),
        (&cert, &missing, &missing, "cannot read"),
        (&folder_itself, &key, &folder_itself, "cannot read"),
        (&large, &key, &large, "larger than 1 MiB"),
        (&junk, &key, &junk, "no `-----BEGIN CERTIFICATE-----`"),
        (&cut, &key, &cut, "not what the setting tls needs"),
        (&key, &cert, &key, "the certificate comes first"),
        (&hollow, &key, &hollow, "cannot be used for HTTPS"),
        (&cert, &junk, &junk, "no `-----BEGIN PRIVATE KEY-----`"),
        (&cert, &sealed, &sealed, "encrypted"),
        (&cert, &foreign, &foreign, "does not belong"),
    ] {
        let setting = from_files((cert.clone(), key.clone()));
        let refused = Tls::open(&configured(&folder, setting.clone()), at(1), NOW).unwrap_err();
        let told = refused.to_string();
        assert!(told.contains(sentence) && told.contains(named.to_str().unwrap()), "{told}");
        assert_eq!(check(&setting, folder.path(), NOW), Err(told), "the doctor says the same");
    }
}

#[test]
fn the_doctor_counts_the_days_and_says_when_they_are_few_or_over() {
    let folder = folder();
    let check = |days| check(&from_files(files(&folder, "a", days)), folder.path(), NOW);
    assert_eq!(check((1, 90)), Ok("good for 90 more days".into()));
    assert!(check((1, 5)).unwrap_err().contains("expires in 5 days"));
    assert!(check((9, -1)).unwrap_err().contains("has expired"));
    assert!(check((-2, 90)).unwrap_err().contains("check the clock"));
    let own = |now_s| super::check(&config::Tls::Own, folder.path(), now_s);
    assert!(own(NOW).unwrap().contains("will be made"));
    Tls::open(&configured(&folder, config::Tls::Own), at(1), NOW).unwrap();
    assert_eq!(own(NOW), Ok("the local authority is good for 3650 more days".into()));
    assert!(own(NOW + 3651 * DAY_S).unwrap_err().contains("install the new one"));
}

#[test]
fn an_expired_certificate_is_shown_all_the_same() {
    let folder = folder();
    let paths = files(&folder, "a", (90, -1));
    let tls = Tls::open(&configured(&folder, from_files(paths)), at(1), NOW).unwrap().unwrap();
    assert!(tls.days_left(NOW) < 0);
}

#[test]
fn keys_of_every_usual_form_are_read() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let folder = folder();
    // The older forms are what the newer one (PKCS#8) has inside, behind so many bytes.
    for (algorithm, older, behind) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY", 29),
        (&rcgen::PKCS_RSA_SHA256, "RSA PRIVATE KEY", 26),
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let cert = folder.path().join("cert.pem");
        fs::write(&cert, params.self_signed(&key).unwrap().pem()).unwrap();
        let inside = STANDARD.encode(&key.serialize_der()[behind..]);
        let older = format!("-----BEGIN {older}-----\n{inside}\n-----END {older}-----\n");
        for text in [key.serialize_pem(), older] {
            let path = folder.path().join("key.pem");
            fs::write(&path, &text).unwrap();
            let read = Certificate::read(&cert, &path, &aws_lc_rs::default_provider());
            assert!(read.is_ok(), "{}: {read:?}", text.lines().next().unwrap());
        }
    }
}

#[test]
fn the_local_authority_vouches_for_this_machine_and_for_nothing_in_the_world() {
    let folder = folder();
    let tls = Tls::open(&configured(&folder, config::Tls::Own), at(8443), NOW).unwrap().unwrap();
    let authority = tls.page().unwrap().der().to_vec();
    for name in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(accepts(&authority, &shown(&tls), name, NOW), Ok(()), "{name}");
    }
    assert!(accepts(&authority, &shown(&tls), "other.local", NOW).is_err());
    // Whoever steals the key is still bound.
    let text = fs::read(authority::path(folder.path())).unwrap();
    let key = KeyPair::try_from(&PrivateKeyDer::from_pem_slice(&text).unwrap()).unwrap();
    let issuer = Issuer::from_ca_cert_der(&authority.clone().into(), key).unwrap();
    let forged = |name: &str| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        let day = |days| time::OffsetDateTime::from_unix_timestamp(NOW + days * DAY_S).unwrap();
        (params.not_before, params.not_after) = (day(-1), day(1));
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec()
    };
    assert_eq!(accepts(&authority, &forged("other.local"), "other.local", NOW), Ok(()));
    for name in ["bank.example", "1.1.1.1", "2606:4700::1111"] {
        let refused = accepts(&authority, &forged(name), name, NOW).unwrap_err();
        assert!(refused.contains("NameConstraint"), "{name}: {refused}");
    }
}

#[test]
fn a_certificate_of_our_own_is_renewed_before_its_end_and_outlives_no_authority() {
    let folder = folder();
    let config = configured(&folder, config::Tls::Own);
    let tls = Tls::open(&config, at(8443), NOW).unwrap().unwrap();
    let authority = tls.page().unwrap().der().to_vec();
    let first = shown(&tls);
    assert!(tls.days_left(NOW) <= 397);
    assert!(!tls.renew(NOW + 100 * DAY_S, false).unwrap());
    let later = NOW + 151 * DAY_S;
    assert_eq!(accepts(&authority, &first, "localhost", later), Ok(()), "still good");
    assert!(tls.renew(later, false).unwrap());
    assert_ne!(shown(&tls), first);
    assert_eq!(accepts(&authority, &shown(&tls), "localhost", later), Ok(()));
    let last = NOW + 3640 * DAY_S;
    assert!(tls.renew(last, false).unwrap());
    assert_eq!(tls.days_left(last), 10);
    assert!(!tls.renew(last, false).unwrap(), "another one would be good for no longer");
}

#[test]
fn a_certificate_of_our_own_follows_the_names_of_the_machine() {
    let folder = folder();
    let tls = Tls::open(&configured(&folder, config::Tls::Own), at(8443), NOW).unwrap().unwrap();
    let first = shown(&tls);
    match &mut *tls.source.lock().unwrap() {
        // As if the machine had been in another network until now.
        Source::Own { names, .. } => names.insert("10.9.8.7".into()),
        Source::Files { .. } => unreachable!("it is the server's own"),
    };
    assert!(tls.renew(NOW, false).unwrap());
    assert_ne!(shown(&tls), first);
    assert!(!tls.renew(NOW, false).unwrap());
}

#[test]
fn an_authority_that_cannot_be_read_is_not_replaced_by_another() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let config = configured(&folder, config::Tls::Own);
    Tls::open(&config, at(8443), NOW).unwrap();
    let path = authority::path(folder.path());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = fs::read_to_string(&path).unwrap();
    let (certificate, key) = whole.split_at(whole.find("-----BEGIN PRIVATE").unwrap());
    let (foreign, _) = files(&folder, "a", (1, 90));
    let foreign = fs::read_to_string(foreign).unwrap();
    for text in ["", certificate, key, &format!("{foreign}{key}")] {
        fs::write(&path, text).unwrap();
        let told = Tls::open(&config, at(8443), NOW).unwrap_err().to_string();
        assert!(told.contains(path.to_str().unwrap()) && told.contains("backup"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "it is left as it is");
    }
}
