//! [`Page`]: one page of a list, by an opaque cursor that stays valid while rows are added.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const DEFAULT_LIMIT: u32 = 50;
/// The longest page.
pub const MAX_LIMIT: u32 = 200;

/// One page: how many rows, after which one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The id of the last row of the page before; none on the first page.
    pub after: Option<String>,
    /// How many rows at the most, 1 to [`MAX_LIMIT`].
    pub limit: u32,
}

/// Why a page cannot be asked for like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The cursor is not one that a page before has given.
    #[error("take nextCursor of the page before")]
    Cursor,
    /// The limit is out of range.
    #[error("1 to {MAX_LIMIT}")]
    Limit,
}

impl Page {
    /// Reads `cursor` and `limit` of a query.
    ///
    /// # Errors
    /// A [`PageError`] that says which of them is bad.
    pub fn parse(cursor: Option<&str>, limit: Option<u32>) -> Result<Self, PageError> {
        let decode = |cursor: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| PageError::Cursor)?;
            String::from_utf8(bytes).map_err(|_| PageError::Cursor)
        };
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(PageError::Limit);
        }
        Ok(Self { after: cursor.map(decode).transpose()?, limit })
    }

    /// The cursor of the page after this one, which has found so many rows, the last with this id. A page that
    /// is not full is the last one.
    #[must_use]
    pub fn next_cursor(&self, found: usize, last_id: Option<String>) -> Option<String> {
        let full = usize::try_from(self.limit).is_ok_and(|limit| found >= limit);
        last_id.filter(|_| full).map(|id| URL_SAFE_NO_PAD.encode(id))
    }
}

#[cfg(feature = "actix")]
impl From<PageError> for crate::reply::ApiError {
    fn from(error: PageError) -> Self {
        use crate::reply::input::Violation;
        match error {
            PageError::Cursor => Violation::new("cursor", "format", error.to_string()).into(),
            PageError::Limit => Violation::new("limit", "range", error.to_string()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_leads_to_the_next() -> Result<(), PageError> {
        let first = Page::parse(None, Some(2))?;
        assert_eq!(first.next_cursor(1, Some("7".to_owned())), None);
        let cursor = first.next_cursor(2, Some("7".to_owned()));
        assert_eq!(Page::parse(cursor.as_deref(), None)?.after.as_deref(), Some("7"));
        Ok(())
    }

    #[test]
    fn what_is_no_cursor_or_limit_is_refused() {
        assert_eq!(Page::parse(Some("#"), None), Err(PageError::Cursor));
        assert_eq!(Page::parse(None, Some(0)), Err(PageError::Limit));
        assert_eq!(Page::parse(None, Some(201)), Err(PageError::Limit));
    }
}
