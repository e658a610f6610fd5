//! Keys and what each allows. Of a secret key only the hash is stored.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Answer;

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Sending events from anywhere. It is public: web pages contain it.
    Write,
    /// Sending events from a backend.
    Secret,
    /// Reading and changing.
    Admin,
    /// Reading.
    Viewer,
}

impl KeyKind {
    /// The name in the API and in databases. It never changes.
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

/// The SHA-256 of a key's text. Keys have enough random bits that a slow hash would add nothing.
pub type KeyHash = [u8; 32];

/// The hash of a key's text.
pub fn hash(text: &str) -> KeyHash {
    Sha256::digest(text.as_bytes()).into()
}

/// The limits of a key. A key without rules has only the server's limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules {
    /// Accepts requests from pages of these origins only. From any if empty.
    pub origins: Vec<String>,
    /// Bytes of request bodies per second, as received.
    pub bytes_per_s: Option<u64>,
    /// Events per second.
    pub events_per_s: Option<u64>,
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id, which may appear where the key itself may not.
    pub id: String,
    /// What it allows.
    pub kind: KeyKind,
    /// The source that events sent with it belong to.
    pub source: String,
    /// The hash of its text.
    pub hash: KeyHash,
    /// Its text, if it is public.
    pub public_text: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: i64,
    /// When it was disabled, in milliseconds since 1970, if it was.
    pub disabled_ms: Option<i64>,
    /// Its limits.
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

/// The stored keys.
pub trait Keys: Send + Sync + 'static {
    /// Every key.
    fn list(&self) -> Answer<'_, Vec<Key>>;

    /// Adds keys. A key whose hash is stored already stays as it is.
    fn add(&self, keys: Vec<Key>) -> Answer<'_, ()>;

    /// Adds those of these keys of whose kind there is none yet, also if several servers ask at the
    /// same time. Returns which kinds it added.
    fn add_first(&self, keys: Vec<Key>) -> Answer<'_, Vec<KeyKind>>;

    /// Updates the rules of a key, and whether it is disabled. Returns whether the key exists.
    fn change(&self, key: Key) -> Answer<'_, bool>;
}
