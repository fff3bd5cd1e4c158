use chrono::{DateTime, TimeDelta};
use shared::CompanyId;

use super::*;
use crate::seal::TokenMacs;

const REPEAT_S: u32 = 60;

struct Story {
    macs: TokenMacs,
    login: Login,
    now: Timestamp,
}

impl Story {
    /// A login and its first token.
    fn begin() -> (Self, RefreshToken) {
        let macs = TokenMacs::for_tests(1);
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default();
        let first = RefreshToken::generate(Uuid::now_v7(), 0, &macs).unwrap_or_else(|_| panic!());
        let login = Login {
            sid: first.sid,
            user_id: UserId::MIN,
            session: Session::new(CompanyId::MIN, UserId::MIN),
            provider: Provider::Local,
            device: Device::new("a\nb", "::1".to_owned()),
            credentials_version: 1,
            began_at: now,
            auth_time_s: now.timestamp(),
            used_at: now,
            ends_at: now + TimeDelta::days(90),
            idle_until: now + TimeDelta::days(14),
            line: Line { generation: 0, token_hash: first.hash(), parent: None },
            ended: None,
        };
        (Self { macs, login, now }, first)
    }

    /// The token is exchanged for another.
    fn exchange(&mut self, token: &RefreshToken) -> RefreshToken {
        let next = RefreshToken::generate(token.sid, token.generation + 1, &self.macs);
        let next = next.unwrap_or_else(|_| panic!());
        let pair = token.seal(&next.expose()).ok();
        let parent = Parent { token_hash: token.hash(), exchanged_at: self.now, pair };
        let (generation, token_hash) = (next.generation, next.hash());
        self.login.line = Line { generation, token_hash, parent: Some(parent) };
        next
    }

    fn worth(&self, token: &RefreshToken) -> Worth {
        self.login.worth(token, (self.now, REPEAT_S))
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now += TimeDelta::milliseconds(milliseconds);
    }
}

#[test]
fn a_token_is_current_until_it_is_exchanged_and_repeats_the_same_pair_for_a_while() {
    let (mut story, first) = Story::begin();
    assert_eq!(story.worth(&first), Worth::Current);
    let second = story.exchange(&first);
    assert_eq!(story.worth(&second), Worth::Current);
    for _ in 0..3 {
        story.pass(19_999);
        let Worth::Repeat(pair) = story.worth(&first) else { panic!("a repetition") };
        assert_eq!(first.open(&pair).as_deref().map(String::as_str), Some(&*second.expose()));
    }
    story.pass(3);
    assert_eq!(story.worth(&first), Worth::Reused, "repeating does not prolong it");
    assert_eq!(story.worth(&second), Worth::Current);
}

#[test]
fn a_token_whose_successor_has_been_used_is_reused_at_once() {
    let (mut story, first) = Story::begin();
    let second = story.exchange(&first);
    let third = story.exchange(&second);
    assert_eq!(story.worth(&first), Worth::Reused);
    assert!(matches!(story.worth(&second), Worth::Repeat(_)));
    assert_eq!(story.worth(&third), Worth::Current);
}

#[test]
fn a_pair_that_has_been_wiped_is_not_repeated() {
    let (mut story, first) = Story::begin();
    story.exchange(&first);
    if let Some(parent) = &mut story.login.line.parent {
        parent.pair = None;
    }
    assert_eq!(story.worth(&first), Worth::Reused);
}

#[test]
fn what_the_login_has_not_seen_yet_is_unknown_and_ends_nothing() {
    let (mut story, first) = Story::begin();
    let before = story.login.clone();
    let second = story.exchange(&first);
    story.login = before;
    assert_eq!(story.worth(&second), Worth::Unknown, "from an older copy");
    let other = RefreshToken::generate(first.sid, 0, &story.macs).unwrap_or_else(|_| panic!());
    assert_eq!(story.worth(&other), Worth::Unknown, "a successor that was never handed out");
}

#[test]
fn a_login_ends_when_it_is_idle_when_it_is_old_and_when_it_is_ended() {
    let (mut story, first) = Story::begin();
    let now = story.now;
    story.now = now + TimeDelta::days(14);
    assert_eq!(story.worth(&first), Worth::Over(None));
    story.login.idle_until = now + TimeDelta::days(100);
    assert_eq!(story.worth(&first), Worth::Current);
    story.now = now + TimeDelta::days(90);
    assert_eq!(story.worth(&first), Worth::Over(None));
    story.now = now;
    story.login.ended = Some(EndedBy::Reuse);
    assert_eq!(story.worth(&first), Worth::Over(Some(EndedBy::Reuse)));
}

#[test]
fn a_user_agent_is_one_line_of_bounded_length() {
    let device = Device::new(&format!("a\r\nb{}", "x".repeat(1_000)), String::new());
    assert!(device.user_agent.starts_with("abx"));
    assert_eq!(device.user_agent.chars().count(), MAX_USER_AGENT_CHARS);
    for ended in EndedBy::ALL {
        assert_eq!(EndedBy::named(ended.name()), Some(ended));
    }
}
