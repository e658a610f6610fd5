//! Ensures that there is a key of each kind: from the configuration, from the database, or new.

use std::path::Path;

use data_encoding::{Encoding, Specification};

use crate::config::KeySettings;
use crate::store::{Key, KeyKind, Keys, StoreError};
use crate::system::clock::Clock;
use crate::system::entropy::{Entropy, EntropyError};
use crate::system::secret::{self, Secret};

/// Shortest write key that the configuration may contain, in bytes.
const WRITE_KEY_BYTES_MIN: usize = 8;
/// Shortest secret that the configuration may contain, in bytes. Secrets are hashed only once, so
/// they must not be guessable.
const SECRET_BYTES_MIN: usize = 20;
/// Longest key that the configuration may contain, in bytes.
const KEY_BYTES_MAX: usize = 256;
/// Random bytes in a new key: 160 bits.
const KEY_RANDOM_BYTES: usize = 20;

/// The keys cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum FirstKeysError {
    /// A file with a key cannot be read. Its path is not shown: if the key itself was given instead
    /// of a path, it would be in the log.
    #[error(
        "read the {what} from its file; `{setting}` must be the path of a file that holds the {what}"
    )]
    File {
        /// Which key.
        what: &'static str,
        /// The setting that names the file.
        setting: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// A key in the configuration cannot be used.
    #[error(
        "use the given {what}: it must have {min} to {KEY_BYTES_MAX} bytes, all of them letters, digits or signs"
    )]
    Unusable {
        /// Which key.
        what: &'static str,
        /// Its shortest length.
        min: usize,
    },
    /// The system provides no randomness for a new key.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The keys cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The keys after the start.
#[derive(Debug, Default)]
pub struct FirstKeys {
    /// All keys.
    pub all: Vec<Key>,
    /// New keys. Their texts are known only here, so they must be shown.
    pub made: Vec<(KeyKind, String)>,
    /// A write key to show in examples.
    pub write_key: Option<String>,
}

/// Adds the keys from the configuration, and creates a key of each kind that is neither in the
/// configuration nor in the database. Keys in the database stay.
///
/// # Errors
/// [`FirstKeysError`].
pub async fn first_keys(
    settings: &KeySettings,
    stored: &dyn Keys,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<FirstKeys, FirstKeysError> {
    let given = [
        (KeyKind::Write, "web", "write key", &settings.write_key, &settings.write_key_file),
        (KeyKind::Secret, "backend", "secret key", &settings.secret_key, &settings.secret_key_file),
        (
            KeyKind::Admin,
            "console",
            "admin token",
            &settings.admin_token,
            &settings.admin_token_file,
        ),
    ];
    let there = stored.list().await?;
    let now_ms = clock.now_ms();
    let (mut add, mut new, mut keys) = (Vec::new(), Vec::new(), FirstKeys::default());
    for (kind, source, what, text, file) in given {
        if let Some(text) = given_text(what, kind, text.as_ref(), file.as_deref())? {
            add.push(Key::new(kind, source, &text, now_ms));
        } else if !there.iter().any(|key| key.kind == kind) {
            let text = new_text(kind, entropy)?;
            new.push(Key::new(kind, source, &text, now_ms));
            keys.made.push((kind, text));
        }
    }
    let given_write = add.iter().find_map(|key| key.public_text.clone());
    if !add.is_empty() {
        stored.add(add).await?;
    }
    if !new.is_empty() {
        // Another server that starts at the same time may have been first. It shows its keys.
        let added = stored.add_first(new).await?;
        keys.made.retain(|(kind, _)| added.contains(kind));
    }
    keys.all = stored.list().await?;
    let valid = |key: &&Key| key.disabled_ms.is_none();
    keys.write_key = given_write
        .or_else(|| keys.all.iter().filter(valid).find_map(|key| key.public_text.clone()));
    Ok(keys)
}

fn given_text(
    what: &'static str,
    kind: KeyKind,
    text: Option<&Secret>,
    file: Option<&Path>,
) -> Result<Option<String>, FirstKeysError> {
    let text = match (text, file) {
        (Some(text), _) => text.reveal().to_owned(),
        (None, Some(path)) => secret::read_file(path).map_err(|source| {
            let setting = format!("{}_file", what.replace(' ', "_"));
            FirstKeysError::File { what, setting, source }
        })?,
        (None, None) => return Ok(None),
    };
    let text = text.trim();
    let min = if kind == KeyKind::Write { WRITE_KEY_BYTES_MIN } else { SECRET_BYTES_MIN };
    let usable = (min..=KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if usable { Ok(Some(text.to_owned())) } else { Err(FirstKeysError::Unusable { what, min }) }
}

/// A new key: its kind's prefix and 160 random bits.
///
/// # Errors
/// When the system provides no randomness.
pub fn new_text(kind: KeyKind, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut random = [0; KEY_RANDOM_BYTES];
    entropy.fill(&mut random)?;
    Ok(format!("{}{}", kind.prefix(), letters().encode(&random)))
}

/// Lowercase base32 without letters that look alike.
fn letters() -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    // The symbols are 32 different ASCII characters, so this cannot fail.
    specification.encoding().unwrap_or(data_encoding::BASE32_DNSSEC)
}
