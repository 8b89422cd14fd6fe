-- Claim a tick. ARGV: schedule id, tick in microseconds since the epoch, seconds of the claim, seconds
-- for which confirmed ticks are known. Returns 1 to the one scheduler that has it.
local member = ARGV[1] .. '\n' .. ARGV[2]
if redis.call('ZSCORE', done, member) then return 0 end
local claimed = tonumber(redis.call('ZSCORE', claims, member) or '')
if claimed and claimed > now then return 0 end
local last, tick = last_tick(ARGV[1]), tonumber(ARGV[2])
-- It may have been confirmed and forgotten since.
if not claimed and tick < after(-ARGV[4]) * 1000 and last and tick <= last then return 0 end
redis.call('ZADD', claims, after(ARGV[3]), member)
return 1
