//! What is done in the middle of a transaction, whichever database it is on.

/// Counts a login of this user, and gives the least version of credentials that is good. The row is locked until the end of
/// the transaction, so that two at once count each other, and none begins while its credentials end.
macro_rules! count_login {
    ($conn:expr, $user:expr) => {
        insert_into(login_counts::table)
            .values((
                login_counts::user_id.eq($user),
                login_counts::begun.eq(1),
                login_counts::min_version.eq(0),
            ))
            .on_conflict(login_counts::user_id)
            .do_update()
            .set(login_counts::begun.eq(login_counts::begun + 1))
            .returning(login_counts::min_version)
            .get_result::<i64>($conn)
    };
}

/// From now on nobody logs in with older credentials. It comes before the lock of the revocations, as it does where a login
/// is added.
macro_rules! raise_version {
    ($conn:expr, $user:expr, $version:expr) => {
        // Tables have a method of that name, too.
        diesel::query_dsl::methods::FilterDsl::filter(
            insert_into(login_counts::table)
                .values((
                    login_counts::user_id.eq($user),
                    login_counts::begun.eq(0),
                    login_counts::min_version.eq($version),
                ))
                .on_conflict(login_counts::user_id)
                .do_update()
                .set(login_counts::min_version.eq($version)),
            login_counts::min_version.lt($version),
        )
        .execute($conn)
    };
}

/// Ends these logins in the transaction of a change, and revokes what came of them. It comes first, since it takes the
/// lock of the revocations.
macro_rules! end_logins {
    ($conn:expr, $sids:expr, $ended_by:expr, $now:expr) => {
        for sid in $sids {
            let seq = note_change!($conn, REVOCATIONS).await?;
            let row = RevocationRow::new(&of_login(sid, $now), seq);
            insert_into(revocations::table).values(row).execute($conn).await?;
            diesel::update(logins::table.find(sid).filter(logins::ended_by.is_null()))
                .set((
                    logins::ended_by.eq($ended_by.name()),
                    logins::sealed_pair.eq(None::<Vec<u8>>),
                ))
                .execute($conn)
                .await?;
            end_handed_on!($conn, sid, $ended_by, (None, $now));
        }
    };
}

/// Ends what was handed on in the user's sessions before his credentials changed, whatever has become of its login.
macro_rules! end_handed_on_before {
    ($conn:expr, ($user:expr, $version:expr), $ended_by:expr, $now:expr) => {{
        let query = handoffs::table
            .filter(handoffs::user_id.eq($user))
            .filter(handoffs::credentials_version.lt($version));
        end_handoffs!($conn, query, HandoffEnd::Root($ended_by), (None, $now));
    }};
}

pub(super) use {count_login, end_handed_on_before, end_logins, raise_version};
