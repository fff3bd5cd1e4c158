//! [`Operation`]: one method of one path, as its handler and a few words describe it.

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder};
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use utoipa::openapi::{Content, RefOr, Required};
use utoipa::{IntoParams, ToSchema};

use super::draft::Draft;
use super::handler::{Gives, Takes, schema_of};
use super::words::{ShownSession, formatted};
use crate::envelope::ErrorCode;

/// What an answer is made of.
pub(super) enum Payload {
    /// `data` in the envelope.
    Data(RefOr<Schema>),
    /// A body of this media type, without the envelope.
    Bare(&'static str, Option<RefOr<Schema>>),
    Nothing,
}

/// A way in which an operation ends well.
pub(super) struct Answer {
    pub(super) what: &'static str,
    pub(super) payload: Payload,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

/// Who may call where that is not said by the route's policy alone.
pub(super) enum Proof {
    /// As the policy says.
    Policy,
    /// With one of these schemes; the empty name stands for none.
    OneOf(&'static [&'static str]),
}

/// One method of one path. Its handler says what it takes and what it gives; `shared` adds what the policy of its route and
/// the server around it may answer.
pub struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: Option<&'static str>,
    pub(super) draft: Draft,
    /// The handler's own data.
    data: Option<RefOr<Schema>>,
    pub(super) answers: BTreeMap<u16, Answer>,
    last: u16,
    pub(super) proof: Proof,
    pub(super) oauth_errors: BTreeMap<u16, &'static [&'static str]>,
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => {$(
        #[doc = concat!("A ", stringify!($method), " of this path.")]
        pub fn $name<F, Args>(path: &'static str, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + Takes + 'static,
            F::Output: Gives + Responder + 'static,
        {
            Self::of(Method::$method, path, handler)
        }
    )*};
}

impl Operation {
    methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, options OPTIONS);

    /// `GET /api/session`, answered by [`show_session`](crate::extractor::show_session).
    #[must_use]
    pub fn show_session() -> Self {
        Self::get("/api/session", crate::extractor::show_session)
            .named("showSession", "Show the caller's session")
            .about("As this service sees it; what it costs to find that a token is good here.")
            .gives_data::<ShownSession>(200, "The session, and when it was loaded here.")
    }

    /// Of the handler only its type is looked at.
    fn of<F, Args>(method: Method, path: &'static str, _: F) -> Self
    where
        F: Handler<Args>,
        Args: Takes,
        F::Output: Gives,
    {
        let mut draft = Draft::default();
        Args::describe(&mut draft);
        let data = F::Output::data(&mut draft.schemas);
        Self {
            method,
            path,
            id: "",
            summary: "",
            description: None,
            draft,
            data,
            answers: BTreeMap::new(),
            last: 0,
            proof: Proof::Policy,
            oauth_errors: BTreeMap::new(),
        }
    }

    /// Its name in generated clients, and what it does in a line.
    #[must_use]
    pub fn named(mut self, id: &'static str, summary: &'static str) -> Self {
        (self.id, self.summary) = (id, summary);
        self
    }

    /// More words, in Markdown.
    #[must_use]
    pub fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Ends well with this status and the data of the handler's type; with nothing where that does not tell.
    #[must_use]
    pub fn gives(self, status: u16, what: &'static str) -> Self {
        let payload = self.data.clone().map_or(Payload::Nothing, Payload::Data);
        self.answer(status, what, payload)
    }

    /// Ends well with this data, where the type of the handler does not tell.
    #[must_use]
    pub fn gives_data<T: ToSchema>(mut self, status: u16, what: &'static str) -> Self {
        let data = schema_of::<T>(&mut self.draft.schemas);
        self.answer(status, what, Payload::Data(data))
    }

    /// Ends well with a list of these.
    #[must_use]
    pub fn gives_list<T: ToSchema>(mut self, status: u16, what: &'static str) -> Self {
        let one = schema_of::<T>(&mut self.draft.schemas);
        let list = ArrayBuilder::new().items(one);
        self.answer(status, what, Payload::Data(RefOr::T(list.into())))
    }

    /// Ends well with this JSON, without the envelope.
    #[must_use]
    pub fn gives_bare<T: ToSchema>(
        mut self,
        (status, media_type): (u16, &'static str),
        what: &'static str,
    ) -> Self {
        let schema = schema_of::<T>(&mut self.draft.schemas);
        self.answer(status, what, Payload::Bare(media_type, Some(schema)))
    }

    /// Ends well with bytes or text of this media type.
    #[must_use]
    pub fn gives_bytes(
        self,
        (status, media_type): (u16, &'static str),
        what: &'static str,
    ) -> Self {
        self.answer(status, what, Payload::Bare(media_type, None))
    }

    /// Ends well without a body.
    #[must_use]
    pub fn gives_nothing(self, status: u16, what: &'static str) -> Self {
        self.answer(status, what, Payload::Nothing)
    }

    fn answer(mut self, status: u16, what: &'static str, payload: Payload) -> Self {
        self.answers.insert(status, Answer { what, payload, headers: Vec::new() });
        self.last = status;
        self
    }

    /// The last answer has this header.
    #[must_use]
    pub fn with(mut self, header: &'static str, what: &'static str) -> Self {
        if let Some(answer) = self.answers.get_mut(&self.last) {
            answer.headers.push((header, what));
        }
        self
    }

    /// Can fail with these codes, beside those that are found out: of the route's policy, of the body, of the server.
    #[must_use]
    pub fn fails(mut self, codes: &[&'static ErrorCode]) -> Self {
        self.draft.errors.extend(codes);
        self
    }

    /// Fails with this status and these codes of RFC 6749 section 5.2.
    #[must_use]
    pub fn fails_as_oauth(mut self, status: u16, codes: &'static [&'static str]) -> Self {
        self.oauth_errors.insert(status, codes);
        self
    }

    /// Reads a header that may be left out.
    #[must_use]
    pub fn header(mut self, name: &str, what: &str) -> Self {
        self.draft.takes_header(name, what, false);
        self
    }

    /// Reads a header that has to be there.
    #[must_use]
    pub fn required_header(mut self, name: &str, what: &str) -> Self {
        self.draft.takes_header(name, what, true);
        self
    }

    /// A part of the path, for example `("id", "The order.")`, which is written like this.
    #[must_use]
    pub fn part(mut self, (name, what): (&str, &str), schema: impl Into<RefOr<Schema>>) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(what))
            .schema(Some(schema));
        self.draft.parameters.push(parameter.build());
        self
    }

    /// The parameters of a query that the handler reads by itself.
    #[must_use]
    pub fn query<T: IntoParams>(mut self) -> Self {
        self.draft.takes_query(T::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// Takes a form (`application/x-www-form-urlencoded`) that the handler reads by itself.
    #[must_use]
    pub fn form<T: ToSchema>(self) -> Self {
        self.body::<T>("application/x-www-form-urlencoded", true)
    }

    /// Takes a body of this schema that the handler reads by itself.
    #[must_use]
    pub fn body<T: ToSchema>(mut self, media_type: &str, required: bool) -> Self {
        let schema = schema_of::<T>(&mut self.draft.schemas);
        self.takes(media_type, required, Content::new(Some(schema)));
        self
    }

    /// Takes bytes of this media type; `*/*` for any.
    #[must_use]
    pub fn bytes(mut self, media_type: &str, required: bool) -> Self {
        self.takes(media_type, required, Content::new(Some(formatted("binary"))));
        self
    }

    fn takes(&mut self, media_type: &str, required: bool, content: Content) {
        let required = if required { Required::True } else { Required::False };
        let body = self.draft.body.get_or_insert_with(RequestBody::new);
        body.content.insert(media_type.to_owned(), content.into());
        body.required = Some(required);
    }

    /// Its callers prove themselves by one of these security schemes, whatever the policy of the route says; the empty
    /// name stands for nobody in particular.
    #[must_use]
    pub fn proved_by(mut self, schemes: &'static [&'static str]) -> Self {
        self.proof = Proof::OneOf(schemes);
        self
    }
}
