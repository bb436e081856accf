//! Certificates of brokers that speak TLS, and of their clients.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tempfile::TempDir;

/// A certificate authority that nobody knows, and two certificates of it.
#[derive(Debug)]
pub struct Certificates {
    /// That of the authority, in PEM.
    pub authority: String,
    /// That of a client: certificate and key, in PEM.
    pub client: (String, String),
    folder: TempDir,
}

impl Certificates {
    /// Makes them, and the files `authority.pem`, `server.pem` and `server.key`.
    ///
    /// # Panics
    /// When there is no place for files.
    #[must_use]
    pub fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("random numbers");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("it can sign");
        let issue = |usage| {
            let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, "localhost");
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().expect("random numbers");
            let certificate = params.signed_by(&key, &issuer).expect("the authority can sign");
            (certificate.pem(), key.serialize_pem())
        };
        let (certificate, key) = issue(ExtendedKeyUsagePurpose::ServerAuth);
        let client = issue(ExtendedKeyUsagePurpose::ClientAuth);
        let authority = issuer.pem();
        let files =
            [("authority.pem", &authority), ("server.pem", &certificate), ("server.key", &key)];
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("a file of its own");
        }
        Self { authority, client, folder }
    }

    /// Returns the path of a file.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}
