//! The certificate and its key: read from their files, checked against each other, and read again when they change. It
//! owns what new connections are greeted with; those that are open keep what they began with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, ServerConnection};
use smol::Timer;

use crate::start::reason;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

/// What shows that a file is another one than before.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Tls {
    /// Reads both files. The error is a sentence for the operator.
    pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Tls, String> {
        let config = RwLock::new(read(certificate, key)?);
        Ok(Tls { certificate: certificate.to_owned(), key: key.to_owned(), config })
    }

    /// A new connection's half of the talk.
    pub(crate) fn session(&self) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(self.config.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Takes new files up, for ever. A pair that cannot be used changes nothing.
    pub(crate) async fn watch(&self) {
        let mut seen = self.stamps().await;
        loop {
            Timer::after(LOOK).await;
            let stamps = self.stamps().await;
            if stamps == seen {
                continue;
            }
            seen = stamps;
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            match smol::unblock(move || read(&certificate, &key)).await {
                Ok(config) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    tracing::info!("the new certificate is used from now on");
                }
                Err(problem) => tracing::warn!("the old certificate stays in use: {problem}"),
            }
        }
    }

    async fn stamps(&self) -> [Stamp; 2] {
        let paths = [self.certificate.clone(), self.key.clone()];
        smol::unblock(move || paths.map(|path| stamp(&path))).await
    }
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    let inode = std::os::unix::fs::MetadataExt::ino(&found);
    Some((found.modified().ok()?, found.len(), inode))
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let shown = certificate.display();
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes(certificate, "--tls-cert")?)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{shown} is no PEM file; give --tls-cert a certificate and its chain in PEM"))?;
    if chain.is_empty() {
        return Err(format!("{shown} holds no certificate; give --tls-cert a certificate and its chain in PEM"));
    }
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key, "--tls-key")?).map_err(|error| {
        let empty = matches!(error, pem::Error::NoItemsFound);
        let what =
            if empty { "holds no private key that can be read (one with a password cannot)" } else { "is no PEM file" };
        format!("{} {what}; give --tls-key a key in PEM: PKCS#8, PKCS#1 or SEC1", key.display())
    })?;
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let unusable = |error: rustls::Error| {
        let key = key.display();
        if let rustls::Error::InconsistentKeys(_) = error {
            format!(
                "the key {key} does not belong to the certificate {shown}; give --tls-cert and --tls-key a pair that does"
            )
        } else {
            format!("the certificate {shown} and the key {key} cannot be used ({error}); make them anew")
        }
    };
    let mut config = versions
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn bytes(path: &Path, flag: &str) -> Result<Vec<u8>, String> {
    fs::read(path)
        .map_err(|error: io::Error| format!("{} cannot be read ({}); check {flag}", path.display(), reason(&error)))
}
