-- Forget a schedule, and its last tick. ARGV: its id, and the channel of changes; empty to tell nobody.
redis.call('HDEL', repeated, ARGV[1])
redis.call('HDEL', once, ARGV[1])
redis.call('ZREM', due, ARGV[1])
redis.call('HDEL', last_ticks, ARGV[1])
tell(ARGV[2])
return 1
