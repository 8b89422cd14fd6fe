-- Return claims that ran out before they were confirmed.
return redis.call('ZRANGEBYSCORE', claims, '-inf', now, 'LIMIT', 0, 1000)
