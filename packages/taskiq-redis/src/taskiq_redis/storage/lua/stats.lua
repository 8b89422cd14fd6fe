-- Return the number of messages that wait, are delivered, delayed and dead.
local delivered = redis.call('ZCARD', q .. ':leases')
local delayed = redis.call('ZCOUNT', q .. ':delayed', '(' .. now, '+inf')
local all = redis.call('HLEN', q .. ':messages')
return { all - delivered - delayed, delivered, delayed, redis.call('XLEN', q .. ':dead') }
