//! What servers tell each other, each kind by a short word.

/// What a server tells the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Payloads were staged.
    Staged,
    /// Events were stored.
    Stored,
    /// Deliveries were queued, or a sink continues.
    Queued,
    /// Keys were made or changed.
    Keys,
    /// Someone signed in or out.
    Sessions,
}

impl News {
    /// Everything that there is to tell.
    pub(crate) const ALL: [Self; 5] =
        [Self::Staged, Self::Stored, Self::Queued, Self::Keys, Self::Sessions];

    /// The payload of its notice. It never changes, because servers of several versions may share a
    /// database.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Stored => "stored",
            Self::Queued => "queued",
            Self::Keys => "keys",
            Self::Sessions => "sessions",
        }
    }

    /// The news with this word. `None` for one of another version.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|news| news.word() == word)
    }

    /// Its bit in a set.
    pub(super) const fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_and_each_bit_stands_for_one_kind_of_news() {
        let bits = News::ALL.into_iter().fold(0, |bits, news| bits + news.bit());
        assert_eq!(bits, 0b1_1111);
        for news in News::ALL {
            assert_eq!(News::from_word(news.word()), Some(news));
        }
        assert_eq!(News::from_word("of a later version"), None);
    }
}
