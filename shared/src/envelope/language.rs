//! [`Language`]: in which language a caller wants to be answered.

/// The languages of our messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Korean: also when nothing is asked for.
    #[default]
    Korean,
    /// English.
    English,
}

impl Language {
    /// The one preferred by an `Accept-Language` value (RFC 9110 section 12.5.4).
    #[must_use]
    pub fn preferred(accept_language: &str) -> Self {
        let ranked = accept_language.split(',').filter_map(weighted);
        // Of equal weights the first wins, so only a greater one replaces what was found.
        let best = ranked.fold(None, |best: Option<(Self, f32)>, one| match best {
            Some(found) if found.1 >= one.1 => Some(found),
            _ => Some(one),
        });
        best.map(|(language, _)| language).unwrap_or_default()
    }
}

fn weighted(range: &str) -> Option<(Language, f32)> {
    let mut parts = range.split(';');
    let tag = parts.next()?.trim().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.trim().strip_prefix("q=").map(str::to_owned));
    let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
    let language = match tag.split('-').next()? {
        "ko" | "*" => Language::Korean,
        "en" => Language::English,
        _ => return None,
    };
    (weight > 0.0).then_some((language, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_found() {
        let table = [
            ("", Language::Korean),
            ("fr", Language::Korean),
            ("en", Language::English),
            ("en-GB,ko;q=0.5", Language::English),
            ("ko,en", Language::Korean),
            ("ko;q=0.1, EN;q=0.9", Language::English),
            ("en;q=0, *", Language::Korean),
            (";;q=,,", Language::Korean),
        ];
        for (header, expected) in table {
            assert_eq!(Language::preferred(header), expected, "{header}");
        }
    }
}
