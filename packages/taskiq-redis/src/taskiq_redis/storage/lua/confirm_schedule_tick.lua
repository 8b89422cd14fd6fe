-- Record that a tick was sent. ARGV: as of `claim_schedule_tick`.
local id, tick, forgotten = ARGV[1], ARGV[2], now - tonumber(ARGV[4])
local member = id .. '\n' .. tick
redis.call('ZREM', claims, member)
redis.call('ZADD', done, now, member)
redis.call('ZREMRANGEBYSCORE', done, '-inf', forgotten)
-- Claims that were never confirmed: their schedule is gone, or paused.
redis.call('ZREMRANGEBYSCORE', claims, '-inf', forgotten)
-- A schedule that fires once is deleted before its tick is confirmed.
local exists = redis.call('HEXISTS', repeated, id) + redis.call('HEXISTS', once, id) > 0
local last = tonumber(redis.call('HGET', last_ticks, id))
if exists and (not last or last < tonumber(tick)) then
  redis.call('HSET', last_ticks, id, tick)
end
return 1
