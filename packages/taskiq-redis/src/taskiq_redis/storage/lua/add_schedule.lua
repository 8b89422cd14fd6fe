-- Keep a schedule. ARGV: its id, JSON, when it is due if it fires once, 1 if its last tick is to be
-- forgotten, and the channel of changes.
local id, body, moment = ARGV[1], ARGV[2], ARGV[3]
redis.call('HDEL', repeated, id)
redis.call('HDEL', once, id)
redis.call('ZREM', due, id)
if moment == '' then
  redis.call('HSET', repeated, id, body)
else
  redis.call('HSET', once, id, body)
  redis.call('ZADD', due, moment, id)
end
if ARGV[4] == '1' then redis.call('HDEL', last_ticks, id) end
tell(ARGV[5])
return 1
