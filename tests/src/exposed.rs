//! What a service shows at `/metrics`.

use std::collections::BTreeSet;

use crate::caller::Caller;

/// The lines at a management address that are no comments.
pub async fn metrics(management: impl std::fmt::Display) -> Vec<String> {
    let answer = Caller::new(None).get(&format!("http://{management}/metrics")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let lines = answer.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// The series: all but the values.
pub fn series(lines: &[String]) -> BTreeSet<String> {
    lines.iter().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// The names of the series.
pub fn names(lines: &[String]) -> BTreeSet<String> {
    let name = |line: &String| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    lines.iter().map(name).collect()
}

/// The value of a series, if it is there.
pub fn value(lines: &[String], series: &str) -> Option<f64> {
    let line = lines
        .iter()
        .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit_once(' ')?.1.parse().ok()
}
