-- Return the rights that the user lacks for the scripts of a queue, as ACL SETUSER takes them; none
-- before Redis 7, which can't say. KEYS[1]: the queue's name in braces. ARGV[1]: 1 if results are kept
-- on this server.
local missing = {}
if not redis.acl_check_cmd then return missing end
local key = KEYS[1] .. ':messages'
local function check(right, ...)
  if not redis.acl_check_cmd(...) then missing[#missing + 1] = right end
end
check('&' .. KEYS[1] .. ':*', 'PUBLISH', KEYS[1] .. ':aborts', '')
check('&' .. KEYS[1] .. ':*', 'SUBSCRIBE', KEYS[1] .. ':aborts')
if ARGV[1] == '1' then check('+getrange', 'GETRANGE', key, 0, 20) end
check('+set', 'SET', key, 'v')
check('+time', 'TIME')
check('+del', 'DEL', key)
check('+exists', 'EXISTS', key)
check('+hdel', 'HDEL', key, 'f')
check('+hexists', 'HEXISTS', key, 'f')
check('+hget', 'HGET', key, 'f')
check('+hkeys', 'HKEYS', key)
check('+hlen', 'HLEN', key)
check('+hmget', 'HMGET', key, 'f')
check('+hset', 'HSET', key, 'f','v')
check('+hsetnx', 'HSETNX', key, 'f','v')
check('+incr', 'INCR', key)
check('+incrby', 'INCRBY', key, 1)
check('+llen', 'LLEN', key)
check('+lpop', 'LPOP', key)
check('+lpush', 'LPUSH', key, 'v')
check('+rpush', 'RPUSH', key, 'v')
check('+sadd', 'SADD', key, 'v')
check('+smembers', 'SMEMBERS', key)
check('+srem', 'SREM', key, 'v')
check('+xadd', 'XADD', key, '*','f','v')
check('+xdel', 'XDEL', key, '0-0')
check('+xlen', 'XLEN', key)
check('+xrange', 'XRANGE', key, '-','+')
check('+zadd', 'ZADD', key, 0,'m')
check('+zcard', 'ZCARD', key)
check('+zcount', 'ZCOUNT', key, 0,0)
check('+zrange', 'ZRANGE', key, 0,0)
check('+zrangebyscore', 'ZRANGEBYSCORE', key, 0,0)
check('+zrem', 'ZREM', key, 'm')
check('+ltrim', 'LTRIM', key, 0, 0)
check('+lrange', 'LRANGE', key, 0, 0)
check('+zscore', 'ZSCORE', key, 'm')
check('+blpop', 'BLPOP', key, 0)
return missing
