//! Would this client get such a token, and by which rule?

use actix_web::web::{Data, Json};
use shared::ApiResponse;

use crate::domain::explain::{Explanation, Question, explain};
use crate::state::AppState;

pub(crate) async fn explain_policy(
    state: Data<AppState>,
    question: Json<Question>,
) -> ApiResponse<Explanation> {
    let directory = state.issuer.mirror.directory();
    let client = directory.find(&question.client).map(|own| &own.client);
    let terms = (state.issuer.terms.token_ttl_s, state.issuer.now());
    ApiResponse::ok(explain(client, &question, terms))
}
