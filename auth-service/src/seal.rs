//! Encryption of private keys at rest: AES-256-GCM under a master key that the database never sees.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::Secret;
use zeroize::Zeroizing;

use crate::config::Config;

const KEY_BYTES: usize = 32;
/// What refresh tokens are authenticated with is a key of that use alone.
const TOKEN_MAC_USE: &[u8] = b"baton: refresh tokens";

/// Why private keys cannot be encrypted or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file with the master key cannot be read or written.
    #[error("the master key file {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The master key is not one.
    #[error("the master key is not 32 bytes in base64")]
    NotAKey,
    /// The master key in the file is not one.
    #[error("{0} does not hold 32 bytes in base64")]
    NotAKeyFile(String),
    /// The stored key was sealed with another master key, or was changed.
    #[error("a signing key in the database was not sealed with this master key")]
    WrongKey,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto,
}

/// The master key in use, and the one before it while keys are still sealed with that.
pub(crate) struct MasterKeys {
    current: MasterKey,
    previous: Option<MasterKey>,
}

impl MasterKeys {
    pub(crate) fn from_config(config: &Config) -> Result<Self, SealError> {
        let (key, file) = (&config.master_key, &config.master_key_file);
        let current = MasterKey::of(key.as_ref(), file.as_deref())?.ok_or(SealError::NotAKey)?;
        let (key, file) = (&config.previous_master_key, &config.previous_master_key_file);
        Ok(Self { current, previous: MasterKey::of(key.as_ref(), file.as_deref())? })
    }

    pub(crate) fn token_macs(&self) -> TokenMacs {
        let previous = self.previous.as_ref().map(|previous| previous.token_mac.clone());
        TokenMacs { current: self.current.token_mac.clone(), previous }
    }

    /// Seals with the key in use.
    pub(crate) fn seal(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        self.current.seal(name, secret)
    }

    /// Opens what either key has sealed.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let opened = self.current.open(name, sealed);
        match (&self.previous, opened) {
            (Some(previous), Err(SealError::WrongKey)) => previous.open(name, sealed),
            (_, opened) => opened,
        }
    }
}

/// The keys that say which refresh tokens this server has made: of the master key in use, and of the one before it.
#[derive(Clone)]
pub(crate) struct TokenMacs {
    current: hmac::Key,
    previous: Option<hmac::Key>,
}

impl TokenMacs {
    pub(crate) fn current(&self) -> &hmac::Key {
        &self.current
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &hmac::Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    #[cfg(test)]
    pub(crate) fn for_tests(fill: u8) -> Self {
        Self { current: token_mac(&[fill; KEY_BYTES]), previous: None }
    }
}

fn token_mac(master_key: &[u8]) -> hmac::Key {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, master_key), TOKEN_MAC_USE);
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

/// Seals and opens private keys.
struct MasterKey {
    sealing: RandomizedNonceKey,
    token_mac: hmac::Key,
}

impl MasterKey {
    fn of(key: Option<&Secret>, file: Option<&Path>) -> Result<Option<Self>, SealError> {
        match (key, file) {
            (Some(key), _) => Self::from_base64(key.expose()).map(Some),
            (None, Some(path)) => {
                let text =
                    std::fs::read_to_string(path).map_err(|cause| file_error(path, cause))?;
                let not_a_key = |_| SealError::NotAKeyFile(path.display().to_string());
                Self::from_base64(&Zeroizing::new(text)).map(Some).map_err(not_a_key)
            }
            (None, None) => Ok(None),
        }
    }

    fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| SealError::NotAKey)?;
        if bytes.len() != KEY_BYTES {
            return Err(SealError::NotAKey);
        }
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &bytes);
        let sealing = sealing.map_err(|_| SealError::NotAKey)?;
        Ok(Self { sealing, token_mac: token_mac(&bytes) })
    }

    /// Nonce, ciphertext and tag. `name` is authenticated: a sealed key cannot be passed off as another.
    fn seal(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut text = secret.to_vec();
        let nonce = self.sealing.seal_in_place_append_tag(Aad::from(name), &mut text);
        let nonce = nonce.map_err(|_| SealError::Crypto)?;
        Ok([nonce.as_ref().as_slice(), text.as_slice()].concat())
    }

    fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::WrongKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::WrongKey)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.sealing.open_in_place(nonce, Aad::from(name), &mut text);
        let length = opened.map_err(|_| SealError::WrongKey)?.len();
        text.truncate(length);
        Ok(text)
    }
}

fn file_error(path: &Path, cause: std::io::Error) -> SealError {
    SealError::File { path: path.display().to_string(), cause }
}

/// Makes a master key in a new file that only its owner can read; says whether it did. A file that is there already is
/// left alone. The file appears whole or not at all, also when two processes make it at once.
///
/// # Errors
/// [`SealError::File`] when it cannot be written.
pub fn create_master_key_file(path: &Path) -> Result<bool, SealError> {
    if path.exists() {
        return Ok(false);
    }
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    rand::fill(key.as_mut()).map_err(|_| SealError::Crypto)?;
    let unfinished = path.with_extension(format!("{}.tmp", uuid::Uuid::new_v4()));
    let text = Zeroizing::new(STANDARD.encode(key.as_slice()));
    let written = write_private(&unfinished, &text).and_then(|()| {
        // Unlike renaming, linking fails where somebody else was faster.
        std::fs::hard_link(&unfinished, path)
    });
    // Not removed is not wrong: it is a key that nobody uses, and readable for its owner only.
    let _ = std::fs::remove_file(&unfinished);
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(cause) => Err(file_error(path, cause)),
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master_key(fill: u8) -> Result<MasterKey, SealError> {
        MasterKey::from_base64(&STANDARD.encode([fill; KEY_BYTES]))
    }

    #[test]
    fn what_is_sealed_can_be_opened_with_the_same_key_and_name_only() -> Result<(), SealError> {
        let key = master_key(1)?;
        let sealed = key.seal("kid", b"private")?;
        assert_eq!(key.open("kid", &sealed)?.as_slice(), b"private");
        assert!(!sealed.windows(7).any(|part| part == b"private"));
        assert!(matches!(key.open("other", &sealed), Err(SealError::WrongKey)));
        assert!(matches!(master_key(2)?.open("kid", &sealed), Err(SealError::WrongKey)));
        assert!(matches!(key.open("kid", &[]), Err(SealError::WrongKey)));
        Ok(())
    }

    #[test]
    fn what_the_key_before_has_sealed_can_be_opened_and_is_sealed_anew_with_the_current_one()
    -> Result<(), SealError> {
        let old = MasterKeys { current: master_key(1)?, previous: None };
        let both = MasterKeys { current: master_key(2)?, previous: Some(master_key(1)?) };
        let new = MasterKeys { current: master_key(2)?, previous: None };
        let sealed = old.seal("kid", b"private")?;
        assert_eq!(both.open("kid", &sealed)?.as_slice(), b"private");
        assert!(matches!(new.open("kid", &sealed), Err(SealError::WrongKey)));
        let again = both.seal("kid", &both.open("kid", &sealed)?)?;
        assert_eq!(new.open("kid", &again)?.as_slice(), b"private");
        Ok(())
    }

    #[test]
    fn of_many_who_make_the_key_at_once_one_does_and_all_find_a_whole_one()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("master.key");
        let made: Vec<_> = std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| create_master_key_file(&path))).collect();
            makers.into_iter().map(|maker| maker.join()).collect()
        });
        let made = made.iter().filter(|made| matches!(made, Ok(Ok(true)))).count();
        assert_eq!(made, 1);
        MasterKey::from_base64(&std::fs::read_to_string(&path)?)?;
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in ["", "short", "AAAA", "not base64 at all, but long enough to be one......"] {
            assert!(matches!(MasterKey::from_base64(text), Err(SealError::NotAKey)), "{text}");
        }
    }
}
