-- Forget a schedule, and its last tick. ARGV: its id.
redis.call('HDEL', repeated, ARGV[1])
redis.call('HDEL', once, ARGV[1])
redis.call('ZREM', due, ARGV[1])
redis.call('HDEL', last_ticks, ARGV[1])
return 1
