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
    #[serde(serialize_with = "to_the_microsecond")]
    pub(crate) timestamp: crate::clock::Timestamp,
}

/// All six digits, also where the last ones are zeros: chrono by itself leaves those out.
#[cfg(any(feature = "actix", feature = "tower"))]
fn to_the_microsecond<S: serde::Serializer>(
    timestamp: &crate::clock::Timestamp,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&timestamp.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
}

#[cfg(all(test, any(feature = "actix", feature = "tower")))]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_six_digits_after_the_second() {
        let at = |micros| Envelope {
            success: true,
            message: "OK".into(),
            data: Some(1),
            error_code: None,
            status_code: 200,
            timestamp: crate::clock::from_unix_micros(micros),
        };
        let shown = |micros| serde_json::json!(at(micros))["timestamp"].clone();
        assert_eq!(shown(1_784_391_964_517_582), "2026-07-18T16:26:04.517582Z");
        assert_eq!(shown(1_784_391_964_517_000), "2026-07-18T16:26:04.517000Z");
        assert_eq!(shown(1_784_391_964_000_000), "2026-07-18T16:26:04.000000Z");
    }
}
