-- Store a message without labels in the default queue: `send` for one, which has no functions to make.
-- KEYS[1] is the beginning of all keys. ARGV: id and record. Returns 0, and has done nothing, if the id
-- is taken.
local root = KEYS[1]
if redis.call('HSETNX', root .. ':messages', ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('RPUSH', root .. ':ready', ARGV[1])
local bell = root .. ':bell'
if redis.call('LLEN', bell) == 0 then redis.call('RPUSH', bell, '1') end
return 1
