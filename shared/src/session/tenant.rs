//! [`Tenant`]: the company in whose name a database is asked.

use crate::session::{CompanyId, Session};

/// The company in whose name a database is asked. Only a [`Session`] makes one: a method that asks for it cannot be
/// called without a caller, and not with a number that came in from outside.
///
/// ```
/// use shared::{Session, Tenant};
///
/// async fn count_orders(tenant: Tenant) -> i64 {
///     // ... .filter(orders::company_id.eq(tenant.company_id().get()))
///     # let _ = tenant;
///     # 0
/// }
///
/// let session = Session::parse(r#"{"companyId":100,"userId":200}"#)?;
/// let counting = count_orders(session.tenant());
/// # drop(counting);
/// # Ok::<(), shared::SessionError>(())
/// ```
/// ```compile_fail
/// let tenant = shared::Tenant(shared::CompanyId::MIN);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenant(CompanyId);

impl Tenant {
    /// Its company.
    #[must_use]
    pub fn company_id(self) -> CompanyId {
        self.0
    }
}

impl Session {
    /// The company in whose name the caller's data is read and written.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant(self.company_id())
    }
}
