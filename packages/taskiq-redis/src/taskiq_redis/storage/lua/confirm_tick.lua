-- Record that a tick was sent. ARGV: schedule id, tick, seconds for which confirmed ticks and claims
-- that ran out are known, seconds for which last ticks are.
local id, tick, memory = ARGV[1], ARGV[2], ARGV[3]
local member = id .. '\n' .. tick
redis.call('ZREM', claims, member)
redis.call('ZADD', done, now, member)
local last = last_tick(id)
if not last or last < tonumber(tick) then redis.call('HSET', last_ticks, id, tick) end
redis.call('ZADD', last_confirmed, now, id)

for _, key in ipairs({ claims, done }) do
  local old = older(key, memory)
  if #old > 0 then redis.call('ZREM', key, unpack(old)) end
end
local old = older(last_confirmed, ARGV[4])
if #old > 0 then
  redis.call('HDEL', last_ticks, unpack(old))
  redis.call('ZREM', last_confirmed, unpack(old))
end
return 1
