//! Keys: who may do what. Secret ones are kept only as hashes.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Answer;

/// What a key lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Send events from anywhere. Public: it stands in web pages.
    Write,
    /// Send events from a backend.
    Secret,
    /// Read and act.
    Admin,
    /// Read.
    Viewer,
}

impl KeyKind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Secret => "secret",
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    /// What keys of this kind start with when Lamplight makes them.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Write => "wk_",
            Self::Secret => "sk_",
            Self::Admin => "at_",
            Self::Viewer => "vt_",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Write, Self::Secret, Self::Admin, Self::Viewer]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The SHA-256 of a key's text. Keys have so many random bits that a slow hash would add nothing.
pub type KeyHash = [u8; 32];

/// The hash of a key's text.
pub fn hash(text: &str) -> KeyHash {
    Sha256::digest(text.as_bytes()).into()
}

/// What a key's holder may do at most. Without rules a key has no limits but those of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// Pages of these origins only; of any when empty.
    pub origins: Vec<String>,
    /// Bytes of bodies a second, as they arrive.
    pub bytes_per_s: Option<u64>,
    /// Events a second.
    pub events_per_s: Option<u64>,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Names it where the key itself must not stand.
    pub id: String,
    /// What it lets its holder do.
    pub kind: KeyKind,
    /// The source that events sent with it belong to.
    pub source: String,
    /// The hash of its text.
    pub hash: KeyHash,
    /// Its text, if it is public.
    pub public_text: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: i64,
    /// When it was disabled, if it was.
    pub disabled_ms: Option<i64>,
    /// What its holder may do at most.
    pub rules: KeyRules,
}

impl Key {
    /// The key with this text.
    pub fn new(kind: KeyKind, source: &str, text: &str, made_ms: i64) -> Self {
        let hash = hash(text);
        let id = format!("{}{}", kind.prefix(), HEXLOWER.encode(&hash[..6]));
        let public_text = (kind == KeyKind::Write).then(|| text.to_owned());
        let (source, rules) = (source.to_owned(), KeyRules::default());
        Self { id, kind, source, hash, public_text, made_ms, disabled_ms: None, rules }
    }
}

/// Keeps keys.
pub trait Keys: Send + Sync + 'static {
    /// Every key.
    fn list(&self) -> Answer<'_, Vec<Key>>;

    /// Adds keys; one whose hash is there already stays as it is.
    fn add(&self, keys: Vec<Key>) -> Answer<'_, ()>;

    /// Writes the rules of a key that is there, and whether it is disabled. Gives whether it is there.
    fn change(&self, key: Key) -> Answer<'_, bool>;
}
