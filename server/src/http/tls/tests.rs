//! Files of certificates: what is wrong with them, and how they are replaced.

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd};

use super::expiry::Expiry;
use super::pair::{Certificate, Pair};
use super::reload::Found;
use super::validity::Validity;
use super::*;

fn made() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

fn files(dir: &Path) -> TlsFiles {
    TlsFiles { cert: dir.join("cert.pem"), key: dir.join("key.pem") }
}

fn write(files: &TlsFiles, (cert, key): &(String, String)) {
    fs::write(&files.cert, cert).unwrap();
    fs::write(&files.key, key).unwrap();
}

/// The error with these contents and its cause.
fn error(cert: &str, key: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    write(&files, &(cert.to_owned(), key.to_owned()));
    let pair = Pair::read(&files).unwrap();
    Certificate::of(&pair, &files).err().map(|error| error.to_string()).unwrap_or_default()
}

#[cfg(unix)]
fn openssl(dir: &Path, arguments: &[&str]) {
    let made = Command::new("openssl").args(arguments).current_dir(dir).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

// Few machines with Windows have openssl.
#[cfg(unix)]
#[test]
fn every_form_of_a_key_that_openssl_writes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for (at, kind) in [
        &["genrsa", "-traditional", "-out", "key.pem", "2048"][..],
        &["genrsa", "-out", "key.pem", "2048"],
        &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"],
        // With the parameters of the curve before the key.
        &["ecparam", "-name", "secp384r1", "-genkey", "-out", "key.pem"],
        &["genpkey", "-algorithm", "ED25519", "-out", "key.pem"],
    ]
    .iter()
    .enumerate()
    {
        openssl(dir.path(), kind);
        let request = ["req", "-x509", "-key", "key.pem", "-subj", "/CN=a", "-days", "9"];
        openssl(dir.path(), &[&request[..], &["-out", "cert.pem"]].concat());
        let tls = Tls::load(files(dir.path()));
        assert!(tls.is_ok(), "{at}: {}", tls.err().unwrap());
        let validity = tls.unwrap().first.1.validity.unwrap();
        assert_eq!(validity.to_ms - validity.from_ms, 9 * 86_400_000);
    }
}

#[test]
fn what_is_wrong_with_the_files_is_said_with_the_remedy() {
    let ((cert, key), (other_cert, _)) = (made(), made());
    let cut = |text: &str| text[..text.len() / 2].to_owned();
    for (cert, key, wants) in [
        (&cert, &String::new(), &["private key ", "key.pem", "holds no private key"][..]),
        (&String::new(), &key, &["certificate ", "cert.pem", "holds no certificate"]),
        (&key, &cert, &["cert.pem", "may be swapped"]),
        (&cert, &cert, &["key.pem", "may be swapped"]),
        (&other_cert, &key, &["key.pem", "does not belong to the certificate in", "cert.pem"]),
        (&format!("{other_cert}{cert}"), &key, &["certificate number 2", "first in that file"]),
        (&cut(&cert), &key, &["cert.pem"]),
        (&cert, &cut(&key), &["key.pem"]),
        (&"\u{0}\u{30}\u{82}".to_owned(), &key, &["-inform DER"]),
    ] {
        let said = error(cert, key);
        for want in wants {
            assert!(said.contains(want), "{said}\nwithout {want}");
        }
        let secret: Vec<&str> = key.lines().filter(|line| !line.starts_with("-----")).collect();
        assert!(secret.iter().all(|line| !said.contains(line)), "{said}");
    }
    assert_eq!(error(&format!("{cert}{other_cert}"), &key), "", "a chain");
    assert_eq!(error(&format!("{key}{cert}"), &format!("{cert}{key}")), "", "both in one file");
}

// Few machines with Windows have openssl.
#[cfg(unix)]
#[test]
fn a_key_with_a_password_is_an_error_that_names_the_command_to_remove_it() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = made();
    fs::write(dir.path().join("plain.pem"), key).unwrap();
    openssl(dir.path(), &["genrsa", "-traditional", "-out", "rsa.pem", "2048"]);
    for arguments in [
        &["pkcs8", "-topk8", "-in", "plain.pem", "-passout", "pass:abcd", "-out", "key.pem"][..],
        &[
            "rsa",
            "-in",
            "rsa.pem",
            "-aes128",
            "-traditional",
            "-passout",
            "pass:abcd",
            "-out",
            "key.pem",
        ],
    ] {
        openssl(dir.path(), arguments);
        let said = error(&cert, &fs::read_to_string(dir.path().join("key.pem")).unwrap());
        assert!(said.contains("password") && said.contains("openssl pkey"), "{said}");
    }
}

// FIFOs are of Unix.
#[cfg(unix)]
#[test]
fn a_file_that_is_none_is_an_error_and_does_not_block() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    write(&files, &made());
    let said = |files: &TlsFiles| {
        let error = Tls::load(files.clone()).err().unwrap();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    };
    let named = |name: &str| TlsFiles { key: dir.path().join(name), ..files.clone() };
    assert!(said(&named("missing")).contains("No such file"));
    assert!(said(&named(".")).contains("not a regular file"));
    assert!(Command::new("mkfifo").arg(dir.path().join("fifo")).status().unwrap().success());
    assert!(said(&named("fifo")).contains("not a regular file"));
    fs::write(dir.path().join("large"), vec![b' '; 1024 * 1024 + 1]).unwrap();
    assert!(said(&named("large")).contains("larger than 1 MiB"));
}

fn in_use(tls: &Tls) -> Vec<u8> {
    tls.in_use.0.read().unwrap().cert[0].to_vec()
}

fn der(pem: &str) -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

#[test]
fn half_written_files_change_nothing_and_are_reported_once() {
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    let (first, second) = (made(), made());
    write(&files, &first);
    let tls = Tls::load(files.clone()).unwrap();
    let mut seen = tls.seen();
    assert_eq!(seen.look(&tls, false), Found::Same);

    // The certificate is written, and the key is not.
    fs::write(&files.cert, &second.0).unwrap();
    assert_eq!(seen.look(&tls, false), Found::Unusable);
    let Found::StillUnusable(why) = seen.look(&tls, false) else { panic!("it was not reported") };
    assert!(why.contains("does not belong to the certificate"), "{why}");
    assert_eq!(seen.look(&tls, false), Found::Unusable, "once is enough");
    assert!(matches!(seen.look(&tls, true), Found::StillUnusable(_)), "somebody asks");
    for half in [&second.1[..0], &second.1[..40], &second.1[..second.1.len() - 40]] {
        fs::write(&files.key, half).unwrap();
        assert!(matches!(seen.look(&tls, false), Found::Unusable | Found::StillUnusable(_)));
        assert_eq!(in_use(&tls), der(&first.0));
    }
    fs::remove_file(&files.key).unwrap();
    assert_eq!(seen.look(&tls, false), Found::Unusable, "another reason");
    assert_eq!(in_use(&tls), der(&first.0));

    fs::write(&files.key, &second.1).unwrap();
    assert_eq!(seen.look(&tls, false), Found::New);
    assert_eq!(in_use(&tls), der(&second.0));
    assert_eq!(seen.look(&tls, false), Found::Same);
    // The old ones come back.
    write(&files, &first);
    assert_eq!(seen.look(&tls, false), Found::New);
    assert_eq!(in_use(&tls), der(&first.0));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_elsewhere_is_a_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (made(), made());
    let version = |name: &str, pair: &(String, String)| {
        fs::create_dir(dir.path().join(name)).unwrap();
        write(&files(&dir.path().join(name)), pair);
    };
    version("..1", &first);
    version("..2", &second);
    // As Kubernetes does: the files are links into a link to a directory.
    let link =
        |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
    link("..1", "..data");
    link("..data/cert.pem", "cert.pem");
    link("..data/key.pem", "key.pem");
    let tls = Tls::load(files(dir.path())).unwrap();
    let mut seen = tls.seen();
    link("..2", "..data_tmp");
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    assert_eq!(seen.look(&tls, false), Found::New);
    assert_eq!(in_use(&tls), der(&second.0));
}

#[cfg(unix)]
#[test]
fn only_a_key_that_everybody_may_read_is_exposed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let files = files(dir.path());
    write(&files, &made());
    for (mode, is_exposed) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&files.key, PermissionsExt::from_mode(mode)).unwrap();
        let pair = Pair::read(&files).unwrap();
        let because = pair.key_readers().map(|readers| readers.because.clone());
        assert_eq!(because, is_exposed.then(|| format!("its mode is {mode:03o}")));
    }
}

#[test]
fn a_certificate_that_clients_refuse_soon_or_now_is_a_warning_with_the_date() {
    const DAY_MS: i64 = 86_400_000;
    let path = Path::new("/etc/cert.pem");
    let year = Validity { from_ms: 0, to_ms: 365 * DAY_MS };
    let week = Validity { from_ms: 0, to_ms: 7 * DAY_MS };
    let said = |validity, now_ms| Expiry::of(validity, path, now_ms).map(|it| it.to_string());
    assert_eq!(said(year, DAY_MS), None);
    assert_eq!(said(year, 357 * DAY_MS), None);
    assert!(
        said(year, 361 * DAY_MS).unwrap().contains("expires on 1971-01-01 00:00 UTC, in 4 days")
    );
    assert!(said(year, 366 * DAY_MS).unwrap().contains("expired on 1971-01-01"));
    assert!(said(year, -1).unwrap().contains("valid from 1970-01-01"));
    assert_eq!(said(week, 6 * DAY_MS), None, "it is renewed later");
    assert!(said(week, 8 * DAY_MS).unwrap().contains("expired"));
}

#[test]
fn an_expired_certificate_is_used_and_its_date_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    write(&files(dir.path()), &(cert.pem(), key.serialize_pem()));
    let tls = Tls::load(files(dir.path())).unwrap();
    assert_eq!(tls.first.1.validity.unwrap().to_ms, 1_009_843_200_000);
}
