//! Places at which a test can make the process wait, to kill, pause or stop it right there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

/// `place:n`: at the n-th time that this place is passed, the process says so on standard error and goes no further there.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    at: Option<(String, u64)>,
    passed: Mutex<HashMap<&'static str, u64>>,
}

impl Holds {
    /// Nothing, or `place:n`; what is not understood holds nothing.
    pub(crate) fn new(setting: Option<&str>) -> Self {
        let at = setting.and_then(|text| text.split_once(':'));
        let at = at.and_then(|(place, count)| Some((place.to_owned(), count.parse().ok()?)));
        Self { at, passed: Mutex::default() }
    }

    /// Passes this place.
    pub(crate) async fn pass(&self, place: &'static str) {
        let Some((held, wanted)) = &self.at else { return };
        if held != place {
            return;
        }
        let count = {
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            let count = passed.entry(place).or_default();
            *count += 1;
            *count
        };
        if count == *wanted {
            eprintln!("{}", json!({"event": "held", "place": place}));
            std::future::pending::<()>().await;
        }
    }
}
