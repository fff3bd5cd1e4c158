//! What Redis does in one step. Each script is given how far we have seen the changes come, and in which era; it answers with
//! how far they are, and what it has done.

use deadpool_redis::redis::Script;

pub(super) struct Scripts {
    pub(super) insert: Script,
    pub(super) find: Script,
    pub(super) exchange: Script,
    pub(super) list: Script,
    pub(super) remove: Script,
    pub(super) raise_version: Script,
    /// Says which era it is; it has no count.
    pub(super) announce: Script,
}

/// Somebody has noticed before us that changes are missing.
const ERA: &str = r"
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[2]) then
    return redis.error_reply('NEW_ERA another one has begun')
end
";

/// Before something is changed.
const COUNT: &str = r"
local counted = redis.call('INCR', KEYS[1])
if counted <= tonumber(ARGV[1]) then return redis.error_reply('WENT_BACK changes are missing') end
";

/// Before something is read.
const LOOK: &str = r"
local counted = tonumber(redis.call('GET', KEYS[1]) or '0')
if counted < tonumber(ARGV[1]) then return redis.error_reply('WENT_BACK changes are missing') end
";

/// Login, user, version; id, hash, state, began, expires, ends, how many, what keys of logins begin with, version. Gives the
/// oldest that are too many, which stay until they are revoked; nothing when the version is too old.
const INSERT: &str = r"
if tonumber(redis.call('GET', KEYS[5]) or '0') > tonumber(ARGV[11]) then return {counted, false} end
for _, sid in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    if redis.call('EXISTS', ARGV[10] .. sid) == 0 then redis.call('ZREM', KEYS[4], sid) end
end
local beyond = redis.call('ZRANGE', KEYS[4], 0, -tonumber(ARGV[9]))
redis.call('HSET', KEYS[3], 'hash', ARGV[4], 'state', ARGV[5])
redis.call('PEXPIREAT', KEYS[3], ARGV[7])
redis.call('ZADD', KEYS[4], ARGV[6], ARGV[3])
if redis.call('PTTL', KEYS[4]) < ARGV[8] - ARGV[6] then redis.call('PEXPIREAT', KEYS[4], ARGV[8]) end
return {counted, beyond}
";

const FIND: &str = "return {counted, redis.call('HGET', KEYS[3], 'state')}";

/// Login; the hash that is used, the next one, state, expires.
const EXCHANGE: &str = r"
if redis.call('HGET', KEYS[3], 'hash') ~= ARGV[3] then return {counted, 0} end
redis.call('HSET', KEYS[3], 'hash', ARGV[4], 'state', ARGV[5])
redis.call('PEXPIREAT', KEYS[3], ARGV[6])
return {counted, 1}
";

const LIST: &str = "return {counted, redis.call('ZRANGE', KEYS[3], 0, -1)}";

const REMOVE: &str = r"
redis.call('ZREM', KEYS[4], ARGV[3])
return {counted, redis.call('DEL', KEYS[3])}
";

/// Version; which, for how long in milliseconds.
const RAISE_VERSION: &str = r"
if tonumber(redis.call('GET', KEYS[3]) or '0') < tonumber(ARGV[3]) then
    redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
end
return {counted, 1}
";

const ANNOUNCE: &str = r"
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1])
end
return 1
";

impl Scripts {
    pub(super) fn new() -> Self {
        let script = |before: &str, rest: &str| Script::new(&format!("{ERA}{before}{rest}"));
        Self {
            insert: script(COUNT, INSERT),
            find: script(LOOK, FIND),
            exchange: script(COUNT, EXCHANGE),
            list: script(LOOK, LIST),
            remove: script(COUNT, REMOVE),
            raise_version: script(COUNT, RAISE_VERSION),
            announce: Script::new(ANNOUNCE),
        }
    }
}
