-- Forget the record of a worker. ARGV: its id.
redis.call('HDEL', root .. ':workers', ARGV[1])
redis.call('ZREM', root .. ':worker_ends', ARGV[1])
return 1
