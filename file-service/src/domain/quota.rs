//! How much a company may keep.

/// The most that a company may keep, if there is a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota(Option<u64>);

impl Quota {
    /// 0 stands for no limit.
    pub(crate) fn new(bytes: u64) -> Self {
        Self((bytes > 0).then_some(bytes))
    }

    pub(crate) fn limit(self) -> Option<u64> {
        self.0
    }
}

/// What a company keeps, beside what it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) used_bytes: u64,
    pub(crate) quota: Quota,
}
