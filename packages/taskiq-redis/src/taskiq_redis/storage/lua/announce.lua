-- Keep the record of a worker. ARGV: its id, the record, seconds for which it is kept.
local ended = redis.call('ZRANGEBYSCORE', root .. ':worker_ends', '-inf', now, 'LIMIT', 0, 1000)
if #ended > 0 then
  redis.call('ZREM', root .. ':worker_ends', unpack(ended))
  redis.call('HDEL', root .. ':workers', unpack(ended))
end
redis.call('HSET', root .. ':workers', ARGV[1], ARGV[2])
redis.call('ZADD', root .. ':worker_ends', after(ARGV[3]), ARGV[1])
return 1
