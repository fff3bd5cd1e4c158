//! What is written for spreadsheets.

use std::borrow::Cow;

/// A text that no spreadsheet takes for a formula: names and products come from strangers.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}
