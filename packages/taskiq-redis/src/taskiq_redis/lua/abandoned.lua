-- Answers the claims that ran out before they were confirmed. KEYS[1]: the claims.
local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time[1] + time[2] / 1000000, 'LIMIT', 0, 1000)
