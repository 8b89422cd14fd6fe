-- A tick was sent. KEYS and ARGV are those of `claim`.
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local member = ARGV[1] .. '\n' .. ARGV[2]
redis.call('ZREM', KEYS[1], member)
redis.call('ZADD', KEYS[2], tonumber(ARGV[2]) / 1000000, member)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[4]))
local last = redis.call('HGET', KEYS[3], ARGV[1])
if not last or tonumber(last) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
end
return 1
