//! [`Routes`]: every path of a service, its method and its policy. A service that has forgotten one does not start.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::{ResourceDef, ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, FromRequest, Handler, HttpResponse, Resource, Responder, Route};

use crate::guard::check;
use crate::policy::Policy;
use crate::reply::ApiError;
use crate::session_source::SessionSource;

type AddToApp = Box<dyn FnOnce(&mut ServiceConfig)>;
type AddToPath = Box<dyn FnOnce(Resource) -> Resource>;

/// The routes of a service. After each handler stands what its callers need: [`public`](Self::public),
/// [`optional`](Self::optional), [`session`](Self::session), [`scope`](Self::scope), [`role`](Self::role),
/// [`max_staleness`](Self::max_staleness); the last four add up.
///
/// ```
/// use shared::routes::Routes;
/// use shared::{MaybeSession, Session};
///
/// async fn list_products(caller: MaybeSession) -> &'static str {
///     if caller.session().is_some() { "your prices" } else { "our prices" }
/// }
/// async fn list_orders(session: Session) -> String {
///     format!("orders of company {}", session.company_id())
/// }
///
/// fn routes() -> Routes {
///     Routes::new()
///         .get("/api/products", list_products).optional()
///         .get("/api/orders", list_orders).session().scope("order:read")
/// }
/// assert!(routes().audit().is_ok());
/// assert!(routes().get("/api/invoices", list_orders).audit().is_err());
/// ```
#[derive(Default)]
pub struct Routes {
    declared: Vec<Declared>,
    app_data: Vec<AddToApp>,
    unaudited: bool,
    /// Words that stand where they mean nothing.
    wrong: Vec<String>,
    path_data: Vec<(String, AddToPath)>,
    #[cfg(feature = "openapi")]
    pub(crate) described: Option<crate::openapi::Described>,
}

struct Declared {
    method: Method,
    path: String,
    /// None until it is declared: nobody is let in.
    policy: Option<Policy>,
    route: Box<dyn FnOnce(Option<Policy>) -> Route>,
}

/// What is wrong with the routes of a service.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct AuditError(Vec<String>);

impl AuditError {
    #[cfg(feature = "client")]
    pub(crate) fn of(wrong: &str) -> Self {
        Self(vec![wrong.to_owned()])
    }
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => {$(
        #[doc = concat!("A ", stringify!($method), " of this path.")]
        #[must_use]
        pub fn $name<F, Args>(self, path: &str, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.route(Method::$method, path, handler)
        }
    )*};
}

impl Declared {
    /// The router asks paths one after the other: what fits an earlier one is never asked.
    fn is_hidden_by(&self, earlier: &Self) -> bool {
        ResourceDef::new(earlier.path.as_str()).is_match(&example(&self.path))
    }
}

/// A path that fits the pattern: each of its parameters becomes `0`.
fn example(pattern: &str) -> String {
    let (mut example, mut depth) = (String::new(), 0_u32);
    for character in pattern.chars() {
        match character {
            '{' => {
                depth += 1;
                if depth == 1 {
                    example.push('0');
                }
            }
            '}' => depth = depth.saturating_sub(1),
            other if depth == 0 => example.push(other),
            _ => {}
        }
    }
    example
}

impl Routes {
    /// No routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD);

    /// A request of this method for this path, for example `/api/orders/{id}`.
    #[must_use]
    pub fn route<F, Args>(mut self, method: Method, path: &str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let own = method.clone();
        self.declared.push(Declared {
            method,
            path: path.to_owned(),
            policy: None,
            route: Box::new(move |policy| guarded(own, policy, handler)),
        });
        self
    }

    /// Everybody is let in, and who calls makes no difference.
    #[must_use]
    pub fn public(self) -> Self {
        self.declare(|_| Policy::PUBLIC)
    }

    /// Everybody is let in; who is known may get more.
    #[must_use]
    pub fn optional(self) -> Self {
        self.declare(|_| Policy::OPTIONAL)
    }

    /// A session is needed.
    #[must_use]
    pub fn session(self) -> Self {
        self.declare(|before| before.map_or(Policy::SESSION, Policy::and_session))
    }

    /// A token with this scope is needed.
    #[must_use]
    pub fn scope(self, scope: &'static str) -> Self {
        self.declare(|before| before.map_or(Policy::scope(scope), |own| own.and_scope(scope)))
    }

    /// A session with this role is needed.
    #[must_use]
    pub fn role(self, role: &'static str) -> Self {
        self.declare(|before| before.map_or(Policy::role(role), |own| own.and_role(role)))
    }

    /// On top of the others: a token that was revoked longer ago than this must be known to be. While it is not, because the
    /// issuer's feed of revocations is away, the answer is 503; see [`Policy::max_staleness`]. Less than 5 s makes no sense.
    #[must_use]
    pub fn max_staleness(self, longest: Duration) -> Self {
        self.declare(|before| before.unwrap_or(Policy::ANY_TOKEN).max_staleness(longest))
    }

    fn declare(mut self, policy: impl FnOnce(Option<Policy>) -> Policy) -> Self {
        match self.declared.last_mut() {
            Some(last) => {
                let before = last.policy.clone();
                let now = policy(last.policy.take());
                // Who lets everybody in after all has mistaken one word for another.
                if now.admits_strangers() && before.is_some() {
                    self.wrong.push(format!("{} {} has two policies", last.method, last.path));
                }
                last.policy = Some(now);
            }
            None => self.wrong.push("a policy stands before the first route".to_owned()),
        }
        self
    }

    /// What all handlers may take, for example `web::Data`.
    #[must_use]
    pub fn app_data<T: 'static>(mut self, data: T) -> Self {
        self.app_data.push(Box::new(|app| {
            app.app_data(data);
        }));
        self
    }

    /// The same for the path of the last route, for example a
    /// [`json_config`](crate::reply::input::json_config) with another limit.
    #[must_use]
    pub fn path_data<T: 'static>(mut self, data: T) -> Self {
        if let Some(last) = self.declared.last() {
            let add: AddToPath = Box::new(|own| own.app_data(data));
            self.path_data.push((last.path.clone(), add));
        }
        self
    }

    /// Routes that are put together by hand, with guards of their own: what they let through is not looked at, and the
    /// table says so.
    #[must_use]
    pub fn unaudited(mut self, configure: impl FnOnce(&mut ServiceConfig) + 'static) -> Self {
        self.unaudited = true;
        self.app_data.push(Box::new(configure));
        self
    }

    /// Looks for routes without a policy, for such as are there twice, and for such as an earlier one hides.
    ///
    /// # Errors
    /// An [`AuditError`] that names each of them.
    pub fn audit(&self) -> Result<(), AuditError> {
        let mut wrong = self.wrong.clone();
        for (place, own) in self.declared.iter().enumerate() {
            if own.policy.is_none() {
                wrong.push(format!("{} {} has no policy", own.method, own.path));
            }
            let before = &self.declared[..place];
            if before.iter().any(|other| own.path == other.path && own.method == other.method) {
                wrong.push(format!("{} {} is declared twice", own.method, own.path));
            }
            // A path stands where it was named first, with all its methods.
            let first = before.iter().position(|other| own.path == other.path).unwrap_or(place);
            if let Some(hiding) = before[..first].iter().find(|other| own.is_hidden_by(other)) {
                wrong.push(format!("{} {} is hidden by {}", own.method, own.path, hiding.path));
            }
        }
        #[cfg(feature = "openapi")]
        wrong.extend(self.described.iter().flat_map(|own| own.check()));
        if wrong.is_empty() { Ok(()) } else { Err(AuditError(wrong)) }
    }

    /// The same for a service that finds out by this who calls, or does not: no route of it can demand to know more.
    pub(crate) fn audit_with(&self, source: Option<&SessionSource>) -> Result<(), AuditError> {
        self.audit()?;
        let (beyond, because): (fn(&Policy) -> bool, _) = match source {
            None => {
                (|own| !own.admits_strangers(), "needs a caller, and nothing finds out who calls")
            }
            Some(source) if !source.knows_revocations() => {
                (Policy::needs_revocations, "needs revocations, and nothing follows them")
            }
            Some(_) => return Ok(()),
        };
        let demanding = self.declared.iter().filter(|own| own.policy.as_ref().is_some_and(beyond));
        let wrong: Vec<_> =
            demanding.map(|own| format!("{} {} {because}", own.method, own.path)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(AuditError(wrong)) }
    }

    /// Method, path and policy of each route, in the order in which they were declared. `-` for no policy.
    #[must_use]
    pub fn list(&self) -> Vec<(String, String, String)> {
        let shown = |own: &Declared| {
            let policy = own.policy.as_ref().map_or_else(|| "-".to_owned(), Policy::to_string);
            (own.method.to_string(), own.path.clone(), policy)
        };
        self.declared.iter().map(shown).collect()
    }

    /// What each route demands of its callers, by method and path.
    #[cfg(feature = "openapi")]
    #[must_use]
    pub fn policies(&self) -> crate::openapi::Policies {
        let shown =
            |own: &Declared| Some(((own.method.clone(), own.path.clone()), own.policy.clone()?));
        self.declared.iter().filter_map(shown).collect()
    }

    /// Adds the routes to an app. Who has no policy lets nobody in.
    pub fn configure(self, app: &mut ServiceConfig) {
        for resource in resources(self.declared, self.path_data) {
            app.service(resource);
        }
        for add in self.app_data {
            add(app);
        }
    }
}

/// Routes of one path become one resource: it knows its methods, and answers 405 with `Allow` to others.
fn resources(declared: Vec<Declared>, path_data: Vec<(String, AddToPath)>) -> Vec<Resource> {
    let mut resources: Vec<(String, Resource)> = Vec::new();
    for Declared { path, policy, route, .. } in declared {
        let place = resources.iter().position(|(own, _)| *own == path);
        let resource = match place {
            Some(place) => resources.remove(place).1,
            None => web::resource(path.as_str()),
        };
        let place = place.unwrap_or(resources.len());
        resources.insert(place, (path, resource.route(route(policy))));
    }
    for (path, add) in path_data {
        if let Some(place) = resources.iter().position(|(own, _)| *own == path) {
            let (path, resource) = resources.remove(place);
            resources.insert(place, (path, add(resource)));
        }
    }
    resources.into_iter().map(|(_, resource)| resource).collect()
}

/// The handler behind its guard, in one step: a middleware of its own would cost a box or two at each request.
fn guarded<F, Args>(method: Method, policy: Option<Policy>, handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let policy = Rc::new(policy);
    web::method(method).service(fn_service(move |request: ServiceRequest| {
        let verdict = match &*policy {
            Some(policy) => check(&request, policy),
            None => Err(ApiError::unexpected("the route has no policy")),
        };
        let handler = handler.clone();
        async move {
            match verdict {
                Ok(()) => Ok::<_, Error>(answer(request, &handler).await),
                Err(refusal) => Ok(request.error_response(refusal)),
            }
        }
    }))
}

async fn answer<F, Args>(request: ServiceRequest, handler: &F) -> ServiceResponse
where
    F: Handler<Args>,
    Args: FromRequest,
    F::Output: Responder + 'static,
{
    let (request, mut payload) = request.into_parts();
    let response = match Args::from_request(&request, &mut payload).await {
        Ok(arguments) => handler.call(arguments).await.respond_to(&request).map_into_boxed_body(),
        Err(error) => HttpResponse::from_error(error),
    };
    ServiceResponse::new(request, response)
}

impl fmt::Display for Routes {
    /// As a table, one route a line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.list();
        let width = |of: fn(&(String, String, String)) -> usize| rows.iter().map(of).max();
        let (methods, paths) = (width(|row| row.0.len()), width(|row| row.1.len()));
        let (methods, paths) = (methods.unwrap_or_default(), paths.unwrap_or_default());
        for (method, path, policy) in &rows {
            writeln!(formatter, "{method:<methods$}  {path:<paths$}  {policy}")?;
        }
        if self.unaudited { writeln!(formatter, "and routes that are not audited") } else { Ok(()) }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.list()).finish()
    }
}
