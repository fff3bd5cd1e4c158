//! The one envelope of all answers, its codes and its languages; no framework in it.

pub mod codes;
mod language;

pub use language::Language;

/// A stable code for a kind of failure, with its status and its sentence in each language.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// What front ends and clients decide by, for example `C001`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The sentence in Korean.
    pub ko: &'static str,
    /// The sentence in English.
    pub en: &'static str,
}

impl ErrorCode {
    /// The sentence in this language.
    #[must_use]
    pub fn sentence(&self, language: Language) -> &'static str {
        match language {
            Language::Korean => self.ko,
            Language::English => self.en,
        }
    }
}

#[cfg(any(feature = "actix", feature = "tower"))]
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'a, T> {
    pub(crate) success: bool,
    pub(crate) message: std::borrow::Cow<'a, str>,
    pub(crate) data: Option<T>,
    pub(crate) error_code: Option<&'a str>,
    pub(crate) status_code: u16,
    pub(crate) timestamp: crate::clock::Timestamp,
}
