//! What Redis does in one step. Each script is given the number of changes first, and the greatest that we have seen; it
//! answers with the number, and what it has done.

use deadpool_redis::redis::Script;

pub(super) struct Scripts {
    pub(super) insert: Script,
    pub(super) find: Script,
    pub(super) exchange: Script,
    pub(super) list: Script,
    pub(super) remove: Script,
}

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

/// Login, user; id, hash, state, began, expires, ends, how many, what keys of logins begin with. Gives the oldest that are too many, which stay until they
/// are revoked.
const INSERT: &str = r"
redis.call('HSET', KEYS[2], 'hash', ARGV[3], 'state', ARGV[4])
redis.call('PEXPIREAT', KEYS[2], ARGV[6])
for _, sid in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if redis.call('EXISTS', ARGV[9] .. sid) == 0 then redis.call('ZREM', KEYS[3], sid) end
end
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2])
if redis.call('PTTL', KEYS[3]) < ARGV[7] - ARGV[5] then redis.call('PEXPIREAT', KEYS[3], ARGV[7]) end
return {counted, redis.call('ZRANGE', KEYS[3], 0, -1 - ARGV[8])}
";

const FIND: &str = "return {counted, redis.call('HGET', KEYS[2], 'state')}";

/// Login; the hash that is used, the next one, state, expires.
const EXCHANGE: &str = r"
if redis.call('HGET', KEYS[2], 'hash') ~= ARGV[2] then return {counted, 0} end
redis.call('HSET', KEYS[2], 'hash', ARGV[3], 'state', ARGV[4])
redis.call('PEXPIREAT', KEYS[2], ARGV[5])
return {counted, 1}
";

const LIST: &str = "return {counted, redis.call('ZRANGE', KEYS[2], 0, -1)}";

const REMOVE: &str = r"
redis.call('ZREM', KEYS[3], ARGV[2])
return {counted, redis.call('DEL', KEYS[2])}
";

impl Scripts {
    pub(super) fn new() -> Self {
        let script = |before: &str, rest: &str| Script::new(&format!("{before}{rest}"));
        Self {
            insert: script(COUNT, INSERT),
            find: script(LOOK, FIND),
            exchange: script(COUNT, EXCHANGE),
            list: script(LOOK, LIST),
            remove: script(COUNT, REMOVE),
        }
    }
}
