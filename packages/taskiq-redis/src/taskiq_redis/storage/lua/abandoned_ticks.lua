-- Return claims that ran out before they were confirmed, the oldest first.
return redis.call('ZRANGEBYSCORE', claims, '-inf', now, 'LIMIT', 0, 10000)
