-- Return the records that have not ended. ARGV: how many to leave out, how many at most.
local range = { root .. ':worker_ends', '(' .. now, '+inf', 'LIMIT', ARGV[1], ARGV[2] }
local ids = redis.call('ZRANGEBYSCORE', unpack(range))
if #ids == 0 then return {} end
return redis.call('HMGET', root .. ':workers', unpack(ids))
