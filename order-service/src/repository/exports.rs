//! Exports that users have asked for.

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::idempotency::{Claim, IdempotentConnection, KeptAnswer, KeyedRequest};
use shared::paging::{Page, PageError};
use shared::{CompanyId, Tenant, Timestamp, UserId, across_tenants, with_tenant};

use crate::domain::export::{Export, ExportId, ExportState, Finish};
use crate::error::OrderError;
use crate::repository::schema::exports;

const REQUESTED: &str = "REQUESTED";
const DONE: &str = "DONE";
const CLOSED: &str = "CLOSED";

#[derive(Clone, Debug)]
pub(crate) struct ExportRepository {
    db: Db,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = exports)]
struct ExportRow {
    id: String,
    company_id: i64,
    user_id: i64,
    handoff: String,
    handed_on_until: chrono::NaiveDateTime,
    placed_from: Option<chrono::NaiveDateTime>,
    placed_to: Option<chrono::NaiveDateTime>,
    due_at: chrono::NaiveDateTime,
    state: String,
    file_id: Option<String>,
    reason: Option<String>,
    ended_by: Option<String>,
    created_at: chrono::NaiveDateTime,
    finished_at: Option<chrono::NaiveDateTime>,
}

impl ExportRow {
    /// One that has just been asked for.
    fn new(export: &Export) -> Self {
        Self {
            id: export.id.to_string(),
            company_id: export.company_id.get(),
            user_id: export.user_id.get(),
            handoff: export.handoff.clone(),
            handed_on_until: export.handed_on_until.naive_utc(),
            placed_from: export.placed_from.map(|at| at.naive_utc()),
            placed_to: export.placed_to.map(|at| at.naive_utc()),
            due_at: export.due_at.naive_utc(),
            state: REQUESTED.to_owned(),
            file_id: None,
            reason: None,
            ended_by: None,
            created_at: export.created_at.naive_utc(),
            finished_at: None,
        }
    }

    fn state(&mut self) -> Result<ExportState, DbError> {
        let corrupt = || DbError::Corrupt("export");
        match self.state.as_str() {
            REQUESTED => Ok(ExportState::Requested),
            DONE => {
                let file_id = self.file_id.take().ok_or_else(corrupt)?;
                Ok(ExportState::Finished(Finish::Done { file_id }))
            }
            CLOSED => {
                let reason = self.reason.take().ok_or_else(corrupt)?;
                let ended_by = self.ended_by.take();
                Ok(ExportState::Finished(Finish::Closed { reason, ended_by }))
            }
            _ => Err(corrupt()),
        }
    }
}

impl TryFrom<ExportRow> for Export {
    type Error = DbError;

    fn try_from(mut row: ExportRow) -> Result<Self, DbError> {
        let corrupt = |what| move |_| DbError::Corrupt(what);
        Ok(Self {
            state: row.state()?,
            id: ExportId::parse(&row.id).map_err(|_| DbError::Corrupt("export id"))?,
            company_id: CompanyId::try_from(row.company_id).map_err(corrupt("company id"))?,
            user_id: UserId::try_from(row.user_id).map_err(corrupt("user id"))?,
            handoff: row.handoff,
            handed_on_until: row.handed_on_until.and_utc(),
            placed_from: row.placed_from.map(|at| at.and_utc()),
            placed_to: row.placed_to.map(|at| at.and_utc()),
            due_at: row.due_at.and_utc(),
            created_at: row.created_at.and_utc(),
            finished_at: row.finished_at.map(|at| at.and_utc()),
        })
    }
}

impl ExportRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// What was answered to this request before, if it was made before.
    pub(crate) async fn find_answer(
        &self,
        request: &KeyedRequest,
    ) -> Result<Option<KeptAnswer>, OrderError> {
        with_tenant!(&self.db, request.tenant(), |conn| Ok(conn.find(request).await?))
    }

    /// Adds it, and with it what was handed on. With a name, the same request twice has the effect of once: the second gets the
    /// answer of the first.
    pub(crate) async fn insert(
        &self,
        (tenant, keyed): (Tenant, Option<&KeyedRequest>),
        export: &Export,
        answer: KeptAnswer,
    ) -> Result<KeptAnswer, OrderError> {
        let row = ExportRow::new(export);
        with_tenant!(&self.db, tenant, |conn| {
            if let Some(request) = keyed
                && let Claim::Replay(before) =
                    conn.claim(request, export.created_at, Some(&answer)).await?
            {
                return Ok(before);
            }
            diesel::insert_into(exports::table).values(&row).execute(conn).await?;
            Ok(answer)
        })
    }

    pub(crate) async fn find(
        &self,
        tenant: Tenant,
        id: ExportId,
    ) -> Result<Option<Export>, OrderError> {
        let row: Option<ExportRow> = with_tenant!(&self.db, tenant, |conn| exports::table
            .filter(exports::company_id.eq(tenant.company_id().get()))
            .filter(exports::id.eq(id.to_string()))
            .select(ExportRow::as_select())
            .first(conn)
            .await
            .optional())?;
        Ok(row.map(Export::try_from).transpose()?)
    }

    /// How many of this user's are still to be made.
    pub(crate) async fn count_open(&self, tenant: Tenant, user: UserId) -> Result<i64, OrderError> {
        Ok(with_tenant!(&self.db, tenant, |conn| exports::table
            .filter(exports::company_id.eq(tenant.company_id().get()))
            .filter(exports::user_id.eq(user.get()))
            .filter(exports::state.eq(REQUESTED))
            .count()
            .get_result(conn)
            .await)?)
    }

    /// Those of this user, the newest first.
    pub(crate) async fn list(
        &self,
        (tenant, user): (Tenant, UserId),
        page: &Page,
    ) -> Result<Vec<Export>, OrderError> {
        let before = after(page)?;
        let rows: Vec<ExportRow> = with_tenant!(&self.db, tenant, |conn| {
            let mut query = exports::table
                .filter(exports::company_id.eq(tenant.company_id().get()))
                .filter(exports::user_id.eq(user.get()))
                .into_boxed();
            if let Some(before) = &before {
                query = query.filter(exports::id.lt(before));
            }
            let query = query.order(exports::id.desc()).limit(i64::from(page.limit));
            query.select(ExportRow::as_select()).load(conn).await
        })?;
        Ok(rows.into_iter().map(Export::try_from).collect::<Result<_, _>>()?)
    }

    /// Those of a company that are to be worked on by then, the oldest first.
    pub(crate) async fn list_due(
        &self,
        (tenant, by): (Tenant, Timestamp),
        page: &Page,
    ) -> Result<Vec<Export>, OrderError> {
        let after = after(page)?.unwrap_or_default();
        let rows: Vec<ExportRow> = with_tenant!(&self.db, tenant, |conn| exports::table
            .filter(exports::company_id.eq(tenant.company_id().get()))
            .filter(exports::state.eq(REQUESTED))
            .filter(exports::due_at.le(by.naive_utc()))
            .filter(exports::id.gt(after))
            .order(exports::id.asc())
            .limit(i64::from(page.limit))
            .select(ExportRow::as_select())
            .load(conn)
            .await)?;
        Ok(rows.into_iter().map(Export::try_from).collect::<Result<_, _>>()?)
    }

    /// The companies that have such.
    pub(crate) async fn list_companies_due(
        &self,
        by: Timestamp,
    ) -> Result<Vec<CompanyId>, OrderError> {
        let ids: Vec<i64> = across_tenants!(&self.db, |conn| exports::table
            .filter(exports::state.eq(REQUESTED))
            .filter(exports::due_at.le(by.naive_utc()))
            .select(exports::company_id)
            .distinct()
            .order(exports::company_id.asc())
            .load(conn)
            .await)?;
        let companies = ids.into_iter().map(CompanyId::try_from).collect::<Result<_, _>>();
        Ok(companies.map_err(|_| DbError::Corrupt("company id"))?)
    }

    /// Ends one that has not ended; one statement decides.
    pub(crate) async fn finish(
        &self,
        tenant: Tenant,
        id: ExportId,
        (finish, now): (&Finish, Timestamp),
    ) -> Result<(), OrderError> {
        let (state, file_id, reason, ended_by) = match finish {
            Finish::Done { file_id } => (DONE, Some(file_id), None, None),
            Finish::Closed { reason, ended_by } => (CLOSED, None, Some(reason), ended_by.as_ref()),
        };
        let own = exports::table
            .filter(exports::company_id.eq(tenant.company_id().get()))
            .filter(exports::id.eq(id.to_string()))
            .filter(exports::state.eq(REQUESTED));
        with_tenant!(&self.db, tenant, |conn| diesel::update(own)
            .set((
                exports::state.eq(state),
                exports::file_id.eq(file_id),
                exports::reason.eq(reason),
                exports::ended_by.eq(ended_by),
                exports::finished_at.eq(now.naive_utc()),
            ))
            .execute(conn)
            .await)?;
        Ok(())
    }
}

/// Where the page before ended.
fn after(page: &Page) -> Result<Option<String>, OrderError> {
    let after = page.after.as_deref().map(ExportId::parse).transpose();
    Ok(after.map_err(|_| PageError::Cursor)?.map(|id| id.to_string()))
}
