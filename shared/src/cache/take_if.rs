//! [`TakeIf`]: taking a value that has to be named, with a limit on how often it may be named wrongly.

use std::time::Duration;

use deadpool_redis::redis::{self, Cmd};

use crate::cache::MemoryCache;

/// What became of a value that somebody tried to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeIf {
    /// It was the one that was named, and is gone now.
    Taken {
        /// How long it would still have been there: to put it back.
        left: Duration,
    },
    /// Another one is there, or was there until now.
    Wrong,
    /// There is none.
    Gone,
}

impl TakeIf {
    /// As [`TAKE_IF`] says it.
    pub(super) fn read((outcome, left_ms): (u8, i64)) -> Self {
        match outcome {
            0 => {
                Self::Taken { left: Duration::from_millis(left_ms.try_into().unwrap_or_default()) }
            }
            1 => Self::Wrong,
            _ => Self::Gone,
        }
    }
}

/// Removes the value if it is the one that is named. Wrong names are counted beside it, together with the value that they
/// were wrong about: a new value starts from none, and one that is put back does not. Gives what became of it and, of what
/// was taken, the milliseconds that it had left.
const TAKE_IF: &str = r"
local value = redis.call('GET', KEYS[1])
if not value then return {2, 0} end
local left = redis.call('PTTL', KEYS[1])
if value == ARGV[1] then
    redis.call('DEL', KEYS[1])
    return {0, left}
end
local wrong = 1
local before = redis.call('GET', KEYS[2])
if before then
    local split = string.find(before, ':', 1, true)
    if string.sub(before, split + 1) == value then wrong = string.sub(before, 1, split - 1) + 1 end
end
if wrong >= tonumber(ARGV[2]) then
    redis.call('DEL', KEYS[1], KEYS[2])
elseif left > 0 then
    redis.call('SET', KEYS[2], wrong .. ':' .. value, 'PX', left)
end
return {1, 0}
";

pub(super) fn script(key: &str, expected: &str, max_wrong: u32) -> Cmd {
    let mut script = redis::cmd("EVAL");
    script.arg(TAKE_IF).arg(2).arg(key).arg(wrong_key(key)).arg(expected).arg(max_wrong);
    script
}

impl MemoryCache {
    pub(super) fn take_if(&self, key: &str, expected: &str, max_wrong: u32) -> TakeIf {
        self.with(|values, now| {
            let Some((value, expires)) = values.map.get(key).cloned() else { return TakeIf::Gone };
            let Some(left) = expires.checked_sub(now).filter(|left| !left.is_zero()) else {
                return TakeIf::Gone;
            };
            if value == expected {
                values.map.remove(key);
                return TakeIf::Taken { left };
            }
            let counter = wrong_key(key);
            let wrong =
                1 + values.live(&counter, now).map_or(0, |before| wrong_about(before, &value));
            if wrong >= max_wrong {
                values.map.remove(key);
                values.map.remove(&counter);
            } else {
                values.put(&counter, (format!("{wrong}:{value}"), expires), now);
            }
            TakeIf::Wrong
        })
    }
}

/// Where it is counted how often a value was named wrongly.
fn wrong_key(key: &str) -> String {
    format!("{key}:wrong")
}

/// How often this value was named wrongly, by what is written down.
fn wrong_about(before: &str, value: &str) -> u32 {
    let (wrong, about) = before.split_once(':').unwrap_or_default();
    if about == value { wrong.parse().unwrap_or(0) } else { 0 }
}
