//! `policy explain` at the command line.

use crate::cli::arguments::ExplainArguments;
use crate::commands::{self, CommandError};
use crate::config::{Config, unset};
use crate::domain::explain::{Explanation, Question};

/// By a file, if one is named: then nothing else is needed, and a CI can do it.
pub(super) fn explain_offline(explain: &ExplainArguments) -> Option<Result<(), CommandError>> {
    let file = explain.clients.as_deref()?;
    let explanation = commands::explain_by_file(file, &question(explain), unset::token_ttl_s());
    Some(explanation.and_then(|explanation| say(&explanation, explain.json)))
}

pub(super) async fn explain(
    explain: &ExplainArguments,
    config: &Config,
) -> Result<(), CommandError> {
    let explanation = commands::explain_by_database(config, &question(explain)).await?;
    say(&explanation, explain.json)
}

fn question(explain: &ExplainArguments) -> Question {
    Question {
        client: explain.client.clone(),
        session: explain.session.clone(),
        scope: explain.scope.clone(),
        resource: explain.resources.clone(),
    }
}

/// A refusal is the answer, and the exit code says so.
fn say(explanation: &Explanation, json: bool) -> Result<(), CommandError> {
    if json {
        println!("{}", serde_json::to_string(explanation).unwrap_or_default());
    } else if let Some(token) = &explanation.token {
        println!("allowed: {}", explanation.rule);
        let (scope, resources) = (&token.scope, token.resource.join(" "));
        let session = &token.session;
        println!("  scope \"{scope}\", resources {resources}, session {session}");
        println!("  expires in {} s", token.expires_in);
    }
    match explanation.error {
        None => Ok(()),
        Some(error) => {
            Err(CommandError::Invalid(format!("refused ({error}): {}", explanation.rule)))
        }
    }
}
