//! `handoffs explain` at the command line.

use crate::commands::{self, CommandError};
use crate::config::Config;

/// A refusal is the answer, and the exit code says so.
pub(super) async fn explain(config: &Config, (id, json): (&str, bool)) -> Result<(), CommandError> {
    let explanation = commands::explain_handoff(config, id).await?;
    if json {
        println!("{}", serde_json::to_string(&explanation).unwrap_or_default());
    } else {
        println!("{explanation}");
    }
    match explanation.rule {
        None => Ok(()),
        Some(rule) => Err(CommandError::Invalid(format!("a use would be refused: {rule}"))),
    }
}
